"""Which stored lists of followers and of followed accounts count, and their pages."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain, groupby
from typing import NamedTuple

import msgspec

from harvester.errors import HarvesterError
from harvester.exports.ids import sort_key
from harvester.exports.posts import Progress
from harvester.networks.crawl import COMPLETE, FOLLOWERS, FOLLOWING
from harvester.reading.external_sort import Pair, Sorter
from harvester.reading.files import HarvestFolder, harvest_folders
from harvester.reading.lines import BadRecord, RawLine, stored_lines
from harvester.store.file_names import EDGES, is_side
from harvester.store.keys import LISTS, CollectionKeys
from harvester.store.reading import Reader

DIRECTIONS = (FOLLOWERS, FOLLOWING)
# How a list is beside the outcomes that harvests give: not ended, or with pages that are missing.
UNFINISHED, DAMAGED = "unfinished", "damaged"
_MEMORY = 32 << 20
# The kinds of pairs of a list: what is known of each time that it was read, how many ids each page has, and
# its pages.
_ENDED, _SIZE, _PAGE = b"\0", b"\1", b"\2"
_LATEST = (1 << 32) - 1
_TOLD = 64
_MOST_BAD = 100


class _Page(msgspec.Struct):
    user: str
    direction: str
    ids: list[str]
    # When the list was begun, by which pages belong to a list that took several harvests.
    begun: str = msgspec.field(default="", name="list")


class _Ended(msgspec.Struct):
    user: str
    direction: str
    outcome: str
    depth: int | None = None
    begun: str = msgspec.field(default="", name="from")
    received: int = 0
    repeated: int = 0
    collection: str = ""

    @property
    def on_pages(self) -> int:
        return self.received + self.repeated


_read_page = msgspec.json.Decoder(_Page).decode
_read_ended = msgspec.json.Decoder(_Ended).decode
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Ended).decode


@dataclass(frozen=True)
class Wanted:
    """Which lists count: of each user the last complete one, if nothing else is said.

    `harvest` is when a harvest began, to the second; its lists are those that ended in it.
    """

    directions: frozenset[str] = frozenset(DIRECTIONS)
    harvest: datetime | None = None
    depth: int | None = None
    incomplete: bool = False


class FollowList(NamedTuple):
    """One list of a user. `outcome` is "complete", or says why it is not."""

    user: str
    direction: str
    depth: int | None
    outcome: str

    @property
    def is_complete(self) -> bool:
        return self.outcome == COMPLETE


@dataclass
class Lists:
    """The lists of collections; used within `with`. Memory does not grow with their number.

    After an iteration, `used` counts the lists by outcome, and `left_out` users without a complete one.
    """

    reader: Reader
    collections: Iterable[CollectionKeys]
    wanted: Wanted = field(default_factory=Wanted)
    progress: Progress = field(default_factory=Progress)
    tell: Callable[[Progress], None] = lambda _: None
    used: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    files: int = 0

    def __enter__(self) -> "Lists":
        self._sorter = Sorter(memory=_MEMORY)
        self._sorter.__enter__()
        try:
            for keys in self.collections:
                self._read(keys.id, list(harvest_folders(self.reader, keys)))
        except BaseException:
            self._sorter.__exit__()
            raise
        return self

    def __exit__(self, *details: object) -> None:
        self._sorter.__exit__(*details)

    def __iter__(self) -> Iterator[tuple[FollowList, Iterator[list[bytes]]]]:
        """Each list that counts with the ids of its pages; users in the order of their ids."""
        self.used.clear()
        self.left_out.clear()
        for group, pairs in groupby(self._sorter, lambda pair: _group(pair[0])):
            found = iter(pairs)
            ended: list[tuple[int, _Ended]] = []
            sizes: Counter[str] = Counter()
            pages: Iterator[Pair] = iter(())
            for pair in found:
                kind = pair[0][len(group) : len(group) + 1]
                if kind == _PAGE:
                    pages = chain((pair,), found)
                    break
                if kind == _SIZE:
                    sizes[_begun(pair[0], group)] += int.from_bytes(pair[1])
                else:
                    ended.append((_when(pair[0], group), _unpack(pair[1])))
            self._require_pages(group, ended, sizes)
            yield from self._of_user(group, ended, pages)

    def _require_pages(self, group: bytes, ended: list[tuple[int, _Ended]], sizes: Counter[str]) -> None:
        """Lists of which pages are not there are no facts, whatever X said."""
        for _, each in ended:
            if each.outcome == COMPLETE and sizes[each.begun] < each.on_pages:
                each.outcome = DAMAGED
        choice = self._among(ended)
        if choice and choice.outcome == DAMAGED:
            whose = f"{DIRECTIONS[group[-1]]} of {group[2:-1].decode()}"
            self.hear_of(
                f"The list of {whose} has {sizes[choice.begun]:,} of {choice.on_pages:,} accounts: files are "
                f"missing or damaged; `collection verify {choice.collection}` names them."
            )

    def _of_user(
        self, group: bytes, ended: list[tuple[int, _Ended]], pages: Iterator[Pair]
    ) -> Iterator[tuple[FollowList, Iterator[list[bytes]]]]:
        wanted = self.wanted
        choice = self._chosen(ended)
        first = next(pages, None) if choice is None and not ended else None
        if first and wanted.harvest is None and wanted.depth is None:
            # No list of this user has ended yet.
            if wanted.incomplete:
                choice = _Ended("", "", UNFINISHED, begun=_begun(first[0], group))
                pages = chain((first,), pages)
            else:
                self.left_out[UNFINISHED] += 1
        if choice is not None:
            self.used[choice.outcome] += 1
            user, direction = group[2:-1].decode(), DIRECTIONS[group[-1]]
            follows = FollowList(user, direction, choice.depth, choice.outcome)
            yield (
                follows,
                (ids.split(b"\n") for key, ids in pages if ids and _begun(key, group) == choice.begun),
            )

    def _chosen(self, ended: list[tuple[int, _Ended]]) -> _Ended | None:
        """The list that counts."""
        found = self._among(ended)
        if found is None or found.outcome == COMPLETE or self.wanted.incomplete:
            return found
        self.left_out[found.outcome] += 1
        return None

    def _among(self, ended: list[tuple[int, _Ended]]) -> _Ended | None:
        """The last one that X gave to its end, else the last one; `ended` begins with the newest."""
        wanted = self.wanted
        found = [
            each
            for when, each in ended
            if (wanted.depth is None or each.depth == wanted.depth)
            and (wanted.harvest is None or when == _seconds(wanted.harvest))
        ]
        whole = (each for each in found if each.outcome in (COMPLETE, DAMAGED))
        return next(whole, found[0] if found else None)

    def _read(self, collection: str, folders: list[HarvestFolder]) -> None:
        number = sum(_is_read(entry.key) for each in folders for entry in each.entries)
        self.files += number
        self.progress.files += number
        for folder in folders:
            when = (_LATEST - _seconds(folder.started)).to_bytes(4)
            for key in (entry.key for entry in folder.entries if _is_read(entry.key)):
                self.progress.file += 1
                self._read_file(collection, key, when)

    def _read_file(self, collection: str, key: str, when: bytes) -> None:
        read = partial(self._add_ended, collection) if key.endswith(LISTS) else self._add_page
        for line in stored_lines(self.reader, key, on_bad=self.hear):
            if line.number % _TOLD == 1:
                self.tell(self.progress)
            if not line.raw.strip():
                continue
            try:
                read(line, when)
            except (msgspec.MsgspecError, ValueError) as error:
                self.hear(BadRecord(key, line.number, f"is not a line of a list: {error}"))

    def _add_ended(self, collection: str, line: RawLine, when: bytes) -> None:
        ended = _read_ended(line.raw)
        ended.collection = collection
        if ended.direction in self.wanted.directions:
            key = _prefix(ended.user, ended.direction) + _ENDED + when
            self._sorter.add(key + (_LATEST - line.number).to_bytes(4), _pack(ended))

    def _add_page(self, line: RawLine, when: bytes) -> None:
        page = _read_page(line.raw)
        if page.direction in self.wanted.directions:
            of, begun = _prefix(page.user, page.direction), when + page.begun.encode()
            self._sorter.add(of + _SIZE + begun, len(page.ids).to_bytes(8))
            self._sorter.add(of + _PAGE + begun, "\n".join(page.ids).encode())

    def hear(self, bad: BadRecord) -> None:
        """Count what cannot be read."""
        self.hear_of(bad.message)

    def hear_of(self, message: str) -> None:
        self.progress.bad_records += 1
        if len(self.progress.bad) < _MOST_BAD:
            self.progress.bad.append(message)


def _prefix(user: str, direction: str) -> bytes:
    return sort_key(user) + bytes((DIRECTIONS.index(direction),))


def _group(key: bytes) -> bytes:
    return key[: int.from_bytes(key[:2]) + 3]


def _when(key: bytes, group: bytes) -> int:
    """When the harvest began, in seconds; the newest is the first in order."""
    begin = len(group) + 1
    return _LATEST - int.from_bytes(key[begin : begin + 4])


def _begun(key: bytes, group: bytes) -> str:
    return key[len(group) + 5 :].decode()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _is_read(key: str) -> bool:
    name = key.rpartition("/")[2]
    return name == LISTS or (name.startswith(EDGES) and is_side(name))


def require_some(lists: Lists, collections: Iterable[CollectionKeys]) -> None:
    """Raise if the collections have no lists at all."""
    if lists.files:
        return
    names = [keys.id for keys in collections]
    raise HarvesterError(
        f"{', '.join(names)}: no lists of followers are stored.",
        hint=f"Of a graph collection `collection once {names[0]}` reads them. "
        f"`export network {names[0]}` has who mentions whom.",
    )
