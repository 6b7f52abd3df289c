"""Against the emulator, which knows the truth: what exists arrives once, whatever goes wrong on the way."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import orjson
import pytest
from twarc.expansions import flatten

from emulator import CREDENTIALS, Emulated, running
from harvester.clock import Clock, Stop, SystemClock
from harvester.networks import Stopped
from harvester.networks.x import (
    ApiCode,
    Keys,
    Rule,
    StreamSupervisor,
    XClient,
    XError,
    compile_rules,
    keys_of,
)
from harvester.networks.x.http.interruptible import LAST_ANSWER_SECONDS
from harvester.networks.x.rules.wanted import active_rules
from tests.support.quickness import require_quick
from tests.support.scripted_x import HandClock

_PREFIX = "twarc-cloud:c:"
_APP = Keys(bearer_token=str(CREDENTIALS["bearer_token"]))
_EVERY = keys_of(CREDENTIALS, where="the emulator")
_USER = Keys(_EVERY.consumer_key, _EVERY.consumer_secret, _EVERY.access_token, _EVERY.access_token_secret)
_CONSUMER = Keys(_EVERY.consumer_key, _EVERY.consumer_secret)


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulated]:
    """One emulator for all tests that leave it as it was."""
    with running(users=8, posts_per_user=450, search_posts=1200, gzip=True, limits=False) as emulator:
        yield emulator


@pytest.fixture
def emulator(shared: Emulated) -> Iterator[Emulated]:
    shared.control.clear_faults()
    shared.control.reset_truth()
    yield shared
    shared.control.clear_faults()


def _client(emulator: Emulated, keys: Keys = _APP, *, clock: Clock | None = None, **more: Any) -> XClient:
    stop = more.pop("stop", None) or Stop()
    return XClient(keys, base_url=emulator.url, clock=clock or HandClock(), stop=stop, **more)


def _someone(emulator: Emulated, place: int = 0) -> str:
    return str(emulator.control.users()[place]["id"])


def _ids(line: bytes) -> list[str]:
    return [post["id"] for post in orjson.loads(line)["data"]]


def _whole_timeline(client: XClient, user_id: str, **more: Any) -> list[str]:
    found, token = [], None
    while True:
        page = client.timeline(user_id, token=token, **more)
        found += _ids(page.line) if page.line else []
        token = page.next_token
        if not token:
            return found


@pytest.mark.parametrize(
    "keys", [_APP, _CONSUMER, _USER], ids=["bearer", "consumer pair", "signed for a user"]
)
def test_a_timeline_comes_whole_with_each_kind_of_keys(emulator: Emulated, keys: Keys) -> None:
    user_id = _someone(emulator)

    found = _whole_timeline(_client(emulator, keys), user_id)

    assert found == emulator.control.timeline(user_id)
    assert len(found) == 450


def test_the_bill_is_that_of_the_network(emulator: Emulated) -> None:
    client = _client(emulator)
    ids = [user["id"] for user in emulator.control.users()]
    _whole_timeline(client, ids[0])
    client.users(ids)

    bill, truth = client.billing.snapshot(), emulator.truth()["billed"]

    assert (bill["posts"], bill["users"]) == (truth["posts"], truth["users"]) == (450, 8)


@pytest.mark.parametrize("archive", [False, True])
def test_a_search_comes_whole(emulator: Emulated, archive: bool) -> None:
    client, found, token = _client(emulator), [], None
    while True:
        page = client.search("flood", archive=archive, token=token, max_results=100)
        found += _ids(page.line) if page.line else []
        token = page.next_token
        if not token:
            break

    assert found == emulator.control.search("flood", archive=archive)
    assert len(found) >= 1000


PASSING = [
    *(
        "unavailable",
        "internal-error",
        "html",
        "empty-body",
        "truncated-json",
        "not-found-404",
        "unauthorized",
    ),
    *("cut-mid-page", "drop", "reset", "rate-limit", "rate-limit-88", "rate-limit-no-headers"),
    *("partial-errors", "short-page", "empty-page"),
]


@pytest.mark.parametrize("fault", PASSING)
def test_nothing_is_lost_or_doubled_by_a_fault_that_passes(emulator: Emulated, fault: str) -> None:
    user_id = _someone(emulator, 1)
    emulator.control.faults([{"on": "GET /2/users/*/tweets", "when": {"nth": 2, "count": 1}, "do": fault}])

    found = _whole_timeline(_client(emulator), user_id)

    assert emulator.control.fired() == [1]
    assert found == emulator.control.timeline(user_id)


def test_a_network_that_is_away_for_a_second_loses_nothing() -> None:
    with running(users=1, posts_per_user=120) as emulator:
        user_id = _someone(emulator)
        expected = emulator.control.timeline(user_id)
        emulator.control.refuse(1.0)
        started = time.monotonic()

        found = _whole_timeline(_client(emulator, clock=SystemClock()), user_id)

    assert found == expected
    assert time.monotonic() - started > 0.9


def test_what_is_stored_is_read_by_twarc(emulator: Emulated) -> None:
    page = orjson.loads(_client(emulator).timeline(_someone(emulator)).line)

    flat = flatten(page)

    assert [post["id"] for post in flat] == [post["id"] for post in page["data"]]
    assert all(post["author"]["username"] and post["__twarc"]["version"] for post in flat)


LASTING = {
    "credits-depleted": ApiCode.CREDITS_DEPLETED,
    "usage-cap": ApiCode.MONTHLY_CAP,
    "not-enrolled": ApiCode.FORBIDDEN,
    "v1.1": ApiCode.FORBIDDEN,
    "unauthorized": ApiCode.UNAUTHORIZED,
    "stale-since-id": ApiCode.STALE_SINCE_ID,
    "bad-param": ApiCode.BAD_REQUEST,
    "unavailable": ApiCode.UNAVAILABLE,
    "html": ApiCode.UNAVAILABLE,
    "not-found-404": ApiCode.UNAVAILABLE,
    "truncated-json": ApiCode.UNAVAILABLE,
}


@pytest.mark.parametrize(("fault", "outcome"), LASTING.items(), ids=LASTING)
def test_a_fault_that_lasts_comes_to_its_outcome(emulator: Emulated, fault: str, outcome: ApiCode) -> None:
    emulator.control.faults([{"on": "GET /2/users/*/tweets", "do": fault}])

    with pytest.raises(XError) as caught:
        _client(emulator, patience=120.0).timeline(_someone(emulator))

    assert caught.value.outcome == outcome
    assert emulator.control.fired()[0] >= 1


@pytest.mark.parametrize("host", ["api.twitter.com", "api.x.com"])
def test_accounts_are_told_apart_under_both_hosts(host: str) -> None:
    states = {
        "protected": ApiCode.PROTECTED,
        "suspended": ApiCode.SUSPENDED,
        "deleted": ApiCode.NOT_FOUND,
        "ok": ApiCode.OK,
    }
    with running(users=4, posts_per_user=5, problem_host=host) as emulator:
        ids = {state: _someone(emulator, place) for place, state in enumerate(states)}
        for state, user_id in ids.items():
            emulator.control.user(user_id, state=state)
        client = _client(emulator)

        outcomes = {state: client.timeline(user_id).outcome for state, user_id in ids.items()}
        batch = client.users(list(ids.values()))

    assert outcomes == states
    assert {user["id"]: user["protected"] for user in batch.users} == {
        ids["protected"]: True,
        ids["ok"]: False,
    }
    assert {problem.resource_id: problem.outcome for problem in batch.problems} == {
        ids["suspended"]: ApiCode.SUSPENDED,
        ids["deleted"]: ApiCode.NOT_FOUND,
    }


def test_a_since_id_older_than_a_week_is_stale_for_a_search_only(emulator: Emulated) -> None:
    client = _client(emulator)

    with pytest.raises(XError) as caught:
        client.search("flood", since_id="1000000000000000000")

    assert caught.value.outcome == ApiCode.STALE_SINCE_ID
    assert client.timeline(_someone(emulator), since_id="1000000000000000000").posts == 100


def test_a_window_that_is_used_up_is_waited_for_and_nothing_refused() -> None:
    with running(users=3, posts_per_user=0, window=3.0) as emulator:
        client = _client(emulator, clock=SystemClock())
        threads = [
            threading.Thread(target=lambda: [client.counts("x") for _ in range(45)], daemon=True)
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        statuses = [request["status"] for request in emulator.truth()["requests"]]

    assert client.billing.snapshot()["requests"] == statuses.count(200) == 360
    assert statuses.count(429) == 0


# Each with how long an answer that is under way is waited for at a stop.
SLOW = {
    "stall": ({"do": "stall", "seconds": 60}, LAST_ANSWER_SECONDS),
    "slow-bytes": ({"do": "slow-bytes", "bytes_per_second": 50}, LAST_ANSWER_SECONDS),
    "rate-limit": ({"do": "rate-limit"}, 0.0),
    "unavailable": ({"do": "unavailable"}, 0.0),
}


@pytest.mark.parametrize(("fault", "waited"), SLOW.values(), ids=SLOW)
def test_a_stop_ends_a_harvest_of_many_threads_within_a_second_of_the_last_answer(
    emulator: Emulated, fault: dict[str, Any], waited: float
) -> None:
    emulator.control.faults([{"on": "GET /2/users/*/tweets", **fault}])
    require_quick(lambda: _late_at_a_stop(emulator), below=waited + 1.0)


def _late_at_a_stop(emulator: Emulated) -> float:
    """Seconds that those who ask end after those who only wait for the stop; load delays both."""
    stop = Stop()
    client = _client(emulator, clock=SystemClock(), stop=stop, pool=16)
    user_id, idle, asking = _someone(emulator), [], []

    def wait() -> None:
        stop.wait(60)
        idle.append(time.monotonic())

    def ask() -> None:
        with pytest.raises(Stopped):
            client.timeline(user_id)
        asking.append(time.monotonic())

    threads = [threading.Thread(target=act) for act in [wait, ask] * 16]
    for thread in threads:
        thread.start()
    threading.Event().wait(0.6)
    stop.request("test")
    for thread in threads:
        thread.join(60)

    assert (len(idle), len(asking)) == (16, 16)
    return max(asking) - max(idle)


@pytest.fixture
def streaming() -> Iterator[Emulated]:
    with running(users=2, posts_per_user=3, keepalive=0.2) as emulator:
        yield emulator


def test_rules_become_those_wanted_and_those_of_others_stay(streaming: Emulated) -> None:
    client = _client(streaming)
    client.add_rules([Rule("theirs", "mine"), Rule("old", f"{_PREFIX}track-9")])
    asked = {"track": "flood,storm", "follow": ["12"]}
    wanted = compile_rules(asked, client.rule_caps(), prefix=_PREFIX)
    rules = active_rules(asked)

    first = client.sync_rules(rules, prefix=_PREFIX, caps=client.rule_caps())
    again = client.sync_rules(rules, prefix=_PREFIX, caps=client.rule_caps())

    live = {(rule["value"], rule.get("tag")) for rule in client.rules()}
    assert live == {("theirs", "mine"), *((rule.value, rule.tag) for rule in wanted)}
    assert (len(first.delete), first.problems) == (1, ())
    assert (again.add, again.delete, len(again.foreign)) == ((), (), 1)


def test_what_track_follow_and_locations_become_is_understood(streaming: Emulated) -> None:
    asked = {
        "track": ['"flood warning", #flood, @nws, from:nasa, example.com, -x, OR, 洪水, (a) "b c'],
        "follow": "12,34",
        "locations": "-74,40,-73,41",
    }

    result = _client(streaming).add_rules(compile_rules(asked, prefix=_PREFIX), dry_run=True)

    assert result.problems == ()
    assert result.summary["valid"] == 12


def test_a_rule_that_the_network_does_not_accept_is_told(streaming: Emulated) -> None:
    client = _client(streaming)
    try:
        problems = client.add_rules([Rule("nosuchoperator:x")]).problems
    except XError as error:
        problems = (error.problem,)

    assert [problem.outcome for problem in problems] in ([ApiCode.RULES_PROBLEM], [ApiCode.BAD_REQUEST])


def test_a_stream_without_rules_ends_with_a_rules_problem(streaming: Emulated) -> None:
    with pytest.raises(XError) as caught:
        _client(streaming).stream()

    assert caught.value.outcome == ApiCode.RULES_PROBLEM


class _Streaming:
    """A supervised stream in a thread, and what came of it."""

    def __init__(self, emulator: Emulated) -> None:
        self.emulator, self.stop = emulator, Stop()
        self.ids: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.ticks: list[float] = []
        clock = SystemClock()
        self.client = _client(emulator, clock=clock, stop=self.stop)
        self.client.add_rules([Rule("flood", f"{_PREFIX}track-1")])
        self._stream = StreamSupervisor(
            self.client.stream, self.client.clear_connections, clock=clock, stop=self.stop, silence=1.0
        )
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        for read in self._stream:
            self.ids += read.ids
            self.events += read.events
            self.ticks.append(time.monotonic())

    def __enter__(self) -> "_Streaming":
        self._thread.start()
        self.until(lambda: bool(self.emulator.control.connections()))
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.request("test")
        self._thread.join(60)

    def until(self, reached: Callable[[], bool], *, within: float = 60.0) -> None:
        deadline, pause = time.monotonic() + within, threading.Event()
        while not reached():
            assert time.monotonic() < deadline, (self.ids, self.events)
            pause.wait(0.02)

    def publish(self, count: int) -> list[str]:
        return self.emulator.control.publish(_someone(self.emulator), count=count, text="flood")

    def gaps(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == "gap"]


@pytest.mark.parametrize("fault", ["cut-mid-line", "close", "drop", "reset", "silence", "disconnect"])
def test_each_post_of_an_interrupted_stream_is_kept_or_lies_in_a_gap(streaming: Emulated, fault: str) -> None:
    streaming.control.faults(
        [{"on": "GET /2/tweets/search/stream", "when": {"nth": 1}, "do": fault, "after_posts": 5}]
    )
    with _Streaming(streaming) as stream:
        first = stream.publish(20)
        stream.until(lambda: bool(stream.ids))
        assert streaming.control.fired() == [1]
        stream.until(
            lambda: len(streaming.truth()["requests"]) >= 3 and bool(streaming.control.connections())
        )
        pause = threading.Event()
        stream.until(lambda: _published(stream, pause))
    gaps = stream.gaps()

    assert len(gaps) >= 1
    lost = set(first) - set(stream.ids)
    assert len(stream.ids) == len(set(stream.ids))
    for post_id in lost:
        at = ((int(post_id) >> 22) + 1288834974657) / 1000
        assert any(_moment(gap["from"]) - 0.002 <= at <= _moment(gap["to"]) + 0.002 for gap in gaps)


def _published(stream: _Streaming, pause: threading.Event) -> bool:
    """Publish one post at a time until one has come over a later connection."""
    (post_id,) = stream.publish(1)
    pause.wait(0.2)
    return post_id in stream.ids and bool(stream.gaps())


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_duplicated_and_reordered_records_are_kept_once_each(streaming: Emulated) -> None:
    on = "GET /2/tweets/search/stream"
    streaming.control.faults(
        [{"on": on, "do": "duplicate", "every": 2}, {"on": on, "do": "reorder", "every": 3}]
    )
    with _Streaming(streaming) as stream:
        ids = stream.publish(60)
        stream.until(lambda: len(stream.ids) >= 59)

    assert len(stream.ids) == len(set(stream.ids))
    assert set(stream.ids) <= set(ids)
    assert [event for event in stream.events if event["event"] == "duplicates"]


def test_lines_that_are_no_records_are_events_and_the_stream_goes_on(streaming: Emulated) -> None:
    on = "GET /2/tweets/search/stream"
    streaming.control.faults(
        [{"on": on, "do": "garbage-line", "after_posts": 2}, {"on": on, "do": "error-line", "after_posts": 4}]
    )
    with _Streaming(streaming) as stream:
        ids = stream.publish(8)
        stream.until(lambda: len(stream.ids) == 8)

    assert stream.ids == ids
    # The gap is told with the record after it, which may come with what X says of an error, or before.
    assert stream.events[0]["event"] == "unparsable"
    assert sorted(event["event"] for event in stream.events) == ["error", "gap", "unparsable"]


def test_a_ghost_connection_is_cleared(streaming: Emulated) -> None:
    def measured() -> float:
        streaming.control.faults(
            [{"on": "GET /2/tweets/search/stream", "when": {"nth": 1}, "do": "ghost-connection"}]
        )
        with _Streaming(streaming) as stream:
            streaming.control.disconnect("reset")
            stream.until(lambda: any(event["event"] == "connections cleared" for event in stream.events))
            refused = [event["outcome"] for event in stream.events if event["event"] == "refused"]
            stopped = time.monotonic()
        assert refused == ["too many connections"]
        return time.monotonic() - stopped

    require_quick(measured, below=1.0)


def test_a_quiet_stream_ticks_each_second_and_hears_a_stop(streaming: Emulated) -> None:
    def measured() -> float:
        with _Streaming(streaming) as stream:
            stream.until(lambda: len(stream.ticks) > 6)
            stopped = time.monotonic()
        took = time.monotonic() - stopped
        assert stream.gaps() == []
        return max(took, *(after - before for before, after in pairwise(stream.ticks)))

    require_quick(measured, below=1.0)
