"""The figures of harvests under the names that Twittomatic gave its own, so that its charts continue.

Its jobs were timelines, updates of these, followers, and analyzers of their profiles.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import groupby

from harvester.clock import moment
from harvester.collection.kinds import has_users, is_crawl
from harvester.documents import Tree, object_in
from harvester.errors import Exit, HarvesterError, NotFound
from harvester.harvest.summary import users_done
from harvester.statistics.graphite import Sample
from harvester.statistics.minute import Minute
from harvester.statistics.stored import minutes
from harvester.store import Store
from harvester.store.keys import CollectionKeys, HarvestKeys, harvest_folder

_Figures = Mapping[str, int | float]


def samples(
    store: Store, keys: CollectionKeys, tree: Tree, *, prefix: str, since: datetime | None = None
) -> Iterator[Sample]:
    """The figures of a collection of users with their times; raises of another one."""
    if not has_users(tree):
        raise HarvesterError(
            f"{keys.id} has no users, and Twittomatic no names for its figures.",
            hint="Leave out --twittomatic.",
            exit_code=Exit.USAGE,
        )
    before = f"{prefix}." if prefix else ""
    first = min(
        filter(None, (harvest_folder(entry.key) for entry in store.entries(keys.harvests))), default=""
    )
    for harvest, found in groupby(minutes(store, keys, since=since), lambda minute: minute.harvest):
        here, of_harvest = keys.harvest(moment(harvest)), list(found)
        if is_crawl(tree):
            named = _of_crawl(of_harvest, _selected(store, keys, here))
        else:
            job = "timeline" if here.folder == first else "update"
            named = _of_timelines(of_harvest, job, _users(store, here))
        for minute, figures in named:
            at = int(minute.at.timestamp())
            yield from (Sample(before + name, value, at) for name, value in figures.items())


def _of_timelines(found: list[Minute], job: str, users: int) -> Iterator[tuple[Minute, _Figures]]:
    """The first harvest of a collection downloads timelines, each other one updates them."""
    for minute in found:
        posts, done = minute.figures.get("tweets", 0), users_done(minute.figures)
        named = {f"{job}.total_included": posts, f"{job}.total_fetched": posts}
        named[f"stats.worker.ongoing.{job}"] = max(0, users - done)
        named[f"stats.worker.completed.{job}"] = done
        yield minute, named


def _users(store: Store, here: HarvestKeys) -> int:
    """How many users a harvest has."""
    with suppress(NotFound):
        return len(object_in(store.read(here.collection).data).get("users") or ())
    return 0


def _of_crawl(found: list[Minute], selected: int | None) -> Iterator[tuple[Minute, _Figures]]:
    """Lists come with their profiles, so that both jobs are as far; who is selected is known at the end."""
    for minute in found:
        figures = minute.figures
        named = {
            "follower.total_fetched": figures.get("edges", 0),
            "analyzer.total_fetched": figures.get("users", 0),
        }
        for job in ("follower", "analyzer"):
            named[f"stats.worker.ongoing.{job}"] = figures.get("users_left", 0)
            named[f"stats.worker.completed.{job}"] = users_done(figures)
        if selected is not None and minute is found[-1]:
            named["analyzer.total_included"] = selected
        yield minute, named


def _selected(store: Store, keys: CollectionKeys, here: HarvestKeys) -> int | None:
    """How many accounts were selected at the depth that a harvest read to its end."""
    with suppress(NotFound):
        summary = object_in(store.read(here.harvest).data)
        crawl = summary.get("crawl") or {}
        if summary.get("state") in ("complete", "partial"):
            key = keys.crawl(moment(crawl["started"])).figures(int(crawl["depth"]) + 1)
            return int(object_in(store.read(key).data)["selected"])
    return None
