"""Whatever was published and is not stored lies inside a gap, by X's clock, however wrong this machine's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.clock import Stop, timestamp
from harvester.errors import Exit
from harvester.harvest.journal import State
from harvester.harvest.missed_interval import left_missed
from harvester.harvest.progress import FAILED, Outcome
from harvester.networks import Stopped
from harvester.networks.gap import Gap, MissedInterval
from harvester.networks.x import StreamRead, StreamSupervisor
from harvester.networks.x.network import X
from harvester.networks.x.network_time import NetworkTime
from harvester.networks.x.post_ids import published
from tests.support.scripted_x import HandClock

_START = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
_EPOCH_MS = 1_288_834_974_657


def _id_at(moment: datetime, number: int = 0) -> str:
    return str((round(moment.timestamp() * 1000) - _EPOCH_MS << 22) + number)


@dataclass
class _X:
    """X's side: posts a second at its own time, each delivered `late`, to the connections of that moment."""

    clock: HandClock
    every: float
    late: list[float]
    cuts: list[tuple[float, float]]
    is_dated: bool = True
    # Seconds by which the machine that answers is ahead of those that date posts, by connection.
    apart: Sequence[float] = (0.0,)
    stop: Stop = field(default_factory=Stop)

    def __post_init__(self) -> None:
        self.time = NetworkTime(self.clock)
        end = sum(up + down for up, down in self.cuts) + 5
        count = int(end / self.every)
        self.posts = [_id_at(self.at(number * self.every), number) for number in range(count)]
        self._due = sorted(
            (number * self.every + self.late[number % len(self.late)], number) for number in range(count)
        )
        self.delivered: list[str] = []
        self.first: float | None = None

    def at(self, elapsed: float) -> datetime:
        return _START + timedelta(seconds=elapsed)

    def connect(self) -> Any:
        if not self.cuts:
            self.stop.request("test")
            raise Stopped
        sent = self.clock.elapsed()
        self.clock.advance(0.1)
        if self.first is None:
            self.first = self.clock.elapsed()
        up, down = self.cuts.pop(0)
        if self.is_dated:
            ahead = self.apart[len(self.cuts) % len(self.apart)]
            date = self.at(self.clock.elapsed() + ahead).replace(microsecond=0)
            self.time.heard(format_datetime(date, usegmt=True), sent=sent)
        return _Connection(self, self.clock.elapsed(), up, down)

    def due(self, start: float, end: float) -> list[str]:
        return [self.posts[number] for moment, number in self._due if start <= moment < end]


class _Connection:
    def __init__(self, x: _X, opened: float, up: float, down: float) -> None:
        self.x, self.until, self.down = x, opened + up, down
        self.read_until = opened
        self.opened = x.time.latest()

    def read(self) -> StreamRead:
        clock, since = self.x.clock, self.x.clock.elapsed()
        if since >= self.until:
            clock.advance(self.down)
            return StreamRead(closed="cut", since=self.x.time.earliest(since))
        clock.advance(min(0.5, self.until - since))
        ids = self.x.due(self.read_until, clock.elapsed())
        self.read_until = clock.elapsed()
        self.x.delivered += ids
        lines = [f"{post}\n".encode() for post in ids]
        return StreamRead(lines, ids, alive=True, since=self.x.time.earliest(since))

    def rest(self) -> StreamRead:
        return StreamRead()

    def close(self) -> None:
        return


def _streamed(x: _X, gap: Gap | None = None) -> Iterator[StreamRead]:
    def clear() -> None:
        return

    yield from StreamSupervisor(x.connect, clear, clock=x.clock, stop=x.stop, time=x.time, gap=gap)


def _outside(posts: list[str], gaps: list[dict[str, Any]]) -> list[str]:
    spans = [(datetime.fromisoformat(gap["from"]), datetime.fromisoformat(gap["to"])) for gap in gaps]
    return [p for p in posts if not any(start <= (published(p) or _START) <= end for start, end in spans)]


_SECONDS = st.floats(min_value=0.05, max_value=20, allow_nan=False)
_CUTS = st.lists(st.tuples(_SECONDS, _SECONDS), min_size=1, max_size=5)
_APART = st.sampled_from([0.0, 1.0, -1.0])
_OFF = st.sampled_from([0.0, -5.0, 5.0, -86_400.0, 86_400.0, 0.4])


def _lost(x: _X, *, up_to: str) -> list[str]:
    began = _id_at(x.at(x.first or 0))
    kept = set(x.delivered)
    return [post for post in x.posts if int(began) <= int(post) <= int(up_to) and post not in kept]


