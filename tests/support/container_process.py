"""The container's command as a process of its own, and a folder for it to work in."""

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import emulator
from tests.support import fork_server

_DOOR = Path(__file__).resolve().parents[2] / "tweet_harvester.py"
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

    def said(self, *arguments: str, **environment: str) -> Said:
        return ended(self.start(*arguments, **environment))

    def harvested(self, collection_id: str, *options: str, **environment: str) -> Said:
        return self.said("local", "harvester", collection_id, *options, **environment)

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        return self.process([sys.executable, str(_DOOR), *arguments], **environment)

    def process(self, command: list[str], **environment: str) -> "subprocess.Popen[str]":
        """Any process here, with the environment that the command would have."""
        return fork_server.start(
            command,
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
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe:
                    pipe.close()

    @contextmanager
    def watched(self, *arguments: str, **environment: str) -> Iterator["Watched"]:
        with self.started(*arguments, **environment) as process:
            yield Watched(process)

    def summaries(self, collection_id: str) -> list[dict[str, Any]]:
        """harvest.json of every harvest, in order."""
        found = (self.folder / "collections" / collection_id / "harvests").rglob("harvest.json")
        return [json.loads(path.read_text()) for path in sorted(found)]

    def files(self, collection_id: str) -> set[str]:
        root = self.folder / "collections" / collection_id
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}

    @property
    def _settings(self) -> Mapping[str, str]:
        return {**_BEARER, "X_API_URL": self.url, "TWARC_CLOUD_X_PATIENCE": "1"}


class Watched:
    """A process that runs: its log as it comes, and its status where it answers on a port."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.log: list[str] = []
        self._heard = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self._heard:
                self.log.append(line)
                self._heard.notify_all()

    def log_until(self, words: str, *, within: float = 60.0) -> str:
        """The first line of the log that has these words."""
        with self._heard:
            assert self._heard.wait_for(lambda: any(words in line for line in self.log), within), self.log
            return next(line for line in self.log if words in line)

    @property
    def address(self) -> str:
        return self.log_until("Status on ").split()[-1]

    def get(self, path: str, *, token: str = "") -> Any:
        return json.loads(self._asked("GET", path, token))

    def post(self, path: str, *, token: str = "") -> str:
        return self._asked("POST", path, token)

    def _asked(self, method: str, path: str, token: str) -> str:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(self.address + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    def ended(self, *, within: float = 60.0) -> Said:
        assert self.process.stdout
        code = self.process.wait(within)
        return Said(code, self.process.stdout.read(), "".join(self.log))


def ended(process: "subprocess.Popen[str]", *, within: float = 60.0) -> Said:
    """What the process came to; it is killed if it takes longer than so many seconds."""
    killer = threading.Timer(within, process.kill)
    killer.start()
    try:
        out, err = process.communicate()
    finally:
        killer.cancel()
    return Said(process.returncode, out, err)
