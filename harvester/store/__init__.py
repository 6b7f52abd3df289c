"""A store of objects under string keys, where two writers of one key cannot both succeed.

`FolderStore` and `S3Store` keep the same promises and pass one contract test. A write that is conditional
and loses raises Conflict and has changed nothing; what is not there raises NotFound; a store that cannot be
used at the moment raises StoreAway. What a write reported as done is durable.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from harvester.errors import HarvesterError, NotFound
from harvester.store.keys import ROOTS


@dataclass(frozen=True)
class Entry:
    """An object without its bytes; `modified` is by the store's clock.

    `version` is opaque. It differs whenever the bytes do; of the same bytes written again it may not, so what
    is replaced under a condition holds something that never comes again.
    """

    key: str
    size: int
    version: str
    modified: datetime


@dataclass(frozen=True)
class Stored:
    """An object; it may contain API keys."""

    data: bytes = field(repr=False)
    version: str
    modified: datetime


@dataclass(frozen=True)
class Piece:
    """A version of an object that holds `size` bytes of a file, after those of the piece before."""

    key: str
    version: str
    size: int


class Store(Protocol):
    """What the harvester requires of a store."""

    @property
    def name(self) -> str:
        """The name of the store for people, e.g. `s3://bucket` or a folder."""
        ...

    @property
    def removes_conditionally(self) -> bool:
        """Whether `remove` of one version only is a single step.

        Elsewhere it looks first, so that a removal that is late may hit the next version.
        """
        ...

    @property
    def is_billed(self) -> bool:
        """Whether each request may cost money, so that nothing is polled often."""
        ...

    def read(self, key: str) -> Stored: ...

    def create(self, key: str, data: bytes) -> str:
        """Write an object that must not be there yet; the new version."""
        ...

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        """Replace exactly this version; the new version."""
        ...

    @property
    def composes(self) -> bool:
        """Whether an object can be made of others without sending their bytes again."""
        ...

    def compose(self, key: str, path: Path, *, sha256: str, name: str, pieces: Sequence[Piece]) -> str:
        """As `upload`, but the pieces are not sent again; `name` is from `begin_upload`."""
        ...

    def begin_upload(self, key: str, pieces: Sequence[Piece], *, size: int, sha256: str) -> str:
        """The name of an upload that takes the pieces of a file as they are; "" where it is sent whole."""
        ...

    def abandon_upload(self, key: str, name: str) -> None:
        """After this that upload is complete, or never will be, even if another process completes it."""
        ...

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        """Create an object from a file that will not change any more.

        The new version, or "" where an object with this hash is there already.
        """
        ...

    def download(self, key: str, path: Path) -> None:
        """Write an object to a file that appears under its name only when whole."""
        ...

    def remove(self, key: str, *, version: str | None = None) -> None:
        """Delete an object, of a given `version` only; one that is not there is no error."""
        ...

    def entries(self, prefix: str) -> Iterator[Entry]:
        """All objects whose key begins with `prefix`; those of one folder in order of their keys."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """The names that follow `prefix`, which ends with '/', up to the next '/', in order."""
        ...

    def now(self) -> datetime:
        """The store's clock, which alone judges ages of objects."""
        ...

    def probe(self) -> bool:
        """Try now whether two writers are kept apart here, and raise if they are not.

        Whether conditions on removals count, too.
        """
        ...


def stored_at(store: Store, key: str) -> Stored | None:
    """The object under a key; None if there is none."""
    try:
        return store.read(key)
    except NotFound:
        return None


def require_key(key: str) -> None:
    """Raise for a key, or a beginning of one, that is below no root on every kind of store."""
    root = root_of(key)
    *parts, last = key.removeprefix(root).split("/")
    crooked = {"", ".", ".."} & set(parts) or last in (".", "..") or "\0" in key
    if not root or (crooked and key != root):
        raise outside(key)


def outside(key: str) -> HarvesterError:
    return HarvesterError(f"The key {key!r} points outside the store.")


def root_of(key: str) -> str:
    """The root that a key is below; empty if there is none."""
    return next((root for root in ROOTS if key.startswith(root)), "")
