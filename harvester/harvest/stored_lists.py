"""Lists of followers that earlier harvests stored are read again, from their files of edges."""

import gzip
import threading
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harvester.clock import moment
from harvester.documents.lists import ListEnd, edges_line, ids_of, list_ends
from harvester.errors import HarvesterError, NotFound
from harvester.store import Store
from harvester.store.keys import EDGES, CollectionKeys, HarvestKeys

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
        """The ids of one list, of which these harvests hold the pages; some may come more than once."""
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
        """Its lists.jsonl; empty where no list ended in it."""
        try:
            return self._store.read(self._here(harvest).lists).data
        except NotFound:
            return b""

    def _here(self, harvest: str) -> HarvestKeys:
        return self._keys.harvest(moment(harvest))

    def _unpacked(self, harvest: str) -> _Edges:
        self._scratch.mkdir(exist_ok=True)
        here = self._here(harvest)
        name = "".join(filter(str.isdigit, harvest))[:14]
        found = self._edges[harvest] = _Edges(self._scratch / f"{name}.jsonl")
        packed = self._scratch / f"{name}.gz"
        with found.path.open("wb") as whole:
            for entry in list(self._store.entries(here.file(EDGES))):
                packed.unlink(missing_ok=True)
                self._store.download(entry.key, packed)
                with gzip.open(packed) as lines:
                    try:
                        for line in lines:
                            about = edges_line(line)
                            of = about.user, about.direction, about.list
                            found.pages.setdefault(of, array("Q")).append(whole.tell())
                            whole.write(line)
                    except (OSError, EOFError, ValueError) as error:
                        raise _damaged(entry.key, error) from error
        packed.unlink(missing_ok=True)
        return found


def _damaged(key: str, error: Exception) -> HarvesterError:
    return HarvesterError(
        f"{key} cannot be read, which holds a list that is to be compared: {error}.",
        hint="Restore it; `collection verify` names what is damaged.",
    )
