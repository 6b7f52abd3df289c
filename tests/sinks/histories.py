"""Made-up harvests of one collection, whose posts are numbered, with a look at what is stored in between."""

import gzip
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from harvester.clock import Stop, SystemClock
from harvester.collection import history
from harvester.errors import StoreAway
from harvester.harvest.harvest import Harvest
from harvester.networks import Batch
from harvester.networks.attribution import Matched
from harvester.networks.x.sources import Job
from harvester.settings import Settings
from harvester.sinks import Position
from harvester.sinks.archive.reader import Archive, Line
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys, is_segment, segment_order
from tests.support.stalling_clients import Client
from tests.support.stores import Wrapped

KEYS = CollectionKeys("s")


def post(number: int) -> bytes:
    return b'{"data":{"id":"%d","author_id":"%d","text":"%s"}}\n' % (number, number % 7, b"x" * (number % 90))


def rules_of(number: int) -> list[dict[str, Any]]:
    """The rules that a post matched."""
    return [{"id": f"rule-{number}", "by": "local"}] if number % 3 else []


def gap(number: int) -> dict[str, Any]:
    at = f"2026-11-23T09:{number // 60 % 60:02d}:{number % 60:02d}.000000+00:00"
    return {"event": "gap", "from": at, "to": at, "reason": "made up", "seconds": 0.0}


class _NoFiles(Wrapped):
    """A store that takes no files any more once it `refuses`, so that what is collected then stays here."""

    refuses = False

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        if self.refuses:
            raise StoreAway(f"There is no room for {key}.")
        return self.store.upload(key, path, sha256=sha256)


@dataclass
class Site:
    """A collection in a store, with the folder in which its harvests keep what is not stored."""

    folder: Path
    store: Any = None
    sinks: list[dict[str, Any]] = field(default_factory=list)
    work_name: str = "local"
    line: Callable[[int], bytes] = post
    posts: int = 0
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = self.store or FolderStore(self.folder / "collections")
        self.work = self.folder / "temp" / self.work_name / KEYS.id
        tree = {"id": "s", "type": "filter", "filter": {"track": "a"}, "sinks": self.sinks}
        history.add(self.store, KEYS, tree)

    def harvest(
        self,
        batches: Sequence[int],
        *,
        per_file: int = 1000,
        gaps: Sequence[int] = (),
        ending: str = "",
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """One harvest of batches of so many posts; after each, which is on disk by then, `meanwhile`.

        Its `ending` is "kept" where nothing could be stored and it stays here, or "lost", where it does not.
        """

        store = _NoFiles(self.store)

        def source(job: Job) -> None:
            store.refuses = bool(ending)
            for index, size in enumerate(batches):
                numbers = range(self.posts + 1, self.posts + size + 1)
                lines = b"".join(map(self.line, numbers))
                told = tuple(
                    Matched(line, str(number), rules_of(number))
                    for line, number in enumerate(numbers, 1)
                    if rules_of(number)
                )
                self.posts += size
                events = tuple(gap(self.posts) for _ in range(gaps.count(index)))
                last = str(self.posts)
                batch = Batch(lines=lines, posts=size, matches=told, events=events, last_id=last, sync=True)
                job.put(batch, wait=True)
                meanwhile()

        found = Harvest(
            store=store,
            keys=KEYS,
            client=lambda *_: Client(),
            settings=Settings(tweets_per_file=per_file, checkpoint_seconds=1e-6, store_patience=0.01),
            work_root=self.work,
            clock=SystemClock(),
            stop=Stop(),
            source=lambda _: source,
        )
        found.run()
        if ending == "lost":
            shutil.rmtree(self.work)

    def archive(self, position: Position | None = None, *, here: bool = True, **more: Any) -> Archive:
        return Archive(
            self.store,
            KEYS,
            position=position,
            work_root=self.work if here else None,
            matches=True,
            note=lambda event, _: self.notes.append(event),
            **more,
        )

    def stored(self) -> list[int]:
        """The posts that manifests name, in order."""
        return [number for key in self._segments() for number in _numbers(self.store.read(key).data)]

    def _segments(self) -> Iterator[str]:
        folders = {entry.key.rpartition("/")[0] for entry in self.store.entries(KEYS.harvests)}
        for folder in sorted(folders - {each for each in folders if each.endswith("/open")}):
            names = [
                line.split("  ", 1)[1]
                for line in self.store.read(f"{folder}/manifest-sha1.txt").data.decode().splitlines()
            ]
            for name in sorted(filter(is_segment, names), key=segment_order):
                yield f"{folder}/{name}"


def _numbers(data: bytes) -> list[int]:
    return numbers(gzip.decompress(data).splitlines())


def numbers(lines: Sequence[bytes]) -> list[int]:
    return [int(orjson.loads(line)["data"]["id"]) for line in lines]


def all_of(archive: Archive) -> list[Line]:
    """What there is now."""
    found: list[Line] = []
    while lines := archive.read():
        found += lines
    return found


def posts_of(lines: Sequence[Line]) -> list[int]:
    return numbers([line.data for line in records_of(lines)])


def records_of(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.kind == "record"]


def gaps_of(lines: Sequence[Line]) -> list[str]:
    return [
        found["from"]
        for line in lines
        if line.kind == "event" and (found := orjson.loads(line.data))["event"] == "gap"
    ]
