"""A stage for one harvest: real client, harvest and emulator in this process, on a clock moved by waits."""

import gzip
import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import emulator
from harvester.clock import Stop
from harvester.collection import history
from harvester.collection.replay import replay
from harvester.errors import HarvesterError
from harvester.harvest.harvest import Harvest
from harvester.harvest.progress import Outcome
from harvester.networks import Source
from harvester.networks.registry import usual
from harvester.networks.repair import Known
from harvester.networks.x import Keys, XClient
from harvester.networks.x.post_ids import created
from harvester.networks.x.streaming.connection import StreamConnection
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.keys import ROOT, CollectionKeys

KEYS = Keys(bearer_token=emulator.CREDENTIALS["bearer_token"])
DAY = 86_400.0


class MovableClock:
    """The machine's time and how far the waits have moved it ahead; the emulator's clock is moved along.

    While both move, a reading of this one waits, so that it is never ahead of the emulator's. `before_wait`
    is called with the seconds of every wait, and may ask for a stop.
    """

    def __init__(self, control: emulator.Control) -> None:
        self._control = control
        self._ahead = 0.0
        self._lock = threading.RLock()
        self.before_wait: Callable[[float], None] = lambda _: None
        self.waits: list[float] = []

    def now(self) -> datetime:
        with self._lock:
            return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def elapsed(self) -> float:
        with self._lock:
            return time.monotonic() + self._ahead

    def wait(self, stop: Stop, seconds: float) -> bool:
        self.waits.append(seconds)
        self.before_wait(seconds)
        if not stop.requested:
            self._move_to(self.elapsed() + seconds)
        return stop.requested

    def advance(self, seconds: float) -> None:
        self._move_to(self.elapsed() + seconds)

    def _move_to(self, moment: float) -> None:
        # Threads that wait at once wait for the same hands: the time passes once for all of them.
        with self._lock:
            seconds = moment - self.elapsed()
            if seconds > 0:
                self._ahead += seconds
                # One that refuses connections for a moment is waited for.
                until(lambda: self._advanced(seconds))

    def _advanced(self, seconds: float) -> bool:
        try:
            self._control.advance(seconds)
        except ConnectionError:
            return False
        return True

    @contextmanager
    def hurrying(self, *, times: float) -> Iterator[None]:
        """Let time run so many times faster, for what waits on a socket and not on this clock."""
        over = threading.Event()

        def hurry() -> None:
            while not over.wait(0.02):
                self.advance(0.02 * times)

        thread = threading.Thread(target=hurry, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


class _Client(XClient):
    """Counts the streams that it has opened, which the emulator takes for open a moment before."""

    opened = 0

    def stream(self, **asked: Any) -> StreamConnection:
        connection = super().stream(**asked)
        self.opened += 1
        return connection


@dataclass(frozen=True)
class Ended:
    """What one harvest came to: `seconds` on the movable clock, and what it left in its folder."""

    outcome: Outcome
    live: Mapping[str, Any]
    seconds: float
    folder: str
    store: Store

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads(self.store.read(f"{self.folder}harvest.json").data)

    @property
    def changes(self) -> list[dict[str, Any]]:
        return json.loads(self.store.read(f"{self.folder}user_changes.json").data)

    @property
    def events(self) -> list[dict[str, Any]]:
        return self._lines("events.jsonl")

    @property
    def users(self) -> list[dict[str, Any]]:
        return self._lines("users.jsonl")

    @property
    def gaps(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == "gap"]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The records' lines, of the files that the manifest names."""
        return [line for name in sorted(_named(self.store, self.folder)) for line in _read(self.store, name)]

    @property
    def matches(self) -> list[tuple[str, dict[str, Any]]]:
        """The lines of the side files that the manifest names, each with its file of records."""
        names = [
            each for each in _listed(self.store, self.folder) if each.startswith(f"{self.folder}matches-")
        ]
        return [
            (name.removeprefix(self.folder).replace("matches-", "tweets-"), line)
            for name in sorted(names)
            for line in _read(self.store, name)
        ]

    @property
    def ids(self) -> list[str]:
        return _ids(self.lines)

    def _lines(self, name: str) -> list[dict[str, Any]]:
        if not any(True for _ in self.store.entries(self.folder + name)):
            return []
        return [json.loads(line) for line in self.store.read(self.folder + name).data.splitlines()]


@dataclass
class Going:
    """A harvest that runs; `ended` holds what it came to once it has."""

    stop: Stop
    summary: Callable[[], Mapping[str, Any]]
    # Renew the lock, as happens every 45 s.
    renew: Callable[[], None]
    ended: list[Ended] = field(default_factory=list)

    @property
    def end(self) -> Ended:
        return self.ended[0]


def came_about(holds: Callable[[], Any], *, within: float) -> bool:
    """Whether it held at some moment within so many seconds; returns as soon as it does."""
    pause, deadline = threading.Event(), time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True


def until(holds: Callable[[], Any], *, within: float = 60.0) -> None:
    """Return once it holds; fail when that takes longer than so many seconds."""
    assert came_about(holds, within=within), f"it did not come about within {within:.0f} s"


@dataclass
class Stage:
    """A store, an emulator and a clock; `harvest` runs one collection once and gives what came of it."""

    emulated: emulator.Emulated
    store: Store
    work: Path
    clock: MovableClock
    settings: dict[str, Any] = field(default_factory=dict)
    patience: float = 900.0
    keys: Keys = KEYS
    # Whether a stream that X refuses waits within its harvest.
    waits_for: Callable[[HarvesterError], bool] | None = None
    clients: list[_Client] = field(default_factory=list)

    @property
    def control(self) -> emulator.Control:
        return self.emulated.control

    @property
    def accounts(self) -> list[str]:
        return [user["id"] for user in self.control.users()]

    def add(self, collection_id: str, **tree: Any) -> CollectionKeys:
        keys = CollectionKeys(collection_id)
        history.add(self.store, keys, {"id": collection_id, **tree})
        return keys

    def edit(self, collection_id: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        history.edit(self.store, CollectionKeys(collection_id), change)

    def collection(self, collection_id: str) -> dict[str, Any]:
        return self.json(CollectionKeys(collection_id).collection)

    def json(self, key: str) -> Any:
        return json.loads(self.store.read(key).data)

    def harvest(
        self,
        collection_id: str,
        *,
        stop: Stop | None = None,
        source: Callable[[str], Source[Any]] | None = None,
        **settings: Any,
    ) -> Ended:
        """One harvest to its end."""
        run = self._run(collection_id, stop or Stop(), settings)
        run.source = source
        return self._harvested(run)

    def repair(
        self,
        collection_id: str,
        *,
        known: Known = frozenset,
        stop: Stop | None = None,
        **settings: Any,
    ) -> Ended:
        """A harvest of the repairs that are described for a collection."""
        keys = CollectionKeys(collection_id).repairs
        run = self._run(collection_id, stop or Stop(), settings)
        run = replace(run, keys=keys, work_root=self.work / f"{collection_id}+repairs")
        run.source = lambda _: usual().repair(known)
        return self._harvested(run)

    def _harvested(self, run: Harvest) -> Ended:
        before = self.clock.elapsed()
        outcome = run.run()
        summary = run.summary()
        folder = run.keys.harvest(datetime.fromisoformat(summary["harvest_timestamp"])).folder
        return Ended(outcome, summary, self.clock.elapsed() - before, folder, self.store)

    @contextmanager
    def harvesting(self, collection_id: str, **settings: Any) -> Iterator["Going"]:
        """A harvest that runs beside the block and has ended when the block has, at most a minute later."""
        stop = Stop()
        run = self._run(collection_id, stop, settings)
        going = Going(stop, run.summary, run._lock.renew)
        thread = threading.Thread(target=lambda: going.ended.append(self._harvested(run)), daemon=True)
        thread.start()
        try:
            yield going
        finally:
            going.stop.request("the test is through")
            thread.join(60)
        assert going.ended, "the harvest did not end"

    @property
    def opened(self) -> int:
        """How many streams the harvests have opened so far."""
        return sum(client.opened for client in self.clients)

    def connected(self) -> bool:
        """Whether a stream is open and read."""
        try:
            return any(not connection["ghost"] for connection in self.control.connections())
        except ConnectionError:
            return False

    def _run(self, collection_id: str, stop: Stop, settings: Mapping[str, Any]) -> Harvest:
        return Harvest(
            store=self.store,
            keys=CollectionKeys(collection_id),
            client=lambda _tree, progress: self._client(stop, progress.waits),
            settings=Settings(**{"concurrency": 1, **self.settings, **settings}),
            work_root=self.work / collection_id,
            clock=self.clock,
            stop=stop,
            waits_for=self.waits_for,
        )

    def _client(self, stop: Stop, on_wait: Callable[[str, float], None]) -> XClient:
        client = _Client(
            self.keys,
            base_url=self.emulated.url,
            clock=self.clock,
            stop=stop,
            patience=self.patience,
            on_wait=on_wait,
        )
        self.clients.append(client)
        return client

    def stored(self, collection_id: str) -> Counter[str]:
        """How often each post stands in the files that the manifests of a collection name."""
        return self.stored_in(CollectionKeys(collection_id))

    def stored_in(self, keys: CollectionKeys) -> Counter[str]:
        """The same, of a collection or of its repairs."""
        found: Counter[str] = Counter()
        for folder in self._folders(keys):
            for name in _named(self.store, folder):
                found.update(_ids(_read(self.store, name)))
        return found

    def folders(self, collection_id: str) -> list[str]:
        return self._folders(CollectionKeys(collection_id))

    def _folders(self, keys: CollectionKeys) -> list[str]:
        return [
            entry.key.removesuffix("harvest.json")
            for entry in self.store.entries(keys.harvests)
            if entry.key.endswith("/harvest.json")
        ]

    def tweets(self, folder: str) -> int:
        """How many posts the files of one harvest hold."""
        return sum(len(_ids(_read(self.store, name))) for name in _named(self.store, folder))

    def unexplained(self, collection_id: str, existed: list[str] | None = None) -> list[str]:
        """Posts that are neither stored nor published within a recorded gap; by default the stream's."""
        stored = self.stored(collection_id)
        newest = max(stored, key=int, default="0")
        gaps = [
            (datetime.fromisoformat(gap["from"]), datetime.fromisoformat(gap["to"]))
            for folder in self.folders(collection_id)
            for gap in json.loads(self.store.read(f"{folder}harvest.json").data)["gaps"]
        ]
        return [
            post
            for post in (self._streamed(up_to=newest) if existed is None else existed)
            if post not in stored and not any(start <= created(post) <= end for start, end in gaps)
        ]

    def _streamed(self, *, up_to: str) -> list[str]:
        """What was published since the stream was open for the first time, up to the last that is stored."""
        told = self.control.stream()
        listened = told["connections"][0]["published_before"]
        return [post for post in told["ids"][listened:] if int(post) <= int(up_to)]

    def lost_and_doubled(self, collection_id: str, existed: list[str]) -> tuple[int, int]:
        stored = self.stored(collection_id)
        return len(set(existed) - set(stored)), sum(times - 1 for times in stored.values())

    def require_tidy(self, collection_id: str) -> None:
        """What stands in the store after any end: all of it named and whole, and nothing left over."""
        keys = CollectionKeys(collection_id)
        left = [entry.key for entry in self.store.entries(keys.folder)]
        assert keys.lock not in left
        assert keys.checkpoint not in left
        assert [key for key in left if "/open/" in key] == []
        assert not any((self.work / collection_id).glob("*"))
        for folder in self.folders(collection_id):
            named = _listed(self.store, folder)
            files = {key for key in left if key.startswith(folder) and key.endswith(".gz")}
            assert files == {name for name in named if name.endswith(".gz")}
        assert replay(self.store, keys) == self.collection(collection_id)


_VARY: ContextVar[int | None] = ContextVar("_VARY", default=None)


@contextmanager
def varied(seed: int | None) -> Iterator[None]:
    """Stages within the block have an emulator of which all varies that X does not promise."""
    before = _VARY.set(seed)
    try:
        yield
    finally:
        _VARY.reset(before)


@contextmanager
def staged(folder: Path, *, store: Store | None = None, **options: Any) -> Iterator[Stage]:
    """A stage on a folder store; `options` are the emulator's."""
    options = {"vary": _VARY.get(), **options}
    with emulator.running(**options) as emulated:
        kept = store or FolderStore(folder / "collections")
        yield Stage(emulated, kept, folder / "work", MovableClock(emulated.control))


def checked_by_sha256sum(root: Path) -> None:
    """Let the system's own command read every manifest below a folder store's root."""
    for manifest in root.rglob("manifest-sha256.txt"):
        subprocess.run(["sha256sum", "--quiet", "-c", manifest.name], cwd=manifest.parent, check=True)


def _named(store: Store, folder: str) -> list[str]:
    return [key for key in _listed(store, folder) if key.startswith(f"{folder}tweets-")]


def _listed(store: Store, folder: str) -> list[str]:
    key = f"{folder}manifest-sha256.txt"
    if not any(True for _ in store.entries(key)):
        return []
    lines = store.read(key).data.decode().splitlines()
    return [folder + line.split("  ", 1)[1] for line in lines]


def _read(store: Store, key: str) -> list[dict[str, Any]]:
    assert key.startswith(ROOT)
    return [json.loads(line) for line in gzip.decompress(store.read(key).data).splitlines()]


def _ids(lines: list[dict[str, Any]]) -> list[str]:
    found = []
    for line in lines:
        data = line["data"]
        found += [post["id"] for post in (data if isinstance(data, list) else [data])]
    return found
