"""A bucket that goes away while it is read is one error: nothing half counts, and the next run ends."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from harvester.errors import HarvesterError, StoreAway
from harvester.exports.jsonl import write
from harvester.exports.posts import Posts, Stored
from harvester.ledger.cache import cache_of
from harvester.networks.registry import usual
from harvester.reading import record_files
from harvester.search.answers import Question
from harvester.search.asking import Search
from harvester.search.indexing import update
from harvester.store.keys import CollectionKeys, segment_name
from harvester.store.reading import reader
from harvester.store.s3 import S3Store
from harvester.tables.build import Builder
from tests.support.record_store import replace_file, store_harvest
from tests.support.s3_gate import OPEN, SHUT, Gate, gate
from tests.support.searched_store import BEGAN, made_up_post, page, post
from tests.support.servers import Bucket
from tests.support.table_rows import in_tables

_KEYS = CollectionKeys("election")
_POSTS, _HARVESTS = 200, 3


@pytest.fixture
def bucket(s3: Bucket) -> Iterator[tuple[Gate, S3Store]]:
    """A collection of three harvests in a bucket of a real server, behind a gate."""
    draw = Random(5)
    behind = S3Store(s3.name, client=s3.server.requests(s3.name))
    for number in range(_HARVESTS):
        posts = [
            made_up_post(draw, BEGAN, number * _POSTS + at) | {"more": draw.randbytes(7000).hex()}
            for at in range(_POSTS)
        ]
        lines = [page(posts[at : at + 50], BEGAN) for at in range(0, _POSTS, 50)]
        store_harvest(behind, _KEYS, lines, at=f"2026-10-0{number + 1}T09:00:00Z")
    with gate(s3.server.endpoint) as way:
        s3.known_at(way.url)
        asking_once = replace(s3.server, endpoint=way.url).requests(s3.name, tries=1)
        yield way, S3Store(s3.name, client=asking_once)


def _export(store: S3Store, folder: Path) -> object:
    found = reader(store)
    posts = Posts([Stored(found, file) for file in record_files(found, _KEYS)], usual())
    path = folder / "posts.jsonl"
    try:
        write(posts, str(path), {})
    except HarvesterError:
        assert list(folder.iterdir()) == []
        raise
    assert posts.progress.bad == []
    lines = path.read_bytes().splitlines()
    path.unlink()
    return len(lines)


def _index(store: S3Store, folder: Path) -> object:
    cache = cache_of(store.name, str(folder / "cache"))
    try:
        update(cache, reader(store), [_KEYS.id], whole_store=False)
    except HarvesterError:
        # It has whole files only.
        assert Search(cache).ask(Question("")).count % _POSTS == 0
        raise
    return Search(cache).ask(Question("")).count


def _tables(store: S3Store, _: Path) -> object:
    Builder(reader(store), store).build(_KEYS)
    return len(in_tables(store, _KEYS))


_ACTS = (_export, _index, _tables)


@pytest.mark.parametrize("how", [SHUT, "503 SlowDown"])
def test_one_that_goes_away_is_one_error_and_the_next_run_ends(
    how: str, bucket: tuple[Gate, S3Store], tmp_path: Path
) -> None:
    way, store = bucket
    size = sum(file.size for file in record_files(reader(store), _KEYS))
    for act in _ACTS:
        # Within the second of the files.
        way.at(way.answered + size // 2, lambda: way.set(how))
        with pytest.raises(StoreAway) as away:
            act(store, tmp_path)
        assert "\n" not in away.value.message and away.value.hint
        way.set(OPEN)
        assert act(store, tmp_path) == _HARVESTS * _POSTS


def test_a_file_that_is_replaced_while_it_is_read_is_never_a_mixture(
    bucket: tuple[Gate, S3Store], s3: Bucket, tmp_path: Path
) -> None:
    way, store = bucket
    first, changing, _ = record_files(reader(store), _KEYS)
    behind = S3Store(s3.name, client=s3.server.requests(s3.name))
    second = _KEYS.harvest(datetime(2026, 10, 2, 9, tzinfo=UTC))
    name = segment_name(second.started, 1)

    def replaced() -> None:
        replace_file(behind, second, name, [page([post(7, "other")], BEGAN)])
        way.set(OPEN)

    # Its first megabyte has been passed on by then.
    way.at(way.answered + first.size + changing.size * 9 // 10, replaced)
    with pytest.raises(StoreAway, match="broke off"):
        _export(store, tmp_path)
    for act in _ACTS:
        assert act(store, tmp_path) == 2 * _POSTS + 1
