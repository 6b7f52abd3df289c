"""The schedules of this machine, in one file that two commands can change at once."""

from datetime import datetime
from pathlib import Path
from typing import Any

from harvester.clock import moment, timestamp
from harvester.compute import Scheduled
from harvester.compute.local.processes import Slot, changed
from harvester.compute.schedules.expression import Schedule, parsed
from harvester.documents.foreign import loaded
from harvester.errors import HarvesterError


class ScheduleFile:
    """`schedules.json` of a folder, and the scheduler that carries it out."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "schedules.json"
        self.scheduler = Slot(folder, "scheduler")

    def put(
        self, collection_id: str, schedule: Schedule, now: datetime, *, paused: bool = False
    ) -> Scheduled:
        since = now.replace(microsecond=0)
        with changed(self._path, self._entries) as note:
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
        with changed(self._path, self._entries) as note:
            return note.pop(collection_id, None) is not None

    def all(self) -> list[Scheduled]:
        scheduler_running = self.scheduler.is_alive
        return [
            self._scheduled(name, entry, scheduler_running=scheduler_running)
            for name, entry in sorted(self._entries().items())
        ]

    def _entries(self) -> dict[str, dict[str, Any]]:
        """What is in the file by collection; empty if there is none."""
        try:
            found = loaded(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise self._damaged("it is not JSON") from error
        if not isinstance(found, dict):
            raise self._damaged("it is not a JSON object")
        for name, entry in found.items():
            if not isinstance(entry, dict):
                raise self._damaged(f"the schedule of {name} is not a JSON object")
        return found

    def _damaged(self, reason: str) -> HarvesterError:
        return HarvesterError(
            f"{self._path} is not a valid file of schedules: {reason}.",
            hint="Correct it, or move it away and create the schedules again.",
        )

    def dealt_with(self, collection_id: str, until: datetime) -> None:
        """Note that all until this time is dealt with, so that no other scheduler does it again.

        What is not due again after that is over, and is taken out.
        """
        with changed(self._path, self._entries) as note:
            if collection_id not in note:
                return
            entry = note[collection_id]
            entry["last"] = timestamp(until)
            found = self._scheduled(collection_id, entry, scheduler_running=True)
            if found.schedule.after(until, since=found.since) is None:
                del note[collection_id]

    def _scheduled(self, name: str, entry: dict[str, Any], *, scheduler_running: bool) -> Scheduled:
        """What stands there may be of any type, and is no schedule then."""
        try:
            return Scheduled(
                name,
                parsed(str(entry["expression"]), str(entry.get("timezone", "UTC"))),
                moment(str(entry["since"])),
                last=timestamp(moment(str(entry["last"]))) if "last" in entry else "",
                scheduler_running=scheduler_running,
                paused=entry.get("paused", False),
            )
        except KeyError as error:
            raise self._damaged(f"the schedule of {name} has no {error.args[0]}") from error
        except (ValueError, HarvesterError) as error:
            raise self._damaged(f"the schedule of {name} is not valid") from error
