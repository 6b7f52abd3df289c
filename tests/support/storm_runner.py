"""One collection that is harvested and killed again and again, harvested to its end, and judged."""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from harvester.clock import Stop, moment
from harvester.collection import history
from harvester.curation.verify import Overall, Verdict, verify
from harvester.errors import NotFound
from harvester.harvest import control
from harvester.store.reading import reader
from tests.support.harvest_processes import Site, end, exit_code, pause
from tests.support.invariants import created, examined, named_but_absent, scratch_left, wipe
from tests.support.storm_kinds import Stream

Tree = dict[str, Any]

# The lock is judged in whole seconds, with two to spare.
LOCK = 0.6
_SPARE = {"folder": 2.1, "s3": 3.1}
_ENDS_WITHIN = 120.0
_REACHED_WITHIN = 20.0
_FINE = {0, 3}
_LOCKED, _TERMINATED = 11, 143
# How often a harvester is started although the lock of the one that was killed still holds.
_TOO_EARLY = 0.1
# How often it is asked to stop in place of being killed, and somebody edits the collection meanwhile.
_STOPPED, _EDITED = 0.12, 0.2
# The second machine is used where disks are lost, and loses its own as often.
_MACHINES, _WIPED = ("temp", "temp-of-another"), 0.7


def _at_once(draw: random.Random) -> float:
    return draw.choice([0.0, draw.uniform(0, 0.01), draw.uniform(0, 0.1)])


def _soon(draw: random.Random) -> float:
    return draw.uniform(0.0, 0.7)


def _later(draw: random.Random) -> float:
    return 0.2 + draw.expovariate(1 / 0.8)


# What has to be seen first, and how long after it the kill comes. Names are of the work folder.
STARTED, LOCKED = "", "the lock"
PLANS: tuple[tuple[str, Callable[[random.Random], float]], ...] = (
    (STARTED, _soon),
    (LOCKED, _at_once),
    (LOCKED, _soon),
    (LOCKED, _later),
    ("journal-*", _at_once),
    ("tweets-*", _at_once),
    ("tweets-*", _later),
    ("tweets-*-000003*", _at_once),
    ("side", _at_once),
    ("side/collection.json", _at_once),
)


@dataclass
class Sum:
    """What came of one track, or of all."""

    kills: int = 0
    stops: int = 0
    edits: int = 0
    wiped: int = 0
    verified: int = 0
    failures: int = 0
    harvests: int = 0
    refused: int = 0
    records: int = 0
    lost: int = 0
    unsaid: int = 0
    doubled: int = 0
    paid_twice: int = 0
    gaps: int = 0
    scratch: int = 0
    wrong: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Sum") -> None:
        for name, value in vars(other).items():
            vars(self)[name] += value

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.stops} stops, {self.edits} edits, {self.wiped} disks lost, "
            f"{self.harvests} harvests, {self.records:,} records; "
            f"verified {self.verified} times, {self.failures} FAILURE; "
            f"lost {self.lost} ({self.unsaid} outside a recorded gap), doubled {self.doubled}, "
            f"paid for twice {self.paid_twice}; {self.gaps} gaps; {self.refused} starts refused by a lock; "
            f"{self.scratch} half-written files; broken promises: {len(self.wrong)}"
        )


