"""Lists of followers that earlier harvests stored are read again, from their files of edges."""

import gzip
import logging
import threading
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from harvester.clock import moment
from harvester.documents.lists import ListEnd, edges_line, ids_of, list_ends
from harvester.errors import NotFound
from harvester.harvest import manifest
from harvester.store import Store
from harvester.store.keys import EDGES, CollectionKeys, HarvestKeys

log = logging.getLogger("twarc-cloud")

# Which list an edge belongs to: its account, its direction, and when it was begun.
_List = tuple[str, str, str]


@dataclass
class _Edges:
    """The edges of one harvest, unpacked into one file: where in it the pages of each list are."""

    path: Path
    pages: dict[_List, "array[int]"] = field(default_factory=dict)

    def ids(self, of: _List) -> Iterator[str]:
        with self.path.open("rb") as file:
            for offset in self.pages.get(of, ()):
                file.seek(offset)
                yield from ids_of(file.readline())


class StoredLists:
    """Of one collection; called from many threads. `scratch` holds what was unpacked, and is another's."""

    def __init__(self, store: Store, keys: CollectionKeys, scratch: Path) -> None:
        self._store, self._keys, self._scratch = store, keys, scratch
        self._edges: dict[str, _Edges] = {}
        self._ends: dict[str, dict[tuple[str, str], ListEnd]] = {}
        self._guard = threading.Lock()

    def ids(self, harvests: list[str], user: str, direction: str, begun: str) -> Iterator[str]:
        """The ids of one list, of which these harvests hold the pages; some may come more than once.

        Those in a file that is missing or damaged are left out, and a warning names the file.
        """
        for harvest in harvests:
            with self._guard:
                edges = self._edges.get(harvest) or self._unpacked(harvest)
            yield from edges.ids((user, direction, begun))

    def end(self, harvest: str, user: str, direction: str) -> ListEnd | None:
        """How a list ended in a harvest."""
        with self._guard:
            if harvest not in self._ends:
                ends = list_ends(self.lines(harvest))
                self._ends[harvest] = {(each.user, each.direction): each for each in ends}
            return self._ends[harvest].get((user, direction))

    def lines(self, harvest: str) -> bytes:
        """Its lists.jsonl; empty if no list ended in it."""
        try:
            return self._store.read(self._here(harvest).lists).data
        except NotFound:
            return b""

    def _here(self, harvest: str) -> HarvestKeys:
        return self._keys.harvest(moment(harvest))

    def _unpacked(self, harvest: str) -> _Edges:
        """As far as they can be read: what X was paid for today must not fail for a file of last year."""
        self._scratch.mkdir(exist_ok=True)
        here = self._here(harvest)
        name = "".join(filter(str.isdigit, harvest))[:14]
        found = _Edges(self._scratch / f"{name}.jsonl")
        packed = self._scratch / f"{name}.gz"
        entries = [entry.key for entry in self._store.entries(here.file(EDGES))]
        bad = [f"{key} is missing" for key in self._named(here) if key not in entries]
        with found.path.open("wb") as whole:
            for key in entries:
                packed.unlink(missing_ok=True)
                self._store.download(key, packed)
                try:
                    _unpack(packed, whole, found)
                except (EOFError, gzip.BadGzipFile, zlib.error, ValueError) as error:
                    bad.append(f"{key} cannot be read: {error}")
        packed.unlink(missing_ok=True)
        for each in bad:
            log.warning(
                "%s. Lists in it are not compared with new ones. Restore it; "
                "`collection verify %s` names what is damaged.",
                each.rstrip("."),
                self._keys.id,
            )
        # Not before: of a store that was away meanwhile, all of it is asked for again.
        self._edges[harvest] = found
        return found

    def _named(self, here: HarvestKeys) -> Iterator[str]:
        """The files of edges that the harvest has stored."""
        try:
            names = manifest.parsed(self._store.read(here.manifest("sha256")).data.decode())
        except (NotFound, ValueError):
            return
        yield from (here.file(name) for name in names if name.startswith(EDGES))


def _unpack(packed: Path, whole: BinaryIO, found: _Edges) -> None:
    with gzip.open(packed) as lines:
        for line in lines:
            about = edges_line(line)
            # Only what has ids is found again.
            ids_of(line)
            found.pages.setdefault((about.user, about.direction, about.list), array("Q")).append(whole.tell())
            whole.write(line)
