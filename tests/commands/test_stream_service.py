"""The task of a stream waits where a new start would be of no use, and ends its service at its end."""

import gc
import logging
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harvester.clock import Stop
from harvester.commands.stream_service import StreamService, service_of_ecs
from harvester.errors import Exit, HarvesterError
from harvester.harvest.progress import COMPLETE, FAILED, STOPPED, Outcome
from harvester.monitoring.sent_notices import Notices
from harvester.store import Stored
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.moto_account import cloud_of
from tests.support.servers import Bucket
from tests.support.stores import HandClock


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


def _service(clock: Pauses) -> StreamService:
    return StreamService("cluster", "name", "live", Stop(), clock)


def _run(service: StreamService, harvest: Callable[[Stop], Outcome], store: FolderStore) -> int:
    return service.run(harvest, store, tell=lambda error: pytest.fail(f"told of {error}"))


def _harvest(*codes: Exit) -> Callable[[Stop], Outcome]:
    """Fails so, one after the other, and then goes well."""
    return _ends(*(HarvesterError("It cannot begin.", exit_code=code) for code in codes))


def _ends(*ends: Outcome | Exception) -> Callable[[Stop], Outcome]:
    """Ends so, one after the other, and then well."""
    left = list(ends)

    def harvest(_: Stop) -> Outcome:
        end = left.pop(0) if left else Outcome(COMPLETE)
        if isinstance(end, Exception):
            raise end
        return end

    return harvest


def test_what_kept_it_from_beginning_ends_one_task_and_is_waited_for_by_the_next(store: FolderStore) -> None:
    clock = Pauses()
    with pytest.raises(HarvesterError) as caught:
        _run(_service(clock), _harvest(Exit.NO_COLLECTION), store)
    assert (caught.value.exit_code, clock.pauses) == (Exit.NO_COLLECTION, [])
    assert _run(_service(clock), _harvest(*[Exit.NO_COLLECTION] * 8), store) == 0
    assert clock.pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_after_a_new_start_by_a_person_it_is_news_again(store: FolderStore) -> None:
    for _ in range(2):
        with pytest.raises(HarvesterError):
            _run(_service(Pauses()), _harvest(Exit.USAGE), store)
        Notices(store, CollectionKeys("live")).clear()


def test_another_harvest_that_holds_the_lock_is_waited_for_without_a_word(store: FolderStore) -> None:
    clock = Pauses()
    assert _run(_service(clock), _harvest(Exit.LOCKED, Exit.LOCKED), store) == 0
    assert clock.pauses == [60, 120]


def test_a_stop_is_heard_while_it_waits(store: FolderStore) -> None:
    clock = Pauses(most=2)
    assert _run(_service(clock), _harvest(*[Exit.LOCKED] * 9), store) == Exit.TERMINATED
    assert clock.pauses == [60, 120]


_ERRORS: dict[str, Outcome | Exception] = {
    "of its start": HarvesterError("It cannot begin."),
    "of its course": Outcome(FAILED, "The disk is full.", Exit.ERROR),
    "of the program": ValueError("unexpected"),
}


@pytest.mark.parametrize("end", _ERRORS.values(), ids=_ERRORS)
def test_an_error_ends_one_task_and_the_next_waits_longer_and_longer(
    store: FolderStore, end: Outcome | Exception
) -> None:
    clock = Pauses()
    if isinstance(end, Outcome):
        assert _run(_service(clock), _ends(end), store) == Exit.ERROR
    else:
        with pytest.raises(type(end)):
            _run(_service(clock), _ends(end), store)
    assert clock.pauses == []
    assert _run(_service(clock), _ends(*[end] * 8), store) == 0
    assert clock.pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_another_error_is_news_and_ends_the_task(store: FolderStore) -> None:
    service = _service(Pauses())
    for reason in ("The disk is full.", "The lock is gone."):
        assert _run(service, _ends(Outcome(FAILED, reason, Exit.ERROR)), store) == Exit.ERROR
    assert service.clock.elapsed() == Pauses().elapsed()


def test_after_an_error_of_a_stream_that_collected_the_pauses_begin_anew(store: FolderStore) -> None:
    clock = Pauses()
    failed = Outcome(FAILED, "The disk is full.", Exit.ERROR)
    assert _run(_service(clock), _ends(failed), store) == Exit.ERROR
    ends = _ends(*[failed] * 5)
    began = iter([0, 0, 0, 1000, 0])

    def collects(stop: Stop) -> Outcome:
        clock.seconds += next(began, 0)
        return ends(stop)

    assert _run(_service(clock), collects, store) == 0
    assert clock.pauses == [60, 120, 240, 60, 120]


def test_a_harvest_that_stops_itself_because_it_fails_does_not_stop_the_task(store: FolderStore) -> None:
    def harvest(stop: Stop) -> Outcome:
        stop.request("storing failed")
        return ends(stop)

    for pauses in ([], [60, 120]):
        ends = _ends(*[Outcome(FAILED, "storing failed", Exit.ERROR)] * 2)
        clock = Pauses()
        _run(_service(clock), harvest, store)
        assert clock.pauses == pauses


def test_many_tries_leave_nothing_behind(store: FolderStore) -> None:
    service, stops = _service(Pauses()), []
    ends = _ends(*[Outcome(FAILED, "storing failed", Exit.ERROR)] * 50)

    def harvest(stop: Stop) -> Outcome:
        stops.append(weakref.ref(stop))
        return ends(stop)

    # The first failure ends a task, and is waited for by the next.
    assert [_run(service, harvest, store), _run(service, harvest, store)] == [Exit.ERROR, Exit.OK]
    gc.collect()
    assert [stop() for stop in stops] == [None] * 51


