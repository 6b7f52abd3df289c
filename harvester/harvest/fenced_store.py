"""A store that writes only while the lock is provably held."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from harvester.errors import Conflict, LockLost
from harvester.harvest.lock import Lock
from harvester.store import Entry, Piece, Store, Stored


class FencedStore:
    """A store that writes only while the lock is held, and takes back what was created too late.

    What was created in time stays, however late the answer is read: the successor has seen it, and may
    count on it.
    """

    def __init__(self, store: Store, lock: Lock) -> None:
        self._store, self._lock = store, lock

    @property
    def name(self) -> str:
        return self._store.name

    @property
    def removes_conditionally(self) -> bool:
        return self._store.removes_conditionally

    @property
    def is_billed(self) -> bool:
        return self._store.is_billed

    def read(self, key: str) -> Stored:
        return self._store.read(key)

    def create(self, key: str, data: bytes) -> str:
        with self._fenced():
            version = self._store.create(key, data)
        self._take_back_if_late(key, version)
        return version

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        with self._fenced():
            return self._store.replace(key, data, version=version)

    @property
    def composes(self) -> bool:
        return self._store.composes

    def begin_upload(self, key: str, pieces: Sequence[Piece], *, size: int, sha256: str) -> str:
        with self._fenced():
            return self._store.begin_upload(key, pieces, size=size, sha256=sha256)

    def abandon_upload(self, key: str, name: str) -> None:
        with self._fenced():
            self._store.abandon_upload(key, name)

    def compose(self, key: str, path: Path, *, sha256: str, name: str, pieces: Sequence[Piece]) -> str:
        with self._fenced():
            version = self._store.compose(key, path, sha256=sha256, name=name, pieces=pieces)
        self._take_back_if_late(key, version)
        return version

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        with self._fenced():
            version = self._store.upload(key, path, sha256=sha256)
        self._take_back_if_late(key, version)
        return version

    def download(self, key: str, path: Path) -> None:
        self._store.download(key, path)

    def remove(self, key: str, *, version: str | None = None) -> None:
        if version is None:
            # What a successor puts there after this look stays, however late the removal arrives.
            version = next((entry.version for entry in self._store.entries(key) if entry.key == key), None)
        if version is not None:
            with self._fenced():
                self._store.remove(key, version=version)

    def entries(self, prefix: str) -> Iterator[Entry]:
        return self._store.entries(prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        return self._store.folders(prefix)

    def now(self) -> datetime:
        return self._store.now()

    def probe(self) -> bool:
        return self._store.probe()

    @contextmanager
    def _fenced(self) -> Iterator[None]:
        self._lock.require()
        try:
            yield
        except Conflict:
            # A harvest that slept in this very moment has lost against its successor, and to it the lock.
            self._lock.require()
            raise

    def _take_back_if_late(self, key: str, version: str) -> None:
        if self._lock.in_time:
            return
        try:
            self._lock.renew()
        except LockLost:
            # What was there already, or has been written over since, is the successor's.
            created = [entry.modified for entry in self._store.entries(key) if entry.key == key]
            if version and any(map(self._lock.is_late, created)):
                with suppress(Conflict):
                    self._store.remove(key, version=version)
            raise
