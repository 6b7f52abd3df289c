"""Real harvester processes on one collection, in a folder or a bucket, against an emulator."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import emulator
from harvester.errors import NotFound
from harvester.harvest.lock_content import content
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.support import fork_server
from tests.support.invariants import mirrored
from tests.support.servers import Bucket

_ROOT = Path(__file__).resolve().parents[2]


_WITHIN = 60.0

# X answers no request, so that a harvest that has begun does not end before these faults are cleared.
UNAVAILABLE = [{"on": "*", "do": "unavailable"}]


def pause(seconds: float) -> None:
    threading.Event().wait(max(0.0, seconds))


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for what must come."""
    deadline = time.monotonic() + _WITHIN
    while not holds():
        assert time.monotonic() < deadline, what
        pause(0.01)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill what may still live."""
    process.kill()
    process.wait()


def exit_code(process: subprocess.Popen[bytes]) -> int:
    """How the process ended, which it has to do."""
    try:
        return process.wait(_WITHIN)
    finally:
        end(process)


def _token_of(collection_id: str) -> str:
    """The emulator's token in a spelling of its own, so that streams in one bucket are of different apps."""
    spelling = int(hashlib.sha256(collection_id.encode()).hexdigest(), 16)
    token = emulator.CREDENTIALS["bearer_token"]
    return "".join(f"%{ord(sign):02X}" if spelling >> at & 1 else sign for at, sign in enumerate(token))


@dataclass
class Site:
    """One collection: where it lies, where its harvesters keep what is not stored, and what they are told.

    `bucket` is None for a folder. Settings are those of harvester.settings, in its words.
    """

    collection_id: str
    folder: Path
    api: str
    bucket: Bucket | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    tweets_per_file: int = 250_000

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.temp = self.folder / "temp"
        self.log = self.folder / "log.txt"
        self.keys = CollectionKeys(self.collection_id)
        self.store: Store = (
            S3Store(self.bucket.name, client=self.bucket.server.requests(self.bucket.name))
            if self.bucket
            else FolderStore(self.folder / "collections")
        )

    def start(self, *, temp: str = "temp") -> subprocess.Popen[bytes]:
        """A harvester that has just been started; what it says goes to the log."""
        where = (
            ["aws", "harvester", self.bucket.name, self.collection_id]
            if self.bucket
            else ["local", "harvester", self.collection_id, "--collections-path", "collections"]
        )
        options = ["--temp", temp, "--tweets-per-file", str(self.tweets_per_file)]
        with self.log.open("ab") as log:
            return fork_server.start(
                [sys.executable, str(_ROOT / "tweet_harvester.py"), *where, *options],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def harvest(self, *, temp: str = "temp") -> int:
        """The exit code of a harvest to its end."""
        return exit_code(self.start(temp=temp))

    def is_held_by(self, process: subprocess.Popen[bytes]) -> bool:
        try:
            return bool(content(self.store.read(self.keys.lock)).get("process") == process.pid)
        except NotFound:
            return False

    def is_begun(self) -> bool:
        """Whether a harvest has read the collection, and keeps it as it uses it."""
        kept = self.store.entries(f"{self.keys.folder}harvests/")
        return any(entry.key.endswith("/collection.json") for entry in kept)

    def said(self, *, most: int = 4000) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-most:] if self.log.exists() else ""

    def collections(self) -> Path:
        """The folder of collections, or a copy of the bucket's as it is now."""
        if self.bucket is None:
            return self.folder / "collections"
        return mirrored(self.bucket, self.folder / "mirror", below=self.keys.folder)

    def _environment(self) -> dict[str, str]:
        told = {f"TWARC_CLOUD_{name.upper()}": str(value) for name, value in self.settings.items()}
        keys = {"BEARER_TOKEN": _token_of(self.collection_id)}
        server = self.bucket.server.environment if self.bucket else {}
        return {**os.environ, "X_API_URL": self.api, **keys, **server, **told}
