"""A harvester that slept while another took over writes nothing more.

SLEEPERS=100 puts so many to sleep; it takes some minutes.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.collection import history
from harvester.errors import Exit
from tests.support import fork_server
from tests.support.harvest_processes import Site, end, pause, until
from tests.support.invariants import examined
from tests.support.servers import Bucket

pytestmark = [pytest.mark.unversioned, pytest.mark.slow]

Tree = dict[str, Any]

_SLEEPERS = int(os.environ.get("SLEEPERS", "20"))
_WITHIN = 60.0


@dataclass
class Sleeper:
    """A harvester that is stopped, overtaken, and woken."""

    site: Site
    random: random.Random
    existed: Callable[[], list[str]]
    fate: str = ""

    def run(self) -> None:
        process = self.site.start()
        try:
            asleep = self._put_to_sleep(process)
            # The other one is on this machine, or on another.
            overtaken = asleep and self._overtake(temp=self.random.choice(["temp", "elsewhere"]))
            before = self._objects()
            process.send_signal(signal.SIGCONT)
            code = process.wait(_WITHIN)
        finally:
            end(process)
        if overtaken:
            assert code in _OVERTAKEN[self.fate], self.site.said()
            assert self._objects() == before, self.site.said()
        else:
            # Of one that was in the way, the lock is another's by now, or still its own.
            assert code in ({Exit.LOCKED, Exit.OK} if self.fate == "in the way" else {Exit.OK}), (
                self.site.said()
            )
        until(lambda: self.site.harvest() in (Exit.OK, Exit.PARTIAL), "no harvest came to its end")
        found = examined(self.site.collections(), self.site.collection_id, temp=self.site.temp)
        assert (found.wrong, found.doubled) == ([], []), self.site.said()
        assert found.lost(self.existed()) == [], self.site.said()

    def _put_to_sleep(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether it sleeps with the lock, and has not ended before."""
        until(lambda: self.site.is_held_by(process) or process.poll() is not None, "the lock was not taken")
        pause(self.random.choice([0.0, self.random.uniform(0, 0.2), self.random.uniform(0, 1.2)]))
        asleep = process.poll() is None
        if asleep:
            # Not by `send_signal`: it reaps a process that ends right now, and nothing is left to wait for.
            os.kill(process.pid, signal.SIGSTOP)
            # A thread that is in a call of the system sleeps only behind it.
            until(lambda: fork_server.halted(process), "it did not stop")
        if not (asleep and self.site.is_held_by(process)):
            self.fate = "ended before"
            return False
        return True

    def _is_at_work(self) -> bool:
        """Whether there is more left to do than to remove the checkpoint and to give the lock back."""
        present = {entry.key for entry in self.site.store.entries(self.site.keys.folder)}
        return self.site.keys.last_harvest not in present

    def _overtake(self, *, temp: str) -> bool:
        """Harvest to the end, once the lock has expired; False where that is impossible."""
        deadline = time.monotonic() + _WITHIN
        while True:
            # Each time anew: what the sleeper had sent to a server may take effect while it sleeps.
            self.fate = "at work" if self._is_at_work() else "letting go"
            if (code := self._harvested(temp=temp)) != Exit.LOCKED:
                break
            assert time.monotonic() < deadline, self.site.said()
            pause(0.3)
        if code is None:
            self.fate = "in the way"
            return False
        assert code in (Exit.OK, Exit.PARTIAL), self.site.said()
        return True

    def _harvested(self, *, temp: str) -> int | None:
        """The exit code of a harvest; None of one that waits for the sleeper.

        That one sleeps in the very moment in which a folder is one writer's alone: no other can overtake it.
        """
        said = len(self.site.said(most=1_000_000))
        process = self.site.start(temp=temp)
        try:
            waits = partial(self._waits, since=said)
            until(lambda: process.poll() is not None or waits(), self.site.said())
            return None if waits() else process.returncode
        finally:
            end(process)

    def _waits(self, *, since: int) -> bool:
        return "Another process has locked" in self.site.said(most=1_000_000)[since:]

    def _objects(self) -> list[tuple[str, int, str, datetime]]:
        entries = self.site.store.entries(self.site.keys.folder)
        return [(entry.key, entry.size, entry.version, entry.modified) for entry in entries]


# Who had stored all, and finds the checkpoint and the lock gone, has ended well.
_OVERTAKEN = {"at work": {Exit.LOCKED}, "letting go": {Exit.LOCKED, Exit.OK}}
_DESCRIBED: dict[str, Callable[[list[str]], Tree]] = {
    "timelines": lambda users: {"type": "user_timeline", "users": {user: {} for user in users}},
    "search": lambda _: {"type": "search", "search": {"query": "flood"}},
    "stream": lambda _: {"type": "filter", "filter": {"track": "flood", "max_records": 150}},
}
# Of a stream that ends by itself it is unknown what it should have heard.
_EXISTED: dict[str, Callable[[emulator.Control, list[str]], list[str]]] = {
    "timelines": lambda control, users: [post for user in users for post in control.timeline(user)],
    "search": lambda control, _: control.search("flood"),
    "stream": lambda *_: [],
}
_API = {
    "timelines": ("--users", "4", "--posts-per-user", "400", "--latency", "60"),
    "search": ("--users", "1", "--posts-per-user", "1", "--search-posts", "1500", "--latency", "60"),
    # The sleeper's connection stays open, and clearing it away takes X a minute. Two seconds of posts: it is
    # put to sleep within 1.2 s.
    "stream": ("--users", "2", "--posts-per-user", "1", "--stream-rate", "75", "--connections", "2"),
}


@pytest.mark.parametrize("kind", _DESCRIBED)
@pytest.mark.parametrize("store", ["folder", "s3"])
def test_who_slept_while_another_took_over_writes_nothing(
    store: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = list(_DESCRIBED).index(kind) + 3 * (store == "s3")
    share = _SLEEPERS // 6 + (place < _SLEEPERS % 6)
    bucket: Bucket | None = request.getfixturevalue("s3") if store == "s3" else None
    settings = {"lock_seconds": 0.7, "checkpoint_seconds": 0.2, "concurrency": 2}
    with ExitStack() as stack, ThreadPoolExecutor(6) as pool:
        sleepers = []
        for number in range(share):
            api = stack.enter_context(emulator.spawned("--no-limits", *_API[kind], start=fork_server.start))
            users = [user["id"] for user in api.control.users()]
            site = Site(f"sleeper-{number}", tmp_path / str(number), api.url, bucket, settings, 300)
            described = {"id": site.collection_id, **_DESCRIBED[kind](users)}
            history.add(site.store, site.keys, described)
            draw = random.Random(f"{store} {kind} {number}")
            sleepers.append(Sleeper(site, draw, partial(_EXISTED[kind], api.control, users)))
        assert len(list(pool.map(Sleeper.run, sleepers))) == share
    assert [sleeper.fate for sleeper in sleepers].count("at work") > share / 2
