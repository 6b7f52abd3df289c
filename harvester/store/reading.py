"""Objects are read in pieces and in parallel, from a bucket, a folder or a copy; nothing is written.

A bucket is read by obstore, which does not hold Python's lock while it waits, signs and receives. What it
cannot do, the store itself does, which tells in words what fails.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harvester.clock import interruptible
from harvester.errors import HarvesterError, NotFound, StoreAway
from harvester.store import Entry, Store, Stored
from harvester.store.disk import is_gone, opened, translated
from harvester.store.folder import FolderStore, modified_at, version_of
from harvester.store.keys import ROOT

if TYPE_CHECKING:
    from obstore.store import S3Credential
    from obstore.store import S3Store as Bucket

    from harvester.store.s3 import S3Store

log = logging.getLogger("twarc-cloud")

_PIECE = 1 << 20
_KEYS_FOR = timedelta(minutes=5)


class Reader(Protocol):
    """What a reader needs of a store; safe to use from many threads."""

    @property
    def name(self) -> str: ...

    def entries(self, prefix: str) -> Iterator[Entry]:
        """All objects whose key begins with `prefix`, those of one harvest one after the other."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """As those of a store."""
        ...

    def read(self, key: str) -> Stored: ...

    def pieces(self, key: str) -> Iterator[memoryview]:
        """The bytes of an object, of one version, at most a few MB at a time."""
        ...


def reader(store: Store) -> Reader:
    """What reads the objects of a store."""
    if isinstance(store, FolderStore):
        return FolderReader(store.root, ROOT)
    from harvester.store.s3 import S3Store

    if isinstance(store, S3Store):
        return S3Reader(store)
    raise HarvesterError(f"{store.name} cannot be read in pieces.")


class FolderReader:
    """The files below `folder`, whose keys begin with `prefix`."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.folder, self.prefix = folder, prefix

    @property
    def name(self) -> str:
        return str(self.folder)

    def entries(self, prefix: str) -> Iterator[Entry]:
        with translated(prefix):
            top, _, begins = prefix.rpartition("/")
            for path in self._files(self._path(f"{top}/"), begins):
                key = self.prefix + path.relative_to(self.folder).as_posix()
                try:
                    status = path.stat()
                except FileNotFoundError:
                    # A harvest has removed it since.
                    continue
                yield Entry(key, status.st_size, version_of(status), modified_at(status))

    def folders(self, prefix: str) -> Iterator[str]:
        # Of a copy of one collection there are no others.
        if prefix == self.prefix:
            with translated(prefix), suppress(FileNotFoundError):
                below = sorted(path.name for path in self.folder.iterdir() if path.is_dir())
                yield from (name for name in below if name[0] != ".")

    def read(self, key: str) -> Stored:
        with translated(key), opened(self._path(key)) as file:
            status = os.fstat(file.fileno())
            return Stored(file.read(), "", modified_at(status))

    def pieces(self, key: str) -> Iterator[memoryview]:
        with translated(key), opened(self._path(key)) as file:
            while piece := file.read(_PIECE):
                yield memoryview(piece)

    def _path(self, key: str) -> Path:
        if not key.startswith(self.prefix) or ".." in key.split("/"):
            raise NotFound(f"{key} is not in {self.name}.")
        return self.folder / key.removeprefix(self.prefix)

    def _files(self, top: Path, begins: str) -> Iterator[Path]:
        """The files below `top`, and of what lies in itself those whose names begin so."""

        def tell(error: OSError) -> None:
            if not is_gone(error):
                raise error

        place = _place(top)
        for folder, below, names in os.walk(top, onerror=tell):
            # A store's own folders, which are no objects.
            begun = begins if folder == str(top) else ""
            below[:] = sorted(name for name in below if name.startswith(begun) and name[0] != ".")
            found = sorted(name for name in names if name.startswith(begun))
            yield from (path for name in found if (path := Path(folder, name)).is_file())
        if place and place != _place(top):
            # What is below a disk that is no longer mounted would seem to be deleted.
            raise StoreAway(f"{top} was replaced or removed while it was listed.", hint="Start again.")


