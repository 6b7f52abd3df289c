"""What a stream has of what existed, by day, as X counts it."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from harvester.clock import Stop
from harvester.curation.repair.coverage import Count, Day, asked, coverage
from harvester.networks.registry import usual
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.reading import reader
from tests.support.broken_streams import BrokenStream
from tests.support.harvest_stage import Stage, staged


def _covered(stage: Stage, broken: BrokenStream) -> list[Day]:
    now = stage.clock.now()
    wanted = asked(stage.store, broken.keys, usual(), since=now - timedelta(days=6), until=now, archive=False)

    client = stage._client(Stop(), lambda *_: None)

    def count(each: Count) -> Mapping[date, int]:
        return usual().counted(client, each.query, each.since, each.until, archive=False)

    return coverage(reader(stage.store), broken.keys, usual(), wanted, count)


def test_each_day_has_what_is_stored_and_what_x_counts(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = BrokenStream(stage)
        broken.begin()
        with broken.streaming():
            broken.hear()
            broken.cut(seconds=90_000)
            broken.hear()
        days = [day for day in _covered(stage, broken) if day.collected or day.counted]
        # A day later; of the five classes X counts three.
        assert [(day.collected, day.unseen, day.counted) for day in days[-1:]] == [(5, 1, 3)]
        # The post that others refer to may be of the second in which the harvest began.
        assert sum(day.counted for day in days) in (9, 10)
        assert sum(day.collected for day in days) == 10
        assert sum(day.open_seconds for day in days) > 0
        broken.repaired()
        days = _covered(stage, broken)
        assert sum(day.repaired for day in days) == 3
        assert sum(day.open_seconds for day in days) == 0
        assert sum(day.collected for day in days) == 13


def test_harvests_of_2019_name_no_zone_and_a_damaged_one_no_time(tmp_path: Path) -> None:
    store, keys = FolderStore(tmp_path), CollectionKeys("storms")
    store.create(keys.collection, b'{"id": "storms", "type": "filter", "filter": {"track": "storm"}}')
    began = datetime(2026, 11, 20, tzinfo=UTC)
    for hour, said in enumerate(("2026-11-20T00:00:00", "", "monday")):
        summary = f'{{"harvest_timestamp": "{said}", "state": "complete"}}'
        store.create(keys.harvest(began + timedelta(hours=hour)).harvest, summary.encode())
    day = timedelta(days=1)
    assert asked(store, keys, usual(), since=began - day, until=began + day, archive=False).since == began


def test_a_share_is_of_what_a_count_can_have() -> None:
    day = Day(date(2026, 11, 1), 110, 10, 10, 200, 0.0)
    assert day.to_tree()["share"] == 0.5
    assert Day(date(2026, 11, 1), 0, 0, 0, 0, 0.0).share is None
