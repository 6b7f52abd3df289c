"""Harvests that kill themselves, or fall asleep, at a named moment, each in a process of its own.

`python -m tests.support.crash_points` reads orders as lines of JSON, forks for each, and answers with
how that process ended. It forks from a process that has imported everything, so that a death costs
milliseconds.
"""

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from harvester.clock import Stop, SystemClock, timestamp
from harvester.commands.crawl import Crawling
from harvester.curation.repair.run import Repair
from harvester.errors import HarvesterError
from harvester.graph import approval, close, crawls, ending
from harvester.harvest.harvest import Harvest
from harvester.harvest.progress import Outcome
from harvester.networks import Batch
from harvester.networks.attribution import Matched
from harvester.networks.x.page import Page, posts_page, relations_page, users_page
from harvester.networks.x.sources import Job, filter, graph, repair, search, source_for, user_timeline
from harvester.settings import Settings
from harvester.store import Piece, Store
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.reading import reader
from harvester.store.s3 import S3Store
from tests.support.invariants import post_id_at
from tests.support.servers import S3Server
from tests.support.stalling_clients import Client

Tree = dict[str, Any]

_READY = (search, filter, user_timeline, repair, graph, approval, close, crawls, ending)
_PAGE = 50
_STREAMED, _AT_ONCE = 300, 20
_DEADLINE = 60
_NETWORK = 0.004


class Death:
    """Kills this process at the nth time that what it waits for happens, and leaves word that it did.

    Or stops it until somebody wakes it, where the order says that it sleeps; the word is its number then.
    """

    def __init__(self, order: Tree) -> None:
        self._order, self._mark = order, Path(order["mark"])
        self._left = order.get("nth", 1)
        self._guard = threading.Lock()

    def comes(self) -> None:
        if self.is_now():
            # To the process, another thread might take it, and this one go on for a moment.
            signal.pthread_kill(
                threading.get_ident(), signal.SIGSTOP if self._order.get("sleeps") else signal.SIGKILL
            )

    def is_now(self) -> bool:
        """Whether it has happened so often by now, of which there is word then."""
        with self._guard:
            self._left -= 1
            if self._left == 0:
                scratch = self._mark.with_suffix(".scratch")
                scratch.write_text(str(os.getpid()))
                scratch.replace(self._mark)
            return bool(self._left == 0)


class _Deadly:
    """Of a store: this process dies before or after one of its steps, or the step is refused.

    The steps that an order is about are noted in the file `steps`, where it names one.
    """

    order: Tree
    death: Death

    def create(self, key: str, data: bytes) -> str:
        above: Any = super()
        return self._step("create", key, lambda: above.create(key, data), data)

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        above: Any = super()
        return self._step("replace", key, lambda: above.replace(key, data, version=version), data)

    def compose(self, key: str, path: Path, *, sha256: str, name: str, pieces: Sequence[Piece]) -> str:
        above: Any = super()
        asked: Tree = {"sha256": sha256, "name": name, "pieces": pieces}
        return self._step("upload", key, lambda: above.compose(key, path, **asked))

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        above: Any = super()
        return self._step("upload", key, lambda: above.upload(key, path, sha256=sha256))

    def download(self, key: str, path: Path) -> None:
        above: Any = super()
        self._step("download", key, lambda: above.download(key, path))

    def remove(self, key: str, *, version: str | None = None) -> None:
        above: Any = super()
        self._step("remove", key, lambda: above.remove(key, version=version))

    def _step(self, verb: str, key: str, act: Callable[[], Any], data: bytes = b"") -> Any:
        deadly = (
            verb in self.order["verb"].split("|")
            and re.search(self.order["key"], key)
            and self.order.get("holding", "").encode() in data
            and not (self.order.get("lacking") and self.order["lacking"].encode() in data)
        )
        if deadly and "steps" in self.order:
            with Path(self.order["steps"]).open("a") as steps:
                steps.write(f"{verb} {key}\n")
        if deadly and self.order["when"] == "refused" and self.death.is_now():
            raise HarvesterError(f"{verb} {key} is refused, by order.")
        if deadly and self.order["when"] == "before":
            self.death.comes()
        # A store so slow that what is collected waits for it.
        threading.Event().wait(self.order.get("slow", 0))
        result = act()
        if deadly and self.order["when"] == "after":
            self.death.comes()
        return result


