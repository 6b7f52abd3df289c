"""Stored files are found by their manifests and read line by line; what is broken has a file and a line."""

import gzip
import hashlib
import io
import random
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harvester.errors import HarvesterError, StoreAway
from harvester.reading import BadRecord, RecordFile, lines, local_lines, raw_lines, record_files
from harvester.reading.files import files_of, harvest_folders
from harvester.store.folder import FolderStore
from harvester.store.keys import ROOT, CollectionKeys
from harvester.store.reading import reader
from tests.support import record_forms
from tests.support.collections_on_disk import harvested
from tests.support.stored_records import packed, stored


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


_KEYS = CollectionKeys("election")


def _stored(store: FolderStore, name: str, data: bytes, **options: Any) -> Path:
    return stored(store.root, _KEYS, name, data, **options)


def _path(store: FolderStore, key: str) -> Path:
    return store.root / key.removeprefix(ROOT)


def test_files_come_oldest_harvest_first_those_of_repairs_among_them(store: FolderStore) -> None:
    data = packed(record_forms.written(record_forms.page()))
    _stored(store, "tweets-20261124090000-000002.jsonl.gz", data, at="2026-11-24T09:00:00Z")
    _stored(store, "tweets-20261124090000-000001.jsonl.gz", data, at="2026-11-24T09:00:00Z")
    _stored(store, "tweets-20191023090000.jsonl.gz", data, at="2019-10-23T09:00:00Z", sha256=False)
    stored(
        store.root,
        _KEYS.repairs,
        "tweets-20261123100000-000001.jsonl.gz",
        data,
        at="2026-11-23T10:00:00Z",
    )
    old, repair, first, second = record_files(reader(store), _KEYS)
    assert old == RecordFile(
        key="collections/election/harvests/2019/10/23/09/00/00/tweets-20191023090000.jsonl.gz",
        collection="election",
        harvest="2019-10-23T09:00:00.000000+00:00",
        number=1,
        sha256="",
        sha1=hashlib.sha1(data).hexdigest(),
        size=len(data),
        network="x",
    )
    assert old.digest == f"sha1:{old.sha1}"
    assert first.digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert "/repairs/" in repair.key
    assert (first.number, second.number, first.name) == (1, 2, "tweets-20261124090000-000001.jsonl.gz")


def test_a_file_that_no_manifest_names_is_not_finished(store: FolderStore) -> None:
    _stored(store, "tweets-20261123090000-000001.jsonl.gz", packed())
    (file,) = record_files(reader(store), _KEYS)
    here = _path(store, file.key).parent
    (here / "tweets-20261123090000-000002.jsonl.gz").write_bytes(b"")
    assert list(record_files(reader(store), _KEYS)) == [file]


@pytest.mark.parametrize(("state", "there"), [("running", [1]), ("complete", [1, 2])])
def test_a_file_of_a_running_harvest_is_finished_once_both_manifests_name_it(
    store: FolderStore, state: str, there: list[int]
) -> None:
    """A harvest writes one after the other; an index took a file with another digest for a changed one."""
    first = _stored(store, "tweets-20261123090000-000001.jsonl.gz", packed())
    (first.parent / "harvest.json").write_text(f'{{"state": "{state}"}}')
    _stored(store, "tweets-20261123090000-000002.jsonl.gz", packed(), sha256=False)
    assert [file.number for file in record_files(reader(store), _KEYS)] == there
    (listed,) = harvest_folders(reader(store), _KEYS)
    _stored(store, "tweets-20261123090000-000002.jsonl.gz", packed())
    # Also by a listing from before.
    found = files_of(reader(store), _KEYS, listed, network="x")
    assert [file.digest[:7] for file in found] == ["sha256:", "sha256:"]


@pytest.mark.parametrize(
    ("damage", "why"), [(Path.unlink, "it is missing"), (lambda path: path.write_bytes(b""), "it is empty")]
)
def test_a_file_that_is_gone_or_empty_is_a_damaged_one(
    store: FolderStore, damage: Callable[[Path], object], why: str
) -> None:
    _stored(store, "tweets-20261123090000-000001.jsonl.gz", packed())
    (listed,) = record_files(reader(store), _KEYS)
    damage(_path(store, listed.key))
    (file,) = record_files(reader(store), _KEYS)
    with pytest.raises(BadRecord, match=f"000001.jsonl.gz: {why}"):
        list(lines(reader(store), file))
    bad: list[BadRecord] = []
    assert list(lines(reader(store), file, on_bad=bad.append)) == []
    assert [(each.file, each.line, each.is_file) for each in bad] == [(file.key, 0, True)]


def test_one_that_goes_while_it_is_read_is_no_damage_but_a_store_that_may_be_away(store: FolderStore) -> None:
    """An index took the files of a disk that was unmounted for damaged ones, and never read them again."""
    _stored(store, "tweets-20261123090000-000001.jsonl.gz", packed(b"{}"))
    (file,) = record_files(reader(store), _KEYS)
    listing = reader(store).entries(ROOT)
    next(listing)
    store.root.rename(store.root.with_name("away"))
    store.root.mkdir()
    with pytest.raises(StoreAway, match="000001.jsonl.gz is gone since it was listed"):
        list(lines(reader(store), file, on_bad=lambda _: None))
    with pytest.raises(StoreAway, match="replaced or removed while it was listed"):
        list(listing)


