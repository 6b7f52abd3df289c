"""X in the small: posts in order, pages of a few, each answer a dict that a test may spoil on its way.

A source runs here on the real client over loopback, and what it hands over is kept as a harvest would keep
it, without a store: so that one takes milliseconds.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from harvester.clock import Stop
from harvester.collection.description import with_harvest
from harvester.harvest.journal import State
from harvester.networks import Batch
from harvester.networks.validation import as_valid
from harvester.networks.x import Keys, XClient
from harvester.networks.x.sources import Job, source_for
from tests.support.scripted_x import HandClock, Reply, Request, scripted, streamed

BASE = 1_990_000_000_000_000_000
USER = "7"
TOKEN = "AAAAtoken-of-the-desk"

# Spoils an answer: gets the request, how many came before it, and the answer that is right.
Spoil = Callable[[Request, int, Any], Any]


@dataclass
class ModelX:
    """`ids` are the posts of one account, all of which match every search.

    A post in `places` is given where that number would be, and not in the order of the ids.
    """

    ids: list[int]
    page: int = 3
    places: dict[int, int] = field(default_factory=dict)

    def answer(self, request: Request) -> Any:
        params = request.params
        if "/stream" in request.path:
            return self._of_the_stream(request)
        if request.path.endswith("/users"):
            return {"data": [_account(user) for user in params["ids"].split(",")]}
        if request.path.endswith("/by"):
            return {"data": [_account(str(n), name) for n, name in enumerate(params["usernames"].split(","))]}
        return self._page(params)

    def _of_the_stream(self, request: Request) -> Any:
        rule = {"id": "1", "value": "x", "tag": "twarc-cloud:c:track"}
        if request.path.endswith("/counts"):
            return {"data": {"cap_per_client_app": "1000", "cap_per_project": "1000"}}
        if request.path.endswith("/rules"):
            if request.method == "GET":
                return {"data": [rule], "meta": {"sent": "x", "result_count": 1}}
            return {"data": [rule], "meta": {"summary": {"created": 1, "not_created": 0}}}
        records = [{"data": _post(one), "matching_rules": [{"id": "1"}]} for one in self.ids]
        return streamed(*(json.dumps(record).encode() + b"\r\n" for record in records))

    def _page(self, params: dict[str, str]) -> Any:
        token = params.get("pagination_token") or params.get("next_token") or ""
        if token and not token.startswith("below-"):
            return {"meta": {"result_count": 0}}
        if token and not token.removeprefix("below-").isdigit():
            errors = [{"parameters": {"next_token": [token]}, "message": "it is no token"}]
            return Reply(400, {"errors": errors, "title": "Invalid Request"})
        below, above = int(params.get("until_id") or 1 << 63), int(params.get("since_id") or 0)
        match = sorted((one for one in self.ids if above < one < below), key=self._place, reverse=True)
        if token:
            last = self._place(int(token.removeprefix("below-")))
            match = [one for one in match if self._place(one) < last]
        size = min(self.page, int(params["max_results"]))
        shown, rest = match[:size], match[size:]
        if not shown:
            return {"meta": {"result_count": 0}}
        meta = {"newest_id": str(max(shown)), "oldest_id": str(min(shown)), "result_count": len(shown)}
        if rest:
            meta["next_token"] = f"below-{shown[-1]}"
        includes = {"users": [_account(USER)]}
        return {"data": [_post(one) for one in shown], "includes": includes, "meta": meta}

    def _place(self, one: int) -> int:
        return self.places.get(one, one)


def _account(user: str, name: str = "") -> dict[str, Any]:
    return {"id": user, "username": name or f"user{user}", "name": f"User {user}"}


def _post(number: int) -> dict[str, Any]:
    return {
        "id": str(number),
        "text": f"post {number}",
        "author_id": USER,
        "edit_history_tweet_ids": [str(number)],
        "created_at": "2025-11-16T00:00:00.000Z",
    }


@dataclass
class Harvested:
    """What one harvest came to; `error` is what ended it, if anything did."""

    lines: list[bytes]
    users: bytes
    events: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    counts: dict[str, int]
    requests: list[Request]
    error: BaseException | None

    @property
    def ids(self) -> list[int]:
        return [int(post["id"]) for line in self.lines for post in _posts(line)]

    @property
    def gaps(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == "gap"]


def _posts(line: bytes) -> list[dict[str, Any]]:
    data = json.loads(line, parse_int=str)["data"]
    return data if isinstance(data, list) else [data]


@dataclass
class Desk:
    """A server of the model and one collection on which harvests run one after another."""

    url: str
    requests: list[Request]
    model: ModelX
    tree: dict[str, Any] = field(default_factory=dict)
    spoil: Spoil | None = None
    asked: int = 0
    refused: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, kind: str, model: ModelX, *, known: bool = True) -> None:
        """Another collection and another X; a user who is not `known` is looked up."""
        self.model, self.spoil = model, None
        self.tree = {
            "user_timeline": {
                "id": "c",
                "type": kind,
                "users": {USER: {"screen_name": "user7"} if known else {}},
            },
            "search": {"id": "c", "type": kind, "search": {"query": "x"}},
            "filter": {"id": "c", "type": kind, "filter": {"track": "x", "max_records": 1}},
            "archive": {"id": "c", "type": "search", "search": {"query": "x", "archive": True}},
        }[kind]

    def answered(self, request: Request) -> Any:
        right = self.model.answer(request)
        with self._lock:
            number, self.asked = self.asked, self.asked + 1
        made = self.spoil(request, number, right) if self.spoil else right
        return made if isinstance(made, Reply) or callable(made) else Reply(body=made)

    def harvest(
        self, *, spoil: Spoil | None = None, patience: float = 60.0, stop_in_wait: float = 0.0
    ) -> Harvested:
        """One harvest to its end, or to a stop in a wait of so many seconds; the collection learns."""
        if spoil:
            self.spoil = spoil
        self.asked, before = 0, len(self.requests)
        state, kept = State(harvest="", owner=""), _Kept()
        stop, clock = Stop(), _StoppingClock()
        clock.stops_at = stop_in_wait
        client = XClient(
            Keys(bearer_token=TOKEN), base_url=self.url, clock=clock, stop=stop, patience=patience
        )
        job = Job(
            collection=as_valid(self.tree),
            client=client,
            clock=clock,
            stop=stop,
            put=lambda batch, **_: kept.put(state, batch),
            say=lambda _: None,
            waits=lambda _why, _seconds: None,
            concurrency=1,
        )
        error: BaseException | None = None
        try:
            source_for(self.tree["type"])(job)
        except Exception as raised:  # noqa: BLE001 - a test looks at what ended it
            error = raised
        finally:
            client.close()
        self.refused = client.fields.refused
        self.tree = with_harvest(self.tree, self.tree, state.patch)
        self.spoil = None
        asked = self.requests[before:]
        return Harvested(kept.lines, kept.users, kept.events, kept.changes, state.counts, asked, error)

    @property
    def section(self) -> dict[str, Any]:
        """What the collection knows of its one chain."""
        found: dict[str, Any] = self.tree.get("search") or self.tree.get("filter") or self.tree["users"][USER]
        return found


class _StoppingClock(HandClock):
    stops_at = 0.0

    def wait(self, stop: Stop, seconds: float) -> bool:
        if seconds == self.stops_at:
            stop.request("enough")
        return super().wait(stop, seconds)


@dataclass
class _Kept:
    lines: list[bytes] = field(default_factory=list)
    users: bytes = b""
    events: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, state: State, batch: Batch) -> None:
        with self._lock:
            state.learn(batch)
            self.lines += batch.lines.splitlines(keepends=True)
            self.users += batch.users
            self.events += batch.events
            self.changes += batch.changes


@contextmanager
def desk() -> Iterator[Desk]:
    """A server that stands for many harvests."""
    made = Desk("", [], ModelX([]))
    with scripted(made.answered) as server:
        made.url, made.requests = server.url, server.requests
        yield made
