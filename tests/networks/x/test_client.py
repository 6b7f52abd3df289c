"""A request is answered once it can be, refused when it must be, and left within seconds of a stop."""

import base64
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Clock, Stop, SystemClock
from harvester.errors import Exit, HarvesterError
from harvester.networks import Stopped
from harvester.networks.x import ApiCode, Keys, Page, StreamRead, XClient, XError
from harvester.networks.x.http.interruptible import LAST_ANSWER_SECONDS
from tests.support.cli_session import until
from tests.support.quickness import require_quick
from tests.support.scripted_x import (
    EMPTY,
    PAGE,
    HandClock,
    Reply,
    Request,
    Scripted,
    in_turn,
    scripted,
    streamed,
)

_BEARER = Keys(bearer_token="secret-bearer")
_OUTAGE = Reply(503, {"title": "Service Unavailable", "type": "about:blank", "status": 503})


def _client(server: Scripted | str, keys: Keys = _BEARER, **more: Any) -> XClient:
    url = server if isinstance(server, str) else server.url
    clock: Clock = more.pop("clock", None) or HandClock()
    return XClient(keys, base_url=url, clock=clock, stop=more.pop("stop", None) or Stop(), **more)


def test_a_timeline_asks_for_all_fields_in_the_words_of_tweets() -> None:
    with scripted(in_turn(Reply(body=PAGE, compressed=True))) as server:
        page = _client(server).timeline("7", since_id="10", until_id="20", token="t1")

    (request,) = server.requests
    assert request.path == "/2/users/7/tweets"
    assert {"since_id": "10", "until_id": "20", "pagination_token": "t1", "max_results": "100"}.items() <= (
        request.params.items()
    )
    assert {"note_tweet", "edit_history_tweet_ids", "referenced_tweets"} <= set(
        request.params["tweet.fields"].split(",")
    )
    assert "author_id" in request.params["expansions"] and not any("post" in name for name in request.params)
    assert request.headers["accept-encoding"] == "gzip"
    assert request.headers["authorization"] == "Bearer secret-bearer"
    assert (page.posts, page.newest_id, page.next_token) == (2, "12", "t2")


def test_the_line_tells_where_and_when_it_is_from() -> None:
    with scripted(in_turn(Reply(body=PAGE))) as server:
        line = json.loads(_client(server).timeline("7").line)

    provenance = line.pop("__twarc")
    assert line == PAGE
    assert provenance["url"].startswith(f"{server.url}/2/users/7/tweets?")
    assert provenance["retrieved_at"] == "2026-11-23T07:00:00+00:00"


@pytest.mark.parametrize("query", ["(cat OR dog) from:a -is:retweet", '"50 % of 1+1" #é&x=y?;/@', "cat,dog"])
@pytest.mark.parametrize("keys", [_BEARER, Keys("ck", "cs", "at", "as")], ids=["app", "user"])
def test_a_query_arrives_as_it_was_asked(query: str, keys: Keys) -> None:
    with scripted(in_turn(Reply(body=PAGE))) as server:
        _client(server, keys).search(query)

    assert server.requests[0].params["query"] == query


CALLS: dict[str, tuple[Callable[[XClient], Any], str, dict[str, str]]] = {
    "recent search": (
        lambda x: x.search("a b", since_id="5", token="n"),
        "/2/tweets/search/recent",
        {"query": "a b", "next_token": "n", "since_id": "5"},
    ),
    "full archive": (
        lambda x: x.search("a", archive=True, max_results=500, start_time="2020-01-01T00:00:00Z"),
        "/2/tweets/search/all",
        {"max_results": "500", "start_time": "2020-01-01T00:00:00Z"},
    ),
    "users by id": (lambda x: x.users(["1", "2"]), "/2/users", {"ids": "1,2"}),
    "users by name": (lambda x: x.users_by_name(["@a", "b"]), "/2/users/by", {"usernames": "a,b"}),
    "posts by id": (lambda x: x.hydrate(["1", "2"]), "/2/tweets", {"ids": "1,2"}),
    "followers": (lambda x: x.followers("7", token="t"), "/2/users/7/followers", {"pagination_token": "t"}),
    "following": (lambda x: x.following("7"), "/2/users/7/following", {"max_results": "1000"}),
    "counts": (lambda x: x.counts("a"), "/2/tweets/counts/recent", {"query": "a", "granularity": "day"}),
    "usage": (lambda x: x.usage(), "/2/usage/tweets", {}),
}