def test_a_collection_that_there_is_not_is_said(store: FolderStore) -> None:
    with pytest.raises(HarvesterError, match="There is no collection election"):
        list(record_files(reader(store), _KEYS))


def test_what_harvests_stored_is_read_whole(store: FolderStore, tmp_path: Path) -> None:
    for seed in range(3):
        keys = harvested(store, tmp_path / f"work{seed}", random.Random(seed))
        found = list(record_files(reader(store), keys))
        paths = sorted((store.root / keys.id).rglob("tweets-*.jsonl.gz"))
        assert sorted(_path(store, file.key) for file in found) == paths
        whole = b"".join(gzip.decompress(path.read_bytes()) for path in paths)
        read = [line.raw for file in found for line in lines(reader(store), file)]
        assert sorted(read) == sorted(whole.splitlines())
        assert {folder.manifests for folder in harvest_folders(reader(store), keys)}
        (store.root / keys.id).rename(tmp_path / f"read{seed}")


def test_each_line_has_its_number_its_bytes_and_its_rows(store: FolderStore) -> None:
    records = record_forms.made_up_lines()
    _stored(store, "tweets-20261123090000-000001.jsonl.gz", packed(*records) + packed(records[0]))
    (file,) = record_files(reader(store), _KEYS)
    found = list(lines(reader(store), file))
    assert [line.raw for line in found] == [*records, records[0]]
    assert [line.number for line in found] == list(range(1, len(records) + 2))
    assert all(line.rows.posts for line in found)
    assert [tuple(line) for line in raw_lines(reader(store), file)] == [tuple(line[:2]) for line in found]


def test_a_bad_record_names_its_file_and_line_and_may_be_passed_over(store: FolderStore) -> None:
    record = record_forms.written(record_forms.page())
    _stored(store, "tweets-20261123090000-000001.jsonl.gz", packed(record, b"{", record))
    (file,) = record_files(reader(store), _KEYS)
    with pytest.raises(BadRecord, match=r"000001.jsonl.gz, line 2: is not JSON"):
        list(lines(reader(store), file))
    bad: list[BadRecord] = []
    assert [line.number for line in lines(reader(store), file, on_bad=bad.append)] == [1, 3]
    assert [(each.file, each.line) for each in bad] == [(file.key, 2)]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: data[: len(data) // 2], "its gzip has no end"),
        (lambda data: data[:-1], "its gzip has no end"),
        (lambda data: data[:-6] + bytes([data[-6] ^ 1]) + data[-5:], "its gzip is damaged"),
        (lambda data: data + b"\0\0\0", "what follows byte "),
    ],
)
def test_all_lines_before_a_damage_are_read(store: FolderStore, damage, why: str) -> None:  # type: ignore[no-untyped-def]
    chance = random.Random(1)
    records = [b'{"id":"%d","text":"%x"}' % (chance.getrandbits(60), n) for n in range(20_000)]
    _stored(store, "tweets-20261123090000-000001.jsonl.gz", damage(packed(*records)))
    (file,) = record_files(reader(store), _KEYS)
    bad: list[BadRecord] = []
    found = [line.raw for line in lines(reader(store), file, on_bad=bad.append)]
    assert found == records[: len(found)]
    assert len(found) > 5_000
    (error,) = bad
    assert (error.why.startswith(why), error.line, error.is_file) == (True, len(found) + 1, True)


def test_local_files_are_read_packed_or_not_and_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = record_forms.made_up_lines()
    plain, gz, empty = tmp_path / "plain.jsonl", tmp_path / "packed", tmp_path / "empty"
    # The last line has no end, and some are empty.
    plain.write_bytes(b"\r\n".join(records) + b"\n\n" + records[0])
    gz.write_bytes(packed(*records))
    empty.write_bytes(b"")
    assert [line.rows for line in local_lines(str(gz))] == [
        line.rows for line in local_lines(str(plain)) if line.raw
    ][:-1]
    assert list(local_lines(str(empty))) == []
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(plain.read_bytes())))
    assert len(list(local_lines("-"))) == len(records) + 2
    with pytest.raises(HarvesterError, match="missing"):
        list(local_lines(str(tmp_path / "missing")))


def test_memory_does_not_grow_with_the_file(store: FolderStore) -> None:
    line = record_forms.written(record_forms.page())
    peaks = []
    for number, count in enumerate((500, 3_000), 1):
        _stored(store, f"tweets-20261123090000-{number:06d}.jsonl.gz", packed(*[line] * count))
        file = list(record_files(reader(store), _KEYS))[-1]
        tracemalloc.start()
        assert sum(1 for _ in lines(reader(store), file)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2 < 12 << 20
