"""A gate before a real S3 server: it lets all through, or nothing, or answers with an error of AWS's."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

OPEN, SHUT = "open", "shut"
_PIECE = 1 << 16


class Gate:
    """`url` is the endpoint to use; `set` bars the way or frees it, and closes the open connections.

    Each piece of a request takes `delay` seconds. `answered` counts the bytes of answers; `at` has
    something done once they are so many.
    """

    def __init__(self, endpoint: str) -> None:
        behind = urlsplit(endpoint)
        self._behind = (behind.hostname or "", behind.port or 80)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._state = OPEN
        self._guard = threading.Lock()
        self._on_the_way: set[socket.socket] = set()
        self.turned_away = 0
        self.delay = 0.0
        self.answered = 0
        self._turn: tuple[int, Callable[[], object]] | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    def set(self, state: str) -> None:
        """OPEN, SHUT, or a code such as "403 AccessDenied"."""
        with self._guard:
            self._state = state
            hung_up, self._on_the_way = self._on_the_way, set()
        for each in hung_up:
            _hang_up(each)

    def at(self, answered: int, act: Callable[[], object]) -> None:
        self._turn = answered, act

    def _count(self, piece: bytes) -> None:
        """Called with each piece of an answer, before it is passed on."""
        with self._guard:
            self.answered += len(piece)
            turn = self._turn if self._turn and self.answered > self._turn[0] else None
            self._turn = None if turn else self._turn
        if turn:
            turn[1]()

    def close(self) -> None:
        self.set(SHUT)
        _hang_up(self._listening)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._admit, args=(client,), daemon=True).start()

    def _admit(self, client: socket.socket) -> None:
        with self._guard:
            state = self._state
            self._on_the_way.add(client)
            self.turned_away += state != OPEN
        if state == OPEN:
            self._through(client)
        elif state != SHUT:
            with suppress(OSError):
                _refuse(client, state)
        _hang_up(client)

    def _through(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._behind)
        except OSError:
            return
        with self._guard:
            self._on_the_way.add(server)
        back = threading.Thread(target=_copy, args=(server, client, self._count), daemon=True)
        back.start()
        _copy(client, server, lambda _: threading.Event().wait(self.delay))
        back.join()


def _refuse(client: socket.socket, state: str) -> None:
    """Take the request in, whose body may follow, and answer it."""
    status, code = state.split()
    client.settimeout(5)
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(_PIECE)
        if not piece:
            return
        head += piece
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code} by the test</Message></Error>"
    lines = (f"HTTP/1.1 {status} {code}", "Content-Type: application/xml", "Connection: close")
    client.sendall("\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode())
    with suppress(OSError):
        client.shutdown(socket.SHUT_WR)
        while client.recv(_PIECE):
            continue


def _copy(source: socket.socket, target: socket.socket, before: Callable[[bytes], object]) -> None:
    with suppress(OSError):
        while data := source.recv(_PIECE):
            before(data)
            target.sendall(data)
    _hang_up(source)
    _hang_up(target)


def _hang_up(connection: socket.socket) -> None:
    # Closing alone does not wake a thread that reads.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def gate(endpoint: str) -> Iterator[Gate]:
    standing = Gate(endpoint)
    try:
        yield standing
    finally:
        standing.close()
