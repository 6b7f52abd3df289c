"""The minutes of harvests that ended, that run, and that had none."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from harvester.clock import timestamp
from harvester.harvest.checkpoint import Parts
from harvester.harvest.workdir import State, Work
from harvester.statistics import openmetrics
from harvester.statistics.stored import increases_of, minutes
from harvester.store.folder import FolderStore
from harvester.store.pointer import Pointer
from tests.statistics.histories import BEGAN, KEYS, harvest, lines, storms


def test_all_harvests_are_read_in_order_or_those_of_a_time(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    storms(store)
    found = list(minutes(store, KEYS))
    assert [each.at for each in found] == [BEGAN + timedelta(minutes=n) for n in range(90)]
    since, until = BEGAN + timedelta(minutes=58), BEGAN + timedelta(minutes=61)
    some = list(minutes(store, KEYS, since=since, until=until))
    assert [each.figures["tweets"] for each in some] == [59 * 200, 60 * 200, 200]


def test_of_a_harvest_that_began_before_only_what_came_since_is_counted(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    storms(store)
    since, until = BEGAN + timedelta(minutes=58), BEGAN + timedelta(minutes=61)
    found = list(increases_of(store, KEYS, by="minute", since=since, until=until))
    assert [each["tweets"] for _, each in found] == [200, 200, 200]


def test_one_without_lines_is_one_figure(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    storms(store)
    began = BEGAN + timedelta(hours=5)
    end = timestamp(began + timedelta(seconds=20))
    harvest(store, began, [], tweets=7, counts={"pages": 2}, billed={"usd": 0.1}, harvest_end_timestamp=end)
    last = list(minutes(store, KEYS))[-1]
    assert timestamp(last.at) == end
    assert last.figures == {"tweets": 7, "pages": 2, "gaps": 0, "requests": 0, "usd": 0.1}


def test_of_a_running_one_there_is_what_its_checkpoint_has(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    storms(store)
    began = BEGAN + timedelta(hours=2)
    here = KEYS.harvest(began)
    work = Work.begin(tmp_path / "work", State(harvest=timestamp(began), owner="me"))
    parts, pointer = Parts(store, here, work.folder), Pointer(store, KEYS.checkpoint)
    Pointer(store, here.harvest).create({"state": "running", "harvest_timestamp": timestamp(began)})
    written = lines(began, 100)
    for number, each in enumerate(written, 1):
        work.add_minute(each)
        if number % 10 == 0 and number < 100:
            work.sync(now=began)
            tails = parts.copy_growing(work.state.sizes, longest_tail=5000)
            pointer.write({"state": work.state.to_tree(), "tails": tails})
    assert len([entry for entry in store.entries(here.parts)]) > 1
    found = list(minutes(store, KEYS, since=began))
    assert [each.figures["tweets"] for each in found] == [each["tweets"] for each in written[:90]]


def test_an_export_is_read_by_prometheus(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    storms(store)
    harvest(store, BEGAN + timedelta(hours=5), lines(BEGAN + timedelta(hours=5), 3, pages=2))
    found = list(minutes(store, KEYS))
    with (tmp_path / "out").open("w+b") as out:
        number = openmetrics.write(found, out.write, collection_id="storms")
        out.seek(0)
        text = out.read().decode()
    parse: Any = text_string_to_metric_families
    families = {family.name: family for family in parse(text)}
    samples = [sample for family in families.values() for sample in family.samples]
    assert len(samples) == number == sum(len(each.figures) for each in found)
    tweets = families["twarc_cloud_tweets"]
    assert (tweets.type, tweets.samples[0].name) == ("counter", "twarc_cloud_tweets_total")
    assert [(each.value, float(each.timestamp)) for each in tweets.samples] == [
        (each.figures["tweets"], each.at.timestamp()) for each in found
    ]
    (pages, *_) = families["twarc_cloud_counts"].samples
    assert pages.labels == {"collection": "storms", "what": "pages"}
