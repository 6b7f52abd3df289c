"""Server-sent events: figures of a page as they change, each stream for a few minutes and then anew."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import orjson
from flask import Response, abort, request

from harvester.clock import Clock, Stop

# The maximum number of the server's threads that carry a stream.
MOST = 20
# A stream ends after this time; the browser opens it again. Regular output detects lost connections.
_LASTS, _HEARTBEAT = 240.0, 15.0
# After how many milliseconds a browser reconnects, and how often its connection is checked.
_RETRY = 3000
_LOOK = 1.0


@dataclass(frozen=True)
class News:
    """The result of one read: texts by the id of their element, states by theirs, and new posts."""

    texts: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    posts: tuple[Mapping[str, str], ...] = ()


class Streams:
    """All streams of one run of the dashboard; `stop` ends them."""

    def __init__(self, clock: Clock, stop: Stop) -> None:
        self._clock, self._stop = clock, stop
        self._places = threading.BoundedSemaphore(MOST)

    def answer(
        self, look: Callable[[], News], *, every: float, close: Callable[[], None] | None = None
    ) -> Response:
        """A stream of the results of `look`, called at the given interval; 503 if all places are taken."""
        if not self._places.acquire(blocking=False):
            abort(503, "Too many pages with live figures are open.")
        is_gone = request.environ.get("waitress.client_disconnected", lambda: False)
        response = Response(self._events(look, is_gone, every), mimetype="text/event-stream")

        open_once = iter([True])

        @response.call_on_close
        def over() -> None:
            if not next(open_once, False):
                return
            self._places.release()
            if close:
                close()

        return response

    def _events(self, look: Callable[[], News], is_gone: Callable[[], bool], every: float) -> Iterator[bytes]:
        begun = said = self._clock.elapsed()
        shown: dict[str, object] = {}
        yield f"retry: {_RETRY}\n\n".encode()
        while not self._stop.requested and self._clock.elapsed() - begun < _LASTS:
            if events := list(_changed(look(), shown)):
                said = self._clock.elapsed()
                yield b"".join(events)
            elif self._clock.elapsed() - said >= _HEARTBEAT:
                said = self._clock.elapsed()
                yield b": still here\n\n"
            due = self._clock.elapsed() + every
            while (left := due - self._clock.elapsed()) > 0:
                if is_gone() or self._clock.wait(self._stop, min(left, _LOOK)):
                    return


def _changed(news: News, shown: dict[str, object]) -> Iterator[bytes]:
    """The events for results that are not shown yet; marks them as shown."""
    texts = {name: text for name, text in news.texts.items() if shown.get(name) != text}
    for name, state in news.states.items():
        if shown.get(name) != state:
            yield _event("state", {"id": name, "word": state[0], "sign": state[1]})
    for post in news.posts:
        yield _event("post", post)
    if texts:
        yield _event("patch", texts)
    shown |= texts
    shown |= news.states


def _event(name: str, data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))
