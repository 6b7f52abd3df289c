"""Starts due harvests once, unless the previous one still runs, and restarts streams that died."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from harvester.clock import Clock, Stop, moment
from harvester.compute import Scheduled
from harvester.compute.local.compute import LocalCompute
from harvester.errors import HarvesterError

# Seconds until a new schedule is seen, at most.
_LOOKS_EVERY = 2.0
# A stream whose supervisor dies at once is not started again at once.
_ANEW_AFTER = 60.0


@dataclass
class Scheduler:
    """Carries out the schedules of one place; `say` tells a person, `ended` how a harvest went."""

    compute: LocalCompute
    clock: Clock
    stop: Stop
    say: Callable[[str], None]
    ended: Callable[[str], str]
    running: Callable[[str], bool]
    _started: set[str] = field(default_factory=set)
    _resumed: dict[str, float] = field(default_factory=dict)

    def run(self) -> None:
        with self.compute.schedule_file.scheduler.held():
            while not self.stop.requested:
                self.look()
                self.clock.wait(self.stop, _LOOKS_EVERY)

    def look(self) -> None:
        """Start what is due at this moment, and tell of what has ended."""
        for collection_id in self.compute.orphans():
            self._resume(collection_id)
        for scheduled in self.compute.schedules():
            if due := self._due(scheduled):
                self.compute.schedule_file.dealt_with(scheduled.collection_id, self.clock.now())
                self._start(scheduled, due)
        for collection_id in sorted(self._started):
            if not self.compute.task(collection_id):
                self._started.discard(collection_id)
                self._say_end(collection_id)

    def _say_end(self, collection_id: str) -> None:
        try:
            self.say(self.ended(collection_id))
        except HarvesterError as error:
            self.say(f"{collection_id}: ended; its result cannot be read. {error}")

    def _resume(self, collection_id: str) -> None:
        """Start a stream again that was to run, and that ended with this machine."""
        now = self.clock.elapsed()
        if now - self._resumed.get(collection_id, -_ANEW_AFTER) < _ANEW_AFTER:
            return
        self._resumed[collection_id] = now
        try:
            self.compute.begin_service(collection_id)
        except HarvesterError as error:
            self.say(f"{collection_id}: its stream died and could not be restarted. {error}")
            return
        self.say(f"{collection_id}: its stream had died and was restarted.")

    def _due(self, scheduled: Scheduled) -> datetime | None:
        """The first time that has come and is not dealt with; one start stands for all that were missed."""
        if scheduled.paused:
            return None
        last = scheduled.last
        after = moment(last) if last else scheduled.since - timedelta(microseconds=1)
        due = scheduled.schedule.after(after, since=scheduled.since)
        return due if due is not None and due <= self.clock.now() else None

    def _start(self, scheduled: Scheduled, due: datetime) -> None:
        collection_id = scheduled.collection_id
        late = self.clock.now() - due
        line = f"{collection_id}: due at {due:%Y-%m-%d %H:%M:%S} UTC"
        if late > timedelta(minutes=2):
            line += f", {_span(late)} late"
        try:
            if self.compute.task(collection_id) or self.running(collection_id):
                self.say(f"{line}: skipped, because a harvest of it is still running.")
                return
            self.compute.once(collection_id)
        except HarvesterError as error:
            self.say(f"{line}: could not be started. {error}")
            return
        self._started.add(collection_id)
        self.say(f"{line}: started.")


def _span(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
