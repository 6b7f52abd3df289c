"""What was synced is found again after any death, with exactly what was learnt from it."""

import gzip
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.clock import timestamp
from harvester.collection.changeset import patched
from harvester.errors import HarvesterError
from harvester.harvest.finalize import complete
from harvester.harvest.workdir import SIDE_FILES, State, Work, left_behind
from harvester.networks import Batch
from harvester.networks.attribution import Matched
from harvester.store.keys import EVENTS, USERS
from tests.support.examples import examples
from tests.support.stores import Place, on_a_small_disk

_ROOT = Path(__file__).resolve().parents[2]
_START = datetime(2026, 1, 1, tzinfo=UTC)


def _state(owner: str = "me") -> State:
    return State(harvest=timestamp(_START), owner=owner)


def _batch(draw: Random) -> Batch:
    user, number = f"{draw.randrange(5)}", draw.randrange(1000)
    lines = b"".join(b'{"id":"%d"}\n' % draw.getrandbits(60) for _ in range(draw.choice((0, 0, 1, 100))))
    gap = {"event": "gap", "from": str(number)}
    return Batch(
        lines=lines,
        posts=lines.count(b"\n"),
        patch=draw.choice(
            (
                {},
                {"users": {user: {"since_id": str(number), "resume": None}}},
                {"users": {user: {"resume": {"token": str(number), "newest_id": None}}}},
                {"users": {user: None}, "sweep": user},
            )
        ),
        events=draw.choice(((), (), ({"event": "note"},), (gap, gap))),
        users=draw.choice((b"", b'{"id":"%d"}\n' % number)),
        lists=draw.choice((b"", b'{"user":"%d"}\n' % number)),
        changes=draw.choice(((), ({"user_id": user, "change": "suspended"},))),
        counts=draw.choice(({}, {"pages": 1}, {"pages": 2, "users_failed": 1})),
        last_id=draw.choice(("", str(number))),
        heard=draw.choice(("", f"2026-11-23T07:00:00.{number % 1_000_000:06d}+00:00")),
    )


def _only(root: Path) -> Work:
    (work,) = left_behind(root)
    return work


def _copy(state: State) -> Any:
    return orjson.loads(state.to_json())


def _run(work: Work, draw: Random, steps: int) -> tuple[Any, bytes, list[bytes]]:
    """Some of a harvest's life; the state, the records and the side files as of its last synced point."""
    now, written, side = _START, b"", {name: b"" for name in SIDE_FILES}
    synced: tuple[Any, bytes, dict[str, bytes]] = (_copy(work.state), b"", dict(side))
    for _ in range(steps):
        now += timedelta(seconds=1)
        act = draw.random()
        if act < 0.5:
            batch = _batch(draw)
            work.add(batch, now=now)
            written += batch.lines
            minutes = [{"tweets": len(written)}] * draw.randrange(2)
            for figures in minutes:
                work.add_minute(figures)
            side = {
                name: side[name] + data
                for name, data in zip(
                    SIDE_FILES,
                    (batch.users, *(b"".join(orjson.dumps(each) + b"\n" for each in some)
                                    for some in (batch.events, batch.changes, minutes)), batch.lists),
                    strict=True,
                )
            }  # fmt: skip
            continue
        if act < 0.8:
            work.sync(now=now, billed={"posts": draw.randrange(100)})
        elif act < 0.9:
            work.close_segment(now=now, billed={"posts": draw.randrange(100)})
        else:
            work.sync(now=now)
            work.snapshot()
        synced = _copy(work.state), written, dict(side)
    return synced[0], synced[1], [synced[2][name] for name in SIDE_FILES]


def _records(work: Work) -> bytes:
    return b"".join(gzip.decompress(work.path(file.name).read_bytes()) for file in work.state.finished)


