"""Where harvests run: as processes of this machine or tasks of a cluster, with one interface for both."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from harvester.clock import Stop
from harvester.documents import HarvestSummary
from harvester.errors import Exit, HarvesterError

if TYPE_CHECKING:
    from harvester.compute.schedules.expression import Schedule

ONCE, SERVICE = "once", "service"

STARTING, RUNNING, RESTARTING, STOPPING = "STARTING", "RUNNING", "RESTARTING", "STOPPING"
# Wanted, and not there: it failed too often, or its supervisor is gone.
GAVE_UP, DIED = "GAVE UP", "DIED"
# Wanted, and AWS has no machine free for it.
NO_ROOM = "NO CAPACITY"


@dataclass(frozen=True)
class Task:
    """A harvest or stream that runs, or should: `status` in capitals, `detail` where there is more to say.

    `streams` are the collections of a shared task, which carries them `since`; empty of any other.
    """

    collection_id: str
    kind: str
    status: str
    started: str = ""
    detail: str = ""
    streams: tuple[str, ...] = ()
    since: str = ""


@dataclass(frozen=True)
class Ended:
    """A harvest's exit code, what else is known of its end, and the last line of its log, if any."""

    code: int
    detail: str = ""
    said: str = field(default="", compare=False)


@dataclass(frozen=True)
class Scheduled:
    """A schedule in force since then, or `paused`; `scheduler_running`: whether one carries it out."""

    collection_id: str
    schedule: "Schedule"
    since: datetime
    last: str = ""
    scheduler_running: bool = True
    paused: bool = False


def already_started(collection_id: str) -> HarvesterError:
    return HarvesterError(
        "Collection already started.",
        hint=f"`harvest running {collection_id}` shows its progress, "
        f"`collection filter-stop {collection_id}` stops it.",
        exit_code=Exit.LOCKED,
    )


def already_running(collection_id: str) -> HarvesterError:
    return HarvesterError(
        f"A harvest of {collection_id} is already running.",
        hint=f"See `harvest running {collection_id}`; `harvest stop {collection_id}` stops it.",
        exit_code=Exit.LOCKED,
    )


class Compute(Protocol):
    """Where harvests run, as the commands use it. Every wait has a deadline."""

    @property
    def name(self) -> str:
        """Its name in messages, e.g. `this machine`."""
        ...

    def require_startable(self, *collection_ids: str, by_schedule: bool = False) -> None:
        """Raise what a start of these in one task, or a schedule, would refuse; nothing is changed."""
        ...

    def once(self, collection_id: str) -> None:
        """Start one harvest; raises when it did not begin, with what it said."""
        ...

    def task(self, collection_id: str) -> Task | None:
        """What runs of this collection here."""
        ...

    def settled(self, collection_id: str) -> Task | None:
        """The same, after the processes of a stream that ended by itself have exited."""
        ...

    def tasks(self) -> list[Task]: ...

    def ended(self, collection_id: str) -> Ended | None:
        """How the harvest ended that was started from here last; None if that is not known."""
        ...

    def live(self, collection_id: str) -> HarvestSummary | None:
        """The summary of the running harvest at this moment, where it can be asked."""
        ...

    def ask_to_stop(self, collection_id: str) -> bool:
        """Hasten a stop that was asked for in the store; whether that was possible."""
        ...

    def log(self, collection_id: str, *, lines: int, follow: bool, stop: Stop) -> Iterator[str]:
        """The end of the newest log, and what is added to it until `stop` or the end of the harvest."""
        ...

    def start_service(self, *collection_ids: str) -> None:
        """Keep a harvest of each running, through crashes, until `stop_service`; a cluster needs one task.

        Raises where the first harvest of one does not begin, with what it said.
        """
        ...

    def stop_service(self, collection_id: str, *, within: float) -> None:
        """End the harvest, and the service with its last one; raises after `within` seconds."""
        ...

    def schedule(self, collection_id: str, schedule: "Schedule", *, paused: bool = False) -> Scheduled:
        """Put a schedule in force, in the place of the one that was there; a paused one starts nothing."""
        ...

    def unschedule(self, collection_id: str) -> bool:
        """Whether there was a schedule to end."""
        ...

    def schedules(self) -> list[Scheduled]: ...