# On a loaded machine an example may take half a second.
@settings(max_examples=60)
@given(
    _CUTS,
    _OFF,
    st.floats(min_value=0.1, max_value=3),
    st.sampled_from([0.0, 0.3, 7.0]),
    st.booleans(),
    st.lists(_APART, min_size=1, max_size=5),
)
def test_what_is_lost_lies_in_a_gap_by_xs_clock(
    cuts: list[tuple[float, float]],
    off: float,
    every: float,
    late: float,
    killed: bool,
    apart: list[float],
) -> None:
    """Of posts that come in their order; `killed` leaves what the last mark of a dead harvest says."""
    x = _X(HandClock(_START + timedelta(seconds=off)), every, [late], list(cuts), apart=apart)
    gaps, missed = [], None
    for read in _streamed(x):
        gaps += [event for event in read.events if event["event"] == "gap"]
        missed = read.heard or missed
        if killed and not x.cuts and read.ids:
            break
    if killed and missed:
        end = x.at(x.clock.elapsed() + 60)
        gaps.append(missed.gap("the harvest died", until=end).event())

    assert _outside(_lost(x, up_to=x.posts[-1] if killed else max(x.delivered, default="0")), gaps) == []
    for gap in gaps:
        assert X().why_impossible(gap) == ""
        before = published(gap["last_id_before"])
        assert before is None or before <= datetime.fromisoformat(gap["from"])


@settings(max_examples=60)
@given(_CUTS, st.lists(st.floats(min_value=0, max_value=4), min_size=2, max_size=5))
def test_posts_that_x_delivers_behind_later_ones_widen_the_gaps(
    cuts: list[tuple[float, float]], late: list[float]
) -> None:
    # Long enough for X to show how far behind later posts it delivers some.
    x = _X(HandClock(_START), 0.1, late, [(20.0, 1.0), *cuts])
    gaps = [event for read in _streamed(x) for event in read.events if event["event"] == "gap"]

    assert _outside(_lost(x, up_to=max(x.delivered, key=int)), gaps) == []
    for gap in gaps:
        assert X().why_impossible(gap) == ""
        before = published(gap["last_id_before"])
        assert before is None or before <= datetime.fromisoformat(gap["from"])


def test_a_short_cut_is_a_short_gap_from_the_last_record_on() -> None:
    x = _X(HandClock(_START - timedelta(seconds=5)), 0.05, [0.0], [(30.0, 0.26), (10.0, 1.0)])

    (gap, _) = [event for read in _streamed(x) for event in read.events if event["event"] == "gap"]

    before = published(gap["last_id_before"])
    assert before == datetime.fromisoformat(gap["from"])
    assert 0.26 <= gap["seconds"] < 2.5


def test_without_a_date_the_clock_of_this_machine_counts() -> None:
    x = _X(HandClock(_START), 0.05, [0.0], [(5.0, 3.0), (5.0, 1.0)], is_dated=False)

    gaps = [event for read in _streamed(x) for event in read.events if event["event"] == "gap"]

    assert _outside(_lost(x, up_to=max(x.delivered)), gaps) == []


def test_a_gap_left_by_a_harvest_before_ends_with_the_first_connection() -> None:
    x = _X(HandClock(_START), 1.0, [0.0], [(60.0, 1.0)])
    died = Gap(_START - timedelta(minutes=5), _START, "the harvest before died", before="7")

    first = next(event for read in _streamed(x, died) for event in read.events if event["event"] == "gap")

    assert (first["reason"], first["last_id_before"]) == ("the harvest before died", "7")
    assert datetime.fromisoformat(first["from"]) == died.since
    # The connection is open after 0.1 s; a second for what a date leaves out, and one for X's machines.
    assert datetime.fromisoformat(first["to"]) < _START + timedelta(seconds=2.2)
    assert first["first_id_after"] == x.delivered[0]


def test_nothing_counts_as_heard_while_a_gap_is_open() -> None:
    """A harvest that is killed while its stream is away leaves a gap from before that, however long ago."""
    x = _X(HandClock(_START), 1200.0, [0.0], [(30.0, 2400.0), (5.0, 1.0)])
    marks = [(x.clock.elapsed(), read.heard.since) for read in _streamed(x) if read.heard]

    assert len(marks) >= 30
    assert max(since for at, since in marks if at < 2435) < x.at(31)


_ANSWERS = st.tuples(st.floats(0, 100), st.floats(0, 5), st.floats(0, 5), _APART)