_GONE = {"parameter": "ids", "resource_id": "1", "type": "https://api.x.com/2/problems/resource-not-found"}


@pytest.mark.parametrize(("call", "path", "params"), CALLS.values(), ids=CALLS)
def test_each_call_asks_its_endpoint_once(
    call: Callable[[XClient], Any], path: str, params: dict[str, str]
) -> None:
    about = [_GONE] if path.startswith("/2/users") else []
    with scripted(in_turn(Reply(body={"data": [], "meta": {}, "errors": about}))) as server:
        call(_client(server))

    (request,) = server.requests
    assert request.path == path
    assert params.items() <= request.params.items()


def test_a_look_up_that_tells_of_no_account_is_asked_for_again_and_none_is_called_missing() -> None:
    nothing, told = Reply(body={"data": None, "meta": {}}), Reply(body={"errors": [_GONE]})
    with scripted(in_turn(nothing, nothing, told)) as server:
        (problem,) = _client(server).users_by_name(["a"]).problems
        assert problem.outcome is ApiCode.NOT_FOUND and len(server.requests) == 3
    with scripted(lambda _: nothing) as server:
        with pytest.raises(XError, match="tells of no account"):
            _client(server).users(["1"])
        assert len(server.requests) == 5


def test_more_than_a_hundred_at_once_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        _client("http://127.0.0.1:1").users([str(number) for number in range(101)])


def test_an_app_fetches_its_token_once_and_anew_when_it_is_refused() -> None:
    tokens = iter(["one", "two"])

    def script(request: Request) -> Reply:
        if request.path == "/oauth2/token":
            return Reply(body={"token_type": "bearer", "access_token": next(tokens)})
        fresh = request.headers["authorization"] == "Bearer two" or len(server.requests) < 3
        return Reply(body=EMPTY) if fresh else Reply(401, {"title": "Unauthorized", "status": 401})

    with scripted(script) as server:
        client = _client(server, Keys("key", "secret"))
        client.timeline("7")
        client.timeline("7")

    shown = [request.headers["authorization"] for request in server.requests]
    basic = f"Basic {base64.b64encode(b'key:secret').decode()}"
    assert shown == [basic, "Bearer one", "Bearer one", basic, "Bearer two"]
    assert server.requests[0].body == b"grant_type=client_credentials"


def test_a_users_keys_sign_each_request_and_the_app_asks_for_what_only_it_may() -> None:
    def script(request: Request) -> Reply:
        return Reply(body={"access_token": "fetched"} if request.path == "/oauth2/token" else EMPTY)

    with scripted(script) as server:
        client = _client(server, Keys("ck", "cs", "at", "as"))
        client.timeline("7")
        client.search("a", archive=True)

    signed, _, shown = (request.headers["authorization"] for request in server.requests)
    assert (
        signed.startswith("OAuth ") and 'oauth_consumer_key="ck"' in signed and 'oauth_token="at"' in signed
    )
    assert shown == "Bearer fetched"


def test_refused_keys_are_tried_twice_and_then_told() -> None:
    with (
        scripted(in_turn(Reply(401, {"type": "about:blank", "title": "Unauthorized"}))) as server,
        pytest.raises(XError) as caught,
    ):
        _client(server).timeline("7")

    assert len(server.requests) == 2
    assert (caught.value.outcome, caught.value.exit_code) == (ApiCode.UNAUTHORIZED, Exit.UNAUTHORIZED)
    assert "secret" not in str(caught.value)


