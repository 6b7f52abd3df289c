"""The task of a stream waits where a new start would be of no use, and ends its service at its end."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harvester.clock import Stop
from harvester.commands.service import Service, service_of_ecs
from harvester.errors import Exit, HarvesterError
from harvester.layout import CollectionKeys
from harvester.notices import Notices
from harvester.store.folder import FolderStore
from tests.clouds import cloud_of
from tests.servers import Bucket
from tests.stores import HandClock


@dataclass
class Pauses(HandClock):
    """Notes how long was waited; a stop comes after the last."""

    pauses: list[float] = field(default_factory=list)
    most: int = 1 << 30

    def __post_init__(self) -> None:
        super().__init__()

    def wait(self, stop: Stop, seconds: float) -> bool:
        self.pauses.append(seconds)
        if len(self.pauses) >= self.most:
            stop.request("SIGTERM")
        return super().wait(stop, seconds) or stop.requested


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def _service(clock: Pauses) -> Service:
    return Service("cluster", "name", "live", Stop(), clock)


def _harvest(*codes: Exit) -> Callable[[], int]:
    """Fails so, one after the other, and then goes well."""
    left = list(codes)

    def harvest() -> int:
        if left:
            raise HarvesterError("It cannot begin.", exit_code=left.pop(0))
        return 0

    return harvest


def test_what_kept_it_from_beginning_ends_one_task_and_is_waited_for_by_the_next(store: FolderStore) -> None:
    clock = Pauses()
    with pytest.raises(HarvesterError) as caught:
        _service(clock).kept(_harvest(Exit.NO_COLLECTION), store)
    assert (caught.value.exit_code, clock.pauses) == (Exit.NO_COLLECTION, [])
    assert _service(clock).kept(_harvest(*[Exit.NO_COLLECTION] * 8), store) == 0
    assert clock.pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_after_a_new_start_by_a_person_it_is_news_again(store: FolderStore) -> None:
    for _ in range(2):
        with pytest.raises(HarvesterError):
            _service(Pauses()).kept(_harvest(Exit.USAGE), store)
        Notices(store, CollectionKeys("live")).clear()


def test_another_harvest_that_holds_the_lock_is_waited_for_without_a_word(store: FolderStore) -> None:
    clock = Pauses()
    assert _service(clock).kept(_harvest(Exit.LOCKED, Exit.LOCKED), store) == 0
    assert clock.pauses == [60, 120]


def test_a_stop_is_heard_while_it_waits(store: FolderStore) -> None:
    clock = Pauses(most=2)
    assert _service(clock).kept(_harvest(*[Exit.LOCKED] * 9), store) == Exit.TERMINATED
    assert clock.pauses == [60, 120]


def test_what_a_new_start_may_mend_ends_the_task(store: FolderStore) -> None:
    for _ in range(2):
        with pytest.raises(HarvesterError):
            _service(Pauses()).kept(_harvest(Exit.ERROR), store)


def test_where_the_service_may_not_be_ended_the_log_says_what_does(
    moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with cloud_of(moto_s3, monkeypatch) as cloud, caplog.at_level(logging.WARNING):
        monkeypatch.setenv("AWS_REGION", cloud.settings.region)
        Service(cloud.settings.cluster, "nothing", "live", Stop()).end()
    assert "`collection filter-stop live`" in caplog.text


def test_only_a_task_of_a_service_has_one() -> None:
    found = service_of_ecs("arn:aws:ecs:us-east-1:1:cluster/harvests/twarc-cloud_b_live", "live", Stop())
    assert found is not None
    assert (found.cluster, found.name) == ("arn:aws:ecs:us-east-1:1:cluster/harvests", "twarc-cloud_b_live")
    assert service_of_ecs("", "live", Stop()) is None
