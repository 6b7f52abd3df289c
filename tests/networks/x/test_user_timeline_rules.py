"""Rules about accounts and cut timelines, on a network made here: what is asked, and what is learnt."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

import orjson
import pytest

from harvester.clock import Stop, timestamp
from harvester.collection.changeset import merge_into, patched
from harvester.networks import Batch
from harvester.networks.validation import as_valid
from harvester.networks.x import ApiCode, Page, Problem, XError
from harvester.networks.x.network_time import NetworkTime
from harvester.networks.x.page import posts_page, users_page
from harvester.networks.x.post_ids import created, first_id_at
from harvester.networks.x.sources import Job, user_timeline
from tests.support.stores import HandClock

Tree = dict[str, Any]

_EXAMPLES = int(os.environ.get("LAW_EXAMPLES", "160"))
_FIRST = int(os.environ.get("LAW_FIRST", "0"))
# Of 2026, so that ids tell times.
_BASE = 1_990_000_000_000_000_000
_REFUSED = {"suspended": ApiCode.SUSPENDED, "protected": ApiCode.PROTECTED, "not_found": ApiCode.NOT_FOUND}


class _Network:
    """Timelines by account as (id, ...) newest first; `states` of those that are not to be had.

    Of each only the newest `depth` posts are in reach, whenever a token was given. `asked` is each request
    for a timeline, `looked_up` each account that was looked up, which costs money.
    """

    def __init__(self, posts: dict[str, list[int]], *, page: int = 100) -> None:
        self.posts, self.page, self.depth = posts, page, 3200
        self.clock = HandClock()
        self.time = NetworkTime(self.clock)
        self.states: dict[str, str] = {}
        self.omitted: set[str] = set()
        self.refuse: Callable[[str, str | None], ApiCode | None] = lambda *_: None
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.looked_up: list[str] = []
        self._guard = threading.Lock()

    def timeline(
        self,
        user_id: str,
        *,
        since_id: str | None = None,
        until_id: str | None = None,
        token: str | None = None,
        max_results: int = 100,
    ) -> Page:
        with self._guard:
            self.asked.append((user_id, token, until_id))
        if refused := self.refuse(user_id, token):
            raise XError(Problem(refused, status=400), asked="GET timeline")
        if state := self.states.get(user_id):
            return Page(_REFUSED[state], b"")
        below = int(token or until_id or 1 << 63)
        reach = [post for post in self.posts[user_id][: self.depth] if int(since_id or 0) < post < below]
        taken = reach[: min(self.page, max_results)]
        meta: Tree = {"result_count": len(taken)}
        if taken:
            meta |= {"newest_id": str(taken[0]), "oldest_id": str(taken[-1])}
        if reach[len(taken) :]:
            meta["next_token"] = str(taken[-1])
        body: Tree = {"meta": meta}
        if taken:
            body["data"] = [{"id": str(post), "text": "x", "author_id": user_id} for post in taken]
        return posts_page(orjson.dumps(body), b"{}")

    def users(self, ids: list[str]) -> Page:
        self.looked_up += ids
        gone = [each for each in ids if self.states.get(each) in ("suspended", "not_found")]
        found = [each for each in ids if each not in (*gone, *self.omitted)]
        hidden = {each for each in found if self.states.get(each) == "protected"}
        body: Tree = {
            "data": [{"id": each, "username": f"u{each}", "protected": each in hidden} for each in found]
        }
        kinds = {"suspended": ("Forbidden", "suspended"), "not_found": ("Not Found Error", "Could not find")}
        body["errors"] = [
            {
                "title": kinds[self.states[each]][0],
                "detail": f"{kinds[self.states[each]][1]}: user has been {self.states[each]}: [{each}].",
                "type": "https://api.twitter.com/2/problems/resource-not-found",
                "parameter": "ids",
                "resource_id": each,
                "resource_type": "user",
                "value": each,
            }
            for each in gone
        ]
        return users_page(orjson.dumps(body), b"{}")


class _Harvest:
    """What one run of the source handed over."""

    def __init__(self, network: _Network, tree: Tree) -> None:
        self.patch: Tree = {}
        self.events: list[Tree] = []
        self.counts: dict[str, int] = {}
        self.ids: list[str] = []
        self._network, self._tree = network, tree

    def run(self, *, concurrency: int = 1) -> "_Harvest":
        job = Job(
            collection=as_valid(self._tree),
            client=self._network,  # type: ignore[arg-type]
            clock=self._network.clock,
            stop=Stop(),
            put=self._put,
            say=lambda _: None,
            waits=lambda *_: None,
            concurrency=concurrency,
        )
        user_timeline.collect(job)
        return self

    def _put(self, batch: Batch, **_: bool) -> None:
        merge_into(self.patch, batch.patch)
        self.events += batch.events
        for name, number in batch.counts.items():
            self.counts[name] = self.counts.get(name, 0) + number
        for line in batch.lines.splitlines():
            self.ids += [post["id"] for post in orjson.loads(line)["data"]]

    @property
    def next(self) -> Tree:
        """The collection as the next harvest finds it."""
        found: Tree = patched(self._tree, self.patch)
        return found

    @property
    def gaps(self) -> list[Tree]:
        return [event for event in self.events if event["event"] == "gap"]


class _SlowHarvest(_Harvest):
    """Takes the last page of the account "1" slowly, meanwhile that of "2"."""

    def __init__(self, network: _Network, tree: Tree) -> None:
        super().__init__(network, tree)
        self.takes_first, self._passed = threading.Event(), threading.Event()
        # The marks of the sweep, each with the posts that came before it.
        self.marks: list[tuple[str, list[str]]] = []

    def _put(self, batch: Batch, **_: bool) -> None:
        mark = batch.patch.get("sweep")
        if mark and mark["after"] == "1":
            self.takes_first.set()
            self._passed.wait(0.5)
        super()._put(batch)
        if mark:
            self.marks.append((mark["after"], list(self.ids)))
            self._passed.set()


def _known(**user: Any) -> Tree:
    """An account that was looked up today."""
    return {"screen_name": "u", "looked_up": f"{datetime.now(UTC):%Y-%m-%d}", **user}


def _numbered(number: int) -> list[int]:
    return [_BASE + (number - place) * 1000 for place in range(number)]


@pytest.mark.parametrize(("posts", "gaps"), [(3200, 1), (3150, 1), (3101, 1), (3000, 0), (200, 0)])
def test_posts_below_the_depth_of_a_timeline_are_a_gap_also_where_some_were_deleted(
    posts: int, gaps: int
) -> None:
    since = str(_BASE - 10**15)
    network = _Network({"1": _numbered(posts)})
    harvest = _Harvest(network, {"users": {"1": _known(since_id=since)}}).run()
    assert len(harvest.ids) == posts
    assert len(harvest.gaps) == gaps
    assert all(gap["last_id_before"] == since for gap in harvest.gaps)


def test_what_newer_posts_push_below_the_depth_of_a_timeline_is_a_gap() -> None:
    """Harvests are cut anywhere while up to thousands of posts appear, also where there was none at first."""
    failed = []
    for seed in range(_FIRST, _FIRST + max(8, _EXAMPLES // 20)):
        random = Random(f"depth {seed}")
        network, tree = _Network({"1": []}), {"users": {"1": _known()}}
        _publish(network, random.choice((0, 0, 5, 300, 2000, 3300)))
        # Of a timeline that is new to the collection, no more is promised than X gives.
        promised, stored, gaps = set(network.posts["1"][: network.depth]), set[str](), list[Tree]()
        first = random.choice((1, 2, 20, 1000))
        for cuts in (first, *(random.choice((0, 1, 2, 20, 1000)) for _ in range(3)), 1000, 1000):
            last = len(network.asked) + cuts
            network.refuse = lambda *_, n=network, last=last: (
                ApiCode.CREDITS_DEPLETED if len(n.asked) > last else None
            )
            harvest = _Harvest(network, tree)
            with suppress(XError):
                harvest.run()
            tree = harvest.next
            stored.update(harvest.ids)
            gaps += harvest.gaps
            promised.update(_publish(network, random.choice((0, 1, 50, 1500, 3300)) if cuts < 1000 else 0))
        lost = {post for post in promised if str(post) not in stored}
        untold = {post for post in lost if not any(_holds(gap, post) for gap in gaps)}
        if untold:
            failed.append((seed, len(untold), len(lost), gaps))
    assert failed == []


def _publish(network: _Network, number: int) -> list[int]:
    network.clock.seconds += 7200.0
    new = [first_id_at(network.clock.now()) + place for place in range(number)]
    network.posts["1"] = new[::-1] + network.posts["1"]
    network.clock.seconds += 7200.0
    return new


def _holds(gap: Tree, post: int) -> bool:
    above, below = int(gap["last_id_before"] or 0), int(gap["first_id_after"])
    return above < post < below and gap["from"] <= timestamp(created(str(post))) <= gap["to"]


def test_a_refused_token_goes_on_below_what_came_and_pays_for_nothing_twice() -> None:
    network = _Network({"1": _numbered(450)})
    network.refuse = lambda _, token: ApiCode.BAD_REQUEST if token == str(_numbered(450)[199]) else None
    harvest = _Harvest(network, {"users": {"1": _known()}}).run()
    assert sorted(harvest.ids) == sorted(map(str, _numbered(450)))
    assert len(set(harvest.ids)) == len(harvest.ids)
    assert harvest.next["users"]["1"]["since_id"] == str(_numbered(450)[0])


def test_a_since_id_that_x_refuses_for_one_account_ends_no_harvest() -> None:
    network = _Network({user: _numbered(5) for user in ("1", "2")})
    network.refuse = lambda user, _: ApiCode.STALE_SINCE_ID if user == "1" else None
    harvest = _Harvest(network, {"users": {"1": _known(since_id="5"), "2": _known()}}).run()
    assert (harvest.counts["users_failed"], harvest.counts["users_done"]) == (1, 1)
    assert harvest.next["users"]["1"]["since_id"] == "5"


def test_the_mark_of_a_sweep_never_comes_before_a_page_that_it_passes() -> None:
    network = _Network({"1": [_BASE], "2": [_BASE + 1]})
    users = {user: _known(since_id="1") for user in network.posts}
    harvest = _SlowHarvest(network, {"type": "user_timeline", "users": users})

    def await_first(user: str, _: str | None) -> None:
        if user == "2":
            assert harvest.takes_first.wait(60)

    network.refuse = await_first
    harvest.run(concurrency=2)
    assert harvest.marks == [("1", [str(_BASE)]), ("2", [str(_BASE), str(_BASE + 1)])]


def test_an_account_of_which_a_look_up_says_nothing_is_looked_up_again() -> None:
    network = _Network({"1": _numbered(5), "2": _numbered(5)})
    network.omitted = {"2"}
    harvest = _Harvest(network, {"users": {"1": {}, "2": {}}, "look_up_days": 30}).run()
    assert [user for user, each in harvest.next["users"].items() if "looked_up" in each] == ["1"]
    network.omitted, network.looked_up = set(), []
    _Harvest(network, harvest.next).run()
    assert network.looked_up == ["2"]


def test_only_failures_in_a_row_end_a_harvest() -> None:
    users = [str(number) for number in range(1, 10)]
    network = _Network({user: _numbered(5) for user in users})
    apart = {"2", "4", "6", "8"}
    network.refuse = lambda user, _: ApiCode.FORBIDDEN if user in apart else None
    harvest = _Harvest(network, {"users": {user: _known() for user in users}}).run()
    assert (harvest.counts["users_failed"], harvest.counts["users_done"]) == (4, 5)
    network.refuse = lambda user, _: ApiCode.FORBIDDEN if user in {"4", "5", "6"} else None
    with pytest.raises(XError):
        _Harvest(network, {"users": {user: _known() for user in users}}).run()


def test_whoever_was_harvested_before_is_not_looked_up_for_want_of_a_name() -> None:
    network = _Network({user: _numbered(5) for user in ("1", "2", "3", "4")})
    users = {"1": {}, "2": {"since_id": "5"}, "3": {"screen_name": "three"}, "4": _known()}
    _Harvest(network, {"users": users}).run()
    assert network.looked_up == ["1"]


@pytest.mark.parametrize("state", ["suspended", "protected", "not_found"])
def test_only_the_same_state_in_a_row_deletes_an_account(state: str) -> None:
    other = "protected" if state != "protected" else "suspended"
    network = _Network({"1": _numbered(5), "2": _numbered(5)})
    tree: Tree = {
        "users": {"1": _known(), "2": _known()},
        "delete_users_for": [state],
        "delete_users_after": 2,
    }
    for seen, times in ((state, {state: 1}), (other, {other: 1}), (state, {state: 1})):
        network.states = {"1": seen}
        tree = _Harvest(network, tree).run().next
        assert tree["users"]["1"]["sightings"] == times
    # A timeline that is read ends what was seen before.
    network.states = {}
    tree = _Harvest(network, tree).run().next
    assert "sightings" not in tree["users"]["1"]
    network.states = {"1": state}
    for _ in range(2):
        tree = _Harvest(network, tree).run().next
    assert set(tree["users"]) == {"2"}
