"""What others left is finished or kept, and nothing that is stored is contradicted."""

import gzip
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import orjson
import pytest

from harvester.clock import timestamp
from harvester.collection import history
from harvester.collection.secrets import without_secrets
from harvester.curation.delete import Deletion
from harvester.harvest import missed_interval
from harvester.harvest.checkpoint import Parts, growing
from harvester.harvest.finalize import Ending
from harvester.harvest.journal import Journal, journaled
from harvester.harvest.progress import PARTIAL, Outcome, Progress
from harvester.harvest.recovery import recover
from harvester.harvest.segment import finished
from harvester.harvest.workdir import State, Work, left_behind
from harvester.networks import Batch
from harvester.networks.gap import MissedInterval
from harvester.networks.x.network import X
from harvester.store.folder import FolderStore
from harvester.store.keys import EVENTS, SEGMENTS, CollectionKeys
from harvester.store.pointer import Pointer
from tests.support.invariants import created, post_id_at
from tests.support.stores import Wrapped

KEYS = CollectionKeys("s")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
HERE = KEYS.harvest(BEGAN)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "collections")
    history.add(store, KEYS, {"id": "s", "type": "filter", "filter": {"track": "a"}})
    return store


def _left(store: FolderStore, root: Path, state: str, *, events: tuple[Any, ...] = ()) -> Work:
    """A work folder with a record in it, and what its harvest last said of itself."""
    work = Work.begin(root, State(harvest=timestamp(BEGAN), owner="me"))
    work.add(Batch(lines=b'{"data":{"id":"1"}}\n', posts=1, events=events), now=BEGAN)
    work.sync(now=BEGAN)
    progress = Progress(KEYS.id, store.name, work.state.harvest)
    progress.end(Outcome(state))
    Pointer(store, HERE.harvest).create(progress.summary(work.state))
    return work


