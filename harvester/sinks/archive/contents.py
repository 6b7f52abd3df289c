"""The files of a harvest that can be read at a moment: on this machine, in `open/`, or stored as a whole."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Literal, cast

import msgspec

from harvester.clock import moment
from harvester.documents import object_in
from harvester.errors import HarvesterError, NotFound
from harvester.harvest import manifest
from harvester.sinks.archive.work_folder import KnownFiles, RecordsFile, WorkFolder
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.keys import (
    EVENTS,
    CollectionKeys,
    HarvestKeys,
    is_segment,
    segment_order,
    side_name,
)


class _Closing(msgspec.Struct):
    file: RecordsFile


class _Checkpoint(msgspec.Struct):
    """Of checkpoint.json, which may hold the progress of 100,000 users, what is asked here."""

    state: KnownFiles
    closing: _Closing | None = None


_checkpoint = msgspec.json.Decoder(_Checkpoint)


@dataclass(frozen=True)
class Extent:
    """The valid size of a file. One that is `whole` does not grow; `size` is not set for a stored one.

    `side` is the valid size of its side file, if it has one.
    """

    place: Literal["here", "open", "stored"]
    size: int = 0
    whole: bool = True
    side: "Extent | None" = None


@dataclass(frozen=True)
class Contents:
    """The files of records of a harvest, and its events; `final` once it has ended and all is stored.

    `current` is the harvest that runs or died and is not finished, as far as it is known; `posts` how many
    posts the files hold, where that is known.
    """

    files: Mapping[str, Extent] = field(default_factory=dict)
    events: Extent | None = None
    final: bool = False
    current: str = ""
    posts: int | None = None

    def after(self, name: str) -> str:
        """The file of records that follows one; "" where none does."""
        mark = segment_order(name) if name else (-1, "")
        later = [each for each in self.files if segment_order(each) > mark]
        return min(later, key=segment_order, default="")


def stored_contents(store: Store, keys: CollectionKeys, harvest: str) -> Contents:
    """What the store has of a harvest; of one that runs, up to its checkpoint."""
    here, current = keys.harvest(moment(harvest)), None
    with suppress(NotFound):
        current = _checkpoint_in(store.read(keys.checkpoint).data, keys.checkpoint)
    if current is None or current.state.harvest != harvest:
        return _ended_contents(store, here, current.state.harvest if current else "")
    state = current.state
    files = _stored([name for file in state.finished for name in _names(file)])
    # A side file is stored after its segment, which may be listed before; until then both are in `open/`.
    if (closing := current.closing) and {*_names(closing.file)} <= {*_named(store, here)}:
        files |= _stored(_names(closing.file))
    if (grows := state.segment) and grows.name not in files:
        side = Extent("open", grows.side, whole=False) if isinstance(grows.side, int) else None
        files[grows.name] = Extent("open", grows.size, whole=False, side=side)
    known = state.sizes.get(EVENTS, 0)
    posts = sum(file.posts for file in (*state.finished, *filter(None, (state.segment,))))
    events = Extent("open", known, whole=False) if known else None
    return Contents(files, events, current=harvest, posts=posts)


def _ended_contents(store: Store, here: HarvestKeys, current: str) -> Contents:
    names = _named(store, here)
    events = Extent("stored") if EVENTS in names else None
    return Contents(_stored(names), events, final=True, current=current, posts=posts_of(store, here))


def contents_here(work: WorkFolder) -> Contents:
    """The synced files of a harvest on this machine; files that are no longer here are stored."""
    files = {name: _extent_here(work, file) for name, file in work.finished.items()}
    if work.open:
        files[work.open.name] = _extent_here(work, work.open, whole=False)
    events = Extent("here", work.events, whole=False) if work.events else None
    posts = sum(file.posts for file in (*work.finished.values(), *filter(None, (work.open,))))
    return Contents(files, events, posts=posts)


def _extent_here(work: WorkFolder, file: RecordsFile, *, whole: bool = True) -> Extent:
    def extent(name: str, size: int) -> Extent:
        there = not whole or (work.folder / name).exists()
        return Extent("here" if there else "stored", size, whole=whole)

    side = extent(side_name(file.name), file.side_size) if file.side else None
    return replace(extent(file.name, file.size), side=side)


def _names(file: RecordsFile) -> list[str]:
    return [file.name, *([side_name(file.name)] if file.side else [])]


def _stored(names: Sequence[str]) -> dict[str, Extent]:
    """The files of records among stored files."""
    there = set(names)
    return {
        name: Extent("stored", side=Extent("stored") if side_name(name) in there else None)
        for name in names
        if is_segment(name)
    }


def is_listed(store: Store, here: HarvestKeys, name: str) -> bool:
    """Whether a file of a harvest is, or was, stored."""
    return name in _named(store, here)


def posts_of(store: Store, here: HarvestKeys) -> int | None:
    """How many posts a harvest says that it has; None if it does not."""
    with suppress(NotFound):
        found = object_in(store.read(here.harvest).data).get("tweets")
        return found if type(found) is int else None
    return None


def _checkpoint_in(data: bytes, key: str) -> _Checkpoint:
    try:
        return _checkpoint.decode(data)
    except ValueError as error:
        raise HarvesterError(
            f"{key} cannot be read: {error}.", hint="Restore an earlier version of it."
        ) from error


def _named(store: Store, here: HarvestKeys) -> list[str]:
    """The files that are stored, as a manifest says; harvests of 2019 may have none."""
    for algorithm in reversed(manifest.ALGORITHMS):
        with suppress(NotFound, ValueError):
            return list(manifest.parsed(store.read(here.manifest(algorithm)).data.decode()))
    return [entry.key.removeprefix(here.folder) for entry in store.entries(here.folder)]


def opened_stored(store: Store, key: str) -> BinaryIO:
    """A stored file, from this machine's disk, where it takes no name; raises NotFound."""
    if isinstance(store, FolderStore):
        try:
            return store.file_of(key).open("rb")
        except FileNotFoundError as error:
            raise NotFound(f"{key} is not in {store.name}.") from error
    # Read at once, as a connection that waits for a slow sink is closed meanwhile.
    with tempfile.TemporaryDirectory(prefix="twarc-cloud-") as folder:
        path = Path(folder) / "segment"
        store.download(key, path)
        return path.open("rb")


class Assembled:
    """A segment that grows elsewhere, put together of its parts in the store as they come."""

    def __init__(self, store: Store, here: HarvestKeys, name: str) -> None:
        self._store, self._here, self._name = store, here, name
        self.file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - closed by its reader
        self.size = 0

    def fetch(self, size: int) -> int:
        """Have this many bytes, or as many as there are parts of; how many of these are there."""
        while self.size < size:
            try:
                data = self._store.read(self._here.part(self._name, self.size)).data
            except NotFound:
                # It was closed, and is stored as a whole.
                break
            self.file.seek(self.size)
            self.file.write(data)
            self.file.flush()
            self.size += len(data)
            if not data:
                break
        return min(size, self.size)
