"""A server that anybody may reach: whatever clients send or do not send, others are answered, and it ends."""

import http.client
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import Exit, HarvesterError
from harvester.monitoring.bounded_http import MOST_AT_ONCE, MOST_OF_BODY, MOST_OF_HEAD, WITHIN, serving
from tests.support.quickness import require_quick


def _app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ.get('HTTP_X_NAME', '')}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture
def place() -> Iterator[tuple[str, int]]:
    with serving(_app, host="127.0.0.1", port=0) as address:
        yield _place(address)


def _place(address: str) -> tuple[str, int]:
    host, _, port = address.removeprefix("http://").rpartition(":")
    return host, int(port)


def _asked(
    place: tuple[str, int], method: str = "GET", path: str = "/health", **more: Any
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*place, timeout=60)
    try:
        connection.request(method, path, **more)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextmanager
def _half_sent(
    place: tuple[str, int], number: int, data: bytes = b"GET / HTTP/1.1\r\nHost:"
) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(number):
            connection = stack.enter_context(socket.create_connection(place, timeout=60))
            if data:
                connection.sendall(data)
        yield


def test_what_is_asked_reaches_the_application(place: tuple[str, int]) -> None:
    assert _asked(place, path="/a%20b?c=d", headers={"X-Name": "e"}) == (200, b"GET /a b e")
    assert _asked(place, "POST", "/stop", body=b"x" * MOST_OF_BODY) == (200, b"POST /stop ")


@pytest.mark.parametrize(
    ("method", "more", "status"),
    [
        ("POST", {"body": b"x" * (MOST_OF_BODY + 1)}, 413),
        ("POST", {"headers": {"Transfer-Encoding": "chunked"}}, 413),
        ("GET", {"headers": {"X-Name": "x" * MOST_OF_HEAD}}, 431),
        ("GET", {"headers": {"Content-Length": "-1"}}, 400),
        ("GET", {"headers": {"Content-Length": "many"}}, 400),
        ("GET", {"headers": {"Content-Length": "9" * 5000}}, 400),
        ("GET", {"path": "x://["}, 400),
    ],
)
def test_what_is_too_much_is_refused(
    method: str,
    more: dict[str, Any],
    status: int,
    place: tuple[str, int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert _asked(place, method, **more)[0] == status
    assert not caplog.records


def test_an_answer_ends_its_connection_and_names_no_software(place: tuple[str, int]) -> None:
    with socket.create_connection(place, timeout=WITHIN / 2) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
        answer = connection.makefile("rb").read()
    assert answer.count(b"200 OK") == answer.count(b"Connection: close") == answer.count(b"Date: ") == 1
    assert b"Server:" not in answer and b"waitress" not in answer


@pytest.mark.parametrize("line", [b"x" * 65_536, b"a: b\r\n" * 10_000])
def test_headers_without_an_end_take_no_memory(line: bytes, place: tuple[str, int]) -> None:
    tracemalloc.start()
    sent = 0
    try:
        with socket.create_connection(place, timeout=60) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nX: ")
            for _ in range(1000):
                connection.sendall(line)
                sent += len(line)
    except OSError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert sent < 32_000_000
    assert peak < 2_000_000
    assert _asked(place)[0] == 200


@pytest.mark.parametrize(
    "data", [b"", b"GET / HTTP/1.1\r\nHost:", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"]
)
def test_requests_that_are_half_sent_delay_nobody_and_no_end(data: bytes) -> None:
    def measured() -> float:
        with serving(_app, host="127.0.0.1", port=0) as address:
            stack = ExitStack()
            stack.enter_context(_half_sent(_place(address), 3 * MOST_AT_ONCE, data))
            for _ in range(5):
                began = time.monotonic()
                assert _asked(_place(address))[0] == 200
                assert time.monotonic() - began < WITHIN / 2
            began = time.monotonic()
        took = time.monotonic() - began
        with stack, pytest.raises(ConnectionRefusedError):
            _asked(_place(address))
        return took

    require_quick(measured, below=WITHIN / 4)


def test_many_requests_at_once_are_no_news(place: tuple[str, int], caplog: pytest.LogCaptureFixture) -> None:
    with _half_sent(place, MOST_AT_ONCE // 2, b"GET / HTTP/1.1\r\n\r\n"):
        assert _asked(place)[0] == 200
    assert not caplog.records


def test_a_client_that_sends_a_byte_now_and_then_is_cut_off() -> None:
    with (
        serving(_app, host="127.0.0.1", port=0, within=0.4) as address,
        socket.create_connection(_place(address), timeout=60) as connection,
        pytest.raises(OSError),
    ):
        for _ in range(70):
            connection.sendall(b"x")
            time.sleep(0.05)


@settings(max_examples=60)
@given(
    data=st.binary(max_size=300)
    | st.lists(
        st.sampled_from(
            [b"GET", b" ", b"/", b"HTTP/1.1", b"\r\n", b"\n", b":", b"Content-Length", b"[", b"%ff"]
        ),
        max_size=12,
    ).map(b"".join)
)
def test_no_request_stops_the_server(data: bytes, reused: tuple[str, int]) -> None:
    with socket.create_connection(reused, timeout=60) as connection:
        connection.sendall(data + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65_536)
    assert answer == b"" or answer.startswith(b"HTTP/1.")
    assert _asked(reused)[0] == 200


@pytest.fixture(scope="module")
def reused() -> Iterator[tuple[str, int]]:
    with serving(_app, host="127.0.0.1", port=0) as address:
        yield _place(address)


def test_a_port_that_is_taken_is_told_in_words(place: tuple[str, int]) -> None:
    words = f"Port {place[1]} of 127.0.0.1 cannot be used"
    taken = serving(_app, host="127.0.0.1", port=place[1])
    with pytest.raises(HarvesterError, match=words) as raised, taken:
        pass
    assert raised.value.exit_code is Exit.USAGE


def test_the_oldest_connection_makes_room_for_one_more(place: tuple[str, int]) -> None:
    with socket.create_connection(place, timeout=WITHIN / 2) as oldest:
        oldest.sendall(b"GET / HTTP/1.1\r\n")
        with _half_sent(place, MOST_AT_ONCE), suppress(ConnectionResetError):
            assert oldest.recv(1) == b""
