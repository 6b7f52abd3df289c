"""The container's command as a process of its own, and a folder for it to work in."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import emulator

_DOOR = Path(__file__).resolve().parents[1] / "tweet_harvester.py"
_BEARER = {"BEARER_TOKEN": emulator.CREDENTIALS["bearer_token"]}


@dataclass(frozen=True)
class Said:
    """What a process that ended returned and printed. `answer` is stderr without the log."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> str:
        lines = self.err.splitlines()
        return "\n".join(line for line in lines if not line.startswith("20"))


@dataclass
class Desk:
    """A folder with collections in it, and an environment, from which the command is given."""

    folder: Path
    url: str = "http://127.0.0.1:9"
    environment: dict[str, str] = field(default_factory=dict)

    def put(self, collection_id: str, content: Any) -> Path:
        """A collection.json as somebody may have put it there: text as it is, all else as JSON."""
        path = self.folder / "collections" / collection_id / "collection.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def said(self, *arguments: str, within: float = 60.0, **environment: str) -> Said:
        process = self.start(*arguments, **environment)
        return ended(process, within=within)

    def harvested(self, collection_id: str, *options: str, **environment: str) -> Said:
        return self.said("local", "harvester", collection_id, *options, **environment)

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, str(_DOOR), *arguments],
            cwd=self.folder,
            env={**os.environ, **self._settings, **self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def started(self, *arguments: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
        """A process that is gone after the block, whatever happens in it."""
        process = self.start(*arguments, **environment)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def records(self, collection_id: str) -> list[dict[str, Any]]:
        """harvest.json of every harvest, in order."""
        found = (self.folder / "collections" / collection_id / "harvests").rglob("harvest.json")
        return [json.loads(path.read_text()) for path in sorted(found)]

    def files(self, collection_id: str) -> set[str]:
        root = self.folder / "collections" / collection_id
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}

    @property
    def _settings(self) -> Mapping[str, str]:
        return {**_BEARER, "X_API_URL": self.url, "TWARC_CLOUD_X_PATIENCE": "1"}


def ended(process: "subprocess.Popen[str]", *, within: float = 60.0) -> Said:
    """What the process came to; it is killed if it takes longer than so many seconds."""
    killer = threading.Timer(within, process.kill)
    killer.start()
    try:
        out, err = process.communicate()
    finally:
        killer.cancel()
    return Said(process.returncode, out, err)
