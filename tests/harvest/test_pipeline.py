"""A file is closed when it is full or old enough, and the next one begins anew in both."""

import random
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest

from harvester.clock import Stop, moment
from harvester.collection import history
from harvester.harvest import catalog, checkpoint
from harvester.harvest.claim import claim
from harvester.harvest.context import Context
from harvester.harvest.harvest import Harvest
from harvester.harvest.lock import Lock
from harvester.harvest.pipeline import Storing
from harvester.harvest.progress import Progress
from harvester.harvest.upload_queue import Uploads
from harvester.networks import Batch
from harvester.networks.x.page import Page, posts_page
from harvester.networks.x.sources import Job, search
from harvester.settings import Settings
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.made_up_posts import made_up_posts
from tests.support.stalling_clients import Client
from tests.support.stores import HandClock, Wrapped

Tree = dict[str, Any]

_LONG, _LINE = CollectionKeys("long"), b'{"data":{"id":"1"}}\n'

_BATCHES, _AT_ONCE = 120, 5
_DRAW = random.Random(7)
# Text that does not compress, so that bytes are bytes.
_TEXTS = [_DRAW.randbytes(200).hex() for _ in range(_BATCHES * _AT_ONCE)]


class _SlowX(Client):
    """A search of 120 pages, each of which takes a second."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self._clock = clock

    def search(self, _: str, *, token: str | None = None, **__: Any) -> Page:
        self._clock.seconds += 1
        top = int(token or len(_TEXTS))
        data = [{"id": str(number), "text": _TEXTS[number - 1]} for number in range(top, top - _AT_ONCE, -1)]
        meta: Tree = {"result_count": len(data)}
        if top > _AT_ONCE:
            meta["next_token"] = str(top - _AT_ONCE)
        return posts_page(orjson.dumps({"data": data, "meta": meta}), b"{}")


def _streaming(clock: HandClock) -> Callable[[Job], None]:
    def collect(job: Job) -> None:
        for number in range(0, len(_TEXTS), _AT_ONCE):
            clock.seconds += 1
            lines = b"".join(
                orjson.dumps({"data": {"id": str(number + each), "text": _TEXTS[number + each]}}) + b"\n"
                for each in range(_AT_ONCE)
            )
            job.put(Batch(lines=lines, posts=_AT_ONCE, last_id=str(number + 4), sync=True), wait=True)

    return collect


def _harvested(folder: Path, kind: str, **settings: Any) -> list[Tree]:
    """The segments of one harvest whose batches come a second apart, as they are stored."""
    store, keys, clock = FolderStore(folder / "collections"), CollectionKeys("long"), HandClock()
    body: Tree = {"search": {"query": "a"}} if kind == "search" else {"filter": {"track": "a"}}
    history.add(store, keys, {"id": "long", "type": kind, **body})
    harvest = Harvest(
        store=store,
        keys=keys,
        client=lambda *_: _SlowX(clock),
        settings=Settings(checkpoint_seconds=1e6, **settings),
        work_root=folder / "temp",
        clock=clock,
        stop=Stop(),
        source=lambda _: search.collect if kind == "search" else _streaming(clock),
    )
    harvest.run()
    account = harvest.summary()
    assert (account["state"], account["tweets"]) == ("complete", len(_TEXTS))
    segments = [entry for entry in store.entries(keys.folder) if "/tweets-" in entry.key]
    assert account["files"] == len(segments)
    return [{"name": entry.key.rpartition("/")[2], "size": entry.size} for entry in segments]


@pytest.mark.parametrize("kind", ["filter", "search"])
class TestTenRolls:
    """120 batches of 5 posts, a second apart."""

    def test_by_age(self, tmp_path: Path, kind: str) -> None:
        files = _harvested(tmp_path, kind, seconds_per_file=10.0)
        # Whether the second of the next batch has begun when the age is looked at is a matter of threads.
        assert 11 <= len(files) <= 13

    def test_by_records(self, tmp_path: Path, kind: str) -> None:
        files = _harvested(tmp_path, kind, tweets_per_file=50)
        assert len(files) == 12

    def test_by_bytes(self, tmp_path: Path, kind: str) -> None:
        files = _harvested(tmp_path, kind, bytes_per_file=10_000)
        assert len(files) > 10
        assert all(10_000 <= file["size"] < 13_000 for file in files[:-1])

    def test_by_none_before_it_is_due(self, tmp_path: Path, kind: str) -> None:
        assert len(_harvested(tmp_path, kind, seconds_per_file=1000.0)) == 1


class _AtOnce(Uploads):
    """Each step is done when it is put, so that no time of the clock passes meanwhile."""

    def put(self, what: str, run: Callable[[], None]) -> None:
        run()
        self.done.append(what)

    @cached_property
    def done(self) -> list[str]:
        return []


class _Billed(Wrapped):
    """A store whose requests are paid for."""

    is_billed = True


def _storing(
    folder: Path,
    uploads: Uploads,
    clock: HandClock,
    *,
    is_billed: bool = False,
    heard: Callable[[str, str], None] = lambda heard, last_id: None,  # noqa: ARG005
    **settings: Any,
) -> tuple[Storing, FolderStore, Progress]:
    store: Any = FolderStore(folder / "collections")
    store = _Billed(store) if is_billed else store
    progress = Progress("long", "here", "")
    context = Context(
        store=store,
        keys=_LONG,
        settings=Settings(**settings),
        work_root=folder / "temp",
        clock=clock,
        stop=Stop(),
        owner="me",
        progress=progress,
        note_heard=heard,
    )
    storing = Storing(context, claim(context, {"id": "long", "type": "filter"}), uploads, billed=dict)
    return storing, store, progress


def test_with_nothing_new_only_every_tenth_checkpoint_is_written(tmp_path: Path) -> None:
    """Each is paid for. What comes, and what is waited for, is told within one."""
    clock = HandClock()
    uploads = _AtOnce(clock=clock, stop=Stop())
    storing, _, progress = _storing(tmp_path, uploads, clock, seconds_per_file=1e6)
    minutes = list[int]()
    for second in range(1, 3300):
        clock.seconds += 1
        if second == 1500:
            progress.waits("stream to come back", 60)
        if second == 2400:
            storing.add(Batch(lines=_LINE, posts=1, last_id="1"))
        storing.add(Batch())
        before = len(uploads.done)
        storing.do_what_is_due()
        minutes += [second // 60] * (len(uploads.done) - before)
    assert set(uploads.done) == {"the checkpoint"}
    assert minutes == [1, 11, 21, 25, 35, 40, 50]


def test_that_a_stream_lives_is_noted_while_all_that_came_is_stored_and_asks_for_no_checkpoint(
    tmp_path: Path,
) -> None:
    clock, noted = HandClock(), list[tuple[str, str]]()
    uploads = _AtOnce(clock=clock, stop=Stop())
    storing, _, _ = _storing(
        tmp_path, uploads, clock, heard=lambda *heard: noted.append(heard), seconds_per_file=1e6
    )
    for second in range(1, 301):
        clock.seconds += 1
        if second == 200:
            storing.add(Batch(lines=_LINE, posts=1, last_id="7", heard="at 200"))
        storing.add(Batch(heard=f"{second}", last_id="" if second < 250 else "8"))
        storing.do_what_is_due()
    # One at the beginning, and one for what came; until that was written, nothing is noted.
    assert uploads.done == ["the checkpoint"] * 2
    assert noted[:199] == [(f"{second}", "") for second in range(1, 200)]
    assert noted[199:] == [(f"{second}", "7" if second < 250 else "8") for second in range(201, 301)]


@pytest.mark.parametrize("is_billed", [False, True])
def test_where_requests_are_billed_harvest_json_is_rare_and_the_checkpoint_tells_the_same(
    tmp_path: Path, is_billed: bool
) -> None:
    clock = HandClock()
    uploads = _AtOnce(clock=clock, stop=Stop())
    storing, store, _ = _storing(tmp_path, uploads, clock, is_billed=is_billed, seconds_per_file=1e6)
    history.add(store, _LONG, {"id": "long", "type": "filter", "filter": {"track": "a"}})
    lock = Lock(store, _LONG.lock, owner="me", clock=clock)
    lock.acquire()
    records = list[str]()
    for minute in range(1, 41):
        storing.add(Batch(lines=_LINE, posts=1))
        clock.seconds += 61
        storing.do_what_is_due()
        (entry,) = (entry for entry in store.entries(_LONG.harvests) if entry.key.endswith("/harvest.json"))
        records.append(entry.version)
        told = catalog.running(store, _LONG)
        assert told
        assert (told["tweets"], catalog.all_of(store, _LONG)[0]["tweets"]) == (minute, minute)
    assert len(set(records)) == (1 + 40 // 10 if is_billed else 40)


def test_a_file_counts_from_its_upload_on_and_then_its_parts_are_gone(tmp_path: Path) -> None:
    class Watched(_AtOnce):
        def put(self, what: str, run: Callable[[], None]) -> None:
            super().put(what, run)
            known = checkpoint.load(store, _LONG)
            assert known
            here = _LONG.harvest(moment(known["state"]["harvest"]))
            files = len(checkpoint.reached(store, here, known).finished)
            seen.append(
                (what.split()[1] if " " in what else "file", files, len(list(store.entries(here.parts))))
            )

    clock, seen = HandClock(), list[tuple[str, int, int]]()
    storing, store, _ = _storing(tmp_path, Watched(clock=clock, stop=Stop()), clock, checkpoint_seconds=5.0)
    storing.add(Batch(lines=_LINE, posts=1))
    clock.seconds += 6
    storing.do_what_is_due()
    storing.finish()
    assert seen == [("checkpoint", 0, 1), ("announcement", 0, 1), ("file", 1, 0)]


def test_records_that_come_slowly_are_stored_smaller(tmp_path: Path) -> None:
    lines = made_up_posts(20_000)
    sizes = list[int]()
    for name, at_once in (("slow", 200), ("quick", 20_000)):
        clock = HandClock()
        storing, store, progress = _storing(tmp_path / name, _AtOnce(clock=clock, stop=Stop()), clock)
        # What comes in the first second is not judged yet.
        for start in (0, *range(0, len(lines), at_once)):
            clock.seconds += 1.1
            part = lines[start : start + at_once]
            storing.add(Batch(lines=b"".join(part), posts=len(part)))
            storing.do_what_is_due()
        storing.finish()
        sizes += [entry.size for entry in store.entries(_LONG.harvests) if entry.key.endswith(".gz")]
    assert len(sizes) == 2
    assert sizes[0] < 0.995 * sizes[1] * (len(lines) + 200) / (2 * len(lines))


def test_the_end_waits_for_a_checkpoint_that_is_queued_and_writes_another(tmp_path: Path) -> None:
    class Slow(Uploads):
        def drain(self) -> None:
            drained.set()
            super().drain()

    clock, drained = HandClock(), Event()
    uploads = Slow(clock=clock, stop=Stop())
    uploads.put("what takes long", lambda: None if drained.wait(20) else None)
    storing, store, _ = _storing(tmp_path, uploads, clock, checkpoint_seconds=5.0)
    clock.seconds += 51
    storing.do_what_is_due()
    storing.add(Batch(counts={"pages": 1}))
    storing.finish()
    uploads.close()
    known = checkpoint.load(store, _LONG)
    assert known
    assert known["state"]["counts"] == {"pages": 1}
