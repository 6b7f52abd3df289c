"""What is read from any position on is what the archive holds from there on, once and in order."""

import gzip
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import StoreAway
from harvester.sinks import MOST_LINES, Position
from harvester.sinks.archive.contents import Extent
from harvester.sinks.archive.reader import Archive, Line
from harvester.sinks.archive.side_file import SideFile
from harvester.store import Stored
from harvester.store.folder import FolderStore
from tests.sinks.histories import KEYS, Site, all_of, gaps_of, posts_of, records_of, rules_of
from tests.support.stores import Wrapped


@dataclass
class _Reader:
    """Reads here and there, from this machine or another, and begins anew at its position."""

    site: Site
    draw: Random
    here: bool = True

    def __post_init__(self) -> None:
        self.lines: list[Line] = []
        self.archive = self.site.archive(here=self.here)

    def some(self) -> None:
        for _ in range(self.draw.randrange(4)):
            self.lines += self.archive.read()
        if self.draw.random() < 0.2:
            self.archive.close()
            self.archive = self._anew()

    def _anew(self) -> Archive:
        # A part of what was read last may not have been delivered.
        kept = self.draw.randrange(len(self.lines) + 1) if self.draw.random() < 0.5 else len(self.lines)
        self.lines = self.lines[:kept]
        return self.site.archive(self.lines[-1].position if self.lines else None, here=self.here)

    def rest(self) -> list[int]:
        self.lines += all_of(self.archive)
        self.archive.close()
        return posts_of(self.lines)


def _told(line: Line) -> list[tuple[str, Any]]:
    return [(each.id, orjson.loads(bytes(each.rules))) for each in line.matched]


def _rules(line: Line) -> list[tuple[str, Any]]:
    (number,) = posts_of([line])
    return [(str(number), rules_of(number))] if rules_of(number) else []


_HARVESTS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 40), max_size=6),
        st.integers(1, 60),
        st.sampled_from(["", "", "kept", "lost"]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=8)
@given(_HARVESTS, st.integers(0, 2**32), st.booleans())
def test_what_is_read_is_what_is_stored_once_and_in_order(
    harvests: list[tuple[list[int], int, str]],
    seed: int,
    here: bool,  # noqa: FBT001
) -> None:
    with TemporaryDirectory() as folder:
        site = Site(Path(folder))
        reader = _Reader(site, Random(seed), here=here)
        for batches, per_file, ending in harvests:
            gaps = range(0, len(batches), 2)
            site.harvest(batches, per_file=per_file, gaps=gaps, ending=ending, meanwhile=reader.some)
        site.harvest([3])
        found, stored = reader.rest(), site.stored()
        for line in records_of(reader.lines):
            assert _told(line) == _rules(line)
        again = records_of(all_of(site.archive(here=False)))
        assert [_told(line) for line in again] == [_rules(line) for line in again]
        # What its machine lost was read before, and is in the archive no more.
        assert [number for number in found if number in set(stored)] == stored
        assert len(found) == len(set(found))
        assert any(ending == "lost" for _, _, ending in harvests) or found == stored
        # From any of its positions on there is what came after it.
        if reader.lines and "lost" not in {ending for _, _, ending in harvests}:
            index = Random(seed).randrange(len(reader.lines))
            later = all_of(site.archive(reader.lines[index].position, here=here))
            assert posts_of(later) == posts_of(reader.lines[index + 1 :])
            assert sorted(gaps_of(later)) == sorted(gaps_of(reader.lines[index + 1 :]))


def test_what_is_synced_here_can_be_read_at_once(tmp_path: Path) -> None:
    site, seen = Site(tmp_path), []
    archive = site.archive()

    def look() -> None:
        seen.extend(all_of(archive))
        assert posts_of(seen) == list(range(1, site.posts + 1))

    site.harvest([5, 700, 1, 30, 2], per_file=100, gaps=[0, 3], meanwhile=look)
    look()
    assert len(gaps_of(seen)) == 2
    assert site.notes == []


def test_of_another_machine_it_is_read_up_to_its_checkpoint(tmp_path: Path) -> None:
    site, seen, most = Site(tmp_path), [], []
    archive = site.archive(here=False)

    def look() -> None:
        seen.extend(posts_of(all_of(archive)))
        assert seen == list(range(1, len(seen) + 1))
        most.append(len(seen))

    site.harvest([5] * 40, per_file=60, meanwhile=look)
    # What is in no checkpoint yet is read later, but the rest is not waited for.
    assert 0 < most[-1] <= 200
    look()
    assert seen == list(range(1, 201))