def test_keys_for_which_x_gives_no_token_are_tried_twice_and_then_told() -> None:
    refused = {
        "code": 99,
        "message": "Unable to verify your credentials",
        "label": "authenticity_token_error",
    }
    with scripted(in_turn(Reply(403, {"errors": [refused]}))) as server, pytest.raises(XError) as caught:
        _client(server, Keys("key", "secret")).timeline("7")

    assert len(server.requests) == 2
    assert (caught.value.outcome, caught.value.exit_code) == (ApiCode.UNAUTHORIZED, Exit.UNAUTHORIZED)


@pytest.mark.parametrize(("keys", "named"), [(Keys("ck", "cs", "at", "as"), True), (_BEARER, False)])
def test_a_clock_that_is_off_is_named_when_a_signature_is_refused(keys: Keys, named: bool) -> None:
    with (
        scripted(in_turn(Reply(401, {}, {"date": "Mon, 23 Nov 2026 08:00:00 GMT"}))) as server,
        pytest.raises(XError) as caught,
    ):
        _client(server, keys).timeline("7")
    assert ("clock is 60 minutes off" in str(caught.value)) == named


def test_no_keys_are_told_before_anything_is_asked() -> None:
    with pytest.raises(HarvesterError) as caught:
        _client("http://127.0.0.1:1", Keys())

    assert caught.value.exit_code == Exit.UNAUTHORIZED


def test_no_secret_is_shown_by_the_client() -> None:
    client = _client("http://127.0.0.1:1", Keys("s3", "s3", "s3", "s3", "s3"))

    assert "s3" not in repr(client)


