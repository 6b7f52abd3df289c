"""Until it has begun a harvest waits for a store that is away; after that its uploads do (uploads.py)."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from harvester.clock import Backoff, Clock, Stop
from harvester.errors import Conflict, Exit, StoreAway
from harvester.store import Entry, Piece, Store, Stored, stored_at

log = logging.getLogger("twarc-cloud")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_T = TypeVar("_T")


class Patience:
    """Repeats steps while the store is away, each for at most `seconds`, until `end`."""

    def __init__(self, seconds: float, *, clock: Clock, stop: Stop) -> None:
        self._seconds, self._clock, self._stop = seconds, clock, stop
        self.over = False

    def end(self) -> None:
        """From now on a step is tried once."""
        self.over = True

    def until(self, step: Callable[[], _T]) -> _T:
        """What the step returns. Raises StoreAway, to be tried later, when the time is up."""
        began, backoff = self._clock.elapsed(), Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, jitter=True)
        while True:
            try:
                return step()
            except StoreAway as error:
                if self.over or error.lasting:
                    raise
                left = began + self._seconds - self._clock.elapsed()
                if left <= 0 or self._stop.requested:
                    raise StoreAway(
                        error.message, error.problems, error.hint, exit_code=Exit.RETRY_LATER
                    ) from error
                log.warning("The store is unavailable, retrying for %.0f s: %s", left, error.message)
            self._clock.wait(self._stop, min(backoff.pause(), left))


class PatientStore:
    """A store whose steps are repeated; a write whose answer was lost is recognized."""

    def __init__(self, store: Store, patience: Patience) -> None:
        self._store, self._patience = store, patience

    @property
    def name(self) -> str:
        return self._store.name

    @property
    def removes_conditionally(self) -> bool:
        return self._patience.until(lambda: self._store.removes_conditionally)

    @property
    def is_billed(self) -> bool:
        return self._store.is_billed

    def read(self, key: str) -> Stored:
        return self._patience.until(lambda: self._store.read(key))

    def create(self, key: str, data: bytes) -> str:
        return self._written(key, data, lambda: self._store.create(key, data))

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        return self._written(key, data, lambda: self._store.replace(key, data, version=version))

    @property
    def composes(self) -> bool:
        return self._patience.until(lambda: self._store.composes)

    def begin_upload(self, key: str, pieces: Sequence[Piece], *, size: int, sha256: str) -> str:
        return self._patience.until(lambda: self._store.begin_upload(key, pieces, size=size, sha256=sha256))

    def abandon_upload(self, key: str, name: str) -> None:
        self._patience.until(lambda: self._store.abandon_upload(key, name))

    def compose(self, key: str, path: Path, *, sha256: str, name: str, pieces: Sequence[Piece]) -> str:
        return self._patience.until(
            lambda: self._store.compose(key, path, sha256=sha256, name=name, pieces=pieces)
        )

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        return self._patience.until(lambda: self._store.upload(key, path, sha256=sha256))

    def download(self, key: str, path: Path) -> None:
        self._patience.until(lambda: self._store.download(key, path))

    def remove(self, key: str, *, version: str | None = None) -> None:
        self._patience.until(lambda: self._store.remove(key, version=version))

    def entries(self, prefix: str) -> Iterator[Entry]:
        if self._patience.over:
            return self._store.entries(prefix)
        return iter(self._patience.until(lambda: list(self._store.entries(prefix))))

    def folders(self, prefix: str) -> Iterator[str]:
        return iter(self._patience.until(lambda: list(self._store.folders(prefix))))

    def now(self) -> datetime:
        return self._patience.until(self._store.now)

    def probe(self) -> bool:
        return self._store.probe()

    def _written(self, key: str, data: bytes, write: Callable[[], str]) -> str:
        failed = False

        def step() -> str:
            nonlocal failed
            try:
                return write()
            except StoreAway:
                failed = True
                raise
            except Conflict:
                found = stored_at(self._store, key) if failed else None
                if found is None or found.data != data:
                    raise
                return found.version

        return self._patience.until(step)