def test_a_harvest_hears_the_stop_of_its_task(store: FolderStore) -> None:
    service = _service(Pauses())

    def harvest(stop: Stop) -> Outcome:
        service.stop.request("SIGTERM")
        assert (stop.requested, stop.reason) == (True, "SIGTERM")
        return Outcome(STOPPED, "SIGTERM", Exit.TERMINATED)

    assert _run(service, harvest, store) == Exit.TERMINATED


@pytest.mark.parametrize("code", [Exit.OK, Exit.PARTIAL, Exit.TERMINATED, Exit.UNAUTHORIZED])
def test_any_other_end_is_the_end_of_the_task(store: FolderStore, code: Exit) -> None:
    clock = Pauses()
    for _ in range(2):
        assert _run(_service(clock), _ends(Outcome(COMPLETE, exit_code=code)), store) == code
    assert clock.pauses == []


def test_an_error_after_a_stop_ends_the_task(store: FolderStore) -> None:
    service = _service(Pauses())
    service.stop.request("SIGTERM")
    for end in _ERRORS.values():
        Notices(store, CollectionKeys("live")).clear()
        for _ in range(2):
            if isinstance(end, Outcome):
                assert _run(service, _ends(end), store) == Exit.ERROR
            else:
                with pytest.raises(type(end)):
                    _run(service, _ends(end), store)


def test_a_stream_that_is_through_finds_its_service_by_the_region_that_its_definition_names(
    moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cloud_of(moto_s3, monkeypatch) as cloud:
        ecs, cluster = cloud.client("ecs"), cloud.settings.cluster
        container = {"name": "it", "image": "it", "memory": 512}
        ecs.register_task_definition(family="live", containerDefinitions=[container])
        ecs.create_service(cluster=cluster, serviceName="live", taskDefinition="live", desiredCount=1)
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        monkeypatch.setenv("AWS_REGION", cloud.settings.region)
        StreamService(cluster, "live", "live", Stop()).end()
        (found,) = ecs.describe_services(cluster=cluster, services=["live"])["services"]
        assert found["status"] == "INACTIVE"


def test_where_the_service_may_not_be_ended_the_log_says_what_does(
    moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with cloud_of(moto_s3, monkeypatch) as cloud, caplog.at_level(logging.WARNING):
        monkeypatch.setenv("AWS_REGION", cloud.settings.region)
        StreamService(cloud.settings.cluster, "nothing", "live", Stop()).end()
    assert "`collection filter-stop live`" in caplog.text


class _Unopened(FolderStore):
    """A store that fails until it is mended."""

    is_mended = False

    def read(self, key: str) -> Stored:
        if self.is_mended:
            return super().read(key)
        raise HarvesterError("The bucket b does not exist.", exit_code=Exit.ERROR)


def test_a_store_that_cannot_be_opened_is_told_once_and_tried_again_for_an_hour(tmp_path: Path) -> None:
    store, clock, told = _Unopened(tmp_path), Pauses(), list[str]()
    away = HarvesterError("The bucket b does not exist.", exit_code=Exit.ERROR)
    with pytest.raises(HarvesterError):
        _service(clock).run(_ends(*[away] * 20), store, tell=lambda error: told.append(error.message))
    assert told == [away.message]
    assert clock.pauses == [60, 120, 240, 480, 960, 1920]


def test_a_store_that_comes_back_within_the_hour_is_harvested_into_by_the_same_task(tmp_path: Path) -> None:
    store, clock, told = _Unopened(tmp_path), Pauses(), list[str]()
    away = HarvesterError("The bucket b does not exist.", exit_code=Exit.ERROR)
    assert _service(clock).run(_ends(away, away), store, tell=lambda error: told.append(error.message)) == 0
    assert (told, clock.pauses) == ([away.message], [60, 120])
    store.is_mended = True
    with pytest.raises(HarvesterError, match="does not exist"):
        _run(_service(Pauses()), _ends(away), store)


def test_only_a_task_of_a_service_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert service_of_ecs("live", Stop()) is None
    cluster = "arn:aws:ecs:us-east-1:1:cluster/harvests"
    monkeypatch.setenv("TWARC_CLOUD_SERVICE", f"{cluster}/twarc-cloud_b_live")
    found = service_of_ecs("live", Stop())
    assert found is not None
    assert (found.cluster, found.name, found.shared) == (cluster, "twarc-cloud_b_live", False)
    monkeypatch.setenv("TWARC_CLOUD_SERVICE_SINCE", "2026-11-27T09:00:00+00:00")
    found = service_of_ecs("live", Stop())
    assert found is not None
    assert found.shared


def test_a_process_of_a_shared_task_waits_for_nothing_for_the_task_starts_it_again(
    store: FolderStore,
) -> None:
    """While it waited without a lock, no stop of this one stream would be heard."""
    clock = Pauses()
    service = StreamService("cluster", "name", "live", Stop(), clock, shared=True)
    for _ in range(2):
        with pytest.raises(HarvesterError):
            _run(service, _harvest(Exit.LOCKED), store)
        assert _run(service, _ends(Outcome(FAILED, "The disk is full.", Exit.ERROR)), store) == Exit.ERROR
    assert clock.pauses == []
