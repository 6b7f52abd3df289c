"""Which posts of a gap are stored is read from the files that may hold them, and from no others."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harvester.curation.repair.stored_ids import Interval, stored_ids
from harvester.networks.registry import usual
from harvester.networks.x.post_ids import first_id_at
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys, HarvestKeys, segment_name
from harvester.store.reading import FolderReader, reader

_NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
_KEYS = CollectionKeys("live")


def _post(minutes: float) -> str:
    return str(first_id_at(_NOON + timedelta(minutes=minutes)) + 1)


def _records(*minutes: float) -> bytes:
    return b"".join(b'{"data":{"id":"%s"}}\n' % _post(each).encode() for each in minutes)


def _interval(since: float, until: float) -> Interval:
    return Interval(_NOON + timedelta(minutes=since), _NOON + timedelta(minutes=until))


class _Noting(FolderReader):
    """Remembers what is read to its end."""

    def __init__(self, store: FolderStore) -> None:
        made: Any = reader(store)
        super().__init__(made.folder, made.prefix)
        self.whole: list[str] = []

    def pieces(self, key: str) -> Iterator[memoryview]:
        yield from super().pieces(key)
        self.whole.append(key)


def _stored(tmp_path: Path, *files: tuple[float, ...], here: HarvestKeys) -> FolderStore:
    store = FolderStore(tmp_path / "collections")
    # The clock of the machine that named them is wrong by a year.
    named = _NOON - timedelta(days=365)
    for number, minutes in enumerate(files, 1):
        store.create(here.file(segment_name(named, number)), gzip.compress(_records(*minutes)))
    return store


def test_posts_of_the_gap_are_found_although_the_machines_clock_was_wrong(tmp_path: Path) -> None:
    files = [tuple(float(minute) for minute in range(hour * 60, hour * 60 + 60)) for hour in range(8)]
    store = _stored(tmp_path, *files, here=_KEYS.harvest(_NOON))
    noting = _Noting(store)
    found = stored_ids(noting, _KEYS, usual(), [_interval(200.5, 203.5)])
    assert found == {_post(201), _post(202), _post(203)}
    assert sorted({key[-15:-9] for key in noting.whole}) == ["000004"]


def test_what_is_stored_of_a_growing_file_counts(tmp_path: Path) -> None:
    here = _KEYS.harvest(_NOON)
    store = _stored(tmp_path, here=here)
    whole = gzip.compress(_records(1, 2, 3))
    name = segment_name(_NOON, 1)
    # Without the end of gzip, as it is while the file grows.
    store.create(here.part(name, 0), whole[:20])
    store.create(here.part(name, 20), whole[20:-8])
    assert stored_ids(reader(store), _KEYS, usual(), [_interval(1, 2)]) == {_post(1), _post(2)}


def test_posts_of_repairs_count_whenever_they_were_stored(tmp_path: Path) -> None:
    store = _stored(tmp_path, (1, 2), here=_KEYS.repairs.harvest(_NOON + timedelta(days=30)))
    assert stored_ids(reader(store), _KEYS, usual(), [_interval(2, 3)]) == {_post(2)}
