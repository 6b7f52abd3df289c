"""A recent search over weeks, on a network made here: what it does not store is in a gap that it records."""

import os
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import orjson

from harvester.clock import Stop, moment
from harvester.collection.changeset import merge_into, patched
from harvester.networks import Batch
from harvester.networks.validation import as_valid
from harvester.networks.x import ApiCode, Page, Problem, XError
from harvester.networks.x.network_time import NetworkTime
from harvester.networks.x.page import posts_page
from harvester.networks.x.post_ids import created, first_id_at
from harvester.networks.x.sources import Job, search
from tests.support.stores import HandClock

_EXAMPLES = int(os.environ.get("LAW_EXAMPLES", "160"))
_FIRST = int(os.environ.get("LAW_FIRST", "0"))
_WINDOW = timedelta(days=7)
_ENDS = (ApiCode.CREDITS_DEPLETED, ApiCode.UNAVAILABLE)

Tree = dict[str, Any]


class _Network:
    """Posts newest first, of which those of seven days can be found; after `left` requests comes `end`."""

    def __init__(self) -> None:
        self.posts: list[int] = []
        self.clock = HandClock()
        self.time = NetworkTime(self.clock)
        self.left, self.end = 0, _ENDS[0]

    @property
    def beginning(self) -> int:
        return first_id_at(self.clock.now() - _WINDOW)

    def search(self, _: str, *, max_results: int, token: str | None, **asked: Any) -> Page:
        self.clock.seconds += 1.0
        self.left -= 1
        if self.left < 0:
            raise XError(Problem(self.end, status=503), asked="GET search")
        since, until = (int(asked[name] or 0) for name in ("since_id", "until_id"))
        for name, given in (("since_id", since), ("until_id", until)):
            if 0 < given < self.beginning:
                stale = ApiCode.STALE_SINCE_ID if name == "since_id" else ApiCode.BAD_REQUEST
                raise XError(Problem(stale, status=400, parameter=name), asked="GET search")
        below = int(token or until or 1 << 63)
        match = [post for post in self.posts if max(self.beginning - 1, since) < post < below]
        shown = match[:max_results]
        meta: Tree = {"result_count": len(shown)}
        if match[len(shown) :]:
            meta["next_token"] = str(shown[-1])
        data = {"data": [{"id": str(post), "text": "x"} for post in shown]} if shown else {}
        return posts_page(orjson.dumps({"meta": meta, **data}), b"{}")

    def publish(self, number: int, *, hours: int) -> list[int]:
        """Posts, spread over these hours, of which the last is old enough to be found."""
        new = []
        for place in range(number):
            self.clock.seconds += hours * 3600 / number
            new.append(first_id_at(self.clock.now()) + place)
        self.clock.seconds += 120 if number else hours * 3600
        self.posts = new[::-1] + self.posts
        return new


def _harvest(network: _Network, tree: Tree, stored: set[int], gaps: list[Tree]) -> Tree:
    """One harvest, to its end or to where it is cut; what the collection has learnt."""
    patch: Tree = {}

    def put(batch: Batch, **_: bool) -> None:
        merge_into(patch, batch.patch)
        gaps.extend(event for event in batch.events if event["event"] == "gap")
        for line in batch.lines.splitlines():
            stored.update(int(post["id"]) for post in orjson.loads(line)["data"])

    job = Job(
        collection=as_valid(tree),
        client=network,  # type: ignore[arg-type]
        clock=network.clock,
        stop=Stop(),
        put=put,
        say=lambda _: None,
        waits=lambda *_: None,
        concurrency=1,
    )
    with suppress(XError):
        search.collect(job)
    learnt: Tree = patched(tree, patch)
    return learnt


def _untold(random: Random) -> list[int]:
    """The posts of one history that are neither stored nor in a gap."""
    network, stored, gaps = _Network(), set[int](), list[Tree]()
    tree: Tree = {"search": {"query": "x", **random.choice(({}, {}, {"max_records": 150}))}}
    network.publish(random.choice((0, 5, 300, 900)), hours=random.choice((24, 100, 170)))
    # The first hour of X's window sinks below it while a first search runs, and is not promised.
    begins = network.clock.now() - _WINDOW + timedelta(hours=1, minutes=2)
    promised = {post for post in network.posts if created(str(post)) > begins}
    cuts = random.choice((1, 2, 3, 1000))
    for _ in range(5):
        network.left, network.end = cuts, random.choice(_ENDS)
        tree = _harvest(network, tree, stored, gaps)
        promised.update(
            network.publish(random.choice((0, 1, 50, 500)), hours=random.choice((1, 24, 70, 180)))
        )
        cuts = random.choice((0, 1, 2, 3, 1000))
    network.left = 1000
    for _ in range(60):
        tree = _harvest(network, tree, stored, gaps)
        if "resume" not in tree["search"]:
            break
    lost = [post for post in promised if post not in stored]
    spans = [(moment(gap["from"]), moment(gap["to"])) for gap in gaps]
    return [post for post in lost if not any(since <= created(str(post)) <= until for since, until in spans)]


def test_what_a_recent_search_misses_is_in_a_gap_whatever_cuts_it_and_for_however_long() -> None:
    """Harvests are cut at any page, end by max_records, find nothing, and are weeks apart."""
    seeds = range(_FIRST, _FIRST + max(10, _EXAMPLES // 10))
    untold = {seed: _untold(Random(f"search {seed}")) for seed in seeds}
    assert {seed: len(posts) for seed, posts in untold.items() if posts} == {}
