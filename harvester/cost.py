"""What harvests cost: AWS by a dated price list and what harvest.json tells, X as it was billed."""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harvester.capacity import LEAST_DISK, Capacity
from harvester.changeset import Tree
from harvester.layout import moment
from harvester.settings import Settings

PRICES = Path(__file__).with_name("prices.json")
MONTH_HOURS = 730.0
_GB = 1e9
# A task is billed for a minute at least, and from the pull of its image on, which this does not know.
_LEAST_HOURS = 1 / 60
# A line every ten seconds, and what goes with it in the log group.
_LOG_BYTES_HOUR = 360 * 150
# At each checkpoint: the new bytes of the records and of the events, checkpoint.json, harvest.json.
_PUTS_A_CHECKPOINT = 4
# For each file: itself, two manifests, and the checkpoint before and after.
_PUTS_A_FILE = 5
# To begin and to end, with the changeset; and what is read meanwhile.
_PUTS_A_HARVEST, _READS_A_HARVEST = 25, 25


@cache
def prices() -> dict[str, Any]:
    """The list: for each figure dollars, the day and the place it is from."""
    return json.loads(PRICES.read_text(encoding="utf-8"))


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
class Rates:
    """Dollars of a task of one size: for an hour, a month of a stream, and a month of a stored gigabyte."""

    task_hour: float
    requests_hour: float
    log_hour: float

    @property
    def harvest_hour(self) -> float:
        return self.task_hour + self.requests_hour + self.log_hour

    @property
    def stream_month(self) -> float:
        return self.harvest_hour * MONTH_HOURS

    @property
    def gb_month(self) -> float:
        return _usd("stored_gb_month")


def task_hour(capacity: Capacity) -> float:
    """Dollars for an hour of the task with its public address; the disk that every task has is free."""
    kind = capacity.architecture.lower()
    size = capacity.cpu / 1024 * _usd(f"vcpu_hour_{kind}") + capacity.memory / 1024 * _usd(f"gb_hour_{kind}")
    share = _usd("spot_share") if capacity.spot else 1.0
    disk = (capacity.disk - LEAST_DISK) * _usd("disk_gb_hour")
    return size * share + disk + _usd("address_hour")


def requests_hour(settings: Settings) -> float:
    """Dollars for an hour of what a harvest asks of S3 only because time passes, by its settings."""
    renewals = 3600 / (settings.lock_seconds / 3)
    checkpoints = 3600 / settings.checkpoint_seconds * _PUTS_A_CHECKPOINT
    files = 3600 / settings.seconds_per_file * _PUTS_A_FILE
    stops = 3600 / settings.stop_poll_seconds
    return (renewals + checkpoints + files) * _usd("put") + stops * _usd("read")


def rates(settings: Settings, capacity: Capacity) -> Rates:
    return Rates(task_hour(capacity), requests_hour(settings), _LOG_BYTES_HOUR / _GB * _usd("log_gb"))


def of_harvest(record: Tree, settings: Settings) -> Cost:
    """Of one harvest.json. Without a `task` in it, it ran on a machine of one's own: no task was paid."""
    on_s3 = str(record.get("store", "")).startswith("s3://")
    spent = hours(record)
    task = record.get("task")
    puts = _PUTS_A_HARVEST + int(record.get("files") or 0) * _PUTS_A_FILE
    requests = puts * _usd("put") + _READS_A_HARVEST * _usd("read") + spent * requests_hour(settings)
    stored = float(record.get("file_bytes") or 0) / _GB * _usd("stored_gb_month")
    return Cost(
        task=max(spent, _LEAST_HOURS) * task_hour(Capacity().changed_by(task)) if task else 0.0,
        requests=requests if on_s3 else 0.0,
        stored_month=stored if on_s3 else 0.0,
        x=float((record.get("billed") or {}).get("usd") or 0),
    )


def hours(record: Tree) -> float:
    """From its beginning to its end, or to its last sign of life."""
    end = record.get("harvest_end_timestamp") or record.get("updated")
    try:
        seconds = (moment(str(end)) - moment(record["harvest_timestamp"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return 0.0
    return max(seconds, 0.0) / 3600


def described_task(text: str) -> Tree:
    """The `task` of harvest.json, from TWARC_CLOUD_TASK of a task definition; empty where there is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    capacity = Capacity().changed_by(found) if isinstance(found, dict) and found else None
    return asdict(capacity) if capacity and not capacity.problems() else {}
