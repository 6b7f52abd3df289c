"""The schedules that are in force on this machine, in one file that two commands can change at once."""

from datetime import datetime
from pathlib import Path

from harvester.compute import Scheduled
from harvester.compute.processes import Slot, changed, read_note
from harvester.compute.schedule import Schedule, parsed
from harvester.layout import moment, timestamp


class Timetable:
    """`schedules.json` of a folder, and the scheduler that carries it out."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "schedules.json"
        self.scheduler = Slot(folder, "scheduler")

    def put(self, collection_id: str, schedule: Schedule, now: datetime) -> Scheduled:
        since = now.replace(microsecond=0)
        with changed(self._path) as note:
            note[collection_id] = {"expression": schedule.expression, "since": timestamp(since)}
        return Scheduled(collection_id, schedule, since, kept=self.scheduler.lives)

    def take_out(self, collection_id: str) -> bool:
        """Whether there was a schedule."""
        with changed(self._path) as note:
            return note.pop(collection_id, None) is not None

    def all(self) -> list[Scheduled]:
        kept = self.scheduler.lives
        return [
            Scheduled(
                collection_id,
                parsed(entry["expression"]),
                moment(entry["since"]),
                last=entry.get("last", ""),
                kept=kept,
            )
            for collection_id, entry in sorted(read_note(self._path).items())
        ]

    def dealt_with(self, collection_id: str, until: datetime) -> None:
        """Note that all until this time is dealt with, so that no other scheduler does it again."""
        with changed(self._path) as note:
            if collection_id in note:
                note[collection_id]["last"] = timestamp(until)
