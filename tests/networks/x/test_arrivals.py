"""What comes over a stream's connection is taken together, to its last byte, and a stop is heard at once."""

import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.networks.x.streaming.arrivals import PAUSE_SECONDS, TICK, Arrivals

# Longer than any test may take.
_LONG = 30.0
_NOTHING_AHEAD = io.BufferedReader(io.BytesIO())


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The network's end of a connection, and ours."""
    theirs, ours = socket.socketpair()
    with theirs, ours:
        yield theirs, ours


def _arrivals(ours: socket.socket, *, pause: float = _LONG) -> Arrivals:
    return Arrivals(ours, _NOTHING_AHEAD, pause=pause)


def test_what_comes_during_the_pause_is_one_read(ends: tuple[socket.socket, socket.socket]) -> None:
    theirs, ours = ends
    arrivals = _arrivals(ours)
    theirs.sendall(b"first")
    assert arrivals.take() == (b"first", "")

    def send_and_leave() -> None:
        for number in range(10):
            theirs.sendall(b"%d" % number)
        theirs.close()

    sender = threading.Thread(target=send_and_leave)
    sender.start()
    # The end of the connection ends the pause.
    arrivals.pause()
    sender.join()

    assert arrivals.take() == (b"0123456789", "")
    assert arrivals.take() == (b"", "")


def test_the_first_read_waits_as_all_others_do(ends: tuple[socket.socket, socket.socket]) -> None:
    arrivals = _arrivals(ends[1])
    began = time.monotonic()

    assert arrivals.take() == (None, "")
    assert time.monotonic() - began > TICK * 0.9


def test_a_stop_ends_the_pause_and_loses_nothing(ends: tuple[socket.socket, socket.socket]) -> None:
    theirs, ours = ends
    arrivals = _arrivals(ours)
    theirs.sendall(b"first")
    arrivals.take()
    theirs.sendall(b"second")
    threading.Timer(0.05, ours.shutdown, args=(socket.SHUT_RDWR,)).start()

    arrivals.pause()

    assert arrivals.take() == (b"second", "")
    assert arrivals.take() == (b"", "")


def test_a_read_that_left_something_is_followed_by_no_pause(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    theirs, ours = ends
    arrivals = Arrivals(ours, _NOTHING_AHEAD, pause=_LONG, room=4)
    theirs.sendall(b"twelve bytes")
    taken = []
    started = time.monotonic()
    for _ in range(3):
        taken.append(arrivals.take()[0])
        arrivals.pause()

    assert taken == [b"twel", b"ve b", b"ytes"]
    assert time.monotonic() - started < _LONG


def test_after_a_quiet_time_the_first_byte_is_not_kept_waiting(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    theirs, ours = ends
    arrivals = _arrivals(ours)
    theirs.sendall(b"first")
    arrivals.take()
    assert arrivals.take() == (None, "")

    theirs.sendall(b"second")
    arrivals.pause()

    assert arrivals.take() == (b"second", "")


def test_a_post_waits_for_others_no_longer_than_a_tenth_of_a_second(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    theirs, ours = ends
    arrivals = Arrivals(ours, _NOTHING_AHEAD)
    theirs.sendall(b"first")
    arrivals.take()
    spent = time.thread_time()

    arrivals.pause()

    assert PAUSE_SECONDS < 0.1
    # It is not spent looking.
    assert time.thread_time() - spent < PAUSE_SECONDS / 2


def test_a_connection_that_broke_says_how_and_keeps_what_came_before(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    theirs, ours = ends
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()) as mine:
            other, _ = listener.accept()
            arrivals = _arrivals(mine)
            other.sendall(b"first")
            assert arrivals.take() == (b"first", "")
            # Closed with something unread, so that it is reset.
            mine.sendall(b"unread")
            other.recv(1)
            other.close()
            arrivals.pause()
            piece, closed = arrivals.take()

    assert (piece, closed) == (None, "the connection was closed before the answer")


def test_all_tls_records_that_came_are_one_read(
    certificate: tuple[Path, Path], ends: tuple[socket.socket, socket.socket]
) -> None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(*certificate)
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    shaken = threading.Event()
    served: list[ssl.SSLSocket] = []

    def serve() -> None:
        secured = serving.wrap_socket(ends[0], server_side=True)
        served.append(secured)
        for number in range(5):
            secured.sendall(b"record %d;" % number)
        shaken.set()

    thread = threading.Thread(target=serve)
    thread.start()
    with trusting.wrap_socket(ends[1], server_hostname="localhost") as secured:
        assert shaken.wait(30)
        thread.join()
        arrivals = Arrivals(secured, _NOTHING_AHEAD, pause=_LONG)

        assert arrivals.take() == (b"".join(b"record %d;" % number for number in range(5)), "")
    served[0].close()
