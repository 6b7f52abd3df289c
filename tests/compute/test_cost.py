"""What harvests cost is what the dated price lists make of what harvest.json says."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.capacity import Capacity, described_task
from harvester.compute import cost
from harvester.documents import HarvestSummary
from harvester.settings import Settings
from harvester.store.client import Client
from harvester.store.s3 import S3Store
from tests.support.cli_session import Person, at_a_terminal
from tests.support.container_process import Desk
from tests.support.harvest_stage import staged, until
from tests.support.servers import Bucket

_ROOT = Path(__file__).resolve().parents[2]
_TASK = asdict(Capacity())
_RECORD: HarvestSummary = {
    "harvest_timestamp": "2026-11-23T09:00:00.000000+00:00",
    "harvest_end_timestamp": "2026-11-23T11:00:00.000000+00:00",
    "store": "s3://museum",
    "files": 4,
    "file_bytes": 2_000_000_000,
    "billed": {"usd": 16.01},
    "task": _TASK,
}


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    with at_a_terminal(tmp_path, monkeypatch, users=1, search_posts=20) as (made, _):
        yield made


def test_the_default_task_costs_what_its_parts_do() -> None:
    """0.25 vCPU and half a GB of ARM for a month, $7.21, and its public address, $3.65."""
    assert cost.task_hour(Capacity()) * cost.MONTH_HOURS == pytest.approx(7.21 + 3.65, abs=0.01)
    x86 = cost.task_hour(Capacity(architecture="X86_64")) * cost.MONTH_HOURS
    assert x86 == pytest.approx(9.01 + 3.65, abs=0.01)
    assert cost.task_hour(Capacity(disk=30)) - cost.task_hour(Capacity()) == pytest.approx(0.00111)
    assert cost.task_hour(Capacity(spot=True)) < cost.task_hour(Capacity())


def test_a_month_of_a_stream_on_spot_costs_at_most_what_is_promised() -> None:
    spot = cost.stream_month(Settings(), Capacity(spot=True))
    assert spot.quiet <= 6.50
    assert sum(asdict(spot).values()) == pytest.approx(spot.total)
    on_demand = cost.stream_month(Settings(), Capacity())
    assert on_demand.task + on_demand.address == pytest.approx(7.21 + 3.65, abs=0.01)


def test_two_streams_in_a_task_on_spot_cost_at_most_what_is_promised_each() -> None:
    """The task and its address are paid once; each stream has a lock, checkpoints and a log of its own."""
    spot, settings = Capacity(spot=True), Settings()
    alone, two, three = (cost.stream_month(settings, spot, streams=number) for number in (1, 2, 3))
    assert two.quiet <= 3.50
    assert (two.task, two.address) == (alone.task / 2, alone.address / 2)
    assert (two.lock, two.checkpoints, two.log) == (alone.lock, alone.checkpoints, alone.log)
    assert 3 * (alone.quiet - three.quiet) == pytest.approx(2 * (alone.task + alone.address))


def test_the_streams_of_a_shared_task_pay_equal_parts_of_it() -> None:
    shared: HarvestSummary = {**_RECORD, "task": {**_TASK, "streams": ["a", "b"]}}
    found = cost.of_harvest(shared, Settings())
    assert found.task == pytest.approx(cost.task_hour(Capacity()))
    assert found.requests == cost.of_harvest(_RECORD, Settings()).requests


@dataclass
class Counting:
    """What is asked of S3 from now on, by its kind."""

    lock: int = 0
    checkpoints: int = 0
    records: int = 0
    stops: int = 0

    def hear(self, operation: str, key: str) -> None:
        if operation == "get_object" and key.endswith("stop.json"):
            self.stops += 1
        elif operation == "put_object":
            kind = next((kind for kind, ends in _KINDS.items() if key.endswith(ends)), "records")
            setattr(self, kind, getattr(self, kind) + 1)


class _Heard:
    """A client of S3 whose requests are counted while `counted` is set."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.counted: Counting | None = None
        self.endpoint, self.region, self.keys = client.endpoint, client.region, client.keys

    def __call__(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        if self.counted:
            self.counted.hear(operation, parameters.get("Key", ""))
        return self._client(operation, **parameters)


_KINDS = {"lock": ("lock.json",), "checkpoints": ("checkpoint.json", "harvest.json")}


@pytest.mark.parametrize("busy", [False, True])
def test_a_stream_asks_of_s3_what_is_reckoned_with(busy: bool, moto_s3: Bucket, tmp_path: Path) -> None:
    """All cadences a hundred times as quick, but for the files, which differ by the posts."""
    client, counted, seconds = _Heard(moto_s3.server.requests(moto_s3.name)), Counting(), 6.0
    hurried: dict[str, Any] = {"checkpoint_seconds": 0.6, "lock_seconds": 1.6, "stop_poll_seconds": 0.3}
    options: dict[str, Any] = {"stream_rate": "40"} if busy else {"users": 1}
    with staged(tmp_path, store=S3Store(moto_s3.name, client=client), **options) as stage:
        stage.add("live", type="filter", filter={"track": "flood,library,the"})
        with stage.harvesting("live", **hurried) as going:
            until(stage.connected)
            until(lambda: going.summary()["tweets"] > 0 or not busy)
            client.counted = counted
            threading.Event().wait(seconds)
            client.counted = None
    reckoned = cost.requests(Settings(**{**hurried, "seconds_per_file": 1e9}), busy=busy)
    for kind, count in asdict(counted).items():
        # The machine may be busy, too; more than is reckoned with is never right.
        most = getattr(reckoned, kind) * seconds / 3600
        assert count <= most * 1.1 + 2, (kind, counted)
        assert count >= most * 0.5 - 2, (kind, counted)


def test_a_harvest_costs_its_hours_its_requests_what_it_stored_and_x() -> None:
    found = cost.of_harvest(_RECORD, Settings())
    assert found.task == pytest.approx(2 * cost.task_hour(Capacity()))
    assert found.stored_month == pytest.approx(2 * 0.023)
    assert found.x == 16.01
    assert 2 * cost.requests_hour(Settings()) < found.requests < 2 * cost.requests_hour(Settings()) + 0.001
    assert found.total == pytest.approx(found.task + found.requests + found.stored_month + found.x)


def test_a_task_is_paid_for_a_minute_at_least_and_a_dead_one_until_its_last_sign() -> None:
    short: HarvestSummary = {**_RECORD, "harvest_end_timestamp": "2026-11-23T09:00:01.000000+00:00"}
    assert cost.of_harvest(short, Settings()).task == pytest.approx(cost.task_hour(Capacity()) / 60)
    dead: HarvestSummary = {**_RECORD}
    del dead["harvest_end_timestamp"]
    dead["updated"] = "2026-11-23T10:00:00.000000+00:00"
    assert cost.of_harvest(dead, Settings()).task == pytest.approx(cost.task_hour(Capacity()))


@pytest.mark.parametrize(
    ("store", "task", "free"),
    [("collections", None, ("task", "requests", "stored_month")), ("s3://museum", None, ("task",))],
)
def test_on_a_machine_of_ones_own_the_part_of_aws_is_what_was_used_of_it(
    store: str, task: Any, free: tuple[str, ...]
) -> None:
    found = asdict(cost.of_harvest({**_RECORD, "store": store, "task": task}, Settings()))
    assert {name for name, usd in found.items() if not usd} == set(free)
    assert found["x"] == 16.01


@pytest.mark.parametrize("summary", [{}, {"harvest_timestamp": "", "billed": None}, {"task": {"cpu": 512}}])
def test_a_record_of_2019_or_half_a_one_costs_what_can_be_known(summary: HarvestSummary) -> None:
    assert cost.of_harvest(summary, Settings()).x == 0


def test_each_price_has_its_day_and_its_source() -> None:
    for name, figure in cost.prices()["figures"].items():
        assert figure["usd"] > 0, name
        assert re.fullmatch(r"20\d\d-\d\d(-\d\d)?", figure["date"]), name
        assert len(figure["source"]) > 10, name


@pytest.mark.parametrize("text", ["", "[]", "no JSON", "{}", '{"cpu": 3}'])
def test_what_describes_no_task_is_none(text: str) -> None:
    assert described_task(text) == {}


@pytest.mark.parametrize("streams", [None, [], ["a", 1], "ab"])
def test_what_names_no_streams_is_a_task_of_one(streams: Any) -> None:
    assert described_task(json.dumps({"cpu": 256, "streams": streams})) == _TASK


def test_harvest_json_tells_the_task_where_there_is_one(tmp_path: Path) -> None:
    with emulator.running(search_posts=5) as emulated:
        desk = Desk(tmp_path, emulated.url)
        desk.put("it", {"id": "it", "type": "search", "search": {"query": "flood"}})
        desk.harvested("it")
        desk.harvested("it", TWARC_CLOUD_TASK=json.dumps({**_TASK, "cpu": 512, "memory": 1024}))
    first, second = desk.summaries("it")
    assert "task" not in first
    assert second["task"] == {**_TASK, "cpu": 512, "memory": 1024}


def test_the_command_adds_up_the_last_harvests(person: Person) -> None:
    person.write(
        {"id": "it", "type": "search", "search": {"query": "flood"}, "task": {"cpu": 512, "memory": 1024}}
    )
    person.output("collection", "add")
    assert "No harvests." in person.output("collection", "cost", "it")
    for _ in range(2):
        person.output("collection", "once", "it", "--wait")
    told = json.loads(person.output("collection", "cost", "it", "--json"))
    assert [each["tweets"] for each in told["harvests"]] == [0, 20]
    assert told["sum"] == {"task": 0, "requests": 0, "stored_month": 0, "x": 0.1, "total": 0.1}
    assert (told["rates"]["cpu"], told["rates"]["memory"]) == (512, 1024)
    shown = person.output("collection", "cost", "it", "--last", "1")
    assert "1 harvest " in shown
    assert "These did not run on AWS, so they cost nothing there." in shown
    assert "512 CPU units, 1024 MiB, ARM64" in shown


def test_the_page_on_cost_has_the_figures_of_the_command(person: Person) -> None:
    page = (_ROOT / "docs" / "cost.md").read_text()
    block = re.search(r"\$ python twarc_cloud\.py collection cost\n(.*?)```", page, re.DOTALL)
    assert block
    assert block[1] == person.output("collection", "cost"), (
        "put what `collection cost` prints into docs/cost.md"
    )


def test_the_other_pages_tell_of_a_month_of_a_stream_as_it_is_reckoned() -> None:
    on_demand, spot = (cost.stream_month(Settings(), Capacity(spot=spot)) for spot in (False, True))
    told = re.search(
        r"^\| a stream, with all of these .* \| \$([\d.]+) a month on demand, \$([\d.]+) on Spot \|$",
        (_ROOT / "docs" / "account.md").read_text(),
        re.MULTILINE,
    )
    assert told
    assert told.groups() == (f"{on_demand.quiet:.2f}", f"{spot.quiet:.2f}")
    # And no page has a sum of its own.
    for page in (_ROOT / "README.md", *(_ROOT / "docs").glob("*.md")):
        for line in page.read_text().splitlines():
            if "month" in line and "stream" in line.lower() and page.name not in ("cost.md", "account.md"):
                assert not re.search(r"\$\d+\.?\d* (a|per) month", line), (page.name, line)