class TestWorkFoldersWithoutACheckpoint:
    """`checkpoint.json` was removed by hand."""

    def test_records_of_a_harvest_that_is_not_known_to_have_ended_are_kept(
        self, store: FolderStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        work = _left(store, tmp_path / "temp", "running")
        work.close()
        for _ in range(2):
            assert recover(store, KEYS, tmp_path / "temp", owner="other") is None
        assert f"{work.folder} contains records of a harvest that is not known to have ended" in caplog.text
        (segment,) = work.folder.glob("tweets-*")
        assert segment.stat().st_size > 0

    def test_those_of_one_that_is_unknown_to_the_store_are_kept(
        self, store: FolderStore, tmp_path: Path
    ) -> None:
        work = _left(store, tmp_path / "temp", "running")
        work.close()
        store.remove(HERE.harvest)
        assert recover(store, KEYS, tmp_path / "temp", owner="other") is None
        assert work.folder.exists()

    def test_those_of_one_that_ended_go(self, store: FolderStore, tmp_path: Path) -> None:
        work = _left(store, tmp_path / "temp", "complete")
        work.close()
        assert recover(store, KEYS, tmp_path / "temp", owner="other") is None
        assert not work.folder.exists()


def test_what_was_stored_by_an_earlier_try_at_an_ending_is_named_as_it_is(
    store: FolderStore, tmp_path: Path
) -> None:
    gap = {"event": "gap", "from": "1", "reason": "cut"}
    work = _left(store, tmp_path / "temp", "running", events=(gap,))
    Pointer(store, HERE.collection).create(without_secrets(orjson.loads(store.read(KEYS.collection).data)))
    work.close_segment(now=BEGAN)
    # Another machine had ended it so far, and died.
    theirs = tmp_path / EVENTS
    theirs.write_bytes(b'{"event":"rules"}\n')
    store.upload(HERE.events, theirs, sha256=finished(theirs).sha256)
    progress = Progress(KEYS.id, store.name, work.state.harvest)
    progress.end(Outcome(PARTIAL))
    for _, step in Ending(store, KEYS, work, {"type": "filter"}, progress.summary).steps():
        step()
    assert store.read(HERE.events).data == theirs.read_bytes()
    assert orjson.loads(store.read(KEYS.last_harvest).data)["state"] == PARTIAL
    for algorithm in ("sha1", "sha256"):
        named = store.read(HERE.manifest(algorithm)).data.decode()
        assert f"{getattr(finished(theirs), algorithm)}  {EVENTS}" in named.splitlines()
    (name,) = [each.name for each in work.state.finished]
    assert gzip.decompress(store.read(HERE.file(name)).data) == b'{"data":{"id":"1"}}\n'


@pytest.mark.parametrize("disk", ["kept", "lost"])
def test_the_gap_of_a_death_is_noted_once_by_however_many_finishers(
    store: FolderStore, tmp_path: Path, disk: str
) -> None:
    work = _left(store, tmp_path / "0", "running")
    Pointer(store, HERE.collection).create(without_secrets(orjson.loads(store.read(KEYS.collection).data)))
    Parts(store, HERE, work.folder).copy(*next(iter(growing(work.state.sizes, work.state.segment).items())))
    Pointer(store, KEYS.checkpoint).write({"state": work.state.to_tree()})
    work.close()
    for number in range(3):
        # Each dies before it has stored anything of the end.
        root = tmp_path / str(number if disk == "lost" else 0)
        found = recover(store, KEYS, root, owner=f"finisher {number}")
        assert found
        found.work.close()
        assert [gap["reason"] for gap in found.work.state.gaps] == ["the harvest died"]
        assert found.work.path(EVENTS).read_bytes().count(b"the harvest died") == 1


def _died(store: FolderStore, root: Path, **changed: Any) -> Work:
    """As `_left`, with a checkpoint that says the same, but for what is `changed`."""
    work = _left(store, root, "running")
    work.close()
    Pointer(store, KEYS.checkpoint).write({"state": {**work.state.to_tree(), **changed}})
    return work


def test_a_folder_of_the_same_second_that_another_harvest_has_got_is_left_alone(
    store: FolderStore, tmp_path: Path
) -> None:
    _died(store, tmp_path / "temp", owner="who died before it had a folder")
    before = store.read(HERE.harvest)
    assert recover(store, KEYS, tmp_path / "temp", owner="next") is None
    assert store.read(HERE.harvest) == before


def test_a_work_folder_that_lacks_a_file_of_the_checkpoint_is_not_gone_on_with(
    store: FolderStore, tmp_path: Path
) -> None:
    """Another machine had finished the harvest further, and died too."""
    path = tmp_path / f"{SEGMENTS}20260101000000-000001.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"data":{"id":"1"}}\n{"data":{"id":"2"}}\n'))
    file = finished(path, posts=2)
    _died(store, tmp_path / "temp", finished=[vars(file)], segment=None, segments=1)
    store.upload(HERE.file(file.name), path, sha256=file.sha256)
    found = recover(store, KEYS, tmp_path / "temp", owner="next")
    assert found
    found.work.close()
    assert found.work.state.finished == [file]


def test_a_copy_of_the_collection_that_a_finisher_makes_holds_no_keys(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    store.create(
        KEYS.collection,
        b'{"id": "s", "type": "filter", "filter": {"track": "a"}, "keys": {"bearer_token": "s3cret"}}',
    )
    _died(store, tmp_path / "temp")
    found = recover(store, KEYS, tmp_path / "temp", owner="next")
    assert found
    found.work.close()
    copy = store.read(HERE.collection).data
    assert b'"track"' in copy and b"s3cret" not in copy


def test_of_what_came_too_late_that_which_is_written_over_anyway_stays(
    store: FolderStore, tmp_path: Path
) -> None:
    """A harvest whose manifests are gone for a while looks damaged."""
    _died(store, tmp_path / "temp")
    manifests = [HERE.manifest(algorithm) for algorithm in ("sha1", "sha256")]
    for key in (*manifests, HERE.events):
        store.create(key, b"")
    found = recover(store, KEYS, tmp_path / "temp", owner="next", late_after=BEGAN)
    assert found
    found.work.close()
    there = {entry.key for entry in store.entries(HERE.folder)}
    assert {*manifests, HERE.harvest} < there and HERE.events not in there


@pytest.mark.parametrize("field", ["missed_interval", "unheard"])
def test_a_death_before_anything_came_leaves_what_was_missed_before(
    field: str, store: FolderStore, tmp_path: Path
) -> None:
    """Builds before 2.0.0 wrote the second name."""
    earlier = MissedInterval(BEGAN - timedelta(days=1), "17", "failed")
    store.create(KEYS.last_harvest, orjson.dumps({"harvest_id": timestamp(BEGAN), "state": "failed"}))
    store.create(HERE.harvest, orjson.dumps({field: earlier.to_tree(), "gaps": []}))
    work = Work.begin(tmp_path / "temp", State(harvest=timestamp(BEGAN + timedelta(hours=1)), owner="me"))
    missed_interval.record_death(store, KEYS, work, X())
    (gap,) = work.state.gaps
    assert (gap["from"], gap["last_id_before"]) == (timestamp(earlier.since), "17")


@pytest.mark.parametrize(
    ("says", "since"),
    [
        ({"owner": "me", "heard": {"until": timestamp(BEGAN + timedelta(minutes=9)), "last_id": "8"}}, 9),
        ({"owner": "me", "heard": {"until": timestamp(BEGAN), "last_id": "1"}}, 5),
        ({"owner": "other", "heard": {"until": timestamp(BEGAN + timedelta(minutes=9))}}, 5),
        ({"owner": "me", "heard": {"until": "soon", "last_id": 8}}, 5),
        ({"owner": "me", "heard": 7}, 5),
        ({}, 5),
    ],
)
def test_the_gap_of_an_idle_stream_whose_machine_is_gone_begins_where_its_lock_says(
    says: Any, since: int, store: FolderStore, tmp_path: Path
) -> None:
    state = State(harvest=timestamp(BEGAN), owner="me", heard=timestamp(BEGAN + timedelta(minutes=5)))
    Pointer(store, KEYS.checkpoint).write({"state": state.to_tree()})
    progress = Progress(KEYS.id, store.name, state.harvest)
    Pointer(store, HERE.harvest).create(progress.summary(state))
    found = recover(store, KEYS, tmp_path / "elsewhere", owner="next", lock=says)
    assert found
    (gap,) = found.work.state.gaps
    assert gap["from"] == timestamp(BEGAN + timedelta(minutes=since))
    found.work.close()


def test_a_gap_found_in_the_second_of_the_last_post_does_not_end_before_it(
    store: FolderStore, tmp_path: Path
) -> None:
    work = Work.begin(tmp_path, State(harvest=timestamp(BEGAN), owner="me"))
    last = post_id_at(store.now() + timedelta(seconds=0.9), 0)
    heard = timestamp(created(last) - timedelta(seconds=1))
    line = b'{"data":{"id":"%s"}}\n' % last.encode()
    work.add(Batch(lines=line, posts=1, last_id=last, heard=heard), now=BEGAN)
    work.sync(now=BEGAN)
    assert missed_interval.record_death(store, KEYS, work, X()) == {}
    (gap,) = work.state.gaps
    assert gap["to"] == timestamp(created(last))
    assert X().why_impossible(gap) == ""
    work.close()


def test_a_work_folder_of_which_only_a_part_was_fetched_is_none(tmp_path: Path) -> None:
    state = State(harvest=timestamp(BEGAN), owner="me", sizes={EVENTS: 5})

    def dies(folder: Path) -> None:
        (folder / EVENTS).write_bytes(b"{}")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Work.fetched(tmp_path, state, owner="other", fill=dies)
    assert list(left_behind(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []
    work = Work.fetched(tmp_path, state, owner="other", fill=lambda to: _write(to / EVENTS, b"[{}]\n"))
    assert list(left_behind(tmp_path)) == []
    work.close()
    (found,) = left_behind(tmp_path)
    assert (found.state, found.folder) == (state, work.folder)
    found.close()


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _at_each_line(function: Callable[..., Any], look: Callable[[], None], act: Callable[[], None]) -> int:
    """Look before each line of a function while `act` runs, as if the process died there; how often."""
    looked = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal looked
        if frame.f_code is not function.__code__:
            return None
        if event in ("line", "return"):
            looked += 1
            look()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return looked


def test_at_no_moment_of_a_new_journal_there_is_none_that_can_be_read(tmp_path: Path) -> None:
    work = Work.begin(tmp_path, State(harvest=timestamp(BEGAN), owner="me"))
    for number in range(3):
        work.add(Batch(lines=b"{}\n", posts=1, patch={"sweep": str(number)}), now=BEGAN)
        work.sync(now=BEGAN)
        expected = work.state.to_tree()

        def look(expected: Any = expected) -> None:
            found = journaled(work.folder)
            assert found is not None
            assert found.to_tree() == expected

        assert _at_each_line(Journal.begin, look, work.remember) > 8
    work.close()


def test_a_deletion_begins_with_what_says_that_there_is_a_collection(store: FolderStore) -> None:
    removed: list[str] = []

    class Noted(Wrapped):
        def remove(self, key: str, **more: Any) -> None:
            removed.append(key)
            self.store.remove(key, **more)

    Deletion(Noted(store), KEYS).carry_out()
    assert removed[0] == KEYS.collection
    assert removed[-1] == KEYS.lock
    assert len(removed) == 3