@dataclass
class Track:
    """One collection that is harvested and killed, again and again."""

    kind: Any
    site: Site
    random: random.Random
    loses_disk: bool
    kills_wanted: int
    sum: Sum = field(default_factory=Sum)
    machine: str = _MACHINES[0]
    title: str = ""

    @property
    def name(self) -> str:
        return f"{self.site.collection_id} on {'s3' if self.site.bucket else 'a folder'}"

    def run(self) -> Sum:
        description = {"id": self.site.collection_id, **self.kind.description()}
        history.add(self.site.store, self.site.keys, description)
        while self.sum.kills < self.kills_wanted:
            self.kind.changes()
            self._one_harvest()
        self._harvest_to_the_end()
        self._judge()
        return self.sum

    def _one_harvest(self) -> None:
        if self.random.random() > _TOO_EARLY:
            self._wait_for_the_lock()
        if self.loses_disk:
            self.machine = self.random.choice(_MACHINES)
        milestone, delay = self.random.choice(PLANS)
        ends: Callable[[subprocess.Popen[bytes]], object] = subprocess.Popen.kill
        if self.random.random() < _STOPPED:
            # What a stream misses after a stop that a person asked for is no gap, after a signal it is.
            asked = self._terminate if isinstance(self.kind, Stream) else self._ask_to_stop
            ends = self.random.choice((self._terminate, asked))
        before = self._there(milestone)
        process = self.site.start(temp=self.machine)
        try:
            if self._reaches(process, lambda: self._has_come(process, milestone, before)):
                self._edit_now_and_then()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(delay(self.random))
                ends(process)
            code = process.wait(_ENDS_WITHIN)
        finally:
            end(process)
        self.sum.harvests += 1
        if code in (-signal.SIGKILL, -signal.SIGTERM):
            self._killed()
        elif code == _LOCKED:
            self.sum.refused += 1
        elif code in {*_FINE, _TERMINATED}:
            self._verify()
        else:
            raise AssertionError(f"{self.name}: exit code {code}\n{self.site.said()}")

    def _terminate(self, process: subprocess.Popen[bytes]) -> None:
        self.sum.stops += 1
        process.terminate()

    def _ask_to_stop(self, process: subprocess.Popen[bytes]) -> None:
        self.sum.stops += 1
        written, deadline = "", time.monotonic() + _ENDS_WITHIN
        while process.poll() is None and time.monotonic() < deadline:
            # One that has just begun clears away what was asked before.
            written = control.ask(self.site.store, self.site.keys) or written
            pause(0.2)
        control.take_back(self.site.store, self.site.keys, written)

    def _edit_now_and_then(self) -> None:
        if self.random.random() < _EDITED:
            self.sum.edits += 1
            self.title = f"Edit {self.sum.edits}"
            history.edit(self.site.store, self.site.keys, lambda tree: {**tree, "title": self.title})

    def _verify(self) -> None:
        """A harvest has ended well, so that nothing but gaps is found."""
        report = verify(reader(self.site.store), self.site.keys, stop=Stop())
        self.sum.verified += 1
        self.sum.failures += report.overall is Overall.FAILURE
        self.sum.wrong += [
            f"{self.name}: {part.folder}{finding.name}: {finding.verdict}: {finding.reason}"
            for part, finding in report.findings()
            if finding.verdict not in (Verdict.FOUND, Verdict.GAP)
        ]

    def _killed(self) -> None:
        self.sum.kills += 1
        # Looked at now and then, for it takes a look at everything.
        if self.sum.kills % 5 == 1:
            absent = named_but_absent(self.site.store, self.site.keys)
            self.sum.wrong += [f"{self.name}: {key} is named, and is not there" for key in absent]
        if self.loses_disk and self.random.random() < _WIPED:
            self.sum.wiped += 1
            wipe(self.site.folder / self.machine)

    def _there(self, milestone: str) -> set[tuple[str, int, int]]:
        """What of it is in the work folders, with what tells a new one of the same name apart."""
        found: set[tuple[str, int, int]] = set()
        if milestone in (STARTED, LOCKED):
            return found
        # The harvest removes folders while they are looked through; then this look has seen what it has.
        with suppress(FileNotFoundError):
            for path in (self.site.folder / self.machine).glob(f"*/*/*/{milestone}"):
                with suppress(FileNotFoundError):
                    status = path.stat()
                    found.add((str(path), status.st_ino, status.st_mtime_ns))
        return found

    def _has_come(
        self, process: subprocess.Popen[bytes], milestone: str, before: set[tuple[str, int, int]]
    ) -> bool:
        if milestone == LOCKED:
            return self.site.is_held_by(process)
        return milestone == STARTED or not self._there(milestone) <= before

    def _reaches(self, process: subprocess.Popen[bytes], holds: Callable[[], bool]) -> bool:
        """Whether it came to that while the process lived; what takes too long is not waited for."""
        deadline = time.monotonic() + _REACHED_WITHIN
        while not holds() and time.monotonic() < deadline:
            if process.poll() is not None:
                return False
            pause(0.005)
        return True

    def _wait_for_the_lock(self) -> None:
        try:
            held = self.site.store.read(self.site.keys.lock)
        except NotFound:
            return
        spare = _SPARE["s3" if self.site.bucket else "folder"]
        age = (self.site.store.now() - held.modified).total_seconds()
        pause(LOCK + spare - age)

    def _harvest_to_the_end(self) -> None:
        if isinstance(self.kind, Stream):
            self._stream_to_the_end()
            return
        self.kind.settle()
        # Before the last one, the other machine clears away what it kept of harvests that others finished.
        if self.loses_disk:
            self._wait_for_the_lock()
            assert exit_code(self.site.start(temp=_MACHINES[1])) in _FINE, self.site.said()
        # What one harvest takes is limited no more; a sweep may have been cut, so one more comes after it.
        history.edit(self.site.store, self.site.keys, _unlimited)
        for _ in range(2):
            self._wait_for_the_lock()
            code = exit_code(self.site.start())
            self.sum.harvests += 1
            assert code in _FINE, f"{self.name}: exit code {code}\n{self.site.said()}"

    def _stream_to_the_end(self) -> None:
        self._wait_for_the_lock()
        process = self.site.start()
        try:
            # When all that was published is in the last checkpoint, a stop leaves nothing behind.
            self._until(process, lambda: self._received(process) > 0)
            self.kind.settle()
            self._until(process, lambda: self._received(process) == self._delivered(process))
            process.terminate()
            code = process.wait(_ENDS_WITHIN)
        finally:
            end(process)
        self.sum.harvests += 1
        assert code == 143, f"{self.name}: exit code {code}\n{self.site.said()}"

    def _until(self, process: subprocess.Popen[bytes], holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _ENDS_WITHIN
        while not holds():
            assert process.poll() is None, f"{self.name} ended\n{self.site.said()}"
            assert time.monotonic() < deadline, f"{self.name} does not end\n{self.site.said()}"
            pause(0.3)

    def _running(self, process: subprocess.Popen[bytes]) -> Tree:
        """The state in the checkpoint of this process; empty while it is still busy with another's."""
        try:
            owner = json.loads(self.site.store.read(self.site.keys.lock).data)
            state: Tree = json.loads(self.site.store.read(self.site.keys.checkpoint).data)["state"]
        except NotFound:
            return {}
        return state if owner["process"] == process.pid and owner["owner"] == state["owner"] else {}

    def _received(self, process: subprocess.Popen[bytes]) -> int:
        """Posts that the running harvest says it has."""
        state = self._running(process)
        if not state:
            return 0
        here = self.site.keys.harvest(moment(state["harvest"]))
        try:
            return int(json.loads(self.site.store.read(here.harvest).data)["tweets"])
        except NotFound:
            return 0

    def _delivered(self, process: subprocess.Popen[bytes]) -> int:
        """Posts that went to the connections of the running harvest."""
        truth = self.kind.api.control.stream()
        begun = moment(self._running(process)["begun"])
        return sum(
            1
            for post, epoch, written in zip(truth["ids"], truth["epochs"], truth["written"], strict=True)
            if epoch and written and moment(truth["connections"][epoch - 1]["connected_at"]) >= begun
        )

    def _judge(self) -> None:
        top = self.site.collections()
        found = examined(top, self.site.collection_id, temp=self.site.temp)
        existed = self.kind.existed()
        unsaid = found.lost_unsaid(existed)
        self.sum.records = found.posts.total()
        self.sum.lost = len(found.lost(existed))
        self.sum.unsaid = len(unsaid)
        self.sum.doubled = len(found.doubled)
        self.sum.gaps = len(found.gaps)
        self.sum.states = Counter(summary["state"] for summary in found.harvests)
        broken = [
            f"{post} of {created(post)} is lost, and in no gap" for post in unsaid[:: len(unsaid) - 1 or 1]
        ]
        broken += [*found.wrong, *self.kind.broken(found)]
        if found.collection.get("title", "") != self.title:
            broken.append(f"the edit {self.title!r} is lost")
        if self.sum.lost and not isinstance(self.kind, Stream):
            broken.append(f"{self.sum.lost} posts are not there")
        again, most = self.kind.paid_twice(self.sum.kills)
        if not self.loses_disk:
            self.sum.paid_twice = again
            if again > most:
                broken.append(f"{again} posts were paid for twice, at most {most} are promised")
        if not self.site.bucket:
            self.sum.scratch = scratch_left(top)
        self.sum.wrong += [f"{self.name}: {promise}" for promise in broken]


def _unlimited(tree: Tree) -> Tree:
    if "search" not in tree:
        return tree
    return {**tree, "search": {k: v for k, v in tree["search"].items() if k != "max_records"}}