FAULTS = {
    "an outage": _OUTAGE,
    "a gateway's page": Reply(502, b"<html>Bad Gateway</html>"),
    "a page that is no JSON": Reply(200, b"<html>"),
    "a page cut in its middle": Reply(200, PAGE, cut=50),
    "a compressed page cut in its middle": Reply(200, PAGE, cut=50, compressed=True),
    "an endpoint that is gone for a while": Reply(404, {"title": "Not Found Error"}),
    "a connection closed without an answer": lambda _: None,
    "a redirect": Reply(302, b"", {"location": "http://127.0.0.1:1/login"}),
    "an answer that says it is gzip and is not": Reply(200, b"plain", {"content-encoding": "gzip"}),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_passing_fault_is_mended_by_asking_again(fault: Any) -> None:
    clock = HandClock()
    with scripted(in_turn(fault, fault, Reply(body=PAGE))) as server:
        page = _client(server, clock=clock).timeline("7")

    assert page.posts == 2
    assert len(server.requests) == 3
    assert 0 < clock.elapsed() < 5


def test_a_lasting_outage_ends_after_the_patience() -> None:
    clock = HandClock()
    with scripted(in_turn(_OUTAGE)) as server, pytest.raises(XError) as caught:
        _client(server, clock=clock, patience=300.0).timeline("7")

    assert 299 <= clock.elapsed() <= 301
    assert 8 <= len(server.requests) <= 20
    assert max(clock.waits) <= 60
    assert (caught.value.outcome, caught.value.exit_code) == (ApiCode.UNAVAILABLE, Exit.RETRY_LATER)


def test_nobody_listening_is_unavailable_and_told_in_few_words() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(XError) as caught:
            _client(url, patience=10.0).timeline("7")

    assert caught.value.outcome == ApiCode.UNAVAILABLE
    assert len(caught.value.message) < 250


def test_a_lasting_404_of_a_timeline_is_never_a_word_about_its_account() -> None:
    clock = HandClock()
    with (
        scripted(in_turn(Reply(404, {"errors": [{"type": "x/resource-not-found"}]}))) as server,
        pytest.raises(XError) as caught,
    ):
        _client(server, clock=clock).timeline("7")

    assert (caught.value.outcome, caught.value.problem.status) == (ApiCode.UNAVAILABLE, 404)
    assert len(server.requests) == 4
    assert clock.elapsed() < 10


def test_a_slow_outage_ends_as_soon_as_a_quick_one() -> None:
    clock = HandClock()

    def slow(_: Request) -> Reply:
        clock.advance(100)
        return _OUTAGE

    with scripted(slow) as server, pytest.raises(XError) as caught:
        _client(server, clock=clock, patience=900.0).timeline("7")

    assert caught.value.outcome is ApiCode.UNAVAILABLE
    assert len(server.requests) <= 9
    assert clock.elapsed() <= 1000


def test_an_answer_that_comes_in_drops_ends() -> None:
    """A drop each ten seconds of the hands, and a hundredth of a real second, to be read meanwhile."""
    clock, over = HandClock(), threading.Event()

    def drops(handler: Any) -> None:
        content = json.dumps(PAGE).encode()
        handler.send_response_only(200)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        for place in range(len(content)):
            clock.advance(10)
            handler.wfile.write(content[place : place + 1])
            handler.wfile.flush()
            if over.wait(0.01):
                return

    with scripted(lambda _: drops) as server, pytest.raises(XError) as caught:
        _client(server, clock=clock, patience=1.0).timeline("7")
    over.set()

    assert "not complete after 120 s" in str(caught.value)


FINAL = {
    "credits": (402, {"title": "Payment Required"}, ApiCode.CREDITS_DEPLETED),
    "cap": (429, {"title": "UsageCapExceeded"}, ApiCode.MONTHLY_CAP),
    "not enrolled": (403, {"reason": "client-not-enrolled"}, ApiCode.FORBIDDEN),
    "bad request": (
        400,
        {"errors": [{"message": "no", "parameters": {"query": ["x"]}}]},
        ApiCode.BAD_REQUEST,
    ),
}


@pytest.mark.parametrize(("status", "body", "outcome"), FINAL.values(), ids=FINAL)
def test_a_final_refusal_is_told_at_once(status: int, body: Any, outcome: ApiCode) -> None:
    clock = HandClock()
    remaining = {"x-rate-limit-remaining": "5", "x-rate-limit-reset": "9999999999"}
    with scripted(in_turn(Reply(status, body, remaining))) as server, pytest.raises(XError) as caught:
        _client(server, clock=clock).search("x")

    assert caught.value.outcome == outcome
    assert (len(server.requests), clock.waits) == (1, [])


def test_a_rate_limit_is_waited_for_however_often_it_comes() -> None:
    clock = HandClock()
    told: list[tuple[str, float]] = []

    def script(_: Request) -> Reply:
        if len(server.requests) > 5:
            return Reply(body=PAGE)
        reset = str(int(clock.now().timestamp()) + 900)
        return Reply(429, {}, {"x-rate-limit-remaining": "0", "x-rate-limit-reset": reset})

    with scripted(script) as server:
        page = _client(server, clock=clock, patience=10.0, on_wait=lambda *said: told.append(said)).timeline(
            "7"
        )

    assert page.posts == 2
    assert 5 * 900 <= clock.elapsed() <= 5 * 905
    assert told[0][0] == "rate limit users/:id/tweets"


def test_a_limit_that_the_headers_foretell_is_not_run_into() -> None:
    clock = HandClock()

    def script(_: Request) -> Reply:
        left = 2 - len(server.requests)
        reset = str(int(clock.now().timestamp()) + 60)
        return Reply(
            body=EMPTY, headers={"x-rate-limit-remaining": str(max(0, left)), "x-rate-limit-reset": reset}
        )

    with scripted(script) as server:
        client = _client(server, clock=clock)
        client.timeline("1")
        client.timeline("2")
        assert clock.elapsed() == 0
        client.timeline("3")

    assert clock.elapsed() >= 60


def test_many_threads_share_one_client() -> None:
    def script(request: Request) -> Reply:
        user = request.path.split("/")[3]
        return Reply(body={"data": [{"id": user}], "meta": {}})

    found: dict[str, str | None] = {}
    with scripted(script) as server:
        client = _client(server, pool=16)

        def ask(start: int) -> None:
            for number in range(start, 201, 16):
                found[str(number)] = client.timeline(str(number)).newest_id

        threads = [threading.Thread(target=ask, args=(start,)) for start in range(1, 17)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert found == {str(number): str(number) for number in range(1, 201)}
    assert client.billing.snapshot()["posts"] == 200


def _stall_after(sent: bytes) -> Callable[[Any], None]:
    def stall(handler: Any) -> None:
        handler.wfile.write(sent)
        handler.wfile.flush()
        handler.connection.recv(1)

    return stall


_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n"
_UNDER_WAY = {
    "before the headers": lambda _: _stall_after(b""),
    "within the headers": lambda _: _stall_after(_HEAD[:20]),
    "within the body": lambda _: _stall_after(_HEAD + b'{"data":['),
}
STATES = {
    "waiting for a window": lambda _: Reply(
        429, {}, {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(time.time()) + 800)}
    ),
    "waiting to try again": lambda _: _OUTAGE,
}


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that never accepts: its queue is full."""
    with socket.socket() as listener, socket.socket() as first:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _stopped_within(client: XClient, stop: Stop, ready: threading.Event) -> float:
    """Seconds from a stop to the end of a call that would take far longer."""
    ended: list[BaseException | Page] = []

    def ask() -> None:
        try:
            ended.append(client.timeline("7"))
        except Exception as error:  # noqa: BLE001 - looked at below
            ended.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    ready.wait(10)
    asked = time.monotonic()
    stop.request("test")
    thread.join(60)
    assert [type(found) for found in ended] == [Stopped]
    return time.monotonic() - asked


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_a_stop_is_heard_within_a_second(state: Callable[[Request], Any]) -> None:
    require_quick(_stopped_in(state), below=1.0)


@pytest.mark.parametrize("state", _UNDER_WAY.values(), ids=_UNDER_WAY)
def test_an_answer_that_stalls_is_left_soon_after_a_stop(state: Callable[[Request], Any]) -> None:
    require_quick(_stopped_in(state), below=LAST_ANSWER_SECONDS + 1.0)


def test_a_page_that_is_under_way_when_a_stop_comes_is_still_read_for_it_is_billed() -> None:
    stop = Stop()

    def script(_: Request) -> Reply:
        stop.request("test")
        threading.Event().wait(0.3)
        return Reply(body=PAGE)

    with scripted(script) as server:
        client = _client(server, clock=SystemClock(), stop=stop)
        assert client.timeline("7").posts == client.billing.snapshot()["posts"] > 0


def test_nothing_is_asked_for_with_a_token_that_came_after_a_stop() -> None:
    stop = Stop()

    def script(_: Request) -> Reply:
        stop.request("test")
        return Reply(200, {"token_type": "bearer", "access_token": "t" * 30})

    keys = Keys(consumer_key="consumer key", consumer_secret="consumer secret")
    with scripted(script) as server, pytest.raises(Stopped):
        _client(server, keys, clock=SystemClock(), stop=stop).timeline("7")
    assert [request.path for request in server.requests] == ["/oauth2/token"]


def _stopped_in(state: Callable[[Request], Any]) -> Callable[[], float]:
    """Measures how long a stop takes in a state."""

    def measured() -> float:
        stop, reached = Stop(), threading.Event()

        def script(request: Request) -> Any:
            reply = state(request)
            threading.Timer(0.2, reached.set).start()
            return reply

        with scripted(script) as server:
            return _stopped_within(_client(server, clock=SystemClock(), stop=stop), stop, reached)

    return measured


def test_a_stop_is_heard_while_connecting(silent: str) -> None:
    def measured() -> float:
        stop, soon = Stop(), threading.Event()
        threading.Timer(0.3, soon.set).start()
        return _stopped_within(_client(silent, clock=SystemClock(), stop=stop), stop, soon)

    require_quick(measured, below=1.0)


def test_after_a_stop_nothing_is_asked() -> None:
    stop = Stop()
    stop.request("test")
    with scripted(in_turn(Reply(body=PAGE))) as server, pytest.raises(Stopped):
        _client(server, stop=stop).timeline("7")

    assert server.requests == []


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(in_turn(Reply(body=PAGE))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        page = _client("http://api.invalid").timeline("7")

    assert page.posts == 2
    assert proxy.requests[0].headers["host"] == "api.invalid"


def test_pages_and_streams_come_over_tls(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(request: Request) -> Any:
        return streamed(b'{"data":{"id":"1"}}\r\n') if "stream" in request.path else Reply(body=PAGE)

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with scripted(script, certificate=certificate) as server:
        client = _client(server, clock=SystemClock())
        assert client.timeline("7").posts == 2
        connection = client.stream()
        reads: list[StreamRead] = []
        while not reads or not reads[-1].closed:
            reads.append(connection.read())
        connection.close()

    assert [post_id for read in reads for post_id in read.ids] == ["1"]


def test_a_certificate_that_is_not_trusted_is_unavailable(certificate: tuple[Path, Path]) -> None:
    with (
        scripted(in_turn(Reply(body=PAGE)), certificate=certificate) as server,
        pytest.raises(XError) as caught,
    ):
        _client(server, patience=1.0).timeline("7")

    assert "certificate" in caught.value.message
    assert server.requests == []


def test_a_stop_is_heard_while_a_connection_is_secured() -> None:
    def measured() -> float:
        stop, accepted = Stop(), threading.Event()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            url = f"https://127.0.0.1:{listener.getsockname()[1]}"
            threading.Timer(0.3, accepted.set).start()
            return _stopped_within(_client(url, clock=SystemClock(), stop=stop), stop, accepted)

    require_quick(measured, below=1.0)


def _read_until_stopped(connection: Any, stop: Stop) -> float:
    """The seconds until a read ends for a stop that comes in a tenth of one."""
    threading.Timer(0.1, stop.request, args=("test",)).start()
    started = time.monotonic()
    with pytest.raises(Stopped):
        while True:
            connection.read()
    took = time.monotonic() - started
    connection.close()
    return took


def test_a_stop_is_heard_while_a_secured_stream_is_silent(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))

    def measured() -> float:
        stop, hold = Stop(), threading.Event()
        with scripted(lambda _: streamed(b"\r\n", hold=hold), certificate=certificate) as server:
            took = _read_until_stopped(_client(server, clock=SystemClock(), stop=stop).stream(), stop)
            hold.set()
        return took

    require_quick(measured, below=1.0)


def test_rules_are_read_to_the_last_page() -> None:
    def script(request: Request) -> Reply:
        if "pagination_token" in request.params:
            return Reply(body={"data": [{"id": "2", "value": "b"}], "meta": {}})
        return Reply(body={"data": [{"id": "1", "value": "a", "tag": "t"}], "meta": {"next_token": "n"}})

    with scripted(script) as server:
        rules = _client(server).rules()

    assert [rule["id"] for rule in rules] == ["1", "2"]


def test_a_rule_that_is_there_already_is_no_problem_and_others_are() -> None:
    from harvester.networks.x import Rule

    errors = [
        {
            "value": "a",
            "id": "1",
            "title": "DuplicateRule",
            "type": "https://api.x.com/2/problems/duplicate-rules",
        },
        {"value": "b(", "title": "UnprocessableEntity", "type": "https://api.x.com/2/problems/invalid-rules"},
    ]
    body = {"meta": {"summary": {"created": 0, "not_created": 2}}, "errors": errors}
    with scripted(in_turn(Reply(201, body))) as server:
        result = _client(server).add_rules([Rule("a", "t"), Rule("b(")], dry_run=True)

    assert json.loads(server.requests[0].body) == {"add": [{"value": "a", "tag": "t"}, {"value": "b("}]}
    assert server.requests[0].params == {"dry_run": "true"}
    assert [(problem.outcome, problem.raw["value"]) for problem in result.problems] == [
        (ApiCode.RULES_PROBLEM, "b(")
    ]
    assert result.summary == {"created": 0, "not_created": 2}


def test_a_stream_gives_records_and_events_and_its_end() -> None:
    record = b'{"data":{"id":"1","text":"x"},"matching_rules":[{"id":"9","tag":"t"}]}'
    with scripted(
        lambda _: streamed(record[:9], record[9:] + b"\r\n\r\n", b'{"errors":[]}\r\n{"da')
    ) as server:
        client = _client(server, clock=SystemClock())
        connection = client.stream()
        reads: list[StreamRead] = []
        while not reads or not reads[-1].closed:
            reads.append(connection.read())
        connection.close()

    lines = [line for read in reads for line in read.lines]
    assert [json.loads(line)["data"]["id"] for line in lines] == ["1"]
    assert lines[0].startswith(record[:-1]) and lines[0].endswith(b"}\n")
    assert [event["event"] for read in reads for event in read.events] == ["message", "partial"]


def test_a_refused_stream_tells_its_outcome_and_asks_once() -> None:
    issue = {"connection_issue": "TooManyConnections", "title": "ConnectionException"}
    with (
        scripted(in_turn(Reply(429, issue, {"x-rate-limit-remaining": "45"}))) as server,
        pytest.raises(XError) as caught,
    ):
        _client(server).stream()

    assert caught.value.outcome == ApiCode.TOO_MANY_CONNECTIONS
    assert len(server.requests) == 1


def test_a_stream_is_dated_by_xs_clock_opened_late_and_read_early() -> None:
    """A gap begins too early and ends too late: X tells whole seconds, and its machines differ by one."""
    theirs = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

    def send(handler: Any) -> None:
        handler.send_response_only(200)
        handler.send_header("date", format_datetime(theirs, usegmt=True))
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"2\r\n\r\n\r\n0\r\n\r\n")

    with scripted(lambda _: send) as server:
        connection = _client(server, clock=HandClock()).stream()
        read = connection.read()
        connection.close()

    second = timedelta(seconds=1)
    assert (read.since, connection.opened) == (theirs - second, theirs + 2 * second)


def _waiting_in(sock: socket.socket) -> bytes:
    ready, _, _ = select.select([sock], [], [], 0.05)
    return sock.recv(1 << 16, socket.MSG_PEEK) if ready else b""


def test_a_stop_leaves_nothing_that_had_arrived() -> None:
    """Records without an end, and half of one, were gone at a stop without a word."""
    stop, hold = Stop(), threading.Event()
    half = b'{"data":{"id":"3","te'
    pieces = (b'{"data":{"id":"1"}}\n', b'{"data":{"id":"2"}}' + half)
    with scripted(lambda _: streamed(*pieces, hold=hold)) as server:
        client = _client(server, clock=SystemClock(), stop=stop)
        connection = client.stream()
        # Both pieces lie in the socket, or were read with the headers, when the stop comes.
        arrivals = connection._arrivals
        until(lambda: half in arrivals._first + _waiting_in(arrivals._socket))
        stop.request("test")
        reads: list[StreamRead] = []
        with pytest.raises(Stopped):
            while True:
                reads.append(connection.read())
        connection.close()
        hold.set()

    assert [post_id for read in reads for post_id in read.ids] == ["1", "2"]
    assert [event["text"] for read in reads for event in read.events] == [half.decode()]
    assert sum(read.unread for read in reads) == len(half)


def test_what_had_arrived_when_a_connection_is_left_can_be_counted() -> None:
    hold = threading.Event()
    record = b'{"data":{"id":"%d"}}\r\n'
    with scripted(lambda _: streamed(record % 1, record % 2, hold=hold)) as server:
        connection = _client(server, clock=SystemClock()).stream()
        arrivals = connection._arrivals
        until(lambda: record % 2 in arrivals._first + _waiting_in(arrivals._socket))
        rest = connection.rest()
        connection.close()
        hold.set()

    assert rest.ids == ["1", "2"]


def test_a_stream_read_hears_a_stop() -> None:
    def measured() -> float:
        stop, hold = Stop(), threading.Event()
        with scripted(lambda _: streamed(b"\r\n", hold=hold)) as server:
            connection = _client(server, clock=SystemClock(), stop=stop).stream()
            connection.read()
            took = _read_until_stopped(connection, stop)
            hold.set()
        return took

    require_quick(measured, below=1.0)
