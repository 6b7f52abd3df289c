"""The schedules of this machine, in one file that two commands can change at once."""

from datetime import datetime
from pathlib import Path
from typing import Any

from harvester.compute import Scheduled
from harvester.compute.local.processes import Slot, changed, read_note
from harvester.compute.schedules.expression import Schedule, parsed
from harvester.errors import HarvesterError
from harvester.store.keys import moment, timestamp


class Timetable:
    """`schedules.json` of a folder, and the scheduler that carries it out."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "schedules.json"
        self.scheduler = Slot(folder, "scheduler")

    def put(
        self, collection_id: str, schedule: Schedule, now: datetime, *, paused: bool = False
    ) -> Scheduled:
        since = now.replace(microsecond=0)
        with changed(self._path) as note:
            note[collection_id] = {
                "expression": schedule.expression,
                "timezone": schedule.timezone,
                "since": timestamp(since),
                **({"paused": True} if paused else {}),
            }
        return Scheduled(
            collection_id, schedule, since, scheduler_running=self.scheduler.is_alive, paused=paused
        )

    def take_out(self, collection_id: str) -> bool:
        """Whether there was a schedule."""
        with changed(self._path) as note:
            return note.pop(collection_id, None) is not None

    def all(self) -> list[Scheduled]:
        scheduler_running = self.scheduler.is_alive
        try:
            return [
                _scheduled(name, entry, scheduler_running=scheduler_running)
                for name, entry in sorted(read_note(self._path).items())
            ]
        except (AttributeError, KeyError, TypeError, ValueError, HarvesterError) as error:
            hint = f"Remove {self._path} and create the schedules again."
            raise HarvesterError(
                f"{self._path} is not a valid file of schedules: {error}.", hint=hint
            ) from error

    def dealt_with(self, collection_id: str, until: datetime) -> None:
        """Note that all until this time is dealt with, so that no other scheduler does it again.

        What is not due again after that is over, and is taken out.
        """
        with changed(self._path) as note:
            if collection_id not in note:
                return
            entry = note[collection_id]
            entry["last"] = timestamp(until)
            found = _scheduled(collection_id, entry, scheduler_running=True)
            if found.schedule.after(until, since=found.since) is None:
                del note[collection_id]


def _scheduled(collection_id: str, entry: dict[str, Any], *, scheduler_running: bool) -> Scheduled:
    return Scheduled(
        collection_id,
        # What stands there may be of any type, and is no schedule then.
        parsed(str(entry["expression"]), str(entry.get("timezone", "UTC"))),
        moment(str(entry["since"])),
        last=str(entry.get("last", "")),
        scheduler_running=scheduler_running,
        paused=entry.get("paused", False),
    )
