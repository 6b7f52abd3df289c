"""Tables hold what the records hold, row by row, and building them again, or killed, comes to the same."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from harvester.errors import HarvesterError, NotFound
from harvester.networks.records import BrokenLine
from harvester.networks.registry import usual
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.keys import TABLES, CollectionKeys, segment_name
from harvester.store.reading import reader
from harvester.store.table_keys import TOP
from harvester.tables import columns
from harvester.tables.catalog import catalog, collections_in
from harvester.tables.posts import Tables
from tests.support import record_forms
from tests.support.record_store import AT, describe, packed, replace_file, store_harvest
from tests.support.servers import Bucket
from tests.support.table_rows import accounts_in_records, asked, build, in_records, in_tables

_KEYS = CollectionKeys("election")
_OTHER = CollectionKeys("museums")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "collections")


def _forms() -> list[bytes]:
    return record_forms.made_up_lines()


def _whole(record: bytes) -> Iterator[bytes]:
    """A record in one line; one that is broken on purpose is none."""
    try:
        usual().rows(record)
    except BrokenLine:
        return
    yield orjson.dumps(orjson.loads(record)) if b"\n" in record else record


def _posts(*numbers: int, **members: Any) -> list[bytes]:
    """A page for each number, with one post of that id."""
    return [
        orjson.dumps(
            {
                "data": [
                    {
                        "id": str(1577000000000000000 + number),
                        "text": f"post {number}",
                        "author_id": "12",
                        "created_at": "2022-10-03T18:00:00.000Z",
                        **members,
                    }
                ]
            }
        )
        for number in numbers
    ]


def _batches(numbers: list[int], size: int) -> Iterator[list[int]]:
    left = iter(numbers)
    while batch := list(islice(left, size)):
        yield batch


def _keys_in_file(store: FolderStore) -> list[int]:
    """The keys of posts in the order of the one Parquet file."""
    (entry,) = catalog(store, "election").files("posts")
    with duckdb.connect() as connection:
        statement = f"SELECT key FROM read_parquet('{store.file_of(entry.key)}')"
        return [key for (key,) in connection.execute(statement).fetchall()]


def _keys_of(store: Store) -> list[str]:
    return [entry.key for entry in store.entries(TABLES)]


def test_a_row_for_each_post_of_each_form_of_records(store: FolderStore) -> None:
    store_harvest(store, _KEYS, _forms())
    build(store, _KEYS)
    rows = in_tables(store, _KEYS)
    assert rows == in_records(store, _KEYS) and len(rows) >= len(_forms())


@pytest.mark.skipif(not record_forms.real_lines(), reason="../shared/data is not here")
def test_real_payloads_are_the_same_rows_as_their_records(store: FolderStore) -> None:
    store_harvest(store, _KEYS, [line for each in record_forms.real_lines() for line in _whole(each)])
    build(store, _KEYS)
    rows = in_tables(store, _KEYS)
    assert rows == in_records(store, _KEYS) and len(rows) > 500
    names = ", ".join(name for name in columns.ACCOUNT if name not in ("seen_at", "file", "line"))
    accounts = {tuple(row.values()) for row in asked(store, f"SELECT {names} FROM accounts")}
    assert accounts == accounts_in_records(store, _KEYS)


def test_the_long_tables_have_a_row_for_each_member_of_a_list(store: FolderStore) -> None:
    store_harvest(store, _KEYS, _forms())
    build(store, _KEYS)
    posts = in_tables(store, _KEYS)
    for table, column, source in (
        ("hashtags", "tag", "hashtags"),
        ("mentions", "account_id", "mentions"),
        ("urls", "url", "urls"),
        ("media", "media_key", "media_keys"),
    ):
        expected = sorted((row["id"], each) for row in posts for each in row[source])
        found = sorted((row["id"], row[column]) for row in asked(store, f"SELECT id, {column} FROM {table}"))
        assert found == expected and found, table
    kinds = {"repost": "reposted_id", "reply": "replied_to_id", "quote": "quoted_id"}
    others = sorted(
        (row["id"], kind, row[name]) for row in posts for kind, name in kinds.items() if row[name]
    )
    rows = asked(store, "SELECT id, kind, other_id FROM referenced")
    assert sorted(tuple(row.values()) for row in rows) == others and others


def test_hostile_text_is_stored_as_it_is(store: FolderStore) -> None:
    texts = ["a\0b", "'; DROP TABLE posts; --", "\u202eevil", "x" * 100_000, '"quoted"\n\\', "\U0001f300", ""]
    store_harvest(store, _KEYS, [line for n, text in enumerate(texts) for line in _posts(n, text=text)])
    build(store, _KEYS)
    found = [row["text"] for row in asked(store, "SELECT text FROM posts ORDER BY key")]
    assert found == [text or None for text in texts]


def test_half_of_a_surrogate_pair_is_a_mark(store: FolderStore) -> None:
    (line,) = _posts(1, text="half HERE")
    store_harvest(store, _KEYS, [line.replace(b"HERE", rb"\ud83d")])
    build(store, _KEYS)
    assert in_tables(store, _KEYS) == in_records(store, _KEYS)


def test_a_time_of_any_year_is_stored(store: FolderStore) -> None:
    times = [f"{year}-12-31T23:59:59.999Z" for year in ("0001", "1969", "2079", "9999")]
    store_harvest(
        store, _KEYS, [line for n, time in enumerate(times) for line in _posts(n, id=f"{n}", created_at=time)]
    )
    build(store, _KEYS)
    assert in_tables(store, _KEYS) == in_records(store, _KEYS)
    found = asked(store, "SELECT id, strftime(created_at, '%Y') AS year FROM posts ORDER BY key")
    assert [tuple(row.values()) for row in found] == [(f"{n}", time[:4]) for n, time in enumerate(times)]


def test_rows_are_in_the_order_of_their_keys(store: FolderStore) -> None:
    store_harvest(store, _KEYS, _posts(5, 3, 9, 1))
    build(store, _KEYS)
    assert _keys_in_file(store) == [1577000000000000000 + number for number in (1, 3, 5, 9)]


def test_the_second_build_makes_nothing_and_reads_no_records(store: FolderStore) -> None:
    harvest = store_harvest(store, _KEYS, _posts(1), _posts(2))
    assert [each["rows"] for each in build(store, _KEYS).made] == [1, 1]
    before = _keys_of(store)
    for name in (segment_name(harvest.started, 1), "manifest-sha256.txt", "harvest.json"):
        # What is not read need not be readable.
        store.file_of(harvest.file(name)).chmod(0)
    again = build(store, _KEYS)
    assert (again.made, again.there, _keys_of(store)) == ([], 2, before)


def test_a_new_harvest_is_added(store: FolderStore) -> None:
    store_harvest(store, _KEYS, _posts(1))
    build(store, _KEYS)
    store_harvest(store, _KEYS, _posts(2), at="2026-10-06T09:00:00Z")
    assert build(store, _KEYS).rows == 1
    assert [row["id"][-1] for row in in_tables(store, _KEYS)] == ["1", "2"]
    days = asked(store, "SELECT DISTINCT harvested FROM posts ORDER BY harvested")
    assert [row["harvested"] for row in days] == ["2026-10-05", "2026-10-06"]


def test_files_of_2019_and_of_repairs_have_tables_of_their_own(store: FolderStore) -> None:
    store_harvest(store, _KEYS, _posts(1), sha256=False)
    store_harvest(store, _KEYS.repairs, _posts(2))
    build(store, _KEYS)
    assert [row["id"][-1] for row in in_tables(store, _KEYS)] == ["1", "2"]
    harvests = asked(store, "SELECT repair FROM harvests ORDER BY repair")
    assert [row["repair"] for row in harvests] == [False, True]


def test_harvests_and_gaps_are_tables_too(store: FolderStore) -> None:
    gap = {"from": "2026-10-05T08:00:00Z", "to": "2026-10-05T08:10:00Z", "reason": "the machine slept"}
    store_harvest(store, _KEYS, _posts(1), state="partial", tweets=1, gaps=[gap])
    build(store, _KEYS)
    (row,) = asked(store, "SELECT collection, state, posts, files, gaps FROM harvests")
    assert row == {"collection": "election", "state": "partial", "posts": 1, "files": 1, "gaps": 1}
    (row,) = asked(store, "SELECT begins, ends, reason, repaired FROM gaps")
    assert row == {
        "begins": gap["from"],
        "ends": gap["to"],
        "reason": gap["reason"],
        "repaired": False,
    }


def test_a_harvest_that_runs_has_tables_of_its_finished_files(store: FolderStore) -> None:
    harvest = store_harvest(store, _KEYS, _posts(1), state="running")
    build(store, _KEYS)
    assert not asked(store, "SELECT * FROM harvests") and len(in_tables(store, _KEYS)) == 1
    told = store.read(harvest.harvest)
    store.replace(harvest.harvest, told.data.replace(b"running", b"complete"), version=told.version)
    build(store, _KEYS)
    assert [row["state"] for row in asked(store, "SELECT state FROM harvests")] == ["complete"]


def test_a_file_that_was_replaced_has_new_tables(store: FolderStore) -> None:
    harvest = store_harvest(store, _KEYS, [*_posts(1), *_forms()], _posts(2))
    build(store, _KEYS)
    replace_file(store, harvest, segment_name(harvest.started, 1), _posts(7))
    assert build(store, _KEYS).rows == 1
    assert in_tables(store, _KEYS) == in_records(store, _KEYS)
    assert not asked(store, "SELECT * FROM hashtags")


def test_tables_of_a_harvest_that_is_gone_go(store: FolderStore) -> None:
    harvest = store_harvest(store, _KEYS, _posts(1))
    store_harvest(store, _KEYS, _posts(2), at="2026-10-06T09:00:00Z")
    build(store, _KEYS)
    for entry in list(store.entries(harvest.folder)):
        store.remove(entry.key)
    assert build(store, _KEYS).removed == 2
    assert [row["id"][-1] for row in in_tables(store, _KEYS)] == ["2"]


def test_a_build_that_ended_before_its_note_is_finished_by_the_next(store: FolderStore) -> None:
    store_harvest(store, _KEYS, _forms())
    build(store, _KEYS)
    whole = _keys_of(store)
    for key in [key for key in whole if "/_made/" in key or "/hashtags/" in key]:
        store.remove(key)
    assert collections_in(store) == []
    build(store, _KEYS)
    assert _keys_of(store) == whole and in_tables(store, _KEYS) == in_records(store, _KEYS)


def test_what_a_killed_build_left_of_older_records_is_replaced(store: FolderStore) -> None:
    harvest = store_harvest(store, _KEYS, _forms())
    build(store, _KEYS)
    for key in [key for key in _keys_of(store) if "/_made/" in key]:
        store.remove(key)
    replace_file(store, harvest, segment_name(harvest.started, 1), _posts(7))
    build(store, _KEYS)
    assert in_tables(store, _KEYS) == in_records(store, _KEYS)
    assert not asked(store, "SELECT * FROM hashtags")


def test_a_damaged_table_without_a_note_is_made_again(store: FolderStore) -> None:
    store_harvest(store, _KEYS, _posts(1))
    build(store, _KEYS)
    for key in _keys_of(store):
        if "/_made/" in key:
            store.remove(key)
        else:
            path = store.file_of(key)
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data[:-10])
    build(store, _KEYS)
    assert in_tables(store, _KEYS) == in_records(store, _KEYS)


def test_a_bad_record_is_named_and_its_file_left_out(store: FolderStore) -> None:
    store_harvest(store, _KEYS, [*_posts(1), b'{"data": '], _posts(2))
    result = build(store, _KEYS)
    (bad,) = result.bad
    assert (bad.line, len(result.failed), result.rows) == (2, 1, 1)
    assert [row["id"][-1] for row in in_tables(store, _KEYS)] == ["2"]
    result = build(store, _KEYS, skip_bad=True)
    assert (len(result.bad), result.failed, result.rows) == (1, [], 1)
    assert [row["id"][-1] for row in in_tables(store, _KEYS)] == ["1", "2"]


def test_a_damaged_file_that_is_restored_has_new_tables(store: FolderStore) -> None:
    harvest = store_harvest(store, _KEYS, _posts(*range(99)), _posts(200), _posts(201))
    cut, lost, empty = (store.file_of(harvest.folder + segment_name(harvest.started, n)) for n in (1, 2, 3))
    whole = {path: path.read_bytes() for path in (cut, lost, empty)}
    cut.write_bytes(whole[cut][:-9])
    lost.unlink()
    empty.write_bytes(b"")
    result = build(store, _KEYS)
    assert (len(result.failed), result.made) == (3, [])
    result = build(store, _KEYS, skip_bad=True)
    assert (len(result.bad), len(result.made)) == (3, 3) and result.rows == 99
    # As long as they are damaged, they are not read again, and searches read records.
    assert build(store, _KEYS, skip_bad=True).there == build(store, _KEYS).there == 3
    assert Tables(store, reader(store), Path()).posts(_KEYS) is None
    for path, data in whole.items():
        path.write_bytes(data)
    assert build(store, _KEYS).rows == 101
    assert in_tables(store, _KEYS) == in_records(store, _KEYS)
    assert len(asked(store, "SELECT * FROM harvests")) == 1
    assert Tables(store, reader(store), Path()).posts(_KEYS)


def test_a_dry_run_says_what_is_missing_and_makes_nothing(store: FolderStore) -> None:
    store_harvest(store, _KEYS, _posts(1), _posts(2))
    assert len(build(store, _KEYS, dry_run=True).planned) == 2 and not _keys_of(store)
    build(store, _KEYS)
    assert build(store, _KEYS, dry_run=True).planned == []


def test_a_collection_that_is_not_there_is_said(store: FolderStore) -> None:
    with pytest.raises(NotFound, match="There is no collection election"):
        build(store, _KEYS)


def test_tables_may_be_in_a_folder_of_their_own(store: FolderStore, tmp_path: Path) -> None:
    store_harvest(store, _KEYS, _posts(1))
    target = FolderStore(tmp_path / "tables", prefix=TABLES)
    build(store, _KEYS, target)
    assert len(in_tables(target, _KEYS)) == 1 and not _keys_of(store)
    assert list((tmp_path / "tables" / "v1" / "posts").rglob("*.parquet"))


def test_tables_of_another_version_are_said(store: FolderStore) -> None:
    describe(store, _KEYS)
    store.create(f"{TABLES}v7/_made/election/x", b"")
    with pytest.raises(HarvesterError, match="has tables of version 7; this program reads version 1"):
        collections_in(store)


def test_a_bucket_has_the_same_tables(store: FolderStore, s3: Bucket) -> None:
    from harvester.store.s3 import S3Store

    bucket = S3Store(s3.name, client=s3.server.requests(s3.name))
    for each in (store, bucket):
        store_harvest(each, _KEYS, _forms(), _posts(1))
        build(each, _KEYS)
    assert in_tables(bucket, _KEYS) == in_tables(store, _KEYS) == in_records(bucket, _KEYS)
    assert _keys_of(bucket) and build(bucket, _KEYS).made == []


@pytest.mark.system
def test_more_rows_than_are_sorted_at_once_are_in_order(store: FolderStore) -> None:
    numbers = [number * 7919 % 60_013 for number in range(60_000)]
    made = [
        {"data": [{"id": str(1577000000000000000 + n), "text": "x", "author_id": "1"} for n in batch]}
        for batch in _batches(numbers, 100)
    ]
    store_harvest(store, _KEYS, packed(map(orjson.dumps, made)))
    build(store, _KEYS)
    keys = _keys_in_file(store)
    assert keys == sorted(keys) and len(keys) == 60_000


def test_every_key_is_below_the_version(store: FolderStore) -> None:
    store_harvest(store, _KEYS, _posts(1), at=AT)
    build(store, _KEYS)
    assert all(key.startswith(TOP) for key in _keys_of(store))
