"""X's own recovery of a stream: a gap vanishes only where it is certain that all of it came."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.networks.gap import Gap
from harvester.networks.validation import problems
from harvester.networks.x.post_ids import first_id_at
from harvester.networks.x.streaming.read import StreamRead
from harvester.networks.x.streaming.recovery import Recovery
from tests.support.broken_streams import BrokenStream
from tests.support.harvest_stage import Going, Stage, staged, until

_NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def _hear_for_a_minute(stage: Stage, broken: BrokenStream) -> None:
    """Posts at its beginning and its end; a stream that hears nothing for 25 seconds would be cut."""
    broken.hear()
    for _ in range(3):
        stage.clock.advance(20)
        broken.hear()


def _cut(stage: Stage, *, minutes: int, seconds: float = 0.0) -> Going:
    """A stream that hears posts for a minute, is cut, and hears more."""
    broken = BrokenStream(stage)
    broken.begin(track="flood", **({"backfill_minutes": minutes} if minutes else {}))
    with broken.streaming() as going:
        _hear_for_a_minute(stage, broken)
        broken.cut(seconds=seconds)
        # X's time is known to a second or so.
        stage.clock.advance(5)
        broken.hear()
    return going


def _events(going: Going, name: str) -> list[dict[str, Any]]:
    return [event for event in going.end.events if event["event"] == name]


@pytest.mark.usefixtures("x_in_any_form")
def test_what_x_delivers_again_is_stored_once_and_leaves_no_gap(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0, recovery=True) as stage:
        going = _cut(stage, minutes=5)
        assert going.end.gaps == []
        assert len(_events(going, "gap recovered")) == 1
        assert sorted(going.end.ids) == sorted(stage.control.stream()["ids"])
        assert _events(going, "duplicates")[0]["dropped"] == 20
        assert going.end.summary["billed"]["posts"] == stage.control.truth()["billed"]["posts_once_a_day"]


def test_what_x_delivers_again_after_midnight_is_in_the_bill_again(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0, recovery=True) as stage:
        now = stage.clock.now()
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        stage.clock.advance((midnight - now).total_seconds() - 75)
        going = _cut(stage, minutes=5, seconds=45)
        truth = stage.control.truth()["billed"]
        assert truth["posts_once_a_day"] > len(going.end.ids)
        assert going.end.summary["billed"]["posts"] == truth["posts_once_a_day"]


def test_without_the_option_nothing_is_delivered_again(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0, recovery=True) as stage:
        going = _cut(stage, minutes=0)
        assert (len(going.end.gaps), len(going.end.ids)) == (1, 25)
        assert max(stage.control.stream()["written"]) == 1


def test_a_plan_without_it_is_told_once_and_the_stream_goes_on(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = BrokenStream(stage)
        broken.begin(track="flood", backfill_minutes=5)
        with broken.streaming() as going:
            for _ in range(2):
                broken.hear()
                broken.cut(seconds=20)
            broken.hear()
        assert [event["detail"] for event in _events(going, "field refused")] == ["backfill_minutes"]
        assert going.end.summary["refused_fields"] == ["backfill_minutes"]
        assert (len(going.end.gaps), len(going.end.ids)) == (2, 15)


def test_where_x_did_not_go_back_beyond_the_gap_it_is_recorded(tmp_path: Path) -> None:
    """All before it was published in the last seconds, so that nothing proves where X began."""
    with staged(tmp_path, users=2, posts_per_user=0, recovery=True) as stage:
        broken = BrokenStream(stage)
        broken.begin(track="flood", backfill_minutes=5)
        with broken.streaming() as going:
            broken.hear()
            broken.cut()
            broken.hear()
            for _ in range(2):
                stage.clock.advance(16)
                broken.hear()
        assert len(going.end.gaps) == 1
        # What X delivered of it is stored all the same.
        assert len(going.end.ids) == 25


def _read(*times: float) -> StreamRead:
    ids = [str(first_id_at(_NOON + timedelta(seconds=seconds)) + 1) for seconds in times]
    return StreamRead(ids=ids, lines=[post_id.encode() for post_id in ids])


def _recovery(*, minutes: float = 5, opened: float = 60, inherited: bool = False) -> Recovery:
    now = _NOON + timedelta(seconds=opened)
    gap = Gap(_NOON, now, "closed")
    return Recovery(gap, back=timedelta(minutes=minutes), opened=now, inherited=inherited)


@pytest.mark.parametrize(
    ("times", "whole"),
    [
        ((-40, 5, 61), True),
        ((-40, 5), False),
        ((-20, 5, 61), False),
        ((5, 61), False),
    ],
)
def test_a_gap_is_whole_once_x_went_back_beyond_it_and_arrived_at_now(
    times: tuple[float, ...], whole: bool
) -> None:
    recovery = _recovery()
    recovery.drop_old(_read(*times))
    assert recovery.is_whole is whole


def test_a_gap_that_began_before_what_x_delivers_is_not_waited_for() -> None:
    assert not _recovery(minutes=1).may_be_whole
    assert _recovery(minutes=2).may_be_whole


def test_posts_from_before_the_gap_are_dropped_and_of_the_last_seconds_what_is_remembered_decides() -> None:
    read = _read(-40, -1, 5, 61)
    assert _recovery().drop_old(read) == _read(-40).ids
    assert (read.ids, read.lines) == (_read(-1, 5, 61).ids, _read(-1, 5, 61).lines)
    assert _recovery(inherited=True).drop_old(read) == _read(-1).ids
    assert read.ids == _read(5, 61).ids


def test_the_last_post_of_a_harvest_that_died_is_stored_once_and_others_of_its_millisecond_stay() -> None:
    (last,) = _read(0).ids
    beside = str(int(last) + 1)
    died = Gap(_NOON, _NOON + timedelta(seconds=60), "died", before=last)
    recovery = Recovery(died, back=timedelta(minutes=5), opened=died.until, inherited=True)
    read = StreamRead(ids=[last, beside], lines=[last.encode(), beside.encode()])

    assert recovery.drop_old(read) == [last]
    assert (read.ids, read.lines) == ([beside], [beside.encode()])


def test_what_x_delivers_again_to_the_next_harvest_is_stored_once(tmp_path: Path) -> None:
    """The gap begins with the last record, which X delivers again."""
    with staged(tmp_path, users=1, posts_per_user=0, recovery=True) as stage:
        broken = BrokenStream(stage)
        broken.begin(track="flood", backfill_minutes=5)
        with broken.streaming() as first:
            broken.hear()
            stage.clock.advance(1)
            (last,) = stage.control.publish(broken.author, text="the last flood")
            until(lambda: stage.control.stream()["written"][-1])
            first.stop.request("SIGTERM")
        assert first.end.ids[-1] == last
        with broken.streaming() as second:
            stage.clock.advance(5)
            broken.hear()
        assert second.end.gaps[0]["last_id_before"] == last
        assert set(stage.stored("live").values()) == {1}


def test_the_gap_of_a_harvest_that_died_vanishes_too(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0, recovery=True) as stage:
        broken = BrokenStream(stage)
        broken.begin(track="flood", backfill_minutes=5)
        with broken.streaming() as first:
            _hear_for_a_minute(stage, broken)
            stage.control.revoke()
            stage.control.disconnect("close")
            until(lambda: first.ended)
        stage.control.revoke(revoked=False)
        assert first.end.summary["missed_interval"]
        broken.miss()
        with broken.streaming() as second:
            stage.clock.advance(5)
            broken.hear()
        assert second.end.gaps == []
        assert len(_events(second, "gap recovered")) == 1
        assert sorted(first.end.ids + second.end.ids) == sorted(stage.control.stream()["ids"])


@pytest.mark.parametrize("minutes", [6, -1, "5", True, 2.5])
def test_minutes_that_x_does_not_have_are_refused(minutes: Any) -> None:
    tree = {"id": "a", "type": "filter", "filter": {"track": "flood", "backfill_minutes": minutes}}
    assert any("filter.backfill_minutes" in problem for problem in problems(tree))


def _long_cut(stage: Stage, *, seconds: int = 3_600, **asked: Any) -> Going:
    """A stream that hears posts for a minute, is cut for an hour, and hears more."""
    broken = BrokenStream(stage)
    broken.begin(track="flood", **asked)
    with broken.streaming() as going:
        _hear_for_a_minute(stage, broken)
        broken.cut(seconds=seconds)
        stage.clock.advance(5)
        broken.hear()
    return going


@pytest.mark.usefixtures("x_in_any_form")
@pytest.mark.parametrize("minutes", [0, 5])
def test_a_cut_longer_than_backfill_is_recovered_by_its_start_time(tmp_path: Path, minutes: int) -> None:
    with staged(tmp_path, users=2, posts_per_user=0, recovery=True) as stage:
        going = _long_cut(stage, recovery_hours=24, backfill_minutes=minutes)
        assert going.end.gaps == []
        (recovered,) = _events(going, "gap recovered")
        assert (recovered["by"], recovered["seconds"] > 3_000) == ("start_time", True)
        assert sorted(going.end.ids) == sorted(stage.control.stream()["ids"])
        asked = [each["path"] for each in stage.control.truth()["requests"] if "start_time" in each["path"]]
        assert len(asked) == 1


def test_a_short_cut_is_recovered_by_backfill_where_both_are_asked_for(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0, recovery=True) as stage:
        going = _long_cut(stage, seconds=20, recovery_hours=24, backfill_minutes=5)
        assert [event["by"] for event in _events(going, "gap recovered")] == ["backfill_minutes"]
        assert sorted(going.end.ids) == sorted(stage.control.stream()["ids"])


def test_what_x_keeps_no_longer_is_a_gap_and_the_rest_is_stored(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0, recovery=True) as stage:
        going = _long_cut(stage, seconds=2 * 3_600, recovery_hours=1)
        assert (len(going.end.gaps), _events(going, "gap recovered")) == (1, [])
        assert stage.unexplained("live") == []


def test_a_plan_without_start_time_is_told_once_and_the_stream_goes_on(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = BrokenStream(stage)
        broken.begin(track="flood", recovery_hours=24)
        with broken.streaming() as going:
            for _ in range(2):
                broken.hear()
                broken.cut(seconds=20)
            broken.hear()
        assert [event["detail"] for event in _events(going, "field refused")] == ["start_time"]
        assert going.end.summary["refused_fields"] == ["start_time"]
        assert (len(going.end.gaps), len(going.end.ids)) == (2, 15)
        asked = [each["path"] for each in stage.control.truth()["requests"] if "start_time" in each["path"]]
        assert len(asked) == 1


def test_a_gap_stays_open_while_x_delivers_what_is_old() -> None:
    recovery = _recovery()
    recovery.drop_old(_read(5, 20))
    assert recovery.brings_old
    recovery.drop_old(_read(61))
    assert not recovery.brings_old


@pytest.mark.parametrize("hours", [25, -1, "5", True, 2.5])
def test_hours_that_x_does_not_keep_are_refused(hours: Any) -> None:
    tree = {"id": "a", "type": "filter", "filter": {"track": "flood", "recovery_hours": hours}}
    assert any("filter.recovery_hours" in problem for problem in problems(tree))
