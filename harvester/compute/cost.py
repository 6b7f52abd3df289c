"""The cost of harvests: AWS by a dated price list and harvest.json, X as billed."""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harvester.capacity import LEAST_DISK, Capacity, wish_problems
from harvester.clock import moment
from harvester.documents import HarvestSummary, Tree
from harvester.harvest.lock import RENEWED_AFTER
from harvester.harvest.pipeline import IDLE_CHECKPOINTS
from harvester.settings import Settings

PRICES = Path(__file__).with_name("prices.json")
MONTH_HOURS = 730.0
_GB = 1e9
# A task is billed for a minute at least, and from the pull of its image on, which this does not know.
_LEAST_HOURS = 1 / 60
# Measured of a stream that is read for hours: the lines of its log, with their 26 bytes of CloudWatch's own.
_LOG_BYTES_HOUR = 22_000
# At each checkpoint: checkpoint.json, and the new bytes where records come; harvest.json as rarely as idle.
_PUTS_A_CHECKPOINT, _PUTS_OF_RECORDS = 1, 1
# For each file: itself, two manifests, and the checkpoint before and after.
_PUTS_A_FILE = 5
# To begin and to end, with the changeset; and what is read meanwhile.
_PUTS_A_HARVEST, _READS_A_HARVEST = 25, 25
# Earlier versions of what is written over again and again lie there for a day or two, of such a size each.
_VERSION_BYTES, _VERSION_HOURS = 1_000, 48
# The image in the registry, compressed.
_IMAGE_GB = 0.2


@cache
def prices() -> dict[str, Any]:
    """The list: for each figure dollars, the day and the place it is from."""
    listed: dict[str, Any] = json.loads(PRICES.read_text(encoding="utf-8"))
    return listed


def _usd(figure: str) -> float:
    return float(prices()["figures"][figure]["usd"])


@dataclass(frozen=True)
class Cost:
    """Dollars: of the task, of the store's requests, of a month of what was stored, and of X."""

    task: float = 0.0
    requests: float = 0.0
    stored_month: float = 0.0
    x: float = 0.0

    @property
    def total(self) -> float:
        return self.task + self.requests + self.stored_month + self.x


@dataclass(frozen=True)
class StreamMonth:
    """Dollars for a month of a stream on AWS, by what they are for; `quiet` is one to which nothing comes.

    `busy` is what more there is where records come all the time, but for what is stored of them.
    """

    task: float
    address: float
    lock: float
    checkpoints: float
    stops: float
    versions: float
    log: float
    alarm: float
    image: float
    busy: float

    @property
    def quiet(self) -> float:
        return float(sum(value for name, value in asdict(self).items() if name != "busy"))

    @property
    def total(self) -> float:
        return self.quiet + self.busy


@dataclass(frozen=True)
class Rates:
    """Dollars of a task of one size: for an hour of a harvest to which records come, and a gigabyte."""

    task_hour: float
    requests_hour: float
    log_hour: float

    @property
    def harvest_hour(self) -> float:
        return self.task_hour + self.requests_hour + self.log_hour

    @property
    def gb_month(self) -> float:
        return _usd("stored_gb_month")

    @property
    def gb_out(self) -> float:
        """To download one, beyond the first hundred of a month."""
        return _usd("download_gb")


def task_hour(capacity: Capacity) -> float:
    """Dollars for an hour of the task with its public address; the disk that every task has is free."""
    return _machine_hour(capacity) + _usd("address_hour")


def _machine_hour(capacity: Capacity) -> float:
    kind = capacity.architecture.lower()
    size = capacity.cpu / 1024 * _usd(f"vcpu_hour_{kind}") + capacity.memory / 1024 * _usd(f"gb_hour_{kind}")
    share = _usd("spot_share") if capacity.spot else 1.0
    return size * share + (capacity.disk - LEAST_DISK) * _usd("disk_gb_hour")


@dataclass(frozen=True)
class Requests:
    """Of S3, in an hour, only because time passes; the first three are writes, `stops` are reads."""

    lock: float
    checkpoints: float
    records: float
    stops: float

    @property
    def writes(self) -> float:
        return self.lock + self.checkpoints + self.records

    @property
    def usd(self) -> float:
        return self.writes * _usd("put") + self.stops * _usd("read")