@settings(max_examples=examples(500))
@given(st.integers(0, 1 << 32))
def test_after_a_death_the_journal_gives_the_state_of_the_last_sync(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    draw, root = Random(seed), tmp_path_factory.mktemp("work")
    work = Work.begin(root, _state())
    state, written, side = _run(work, draw, draw.randrange(25))
    work.close()
    left = _only(root)
    assert left.state.to_tree() == state
    complete(left)
    assert _records(left) == written
    assert [left.path(name).read_bytes() if left.path(name).exists() else b"" for name in SIDE_FILES] == side
    left.remove()
    assert list(root.iterdir()) == []
    shutil.rmtree(root)


def _require_passed_over(root: Path, draw: Random, spoil: Callable[[Path, int], None]) -> None:
    """A last line that is spoilt, which begins at that byte of the journal, leaves the state before it."""
    work = Work.begin(root, _state())
    _run(work, draw, draw.randrange(12))
    work.sync(now=_START)
    before = _copy(work.state)
    (journal,) = work.folder.glob("journal-*")
    size = journal.stat().st_size
    work.add(_batch(draw), now=_START)
    work.sync(now=_START + timedelta(seconds=1))
    work.close()
    spoil(journal, size)
    left = _only(root)
    assert left.state.to_tree() == before
    left.remove()
    shutil.rmtree(root)


@settings(max_examples=examples(500))
@given(st.integers(0, 1 << 32))
def test_a_journal_line_that_was_cut_never_was(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    draw = Random(seed)

    def cut(journal: Path, size: int) -> None:
        with journal.open("r+b") as file:
            file.truncate(draw.randrange(size, journal.stat().st_size))

    _require_passed_over(tmp_path_factory.mktemp("work"), draw, cut)


_OTHERS: list[Any] = [None, 0, "", [], {}, {"finished": {}}, {"finished": {"name": 1}}, {"learnt": [{}]}]


@settings(max_examples=examples(500))
@given(st.integers(0, 1 << 32))
def test_a_journal_line_of_another_shape_never_was(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    draw = Random(seed)

    def replace(journal: Path, size: int) -> None:
        data = journal.read_bytes()
        first, _, further = data[size:].partition(b"\n")
        entry = orjson.loads(first)
        name = draw.choice(["segment", "segments", "sizes", "synced", "gaps", "learnt"])
        lacking = {each: entry[each] for each in entry if each != name}
        spoilt = draw.choice([*_OTHERS, {**entry, name: 0.5}, lacking])
        journal.write_bytes(data[:size] + orjson.dumps(spoilt, option=orjson.OPT_APPEND_NEWLINE) + further)

    _require_passed_over(tmp_path_factory.mktemp("work"), draw, replace)


def _kept(work: Work, *, lines: bytes = b"one\n", **fields: Any) -> None:
    work.add(Batch(lines=lines, posts=lines.count(b"\n"), **fields), now=_START)
    work.sync(now=_START)


class TestJournals:
    def test_a_snapshot_begins_a_new_journal_and_ends_the_old(self, tmp_path: Path) -> None:
        work = Work.begin(tmp_path, _state())
        _kept(work, patch={"users": {"1": {"since_id": "5"}}})
        data = work.snapshot()
        assert [path.name for path in work.folder.glob("journal*")] == ["journal-000002.jsonl"]
        assert State.from_tree(orjson.loads(data)) == work.state
        work.close()
        assert _only(tmp_path).state == work.state

    def test_of_two_journals_the_newer_counts(self, tmp_path: Path) -> None:
        """Killed after the new journal had its name and before the old one was removed."""
        work = Work.begin(tmp_path, _state())
        old = (work.folder / "journal-000001.jsonl").read_bytes()
        _kept(work, patch={"sweep": "5"})
        work.snapshot()
        work.close()
        (work.folder / "journal-000001.jsonl").write_bytes(old)
        assert _only(tmp_path).state.patch == {"sweep": "5"}

    @pytest.mark.parametrize("torn", [b"", b'{"harv', b'{"harvest": "x"}\n', b"[1]\n", b"\0\0\0\0\n"])
    def test_a_new_journal_that_was_not_written_whole_is_passed_over(
        self, tmp_path: Path, torn: bytes
    ) -> None:
        work = Work.begin(tmp_path, _state())
        _kept(work, patch={"sweep": "5"})
        work.close()
        (work.folder / "journal-000002.new").write_bytes(torn)
        (work.folder / "journal-000002.jsonl").write_bytes(torn)
        assert _only(tmp_path).state.patch == {"sweep": "5"}

    def test_a_successor_may_go_on_with_a_journal_of_its_own(self, tmp_path: Path) -> None:
        work = Work.begin(tmp_path, _state())
        _kept(work)
        work.close()
        left = _only(tmp_path)
        left.state.patch = {"sweep": "7"}
        left.remember()
        left.close()
        assert _only(tmp_path).state.patch == {"sweep": "7"}

    def test_a_state_of_a_later_version_is_read_without_what_is_new(self, tmp_path: Path) -> None:
        work = Work.begin(tmp_path, _state())
        work.close()
        journal = work.folder / "journal-000001.jsonl"
        journal.write_bytes(orjson.dumps({**orjson.loads(journal.read_bytes()), "invented": 1}) + b"\n")
        assert _only(tmp_path).state == _state()

    def test_a_side_file_is_found_under_the_name_that_it_had_before(self, tmp_path: Path) -> None:
        work = Work.begin(tmp_path, _state())
        matched = (Matched(1, "5", [{"id": "floods"}]),)
        _kept(work, matches=matched)
        work.close_segment(now=_START)
        _kept(work, matches=matched)
        expected = work.state
        assert expected.finished[0].side and expected.segment and "side" in expected.segment
        work.close()
        for journal in work.folder.glob("journal*"):
            journal.write_bytes(journal.read_bytes().replace(b'"side":', b'"matches":'))
        assert _only(tmp_path).state == expected


class TestPowerCuts:
    def _cut(self, work: Work, name: str, size: int) -> None:
        work.close()
        with (work.folder / name).open("r+b") as file:
            file.truncate(size)

    def test_where_the_segment_is_short_what_came_before_counts(self, tmp_path: Path) -> None:
        work = Work.begin(tmp_path, _state())
        _kept(work, patch={"sweep": "1"})
        size = work.open_bytes
        _kept(work, lines=b"two\n" * 100, patch={"sweep": "2"})
        name = work.state.segment["name"] if work.state.segment else ""
        self._cut(work, name, size + 3)
        left = _only(tmp_path)
        assert left.state.patch == {"sweep": "1"}
        complete(left)
        assert _records(left) == b"one\n"

    def test_where_a_side_file_is_short_what_came_before_counts(self, tmp_path: Path) -> None:
        work = Work.begin(tmp_path, _state())
        _kept(work, users=b"{}\n", patch={"sweep": "1"})
        _kept(work, users=b'{"id":1}\n', patch={"sweep": "2"})
        self._cut(work, USERS, 5)
        assert _only(tmp_path).state.patch == {"sweep": "1"}

    def test_where_the_file_is_missing_what_came_before_counts(self, tmp_path: Path) -> None:
        work = Work.begin(tmp_path, _state())
        _kept(work, lines=b"", patch={"sweep": "1"})
        _kept(work, patch={"sweep": "2"})
        work.close()
        next(work.folder.glob("tweets-*")).unlink()
        assert _only(tmp_path).state.patch == {"sweep": "1"}

    def test_a_finished_file_may_be_stored_and_gone(self, tmp_path: Path) -> None:
        work = Work.begin(tmp_path, _state())
        _kept(work, patch={"sweep": "1"})
        finished = work.close_segment(now=_START)
        assert finished
        work.stored(finished.name)
        _kept(work, lines=b"", patch={"sweep": "2"})
        work.close()
        left = _only(tmp_path)
        assert left.state.patch == {"sweep": "2"}
        assert left.state.finished == [finished]

    @pytest.mark.parametrize("journal", ["", "journal-000001.jsonl", "journal-000002.jsonl"])
    def test_records_without_a_journal_that_can_be_read_are_kept(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, journal: str
    ) -> None:
        work = Work.begin(tmp_path, _state())
        _kept(work)
        work.close()
        (work.folder / "journal-000001.jsonl").unlink()
        if journal:
            (work.folder / journal).write_bytes(b"\0\0\0\0\n")
        assert list(left_behind(tmp_path)) == []
        assert len(list(work.folder.glob("tweets-*"))) == 1
        assert f"{work.folder} contains records but no readable journal; kept." in caplog.messages

    def test_a_folder_whose_first_journal_was_not_whole_is_removed(self, tmp_path: Path) -> None:
        work = Work.begin(tmp_path, _state())
        _kept(work)
        work.close()
        (work.folder / "journal-000001.jsonl").write_bytes(b'{"harvest')
        assert list(left_behind(tmp_path)) == []
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_was_only_made_is_removed(self, tmp_path: Path) -> None:
        (tmp_path / "20260101000000-x").mkdir()
        assert list(left_behind(tmp_path)) == []
        assert list(tmp_path.iterdir()) == []


class TestOwners:
    def test_a_removal_that_was_cut_short_is_done(self, tmp_path: Path) -> None:
        half = tmp_path / "over-20260101000000-o"
        half.mkdir()
        (half / "tweets-20260101000000-000001.jsonl.gz").write_bytes(b"stored")
        assert list(left_behind(tmp_path)) == []
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_whose_name_for_that_is_taken_is_removed_all_the_same(self, tmp_path: Path) -> None:
        work = Work.begin(tmp_path, _state())
        (tmp_path / f"over-{work.folder.name}" / "in the way").mkdir(parents=True)
        work.remove()
        assert not work.folder.exists()

    def test_a_folder_of_the_living_is_passed_over(self, tmp_path: Path) -> None:
        living, dead = Work.begin(tmp_path, _state("living")), Work.begin(tmp_path, _state("dead"))
        dead.close()
        assert _only(tmp_path).state.owner == "dead"
        living.close()

    def test_a_folder_is_anothers_until_its_process_is_killed(self, tmp_path: Path) -> None:
        program = (
            "import sys, pathlib; from tests.harvest.test_workdir import Work, _state\n"
            f"work = Work.begin(pathlib.Path({str(tmp_path)!r}), _state('other'))\n"
            "sys.stdout.write('begun\\n'); sys.stdout.flush(); sys.stdin.read()"
        )
        other = subprocess.Popen(
            [sys.executable, "-c", program], cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            assert other.stdout and other.stdout.readline() == b"begun\n"
            assert list(left_behind(tmp_path)) == []
            other.send_signal(signal.SIGSTOP)
            assert list(left_behind(tmp_path)) == []
        finally:
            other.kill()
            other.communicate(timeout=60)
        assert _only(tmp_path).state.owner == "other"

    def test_a_found_folder_is_ours_until_it_is_let_go(self, tmp_path: Path) -> None:
        Work.begin(tmp_path, _state()).close()
        found = _only(tmp_path)
        assert list(left_behind(tmp_path)) == []
        found.close()
        assert _only(tmp_path).state == _state()

    def test_nothing_is_left_where_nothing_was(self, tmp_path: Path) -> None:
        assert list(left_behind(tmp_path / "none")) == []


def test_many_syncs_name_the_same_segment_until_it_is_closed(tmp_path: Path) -> None:
    work = Work.begin(tmp_path, _state())
    names = set()
    for _ in range(3):
        _kept(work)
        assert work.state.segment
        names.add(work.state.segment["name"])
    first = work.close_segment(now=_START)
    assert work.close_segment(now=_START) is None
    _kept(work)
    second = work.close_segment(now=_START)
    assert first and second
    assert (names, first.posts, second.posts) == ({first.name}, 3, 1)
    # Of the same second, and yet two files.
    assert first.name != second.name
    assert work.state.posts == 4
    work.remove()


def test_nothing_is_learnt_before_it_is_synced(tmp_path: Path) -> None:
    work = Work.begin(tmp_path, _state())
    work.add(Batch(lines=b"one\n", posts=1, patch={"sweep": "1"}, counts={"pages": 1}), now=_START)
    assert (work.state.patch, work.state.counts, work.state.posts) == ({}, {}, 0)
    assert work.unsynced_bytes == 4
    work.sync(now=_START)
    assert (work.state.patch, work.state.counts, work.state.posts) == ({"sweep": "1"}, {"pages": 1}, 1)
    assert work.unsynced_bytes == 0
    work.remove()


def test_gaps_are_part_of_the_state_and_of_the_events(tmp_path: Path) -> None:
    work, gap = Work.begin(tmp_path, _state()), {"event": "gap", "from": "x"}
    _kept(work, events=({"event": "limit"}, gap))
    assert work.state.gaps == [gap]
    assert [orjson.loads(line) for line in work.path(EVENTS).read_bytes().splitlines()] == [
        {"event": "limit"}, gap
    ]  # fmt: skip
    work.remove()


def test_a_patch_of_an_earlier_batch_is_journaled_as_it_was(tmp_path: Path) -> None:
    work = Work.begin(tmp_path, _state())
    for since_id in ("1", "2"):
        work.add(Batch(patch={"users": {"5": {"since_id": since_id}}}), now=_START)
    work.sync(now=_START)
    (journal,) = work.folder.glob("journal-*")
    learnt = orjson.loads(journal.read_bytes().splitlines()[-1])["learnt"]
    assert [each["patch"]["users"]["5"]["since_id"] for each in learnt] == ["1", "2"]
    assert patched({}, work.state.patch) == {"users": {"5": {"since_id": "2"}}}
    work.remove()


def test_a_full_disk_costs_nothing_that_was_synced(tmp_path: Path) -> None:
    place = Place("folder", str(tmp_path / "store"))
    synced, found = on_a_small_disk(tmp_path / "disk", place, "work", tmp_path / "disk")
    assert int(synced) > 1
    assert found == synced
    assert not os.path.ismount(tmp_path / "disk")


@pytest.mark.parametrize("planted", ["local", "local/it"])
def test_a_link_in_the_place_of_a_work_folder_is_not_followed(planted: str, tmp_path: Path) -> None:
    elsewhere, temp = tmp_path / "elsewhere", tmp_path / "temp"
    (elsewhere / "it").mkdir(parents=True)
    (elsewhere / "it" / "precious").write_text("kept")
    (temp / planted).parent.mkdir(parents=True, exist_ok=True)
    (temp / planted).symlink_to(elsewhere if planted == "local" else elsewhere / "it")
    with pytest.raises(HarvesterError, match=r"is a symbolic link.*--temp"):
        Work.begin(temp / "local" / "it", _state())
    with pytest.raises(HarvesterError, match="is a symbolic link"):
        list(left_behind(temp / "local" / "it"))
    assert [path.name for path in elsewhere.rglob("*")] == ["it", "precious"]


def test_a_link_among_work_folders_is_passed_over(tmp_path: Path) -> None:
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "temp/local/it"
    elsewhere.mkdir()
    root.mkdir(parents=True)
    (root / "20260101000000-me").symlink_to(elsewhere)
    assert list(left_behind(root)) == []
    assert elsewhere.is_dir()
    assert list(elsewhere.iterdir()) == []