def _place(folder: Path) -> tuple[int, int] | None:
    """What is the same as long as it is the same folder; None if there is none."""
    try:
        status = folder.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


class S3Reader:
    """The objects of a bucket."""

    def __init__(self, store: "S3Store") -> None:
        self._store = store
        self._fast = _opened(store)

    @property
    def name(self) -> str:
        return self._store.name

    def entries(self, prefix: str) -> Iterator[Entry]:
        return self._store.entries(prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        return self._store.folders(prefix)

    def read(self, key: str) -> Stored:
        return self._store.read(key)

    def pieces(self, key: str) -> Iterator[memoryview]:
        # Other keys than those of this project may mean something else to obstore than to the bucket.
        if self._fast is None or not key.isascii() or any(c in key for c in "\\%#?*~ ") or "//" in key:
            return self._by_store(key)
        return self._by_obstore(self._fast, key)

    def _by_obstore(self, bucket: "Bucket", key: str) -> Iterator[memoryview]:
        from obstore.exceptions import BaseError

        try:
            found = _received(bucket, key)
            begun = next(found)
            log.debug("AWS s3 GetObject /%s/%s => 200", self._store.bucket, key)
        except FileNotFoundError as error:
            raise NotFound(f"{key} is not in {self.name}.") from error
        except (BaseError, OSError, ValueError):
            yield from self._by_store(key)
            # The store has it and obstore does not: obstore is not tried again.
            self._fast = None
            return
        yield begun
        try:
            yield from found
        except (BaseError, OSError) as error:
            words = str(error).partition("\n")[0]
            raise StoreAway(
                f"{self.name} broke off in {key}: {words}.", hint="Check the network; start again."
            ) from error

    def _by_store(self, key: str) -> Iterator[memoryview]:
        with tempfile.TemporaryDirectory(prefix="twarc-cloud-") as folder:
            path = Path(folder) / "object"
            self._store.download(key, path)
            with path.open("rb") as file:
                while piece := file.read(_PIECE):
                    yield memoryview(piece)


def _received(bucket: "Bucket", key: str) -> Iterator[memoryview]:
    """The pieces of an object; obstore itself hears no signal while it waits for them."""
    pieces = _pieces(bucket, key)
    while (piece := interruptible(lambda: next(pieces, None), name="obstore")) is not None:
        yield piece


def _pieces(bucket: "Bucket", key: str) -> Iterator[memoryview]:
    answer = bucket.get(key)
    if answer.meta["size"] <= _PIECE:
        yield memoryview(answer.bytes())
        return
    for piece in answer.stream(min_chunk_size=_PIECE):
        yield memoryview(piece)


def _opened(store: "S3Store") -> "Bucket | None":
    """The bucket for obstore; None if obstore is not installed, or cannot find the bucket."""
    endpoint, region = store.address()
    try:
        from obstore.store import S3Store as Bucket

        return Bucket(
            store.bucket,
            credential_provider=lambda: _credential(store),
            region=region or "us-east-1",
            config={"endpoint": endpoint} if endpoint else None,
            virtual_hosted_style_request=False,
            # A long answer may take long, but each of its pieces may not.
            client_options={"allow_http": True, "timeout": "6h", "read_timeout": "30s"},
            retry_config={"max_retries": 4},
        )
    except (ImportError, ValueError):
        return None


def _credential(store: "S3Store") -> "S3Credential":
    """The keys as they are now, which obstore asks for again in a while."""
    keys = store.keys()
    if keys is None:
        raise ValueError("There are no keys.")
    found: S3Credential = {
        "access_key_id": keys.access,
        "secret_access_key": keys.secret,
        "expires_at": datetime.now(UTC) + _KEYS_FOR,
    }
    if keys.token:
        found["token"] = keys.token
    return found
