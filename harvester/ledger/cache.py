"""Where this machine keeps what was derived from a store: a folder that may be deleted at any time."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harvester.errors import Conflict, Exit
from harvester.errors.files import in_words, naming
from harvester.store.disk import real

_PROGRAM = "twarc-cloud"


@dataclass(frozen=True)
class Cache:
    """The folder of a store, which need not exist."""

    folder: Path
    store: str

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.sqlite3"

    @property
    def index(self) -> Path:
        return self.folder / "index"


def cache_of(store: str, setting: str = "") -> Cache:
    """The cache of a store with this name, in the folder of the setting `cache`."""
    # A folder is the same store from wherever it is named.
    name = store if "://" in store else str(real(Path(store)))
    return Cache(
        _top(setting) / hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16], name
    )


def _top(setting: str) -> Path:
    if setting:
        return Path(setting).expanduser()
    found = os.environ.get("XDG_CACHE_HOME", "")
    # The specification of that variable has relative paths ignored.
    top = Path(found) if found.startswith("/") else Path("~/.cache").expanduser()
    return top / _PROGRAM


@contextmanager
def one_writer(cache: Cache) -> Iterator[None]:
    """Exclude other writers; raises Conflict if there is one. Readers are not affected."""
    try:
        cache.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        cache.folder.chmod(0o700)
        descriptor = os.open(cache.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise in_words(error, cache.folder, hint="The setting `cache` names another folder.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # For people who look into the folder.
        note = cache.folder / "store"
        with naming(note):
            note.write_text(f"{cache.store}\n", encoding="utf-8", errors="backslashreplace")
        yield
    except BlockingIOError as error:
        raise Conflict(
            f"Another process is indexing {cache.store}.",
            hint="Wait until it has ended; searches work meanwhile.",
            exit_code=Exit.LOCKED,
        ) from error
    finally:
        os.close(descriptor)