def _deadly(store: Store, order: Tree, death: Death) -> Store:
    """A store of the same kind, at a step of which this process dies."""
    made: Any = type("Deadly", (_Deadly, type(store)), {"order": order, "death": death})
    store.__class__ = made
    return store


def _die_in(order: Tree, death: Death) -> None:
    """Die when a function of the harvester, known by its qualified name, begins or ends."""
    moment = {"before": "call", "after": "return"}[order["when"]]

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == moment and frame.f_code.co_qualname == order["code"]:
            death.comes()

    threading.setprofile(watch)
    sys.setprofile(watch)


class StandIn(Client):
    """X with as many posts for each user, and for a search, as the order says; posts of users differ."""

    def __init__(self, order: Tree, stop: Stop) -> None:
        super().__init__()
        self.app = "x-crash"
        self._stop = stop
        self._posts, self._log = order["posts"], Path(order["served"])
        self._size = order.get("page", _PAGE)
        # Who follows whom is asked of accounts that are seen.
        self._protects = "graph" not in order
        # The network's time, in which the store keeps up, so that a file is seen there while it grows.
        self._network = order.get("network", _NETWORK)

    def timeline(self, user_id: str, **asked: Any) -> Page:
        if user_id in _REFUSED:
            return posts_page(_GONE.replace("5", user_id).encode(), b"{}")
        return self._page(int(user_id), **asked)

    def search(self, _: str, **asked: Any) -> Page:
        return self._page(0, **asked)

    def users(self, ids: list[str]) -> Page:
        found = [each for each in ids if each != "5"]
        body: Tree = {"data": [{"id": each, "username": f"u{each}"} for each in found]}
        if self._protects:
            body["data"] = [{**user, "protected": True} for user in body["data"]]
        if "5" in ids:
            body["errors"] = json.loads(_GONE)["errors"]
        return users_page(json.dumps(body).encode(), b"{}")

    def followers(self, user_id: str, *, token: str | None = None, **_: Any) -> Page:
        """As many as there are posts: their numbers count down."""
        top = int(token) if token else self._posts
        with self._log.open("a") as log:
            log.write(f"{user_id} {top}\n")
        self._stop.wait(self._network)
        low = max(0, top - self._size)
        ids = [str(number * 10 + int(user_id)) for number in range(top, low, -1)]
        self.billing.add("pages", users=len(ids))
        counts = {"followers_count": self._posts}
        data = [
            {"id": each, "username": f"u{each}", "description": "x" * 400, "public_metrics": counts}
            for each in ids
        ]
        meta = {"result_count": len(ids), **({"next_token": str(low)} if low else {})}
        return relations_page(json.dumps({"data": data, "meta": meta}).encode(), b"{}")

    def _page(
        self,
        whose: int,
        *,
        since_id: str | None = None,
        until_id: str | None = None,
        token: str | None = None,
        **_: Any,
    ) -> Page:
        top = int(token) if token else self._posts
        if until_id:
            top = min(top, int(until_id) // 10 - 1)
        low = min(top, max(int(since_id or 0) // 10, top - _PAGE))
        if top > low:
            # Pages that bring nothing cost nothing.
            with self._log.open("a") as log:
                log.write(f"{whose} {top}\n")
        self._stop.wait(self._network)
        data = [{"id": str(number * 10 + whose), "text": "x" * 500} for number in range(top, low, -1)]
        self.billing.add("pages", posts=len(data))
        body: Tree = {"meta": {"result_count": len(data)}}
        if data:
            body["data"] = data
        if low > int(since_id or 0) // 10:
            body["meta"]["next_token"] = str(low)
        return posts_page(json.dumps(body).encode(), b"{}")


# One is gone, the other one only protected.
_REFUSED = {"5", "6"}
_GONE = (
    '{"errors": [{"value": "5", "detail": "Could not find user with id: [5].", "title": "Not Found Error",'
    ' "resource_type": "user", "parameter": "id", "resource_id": "5",'
    ' "type": "https://api.twitter.com/2/problems/resource-not-found"}]}'
)


def _streaming(served: Path) -> Callable[[Job], None]:
    """A stream as a source would hand it over, which notes what it had before it hands it over."""

    def collect(job: Job) -> None:
        for start in range(0, _STREAMED, _AT_ONCE):
            ids = [post_id_at(datetime.now(UTC), start + number) for number in range(_AT_ONCE)]
            with served.open("a") as log:
                log.write("".join(f"{post}\n" for post in ids))
            lines = b"".join(b'{"data":{"id":"%s"},"matching_rules":[]}\n' % post.encode() for post in ids)
            events: tuple[Tree, ...] = (
                () if start else ({"event": "rules", "at": timestamp(datetime.now(UTC))},)
            )
            if not start and job.gap_from:
                events = (*events, _gap_until_now(job.gap_from))
            if start == _STREAMED // 2:
                events = ({"event": "duplicates", "dropped": 1},)
            job.client.billing.add("stream", posts=len(ids))
            matches = tuple(
                Matched(line, post, MATCHED) for line, post in enumerate(ids, 1) if is_matched(post)
            )
            job.put(
                Batch(
                    lines=lines,
                    posts=len(ids),
                    matches=matches,
                    last_id=ids[-1],
                    sync=start % 60 == 0,
                    events=events,
                )
            )
            job.stop.wait(0.002)

    return collect


MATCHED: list[Tree] = [{"id": "wet", "by": "network"}, {"id": "dry", "by": "local"}]


def is_matched(post: str) -> bool:
    """Whether a post of the stream matched rules of the collection."""
    return int(post) % 3 != 0


def _gap_until_now(since: datetime) -> Tree:
    return {"event": "gap", "from": timestamp(since), "to": timestamp(datetime.now(UTC)), "reason": "death"}


def _harvested(order: Tree) -> int:
    store: Store = FolderStore(Path(order["collections"])) if "collections" in order else _s3(order)
    at = order.get("at")
    if at:
        death = Death(at)
        if "verb" in at:
            store = _deadly(store, at, death)
        else:
            _die_in(at, death)
    stop = Stop()
    asked: Tree = {
        "keys": CollectionKeys(order["id"]),
        "client": lambda *_: StandIn(order, stop),
        "settings": Settings(
            tweets_per_file=200,
            checkpoint_seconds=order.get("checkpoint_seconds", 0.001),
            concurrency=2,
            store_patience=5,
            lock_seconds=order.get("lock_seconds", 60),
        ),
        "work_root": Path(order["temp"]),
        "clock": SystemClock(),
        "stop": stop,
    }
    source = (lambda _: _streaming(Path(order["served"]))) if order.get("stream") else source_for
    try:
        if order.get("repair"):
            outcome, _ = Repair(store=store, reader=reader(store), **asked).run()
        elif "crawl" in order:

            def harvest() -> Outcome:
                return Harvest(store=store, source=source, **asked).run()

            outcome = Crawling(store, asked["keys"], Path(order["crawl"]), stop, harvest).run()
        else:
            outcome = Harvest(store=store, source=source, **asked).run()
    except HarvesterError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    sys.stderr.write(f"{outcome}\n")
    return int(outcome.exit_code)


def _s3(order: Tree) -> Store:
    return S3Store(order["bucket"], client=S3Server(*order["server"]).requests(order["bucket"]))


def _forked(order: Tree) -> int:
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    code = 70
    signal.alarm(_DEADLINE)
    try:
        os.dup2(os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
        # Whoever waits for the answer would read what a crawl says of itself.
        os.dup2(2, 1)
        code = _harvested(order)
    except BaseException:  # noqa: BLE001 - told in the log; the process must not return from the fork
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    # botocore keeps what it read of its own descriptions, and the forked inherit it.
    S3Server("http://127.0.0.1:1", "none", "none").client()
    for line in sys.stdin:
        sys.stdout.write(f"{_forked(json.loads(line))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
