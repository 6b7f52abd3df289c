"""An answer on an open connection is the same however it arrives, and never more than it may be."""

import gzip
import socket
import threading
from collections.abc import Iterator

import pytest
from urllib3.exceptions import HTTPError

from harvester.clock import SystemClock
from harvester.networks.x.http.answer import Answer, asked

_BODY = b'{"data":[{"id":"20","text":"just setting up my twttr"}]}'
_ZIPPED = gzip.compress(_BODY)
_LIMIT = b"X-Rate-Limit-Remaining: 7\r\n"

ANSWERS = {
    "a length": b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (_LIMIT, len(_BODY), _BODY),
    "a length in other letters": b"HTTP/1.1 200 \r\ncontent-LENGTH:%d\r\n%b\r\n%b"
    % (len(_BODY), _LIMIT, _BODY),
    "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n%bContent-Length: %d\r\n\r\n%b"
    % (_LIMIT, len(_ZIPPED), _ZIPPED),
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n%b\r\n" % _LIMIT
    + b"5\r\n%b\r\n%x;name=value\r\n%b\r\n" % (_BODY[:5], len(_BODY) - 5, _BODY[5:])
    + b"000\r\nTrailer: 1\r\n\r\n",
    "a word before it": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"
    b"%bContent-Length: %d\r\n\r\n%b" % (_LIMIT, len(_BODY), _BODY),
}
LAST = {
    "it says so": b"HTTP/1.1 200 OK\r\n%bConnection: Close\r\nContent-Length: %d\r\n\r\n%b"
    % (_LIMIT, len(_BODY), _BODY),
    "nothing says how long it is": b"HTTP/1.1 200 OK\r\n%b\r\n%b" % (_LIMIT, _BODY),
    "an older protocol": b"HTTP/1.0 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (_LIMIT, len(_BODY), _BODY),
    "more than it says": b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%bmore"
    % (_LIMIT, len(_BODY), _BODY),
}
NONE = {
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "no status": b"HTTP/1.1 ok\r\nContent-Length: 0\r\n\r\n",
    "a header without a name": b"HTTP/1.1 200 OK\r\n: 1\r\n\r\n",
    "a header over two lines": b"HTTP/1.1 200 OK\r\nDate: Fri,\r\n 27 Nov\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "a length below nothing": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
    "cut in its head": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
    "cut in its body": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
    "cut in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
    "a chunk that is longer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "a chunk of no number": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
    "a line without an end": b"HTTP/1.1 200 OK\r\n" + b"X-Long: y\r\n" * 40_000,
    "more than an answer may be": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 40),
    "gzip that is none": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
}


def _asked(sent: bytes, *, piece: int) -> Answer:
    """What is made of an answer that arrives in pieces of this size, after which the connection ends."""
    here, there = socket.socketpair()

    def serve() -> None:
        with there:
            assert there.recv(1000) == b"GET / HTTP/1.1\r\n\r\n"
            try:
                for start in range(0, len(sent), piece):
                    there.sendall(sent[start : start + piece])
            except BrokenPipeError:
                # It was refused before its end.
                return

    server = threading.Thread(target=serve)
    server.start()
    try:
        here.settimeout(10)
        return asked(here, b"GET / HTTP/1.1\r\n\r\n", url="http://x/", clock=SystemClock())
    finally:
        here.close()
        server.join()


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_is_the_same_however_it_arrives(kind: str, piece: int) -> None:
    found = _asked(ANSWERS[kind], piece=piece)

    assert (found.status, found.body, found.keeps) == (200, _BODY, True)
    assert found.headers["x-rate-limit-remaining"] == "7"


@pytest.mark.parametrize("kind", LAST)
def test_a_connection_is_not_used_again_where_the_answer_does_not_allow_it(kind: str) -> None:
    found = _asked(LAST[kind], piece=1 << 20)

    assert (found.status, found.body, found.keeps) == (200, _BODY, False)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_what_has_no_body_ends_with_its_head(status: bytes) -> None:
    found = _asked(b"HTTP/1.1 %b\r\nContent-Length: 5\r\n\r\n" % status, piece=1 << 20)

    assert (found.body, found.keeps) == (b"", True)


@pytest.mark.parametrize("kind", NONE)
def test_what_is_no_whole_answer_is_an_error_of_the_connection(kind: str) -> None:
    with pytest.raises((HTTPError, OSError)):
        _asked(NONE[kind], piece=1 << 16)


class _Minutes(SystemClock):
    """A clock on which three minutes pass between two looks."""

    def __init__(self) -> None:
        self._looks = 0

    def elapsed(self) -> float:
        self._looks += 1
        return self._looks * 180.0


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def test_an_answer_that_takes_too_long_is_given_up(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    there.sendall(ANSWERS["a length"])
    here.settimeout(10)

    with pytest.raises(TimeoutError, match="not complete after 120 s"):
        asked(here, b"GET / HTTP/1.1\r\n\r\n", url="http://x/", clock=_Minutes())


def test_more_than_an_answer_may_be_is_not_read(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    there.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % ((64 << 20) + 1))
    here.settimeout(10)

    with pytest.raises(HTTPError, match="longer than 64 MiB"):
        asked(here, b"GET / HTTP/1.1\r\n\r\n", url="http://x/", clock=SystemClock())
