"""Workers of a crawl are collections made of it, each with a profile of its own."""

import pytest

from harvester.collection.shards import budget_share, shard_problems
from harvester.collection.workers import (
    crawl_owner,
    profiles_of,
    require_no_workers,
    worker_ids,
    worker_problems,
    worker_tree,
)
from harvester.documents import Tree
from harvester.errors import HarvesterError

_CRAWL: Tree = {
    "id": "libraries",
    "type": "graph",
    "title": "Libraries",
    "users": {"12": {"screen_name": "jack"}},
    "budget_usd": 10,
    "keys": {"profile": "museum"},
    "graph": {
        "direction": "both",
        "max_depth": 2,
        "exclude": ["13"],
        "crawl": {"started": "2026-11-27T22:00:00Z", "depth": 1},
        "last_crawl": {"started": "2026-10-27T22:00:00Z"},
    },
    "workers": {"profiles": ["a", "b", "c"]},
}


def test_a_worker_has_its_profile_its_part_of_the_budget_and_none_of_the_crawl() -> None:
    assert worker_tree(_CRAWL, 2) == {
        "id": "libraries.2",
        "type": "graph",
        "worker_of": "libraries",
        "title": "Libraries",
        "budget_usd": 3.33,
        "keys": {"profile": "b"},
        "users": {},
        "graph": {"direction": "both", "max_depth": 2},
    }
    assert list(worker_problems(worker_tree(_CRAWL, 2))) == []


@pytest.mark.parametrize(
    ("usd", "among", "each"),
    [
        *((2.0, 3, 0.66), (0.29, 1, 0.29), (0.02, 3, 0.006), (50, 7, 7.14)),
        *((0.003, 3, 0.001), (0.0019, 1, 0.001), (0.002, 3, 0.0), (0.0005, 1, 0.0)),
    ],
)
def test_the_budgets_of_workers_and_shards_are_no_more_than_the_whole(
    usd: float, among: int, each: float
) -> None:
    assert budget_share(usd, among=among) == each
    assert round(each * among, 6) <= usd


def test_a_crawl_is_its_collections_with_and_without_workers() -> None:
    assert crawl_owner(worker_tree(_CRAWL, 1)) == crawl_owner(_CRAWL) == "libraries"
    assert worker_ids(_CRAWL) == ["libraries.1", "libraries.2", "libraries.3"]
    assert profiles_of({"id": "x"}) == ()
    assert worker_ids({"id": "x"}) == []


def test_a_collection_with_workers_is_not_harvested_itself() -> None:
    with pytest.raises(HarvesterError, match="has workers") as caught:
        require_no_workers(_CRAWL)
    assert "graph workers start libraries" in caught.value.hint
    require_no_workers(worker_tree(_CRAWL, 1))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"workers": {"profiles": []}}, "not a list"),
        ({"workers": {"profiles": ["a", "a"]}}, "profile a twice"),
        ({"workers": ["a"]}, "graph workers plan"),
        ({"worker_of": "other"}, "is not one of its workers"),
        ({"graph": {"order": "dfs"}}, '"dfs"'),
        ({"budget_usd": 0.002}, "divided among 3 workers, it must be at least $0.003."),
    ],
)
def test_what_a_person_wrote_there_is_found(change: Tree, says: str) -> None:
    found = list(worker_problems({**_CRAWL, **change}))
    assert len(found) == 1
    assert says in found[0]


def test_a_budget_that_cannot_be_divided_among_shards_is_refused() -> None:
    apps = [{"profile": name, "rules": 5, "length": 512} for name in "ab"]
    tree: Tree = {"id": "wide", "shards": {"apps": apps, "spares": []}, "budget_usd": 0.0015}
    assert list(shard_problems(tree)) == [
        "budget_usd is 0.0015; divided among 2 shards, it must be at least $0.002."
    ]
    assert list(shard_problems({**tree, "budget_usd": 0.002})) == []