@given(st.lists(_ANSWERS, min_size=1, max_size=8), _OFF)
def test_xs_clock_is_never_outside_its_bounds(
    answers: list[tuple[float, float, float, float]], off: float
) -> None:
    clock = HandClock(_START + timedelta(seconds=off))
    time = NetworkTime(clock)
    for pause, there, back, ahead in answers:
        clock.advance(pause)
        sent = clock.elapsed()
        clock.advance(there)
        date = (_START + timedelta(seconds=clock.elapsed() + ahead)).replace(microsecond=0)
        clock.advance(back)
        time.heard(format_datetime(date, usegmt=True), sent=sent)
        now = _START + timedelta(seconds=clock.elapsed())
        slack = timedelta(milliseconds=1)
        assert time.earliest() - slack <= now <= time.latest() + slack


def test_a_post_is_no_older_than_xs_clock() -> None:
    clock = HandClock(_START)
    time = NetworkTime(clock)
    time.heard(format_datetime(_START, usegmt=True), sent=0.0)
    time.saw(_id_at(_START + timedelta(seconds=3)))

    assert time.earliest() == time.latest() == _START + timedelta(seconds=3)


def test_where_xs_machines_disagree_both_are_within_the_bounds() -> None:
    clock = HandClock(_START)
    time = NetworkTime(clock)
    for seconds in (0, 30):
        time.heard(format_datetime(_START + timedelta(seconds=seconds), usegmt=True), sent=0.0)

    assert time.earliest() <= _START and time.latest() >= _START + timedelta(seconds=30)


@pytest.mark.parametrize("date", [None, "", "soon", "Mon, 31 Feb 2026 00:00:00 GMT"])
def test_a_date_that_is_none_tells_nothing(date: str | None) -> None:
    clock = HandClock(_START)
    time = NetworkTime(clock)
    time.heard(date, sent=0.0)
    time.saw("17")

    assert time.earliest() == time.latest() == _START


_FROM, _TO = _START, _START + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, ""),
        ({"last_id_before": None, "first_id_after": None}, ""),
        ({"to": (_FROM - timedelta(seconds=1)).isoformat()}, "it ends before it begins"),
        ({"to": None}, "it has no beginning or no end"),
        ({"last_id_before": _id_at(_TO + timedelta(seconds=1))}, "its last_id_before was published"),
        ({"last_id_before": _id_at(_FROM + timedelta(seconds=20))}, "its last_id_before was published"),
        ({"first_id_after": _id_at(_FROM - timedelta(hours=20))}, "its first_id_after was published"),
        # Posts of a replay, or before ids told the time.
        ({"last_id_before": "5", "first_id_after": "17"}, ""),
        ({"first_id_after": _id_at(_FROM - timedelta(days=900))}, ""),
        ({"last_id_before": _id_at(_TO + timedelta(days=3))}, ""),
        # X may deliver a post that much later than one that was published after it.
        ({"last_id_before": _id_at(_FROM + timedelta(seconds=9))}, ""),
    ],
)
def test_a_gap_that_cannot_be_is_known(changed: dict[str, Any], why: str) -> None:
    event = Gap(_FROM, _TO, "cut", before=_id_at(_FROM), after=_id_at(_TO)).event()

    assert X().why_impossible({**event, **changed}).startswith(why)
    assert bool(X().why_impossible({**event, **changed})) == bool(why)


def test_a_stream_that_heard_nothing_has_missed_all_since_it_began_whatever_its_harvest_is_called() -> None:
    """A harvest is called by a later second where another one had that of its beginning."""
    state = State(harvest=timestamp(_TO), begun=timestamp(_FROM), owner="me")

    assert MissedInterval.of(state) == MissedInterval(_FROM, None)


def test_what_a_harvest_has_told_as_a_gap_is_not_left_to_the_next_one_again() -> None:
    earlier = MissedInterval(_FROM - timedelta(days=1), "17", "failed")
    state = State(harvest=timestamp(_FROM), owner="me")
    failed = Outcome(FAILED, "refused", Exit.ERROR)

    assert left_missed(X(), failed, state, earlier) == earlier.to_tree()
    state.gaps = [earlier.gap("refused", until=_FROM).event()]
    assert left_missed(X(), failed, state, earlier)["since"] == timestamp(_FROM)


def test_a_gap_never_ends_before_it_begins() -> None:
    """A clock that was set back between two harvests."""
    event = MissedInterval(_TO, None).gap("the harvest died", until=_FROM).event()

    assert (event["from"], event["to"], event["seconds"]) == (event["to"], event["from"], 0.0)