def test_no_more_is_read_at_once_than_a_sink_is_handed(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.harvest([2 * MOST_LINES], per_file=10_000)
    archive = site.archive()
    assert [len(archive.read()) for _ in range(3)] == [MOST_LINES, MOST_LINES, 0]


def test_a_position_of_a_harvest_that_is_gone_continues_with_the_next(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.harvest([10])
    at = all_of(site.archive())[4].position
    site.harvest([10])
    shutil.rmtree(site.store.root / KEYS.harvest(_began(at)).folder.removeprefix("collections/"))
    assert posts_of(all_of(site.archive(at))) == list(range(11, 21))
    assert site.notes == ["segment gone"]


def test_a_damaged_segment_is_named_and_passed_over(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.harvest([10, 10, 10], per_file=10)
    first, second, third = sorted(site.store.root.rglob("tweets-*.gz"))
    first.write_bytes(first.read_bytes()[:-12])
    second.write_bytes(b"no gzip")
    assert posts_of(all_of(site.archive()))[-10:] == list(range(21, 31))
    assert site.notes == ["segment damaged", "segment damaged"]
    third.write_bytes(gzip.compress(b"") + gzip.compress(b'{"data":{"id":"9"}}\n'))
    assert posts_of(all_of(site.archive()))[-1] == 9


def test_what_stands_ahead_of_damage_is_read(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.harvest([1000])
    (segment,) = site.store.root.rglob("tweets-*.gz")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)
    segment.write_bytes(data)
    found = posts_of(all_of(site.archive()))
    assert found == list(range(1, len(found) + 1)) and len(found) > 100
    assert site.notes == ["segment damaged"]


class _Shaky(Wrapped):
    """A store that is away at each third reading or so."""

    draw = Random(4)

    def _shake(self) -> None:
        if self.draw.random() < 0.3:
            raise StoreAway("no answer")

    def read(self, key: str) -> Stored:
        self._shake()
        found: Stored = self.store.read(key)
        return found

    def download(self, key: str, path: Path) -> None:
        self._shake()
        self.store.download(key, path)


def test_a_store_that_is_away_now_and_then_costs_no_line(tmp_path: Path) -> None:
    site = Site(tmp_path)
    seen: list[Line] = []
    site.harvest([50, 50], per_file=30, gaps=[1])
    archive = Archive(_Shaky(site.store), KEYS, note=lambda *_: None)
    tries = 0
    while len(posts_of(seen)) < 100 or not gaps_of(seen):
        tries += 1
        assert tries < 1000
        with suppress(StoreAway):
            seen += archive.read()
    assert posts_of(seen) == list(range(1, 101))


class _Watched(Wrapped):
    """A store that is read before and after each write; after `takes` files it takes no more."""

    takes = 1000

    def __init__(self, store: Any) -> None:
        super().__init__(store, asleep=self._look, after=self._look)
        self.look: Callable[[], object] = lambda: None
        self._one = threading.Lock()

    def _look(self) -> None:
        # Locks and checkpoints are written by several threads.
        if self._one.acquire(blocking=False):
            try:
                self.look()
            finally:
                self._one.release()

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        if not self.takes:
            raise StoreAway(f"no room for {key}")
        self.takes -= 1
        return super().upload(key, path, sha256=sha256)

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        self._look()
        replaced: str = self.store.replace(key, data, version=version)
        self._look()
        return replaced

    def remove(self, key: str, *, version: str | None = None) -> None:
        self._look()
        self.store.remove(key, version=version)
        self._look()


@pytest.mark.parametrize(("takes", "here"), [(1000, True), (1, True), (1000, False), (1, False), (3, False)])
def test_at_no_moment_a_record_is_read_without_its_matches(tmp_path: Path, takes: int, here: bool) -> None:  # noqa: FBT001
    store = _Watched(FolderStore(tmp_path / "collections"))
    site, seen = Site(tmp_path, store), list[Line]()
    archive = site.archive(here=here)
    store.look = lambda: seen.extend(all_of(archive))
    store.takes = takes
    site.harvest([2, 2, 1, 1, 2], per_file=5)
    early = len(records_of(seen))
    if takes != 1000:
        # The machine is lost, and another one finishes what is in the store.
        shutil.rmtree(site.work)
        store.takes = 1000
        site.harvest([1])
    store.look()
    assert early and {*site.stored()} <= {*posts_of(seen)}
    assert [_told(line) for line in records_of(seen)] == [_rules(line) for line in records_of(seen)]


class _Growing:
    """A side file whose entries come in portions, each with an `extend`."""

    def __init__(self, *portions: list[bytes]) -> None:
        self._coming, self._there, self.reads = [*portions], list[bytes](), 0

    def extend(self, _: Extent) -> None:
        self._there += self._coming.pop(0)

    def read(self, *, most: int, room: int) -> list[bytes]:
        self.reads += 1
        found, self._there = self._there[:most], self._there[most:]
        return found


def test_behind_its_last_entry_a_side_file_is_read_again_only_when_it_has_grown() -> None:
    growing = _Growing([b'{"line":2,"id":"7","rules":[1]}', b"damaged"], [b'{"line":60,"id":"8","rules":[]}'])
    side, extent = SideFile(cast(Any, growing)), Extent("here")
    side.extend(extent)
    assert [number for number in range(1, 50) if side.of(number)] == [2]
    assert growing.reads == 2
    side.extend(extent)
    assert [number for number in range(50, 99) if side.of(number)] == [60]
    assert growing.reads == 4


def test_a_side_file_that_is_gone_keeps_no_record_back(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.harvest([3, 3], per_file=3)
    first, _ = sorted(site.store.root.rglob("matches-*"))
    first.unlink()
    found = all_of(site.archive())
    assert posts_of(found) == [1, 2, 3, 4, 5, 6]
    assert [bool(line.matched) for line in records_of(found)] == [False, False, False, True, True, False]


def test_one_harvest_alone_is_read_to_its_end(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for _ in range(3):
        site.harvest([10])
    second = all_of(site.archive())[15].position.harvest
    assert posts_of(all_of(site.archive(only=second))) == list(range(11, 21))


def _began(at: Position):  # type: ignore[no-untyped-def]
    from harvester.clock import moment

    return moment(at.harvest)


def test_what_was_read_on_a_machine_that_is_lost_is_told(tmp_path: Path) -> None:
    site, seen = Site(tmp_path), []
    archive = site.archive()
    site.harvest([40], meanwhile=lambda: seen.extend(all_of(archive)))
    first = seen[-1].position
    # Its checkpoint had less.
    beyond = Position(first.harvest, first.segment, first.line + 3, first.events)
    site.harvest([2])
    assert posts_of(all_of(site.archive(beyond))) == [41, 42]
    assert site.notes == ["position beyond the end"]
