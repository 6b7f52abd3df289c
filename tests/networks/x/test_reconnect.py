"""A stream is mended with patience, tells each gap once, keeps nothing twice, and gives its writer a tick."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.networks import Stopped
from harvester.networks.x import ApiCode, Problem, StreamRead, StreamSupervisor, XError
from harvester.networks.x.streaming.interruptions import undelivered_from
from tests.support.harvest_stage import until
from tests.support.scripted_x import HandClock


@dataclass
class _Connection:
    """Plays `steps`: ids of records, "" for a keep-alive, None for silence, a dict for an event."""

    clock: HandClock
    steps: list[Any]
    pace: float = 1.0
    closed: str = "closed"
    unread: str = ""
    opened: datetime = field(init=False)
    ended: bool = False

    def __post_init__(self) -> None:
        self.opened = self.clock.now()

    def read(self) -> StreamRead:
        since = self.clock.now()
        if not self.steps:
            return StreamRead(closed=self.closed, since=since)
        self.clock.advance(self.pace)
        step = self.steps.pop(0)
        if step is None:
            return StreamRead(since=since)
        if isinstance(step, dict):
            unread = step.get("bytes", 0)
            return StreamRead(events=[step], alive=True, unread=unread, since=since)
        ids = step.split()
        return StreamRead([f"line {post_id}\n".encode() for post_id in ids], ids, alive=True, since=since)

    def rest(self) -> StreamRead:
        ids = self.unread.split()
        return StreamRead([f"line {post_id}\n".encode() for post_id in ids], ids, since=self.clock.now())

    def close(self) -> None:
        self.ended = True


def _refusal(outcome: ApiCode, *, status: int = 429, retry_after: float = 0.0) -> XError:
    return XError(Problem(outcome, status=status), asked="GET tweets/search/stream", retry_after=retry_after)


class _Network:
    """Hands out what a connection attempt comes to, one after another; then the harvest is stopped."""

    def __init__(self, *attempts: Any, pace: float = 1.0, clears: Any = None) -> None:
        self.clock, self.stop = HandClock(), Stop()
        self._attempts = list(attempts)
        self._pace = pace
        self._clears = clears
        self.at: list[float] = []
        self.cleared: list[float] = []
        self.connections: list[_Connection] = []

    def connect(self) -> Any:
        if not self._attempts:
            self.stop.request("test")
            raise Stopped
        self.at.append(self.clock.elapsed())
        attempt = self._attempts.pop(0)
        if isinstance(attempt, XError):
            raise attempt
        self.connections.append(_Connection(self.clock, list(attempt), self._pace))
        return self.connections[-1]

    def clear(self) -> None:
        self.cleared.append(self.clock.elapsed())
        if self._clears:
            raise self._clears

    def supervisor(self, **more: Any) -> StreamSupervisor:
        return StreamSupervisor(self.connect, self.clear, clock=self.clock, stop=self.stop, **more)

    def run(self) -> "_Ran":
        ran = _Ran(self.supervisor())
        ran.run()
        return ran

    @property
    def waits(self) -> list[float]:
        """Seconds from each attempt to the next."""
        return [round(after - before, 2) for before, after in pairwise(self.at)]


class _Ran:
    def __init__(self, stream: StreamSupervisor) -> None:
        self.stream = stream
        self.ids: list[str] = []
        self.lines: list[bytes] = []
        self.events: list[dict[str, Any]] = []

    def run(self) -> None:
        for read in self.stream:
            self.ids += read.ids
            self.lines += read.lines
            self.events += read.events

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]


def _seconds(moment: str, network: _Network) -> float:
    start = HandClock().now()
    return (datetime.fromisoformat(moment) - start).total_seconds()


def test_an_interruption_is_one_gap_between_two_ids() -> None:
    network = _Network(["1 2", *[""] * 19, "3"], ["4 5"])

    ran = network.run()

    first, last = ran.named("gap")
    assert ran.ids == ["1", "2", "3", "4", "5"]
    assert (first["last_id_before"], first["first_id_after"], first["reason"]) == ("3", "4", "closed")
    assert _seconds(first["from"], network) == 20.0 - 10.0
    assert _seconds(first["to"], network) == 21.25
    assert first["seconds"] == 11.25
    assert (last["last_id_before"], last["first_id_after"]) == ("5", None)


def test_what_could_not_be_read_is_a_gap_at_once() -> None:
    network = _Network(["1 2", {"event": "unparsable", "bytes": 9}, "3"])

    ran = network.run()

    told, _ = ran.named("gap")
    assert ran.ids == ["1", "2", "3"]
    assert (told["reason"], told["last_id_before"]) == ("9 bytes could not be read", "2")
    assert told["from"] < told["to"]


def test_a_gap_begins_with_the_last_record() -> None:
    now = HandClock().now()
    late, later = now - timedelta(seconds=60), now - timedelta(seconds=3)

    assert undelivered_from(now, _id_of(late)) == late
    assert undelivered_from(now, _id_of(later)) == later


@pytest.mark.parametrize("last_id", [None, "5", "x"])
def test_an_id_that_tells_no_time_leaves_the_time_that_delivery_takes(last_id: str | None) -> None:
    now = HandClock().now()

    assert undelivered_from(now, last_id) == now - timedelta(seconds=10)


def _id_of(moment: datetime) -> str:
    return str((int(moment.timestamp() * 1000) - 1_288_834_974_657) << 22)


def test_connections_that_bring_nothing_belong_to_one_gap() -> None:
    network = _Network(["1"], [], [], _refusal(ApiCode.UNAVAILABLE, status=503), ["2"])

    ran = network.run()

    gap = ran.named("gap")[0]
    assert (gap["last_id_before"], gap["first_id_after"]) == ("1", "2")
    assert _seconds(gap["to"], network) == network.at[-1]
    assert len(ran.named("gap")) == 2


def test_a_gap_before_a_quiet_stream_is_told_without_waiting_for_an_id() -> None:
    network = _Network(["1"], [""] * 40)

    seen = [read.events[0] for read in network.supervisor() if read.events]

    assert seen[0]["first_id_after"] is None
    assert _seconds(seen[0]["to"], network) == network.at[1]


def test_a_reason_that_the_stream_told_is_kept() -> None:
    event = {"event": "disconnect", "disconnect_type": "UpstreamOperationalDisconnect", "detail": "x"}
    ran = _Network(["1", event], ["2"]).run()

    assert ran.named("gap")[0]["reason"] == "UpstreamOperationalDisconnect"
    assert ran.named("disconnect") == [event]


def test_silence_ends_a_connection_and_keep_alives_do_not() -> None:
    network = _Network(["1", *["", None, None] * 30], ["2", *[None] * 100], pace=8.0)

    ran = network.run()

    assert network.connections[0].ended
    assert [gap["reason"] for gap in ran.named("gap")] == ["closed", "nothing came for 25 s"]
    assert network.clock.elapsed() < 92 * 8 + 60


def test_closed_connections_are_tried_again_after_waits_that_grow_a_little() -> None:
    network = _Network(*[[]] * 70)

    network.run()

    assert network.waits[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert network.waits[-1] == pytest.approx(16.0)


def test_a_server_that_closes_after_each_record_is_not_hammered() -> None:
    network = _Network(*[[str(number)] for number in range(50)], pace=0.01)

    network.run()

    assert network.waits[-1] > 10


def test_a_connection_that_lasted_starts_the_waits_anew() -> None:
    network = _Network(*[[]] * 20, [str(number) for number in range(20)], [])

    network.run()

    assert network.waits[-1] == pytest.approx(20 + 0.25)


REFUSALS = {
    "an outage doubles from 5 s": (
        lambda: _refusal(ApiCode.UNAVAILABLE, status=503),
        [5, 10, 20, 40, 80, 160, 320, 320],
    ),
    "a limit doubles from 60 s": (lambda: _refusal(ApiCode.RATE_LIMITED), [60, 120, 240, 480, 900, 900]),
    "a limit with a reset waits for it": (
        lambda: _refusal(ApiCode.RATE_LIMITED, retry_after=33.0),
        [33, 33, 33],
    ),
    "no answer grows a little": (
        lambda: _refusal(ApiCode.UNAVAILABLE, status=0),
        [0.25, 0.5, 0.75],
    ),
}


@pytest.mark.parametrize(("refusal", "waits"), REFUSALS.values(), ids=REFUSALS)
def test_each_kind_of_refusal_has_a_wait_of_its_own(
    refusal: Callable[[], XError], waits: list[float]
) -> None:
    network = _Network(*[refusal() for _ in range(len(waits) + 1)])

    ran = network.run()

    assert network.waits == pytest.approx(waits)
    assert len(ran.named("refused")) == len(waits) + 1


def test_keys_that_were_accepted_are_tried_for_minutes_before_their_refusal_is_final() -> None:
    refusal = _refusal(ApiCode.UNAUTHORIZED, status=401)
    # Hiccups first: each time that X accepts the keys begins anew.
    network = _Network(["1"], refusal, refusal, ["2"], *[refusal] * 9)
    ran = _Ran(network.supervisor())

    with pytest.raises(XError) as caught:
        ran.run()

    assert caught.value.outcome is ApiCode.UNAUTHORIZED
    assert network.waits[1:3] == pytest.approx([5, 10])
    assert network.waits[4:] == pytest.approx([5, 10, 20, 40, 75])
    assert [gap["last_id_before"] for gap in ran.named("gap")] == ["1", "2"]


def test_records_start_the_waits_after_refusals_anew() -> None:
    outage = [_refusal(ApiCode.UNAVAILABLE, status=503) for _ in range(3)]
    network = _Network(*outage, ["1"], _refusal(ApiCode.UNAVAILABLE, status=503), ["2"])

    network.run()

    assert network.waits[-1] == pytest.approx(5)


def test_a_ghost_is_cleared_once_and_waited_for() -> None:
    network = _Network(*[_refusal(ApiCode.TOO_MANY_CONNECTIONS) for _ in range(3)], ["1"])

    ran = network.run()

    assert network.cleared == [0.0]
    assert network.waits == pytest.approx([60, 120, 240])
    assert len(ran.named("connections cleared")) == 1


def test_a_ghost_that_cannot_be_cleared_does_not_end_the_stream() -> None:
    network = _Network(
        _refusal(ApiCode.TOO_MANY_CONNECTIONS), ["1"], clears=_refusal(ApiCode.FORBIDDEN, status=403)
    )

    ran = network.run()

    assert ran.ids == ["1"]
    assert len(ran.named("connections not cleared")) == 1


@pytest.mark.parametrize(
    "outcome",
    [
        ApiCode.FORBIDDEN,
        ApiCode.MONTHLY_CAP,
        ApiCode.CREDITS_DEPLETED,
        ApiCode.RULES_PROBLEM,
    ],
)
def test_what_no_other_connection_mends_ends_the_stream_with_its_gap_told(outcome: ApiCode) -> None:
    network = _Network(["1"], _refusal(outcome))
    ran = _Ran(network.supervisor())

    with pytest.raises(XError) as caught:
        ran.run()

    assert caught.value.outcome == outcome
    assert [gap["last_id_before"] for gap in ran.named("gap")] == ["1"]


def test_a_record_that_comes_twice_is_kept_once_and_counted() -> None:
    ran = _Network(["1 2 2", "3 1"], ["3 4"]).run()

    assert ran.ids == ["1", "2", "3", "4"]
    assert ran.lines == [b"line 1\n", b"line 2\n", b"line 3\n", b"line 4\n"]
    assert [event["dropped"] for event in ran.named("duplicates")] == [3]


def test_a_record_that_comes_twice_is_charged_once_a_day() -> None:
    network = _Network(["1 2 2", "1", "3"], ["3 4"], ["1 5"], ["1"], pace=6 * 3600.0)
    charged: list[int] = []
    stream = network.supervisor(charged=charged.append)

    _Ran(stream).run()

    # From 7:00 on, a read each six hours.
    assert charged == [2, 0, 1, 2, 2, 0]
    assert stream.duplicates == 5


def test_the_memory_of_ids_is_bounded_and_reaches_back_50000() -> None:
    batches = [
        " ".join(str(number) for number in range(start, start + 1000)) for start in range(0, 160_000, 1000)
    ]
    network = _Network([*batches, "159999", "110000", "5"])

    ran = network.run()

    assert len(ran.ids) == 160_001
    assert ran.ids[-1] == "5"


def test_the_writer_gets_a_tick_each_second_while_waiting() -> None:
    network = _Network(_refusal(ApiCode.RATE_LIMITED), ["1"])
    at = [network.clock.elapsed() for _ in network.supervisor()]

    assert len(at) >= 60
    assert max(after - before for before, after in pairwise(at)) <= 1.0


def test_the_writer_gets_a_tick_while_a_connection_takes_its_time() -> None:
    network = _Network(["1"])
    held, quick = threading.Event(), network.connect

    def connect() -> Any:
        held.wait(10)
        return quick()

    stream = StreamSupervisor(connect, network.clear, clock=network.clock, stop=network.stop)
    reads: Iterator[StreamRead] = iter(stream)
    assert next(reads).ids == []
    held.set()

    assert [post_id for read in reads for post_id in read.ids] == ["1"]


def test_a_connection_that_comes_after_its_reader_left_is_closed() -> None:
    network = _Network(["1"])
    held, quick = threading.Event(), network.connect

    def connect() -> Any:
        held.wait(10)
        return quick()

    reads = iter(StreamSupervisor(connect, network.clear, clock=network.clock, stop=network.stop))
    next(reads)
    reads.close()  # type: ignore[attr-defined]
    held.set()
    for thread in threading.enumerate():
        if thread.name == "stream connecting":
            thread.join(10)

    assert [connection.ended for connection in network.connections] == [True]


def test_leaving_the_iteration_closes_the_connection() -> None:
    network = _Network(["1", "2", "3"])
    reads = iter(network.supervisor())
    while not next(reads).ids:
        pass
    reads.close()  # type: ignore[attr-defined]

    assert network.connections[0].ended


@pytest.mark.parametrize("is_left", [False, True])
def test_a_connection_that_opens_after_a_stop_is_closed(is_left: bool) -> None:
    """Whether it is waited for when the stop comes, or its reader goes away without one."""
    stop, clock, let_through = Stop(), HandClock(), threading.Event()
    connection = _Connection(clock, [])

    def connect() -> Any:
        let_through.wait(20)
        return connection

    reads = iter(StreamSupervisor(connect, lambda: None, clock=clock, stop=stop))
    # It gives its writer a tick meanwhile.
    assert next(reads).lines == []
    if is_left:
        reads.close()  # type: ignore[attr-defined]
    else:
        stop.request("test")
        assert list(reads) == []
    assert not connection.ended
    let_through.set()
    until(lambda: connection.ended)


def test_what_arrived_and_is_not_kept_is_charged_once_a_day() -> None:
    network, charged = _Network(["1 2", "3 4"]), list[int]()
    for read in network.supervisor(charged=charged.append):
        if read.ids:
            network.connections[0].unread = "2 3 4"
            break
    assert network.connections[0].ended
    assert charged == [2, 2]


def test_what_was_unread_when_a_connection_was_left_is_kept_when_it_comes_again() -> None:
    network, charged, kept = _Network(["1 2"], ["3 4"]), list[int](), list[str]()
    for read in network.supervisor(charged=charged.append):
        kept += read.ids
        network.connections[0].unread = "3"
    assert kept == ["1", "2", "3", "4"]
    assert sum(charged) == 4
