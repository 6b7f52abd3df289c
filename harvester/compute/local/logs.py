"""Logs of the processes started here: created, kept for a while, and read while they grow."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson

from harvester.clock import Stop
from harvester.errors import HarvesterError

_KEPT = 50
_PAUSE = 0.3
_LAST_WORDS = 20


def new(folder: Path, now: datetime) -> Path:
    """A name for a log; of those before it the newest are kept."""
    for old in sorted(folder.glob("*.log"))[: 1 - _KEPT]:
        old.unlink(missing_ok=True)
    return folder / f"{now.astimezone(UTC):%Y%m%d%H%M%S%f}.log"


def newest(folder: Path) -> Path | None:
    # Not by a glob, for which a folder that may not be read is empty.
    try:
        return max((path for path in folder.iterdir() if path.suffix == ".log"), default=None)
    except FileNotFoundError:
        return None


def require_newest(folder: Path, collection_id: str, where: str) -> Path:
    """The same; raises where there is none."""
    if (found := newest(folder)) is None:
        raise HarvesterError(
            f"There is no log of {collection_id} on {where}.",
            hint="Only harvests started by `once`, a schedule or `filter-start` have logs.",
        )
    return found


def tail(log: Path, *, lines: int, is_running: Callable[[], bool], stop: Stop) -> Iterator[str]:
    """The last `lines` lines, and what is added while the process runs."""
    with log.open(encoding="utf-8", errors="replace") as file:
        last = deque(file, maxlen=max(1, lines))
        # Its end may be written later.
        rest = last.pop() if last and not last[-1].endswith("\n") else ""
        yield from (line.removesuffix("\n") for line in last if lines)
        while not stop.requested:
            # Asked before reading, so that the last lines of one that ends are not missed.
            goes_on = is_running()
            *whole, rest = (rest + file.read()).split("\n")
            yield from whole
            if not goes_on:
                break
            stop.wait(_PAUSE)
        if rest:
            yield rest


def _error_in(line: str) -> list[str]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return []
    return [str(found.get("message"))] if found.get("level") == "ERROR" else []


def last_words(log: Path) -> str:
    """What a process said after its last line of logging: the error that it ended with."""
    try:
        return unlogged(log.read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        return ""


def unlogged(lines: Sequence[str]) -> str:
    """The lines after the last one of logging; of a log in JSON the last line, if it is an error."""
    words: list[str] = []
    for line in reversed(lines):
        if line.startswith('{"time":'):
            words[:0] = _error_in(line)
            break
        # Lines of logging begin with the date.
        if line[:4].isdigit() and line[4:5] == "-":
            break
        words.insert(0, line)
    return "\n".join(words[-_LAST_WORDS:]).strip()
