"""Log lines: time, level and message for people, a JSON object for programs."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from harvester.commands.cli.terminal import PrintableFormatter
from harvester.errors import HarvesterError
from harvester.settings import JSON, TEXT, settings

_TIME = "%Y-%m-%dT%H:%M:%S"


class JsonLines(logging.Formatter):
    """`time` (UTC), `level`, `message`; of a report the numbers of the summary; of an error a `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_text or record.exc_info:
            line["traceback"] = record.exc_text or self.formatException(record.exc_info)  # type: ignore[arg-type]
        # In ASCII, so that nothing in a message can look like another line.
        return json.dumps(line)


def formatter(form: str) -> logging.Formatter:
    if form == JSON:
        return JsonLines()
    return PrintableFormatter("%(asctime)s %(levelname)s %(message)s", datefmt=_TIME)


def chosen(form: str | None) -> str:
    """The format of the option, else of the settings; commands that use them report invalid ones."""
    try:
        return form or settings().log_format
    except HarvesterError:
        return TEXT


def in_use() -> str:
    """The format of this process's log."""
    handlers = logging.getLogger().handlers
    return JSON if any(isinstance(handler.formatter, JsonLines) for handler in handlers) else TEXT
