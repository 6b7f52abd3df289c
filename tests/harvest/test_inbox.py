"""The writer sleeps until it is needed, gets everything in its order, and syncs within the second."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.clock import Stop
from harvester.collection import history
from harvester.harvest.harvest import Harvest
from harvester.harvest.inbox import Inbox
from harvester.networks import Batch, Job, Stopped
from harvester.settings import Settings
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.stalling_clients import Client
from tests.support.stores import HandClock

# Longer than any test may take.
_LONG = 60.0
_SMALL = Batch(lines=b"{}\n", posts=1)


def _taken(inbox: Inbox) -> list[Batch | None]:
    """All that is to be taken now; waits for it."""
    found: list[Batch | None] = []
    while not found or inbox.has_due:
        item = inbox.take(within=_LONG)
        assert item
        found.append(item.batch)
    return found


def _put_seven(inbox: Inbox) -> None:
    for _ in range(7):
        inbox.put(_SMALL)


URGENT: dict[str, Callable[[Inbox], None]] = {
    "a batch to be on disk at once": lambda inbox: inbox.put(Batch(sync=True)),
    "half of the room": _put_seven,
    "half a megabyte": lambda inbox: inbox.put(Batch(lines=b" " * (1 << 19))),
    "the end": Inbox.end,
}


@pytest.mark.parametrize("put", URGENT.values(), ids=URGENT)
def test_the_writer_is_woken_with_all_that_came_before(put: Callable[[Inbox], None]) -> None:
    inbox = Inbox()
    inbox.put(_SMALL)
    assert not inbox.has_due

    threading.Timer(0.05, put, args=(inbox,)).start()

    first, *others = _taken(inbox)
    assert first is _SMALL
    assert others


def test_what_wakes_nobody_is_taken_when_the_writer_comes() -> None:
    inbox = Inbox()
    for _ in range(3):
        inbox.put(_SMALL)

    assert [inbox.take(within=0.0) is None for _ in range(4)] == [False, False, False, True]


def test_who_waits_until_it_is_written_wakes_the_writer() -> None:
    inbox = Inbox()
    waiting = threading.Thread(target=inbox.put, args=(_SMALL,), kwargs={"wait": True})
    waiting.start()

    item = inbox.take(within=_LONG)

    assert item and item.written
    item.written.set()
    waiting.join(_LONG)
    assert not waiting.is_alive()


def test_a_full_inbox_holds_the_source_back_until_there_is_room_or_the_end() -> None:
    inbox = Inbox()
    refused = threading.Event()

    def fill() -> None:
        try:
            for _ in range(18):
                inbox.put(_SMALL)
        except Stopped:
            refused.set()

    source = threading.Thread(target=fill)
    source.start()
    assert inbox.take(within=_LONG)
    source.join(0.2)
    assert source.is_alive()
    inbox.close()
    source.join(_LONG)

    assert refused.is_set()
    assert sum(inbox.take(within=0.0) is not None for _ in range(18)) == 16


def test_a_sync_takes_in_all_that_came_until_then(tmp_path: Path) -> None:
    """Else what came in a second would be on disk only after the next one."""
    store, keys, clock = FolderStore(tmp_path / "collections"), CollectionKeys("a"), HandClock()
    history.add(store, keys, {"id": "a", "type": "filter", "filter": {"track": "a"}})
    synced: list[int] = []

    def collect(job: Job[Any]) -> None:
        job.put(Batch(sync=True), wait=True)
        for _ in range(5):
            job.put(_SMALL)
        clock.seconds += 1
        while not synced:
            synced.extend(_posts_in_journal(tmp_path / "temp"))
            job.stop.wait(0.01)

    harvest = Harvest(
        store=store,
        keys=keys,
        client=lambda *_: Client(),
        settings=Settings(checkpoint_seconds=1e6),
        work_root=tmp_path / "temp",
        clock=clock,
        stop=Stop(),
        source=lambda _: collect,
    )
    harvest.run()

    assert synced[0] == 5


def _posts_in_journal(folder: Path) -> list[int]:
    """How many posts each sync had, of those that had some."""
    (journal,) = folder.rglob("journal-*.jsonl")
    entries = [orjson.loads(line) for line in journal.read_bytes().split(b"\n")[:-1]]
    return [entry["segment"]["posts"] for entry in entries if entry.get("segment")]
