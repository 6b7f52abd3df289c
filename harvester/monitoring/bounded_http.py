"""HTTP requests to a WSGI application, bounded in size, number and time, so that no client delays others.

waitress bounds the size. At its limit it accepts no more connections, and it closes only silent ones; so the
number and the time are bounded here.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from waitress import create_server, wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError

from harvester.errors import Exit, HarvesterError

# Bytes of a request's line and headers, and of a body, which nothing looks at.
MOST_OF_HEAD, MOST_OF_BODY = 16_384, 65_536
# Open connections; the oldest makes room for one more.
MOST_AT_ONCE = 100
# Seconds from the connection to the last byte of the answer; waitress looks once a second.
WITHIN = 10.0

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Errors of clients do not concern the harvest; Flask logs those of the application.
logging.getLogger("waitress").setLevel(logging.CRITICAL)


class _Request(HTTPRequestParser):  # type: ignore[misc]
    """The only request of its connection, with a body of known length."""

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            raise ParsingError(str(error)) from error
        self.headers["CONNECTION"] = "close"
        if self.chunked:
            self.content_length = self.adj.max_request_body_size


class _Connection(HTTPChannel):  # type: ignore[misc]
    parser_class = _Request

    def __init__(self, within: float, server: Any, *accepted: Any, **more: Any) -> None:
        self._until = time.monotonic() + within
        super().__init__(server, *accepted, **more)
        if len(server.active_channels) > MOST_AT_ONCE:
            next(iter(server.active_channels.values())).handle_close()

    def readable(self) -> bool:
        """Asked before each wait, so the time also counts while a client sends or reads slowly."""
        if time.monotonic() >= self._until:
            self.handle_close()
        return bool(self.connected and super().readable())


@contextmanager
def serving(
    app: Application, *, host: str, port: int, within: float = WITHIN, threads: int = 1
) -> Iterator[str]:
    """Answer requests from a thread for as long as the block runs; the address. One request a connection.

    The application is called in this many threads: with one, it must not wait for anything.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        # Python adds the address in brackets.
        why, _, _ = str(getattr(error, "strerror", None) or error).partition(" (while ")
        raise HarvesterError(
            f"Port {port} of {host} cannot be used: {why}.",
            hint="Choose another --port.",
            exit_code=Exit.USAGE,
        ) from error
    bound, files = listening.getsockname(), dict[int, Any]()
    server = create_server(
        app,
        map=files,
        sockets=[listening],
        threads=threads,
        connection_limit=2 * MOST_AT_ONCE,
        max_request_header_size=MOST_OF_HEAD,
        max_request_body_size=MOST_OF_BODY + 1,
        log_socket_errors=False,
        asyncore_use_poll=True,
        # A client that leaves is noticed while it is being answered, which ends an answer without an end.
        channel_request_lookahead=int(threads > 1),
        ident=None,
    )
    server.channel_class = partial(_Connection, within)
    thread = threading.Thread(target=server.run, name="status", daemon=True)
    thread.start()
    try:
        yield f"http://{bound[0]}:{bound[1]}"
    finally:
        # The worker ends first: it writes to the loop's pipe, whose number another file may have later.
        server.task_dispatcher.shutdown(timeout=1)
        server.trigger.pull_trigger(partial(wasyncore.close_all, files))
        thread.join(1)