def requests(settings: Settings, *, busy: bool) -> Requests:
    """By the settings, of a harvest to which records come all the time, or of a stream without any."""
    checkpoints = 3600 / settings.checkpoint_seconds
    files = 3600 / settings.seconds_per_file * _PUTS_A_FILE
    return Requests(
        lock=3600 / (settings.lock_seconds * RENEWED_AFTER),
        checkpoints=checkpoints * _PUTS_A_CHECKPOINT / (1 if busy else IDLE_CHECKPOINTS)
        + checkpoints / IDLE_CHECKPOINTS,
        records=checkpoints * _PUTS_OF_RECORDS + files if busy else 0.0,
        stops=3600 / settings.stop_poll_seconds,
    )


def requests_hour(settings: Settings) -> float:
    """Dollars for an hour of what a harvest asks of S3 while records come."""
    return requests(settings, busy=True).usd


def stream_month(settings: Settings, capacity: Capacity, *, streams: int = 1) -> StreamMonth:
    """Of a stream that is kept running for a month, in a task that carries that number of them.

    Alarm and image are there once for all of an account.
    """
    asked, put = requests(settings, busy=False), _usd("put")
    versions = asked.writes * _VERSION_HOURS * _VERSION_BYTES / _GB * _usd("stored_gb_month")
    more = requests(settings, busy=True).usd - asked.usd
    return StreamMonth(
        task=_machine_hour(capacity) * MONTH_HOURS / streams,
        address=_usd("address_hour") * MONTH_HOURS / streams,
        lock=asked.lock * put * MONTH_HOURS,
        checkpoints=asked.checkpoints * put * MONTH_HOURS,
        stops=asked.stops * _usd("read") * MONTH_HOURS,
        versions=versions,
        log=_LOG_BYTES_HOUR / _GB * _usd("log_gb") * MONTH_HOURS,
        alarm=_usd("alarm_month"),
        image=_IMAGE_GB * _usd("image_gb_month"),
        busy=more * MONTH_HOURS,
    )


def rates(settings: Settings, capacity: Capacity) -> Rates:
    return Rates(task_hour(capacity), requests_hour(settings), _LOG_BYTES_HOUR / _GB * _usd("log_gb"))


def of_harvest(summary: HarvestSummary, settings: Settings) -> Cost:
    """Of one harvest.json. Without a `task` in it, it ran on a machine of one's own: no task was paid.

    The streams of a shared task pay equal parts of it.
    """
    on_s3 = str(summary.get("store", "")).startswith("s3://")
    spent = hours(summary)
    task = _task(summary.get("task"))
    puts = _PUTS_A_HARVEST + _number(summary.get("files")) * _PUTS_A_FILE
    asked = puts * _usd("put") + _READS_A_HARVEST * _usd("read") + spent * requests_hour(settings)
    stored = _number(summary.get("file_bytes")) / _GB * _usd("stored_gb_month")
    return Cost(
        task=max(spent, _LEAST_HOURS) * task_hour(Capacity().changed_by(task)) / _sharers(task)
        if task
        else 0.0,
        requests=asked if on_s3 else 0.0,
        stored_month=stored if on_s3 else 0.0,
        x=_number((summary.get("billed") or {}).get("usd")),
    )


def _task(described: object) -> Tree:
    """The size of the task; empty if there is none, or if it was edited to an invalid value."""
    task = described if isinstance(described, dict) else {}
    found = {name: value for name, value in task.items() if value is not None}
    return {} if any(wish_problems(found)) else found


def _number(value: object) -> float:
    """A number that may have been edited by hand; 0 if it is not a number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _sharers(task: Tree) -> int:
    streams = task.get("streams")
    return max(1, len(streams)) if isinstance(streams, list) else 1


def hours(summary: HarvestSummary) -> float:
    """From its beginning to its end, or to its last sign of life."""
    end = summary.get("harvest_end_timestamp") or summary.get("updated")
    try:
        seconds = (moment(str(end)) - moment(summary["harvest_timestamp"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return 0.0
    return max(seconds, 0.0) / 3600
