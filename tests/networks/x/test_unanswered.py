"""An answer that X may have charged for and that did not come whole is in the bill, once a day."""

import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop, SystemClock
from harvester.networks import Stopped
from harvester.networks.budget import BudgetReached
from harvester.networks.x import Keys, XClient, XError
from tests.support.scripted_x import PAGE, HandClock, Reply, Request, in_turn, scripted

_BODY = json.dumps(PAGE).encode()
_CUT = Reply(body=_BODY, cut=len(_BODY) // 2)
_NO_JSON = Reply(body=_BODY[:-20])
_OUTAGE = Reply(503, {"title": "Service Unavailable", "type": "about:blank", "status": 503})
_ERRORS_ONLY = Reply(
    body={"errors": [{"title": "Over capacity", "detail": "Try again.", "type": "about:blank"}]}
)
_COUNTS = {"data": [], "meta": {"total_tweet_count": 7}}


def _client(url: str, **more: Any) -> XClient:
    more = {"clock": HandClock(), "stop": Stop(), **more}
    return XClient(Keys(bearer_token="secret-bearer"), base_url=url, **more)


def _gone(handler: Any) -> None:
    handler.connection.close()


@pytest.mark.parametrize("lost", [_CUT, _NO_JSON, _gone], ids=["cut", "no whole JSON", "closed"])
def test_an_answer_that_came_again_on_the_same_day_costs_once(lost: Any) -> None:
    with scripted(in_turn(lost, lost, Reply(body=PAGE))) as server:
        client = _client(server.url)
        page = client.timeline("7")
    bill = client.billing.snapshot()
    assert (bill["posts"], bill["requests"], bill["usd"]) == (page.posts, 1, page.posts * 0.005)
    assert (bill["unanswered"]["requests"], bill["unanswered"]["usd"]) == (2, 0)


def test_one_that_was_lost_the_day_before_costs_as_much_as_what_came() -> None:
    clock = HandClock(datetime(2026, 11, 23, 23, 59, 59, 900_000, tzinfo=UTC))
    with scripted(in_turn(_CUT, Reply(body=PAGE))) as server:
        client = _client(server.url, clock=clock)
        page = client.timeline("7")
    bill = client.billing.snapshot()
    assert clock.now().day == 24
    assert bill["unanswered"]["posts"] == page.posts > 0
    assert bill["usd"] == 2 * page.posts * 0.005


@pytest.mark.parametrize(
    ("reply", "usd"),
    [(_CUT, 0.5), (_NO_JSON, 0.5), (_OUTAGE, 0.0), (_ERRORS_ONLY, 0.0)],
    ids=["cut", "no whole JSON", "outage", "errors only"],
)
def test_one_that_never_came_costs_as_much_as_was_asked_for(reply: Reply, usd: float) -> None:
    with scripted(in_turn(reply)) as server:
        client = _client(server.url, patience=5.0)
        with pytest.raises(XError):
            client.timeline("7")
    assert client.billing.snapshot()["usd"] == usd


def test_what_was_never_sent_costs_nothing() -> None:
    with scripted(in_turn(_CUT)) as server:
        url = server.url
    client = _client(url, patience=5.0)
    with pytest.raises(XError):
        client.timeline("7")
    assert client.billing.snapshot()["usd"] == 0


def test_what_was_not_sent_as_the_connection_was_not_secured_costs_nothing() -> None:
    """A firewall that resets what names X, for instance."""
    tried: list[bytes] = []

    def reset(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                tried.append(connection.recv(1))
                # What was not read makes the end a reset.
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=reset, args=(listener,), daemon=True).start()
        client = _client(f"https://127.0.0.1:{listener.getsockname()[1]}", patience=5.0)
        with pytest.raises(XError, match="the connection was closed before the answer"):
            client.timeline("7")
        listener.shutdown(socket.SHUT_RDWR)
    assert len(tried) > 1
    assert client.billing.snapshot()["usd"] == 0


def test_an_answer_that_tls_cannot_read_is_in_the_bill(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def garble(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection.dup() as below, context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(1 << 16)
                    below.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=garble, args=(listener,), daemon=True).start()
        client = _client(f"https://127.0.0.1:{listener.getsockname()[1]}", patience=0.1)
        with pytest.raises(XError, match="TLS failed"):
            client.timeline("7")
        listener.shutdown(socket.SHUT_RDWR)
    assert client.billing.snapshot()["usd"] == 0.5


def test_a_page_that_a_stop_cut_off_is_in_the_bill() -> None:
    stop = Stop()

    def script(_: Request) -> Callable[[Any], None]:
        stop.request("test")
        return _gone

    with scripted(script) as server:
        client = _client(server.url, clock=SystemClock(), stop=stop)
        with pytest.raises(Stopped):
            client.followers("7", max_results=300)
    bill = client.billing.snapshot()
    assert (bill["users"], bill["unanswered"]["users"], bill["usd"]) == (0, 300, 3.0)


def test_each_lost_count_costs_as_x_charges_for_it_by_the_request() -> None:
    with scripted(in_turn(_CUT, _CUT, Reply(body=_COUNTS))) as server:
        client = _client(server.url)
        client.counts("cats")
        assert client.billing.snapshot()["usd"] == 3 * 0.005
    with scripted(in_turn(_CUT, Reply(body=_COUNTS))) as server:
        client = _client(server.url)
        client.billing.budget = 0.008
        with pytest.raises(BudgetReached):
            client.counts("cats")
        assert client.billing.snapshot()["usd"] == 0.005
        assert len(server.requests) == 1


def test_the_bill_of_a_client_before_is_carried_on_with_what_it_lost() -> None:
    with scripted(in_turn(_CUT)) as server:
        before, after = _client(server.url, patience=5.0), _client(server.url)
        with pytest.raises(XError):
            before.timeline("7")
        after.go_on_from(before)
    assert after.billing.snapshot() == before.billing.snapshot()
