"""Crawls on a stage: run to where they wait, and the frontiers that the emulator knows to be true."""

import gzip
from collections.abc import Iterable

import emulator
from harvester.clock import Stop, moment
from harvester.commands.crawl import Crawling
from harvester.graph import crawls
from harvester.harvest.progress import Outcome
from harvester.store import Store
from harvester.store.keys import CollectionKeys, CrawlKeys
from tests.support.harvest_stage import Stage


def crawl(stage: Stage, collection_id: str, *, stop: Stop | None = None, concurrency: int = 4) -> Outcome:
    """Harvest a crawl depth by depth, until it waits or is over."""
    stop = stop or Stop()

    def harvest() -> Outcome:
        return stage.harvest(collection_id, stop=stop, concurrency=concurrency).outcome

    keys = CollectionKeys(collection_id)
    return Crawling(stage.store, keys, stage.work / "closing" / collection_id, stop, harvest).run()


def here_of(stage: Stage, collection_id: str) -> CrawlKeys:
    """The keys of the crawl that a collection is at, or of its last one."""
    found = latest(stage, collection_id)
    return found.keys.crawl(moment(found.started))


def latest(stage: Stage, collection_id: str) -> crawls.Crawl:
    found = crawls.latest(stage.store, CollectionKeys(collection_id), stage.collection(collection_id))
    assert found
    return found


def lines_of(stage: Stage, key: str) -> list[str]:
    return lines_in(stage.store, key)


def lines_in(store: Store, key: str) -> list[str]:
    return gzip.decompress(store.read(key).data).decode().splitlines()


def frontiers(stage: Stage, collection_id: str) -> list[list[str]]:
    """The ids of each depth, as they are stored."""
    found = latest(stage, collection_id)
    return [lines_of(stage, found.here.depth(depth)) for depth in found.depths()]


def visits(stage: Stage, collection_id: str, depth: int) -> list[str]:
    """The ids of a depth in the order of the visits."""
    return [line.split("\t")[0] for line in lines_of(stage, here_of(stage, collection_id).order(depth))]


def truth(stage: Stage, seeds: Iterable[str], *, depths: int, exclude: Iterable[str] = ()) -> list[list[str]]:
    """The frontiers of a crawl of followers that selects everybody, the last one included."""
    return followers_of(stage.control, seeds, depths=depths, exclude=exclude)


def followers_of(
    control: emulator.Control, seeds: Iterable[str], *, depths: int, exclude: Iterable[str] = ()
) -> list[list[str]]:
    found, known = [sorted(seeds)], {*seeds, *exclude}
    for _ in range(depths + 1):
        new = {each for user in found[-1] for each in control.followers(user)} - known
        known |= new
        found.append(sorted(new))
    return found
