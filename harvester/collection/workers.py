"""A crawl that one app is too slow for is read by several workers, each with an app of its own.

The collection that a person describes has the crawl, and under `workers` the profiles of the apps. Each
worker is a collection made of it: `ID.1`, `ID.2`. So a worker has the lock, harvests and budget that any
collection has, and no two have the same profile. What they share is the crawl of their collection.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from harvester.collection.begun_crawl import crawl_state, section_of
from harvester.collection.shards import budget_problems, budget_share, named_twice, shard_id
from harvester.documents import Tree, text_in
from harvester.errors import Exit, HarvesterError

WORKERS, WORKER_OF = "workers", "worker_of"
# The keys that workers copy from their collection; the budget is divided among them.
_SHARED = ("network", "title", "description", "labels", "task")
# What of a crawl is its collection's own.
_OWN = ("crawl", "last_crawl", "exclude")


def profiles_of(tree: Mapping[str, Any]) -> tuple[str, ...]:
    """The profiles of a valid collection's workers, in their order; empty if it has none."""
    section = tree.get(WORKERS)
    return tuple(section["profiles"]) if section else ()


def worker_ids(tree: Mapping[str, Any]) -> list[str]:
    return [shard_id(str(tree["id"]), number) for number, _ in enumerate(profiles_of(tree), 1)]


def crawl_owner(tree: Mapping[str, Any]) -> str:
    """The id of the collection whose crawl it is."""
    return str(tree.get(WORKER_OF) or tree["id"])


def start_command(tree: Mapping[str, Any]) -> str:
    """What starts the harvests of a collection of the kind graph."""
    owner = crawl_owner(tree)
    return (
        f"graph workers start {owner}" if WORKER_OF in tree or WORKERS in tree else f"collection once {owner}"
    )


def worker_tree(tree: Mapping[str, Any], number: int) -> Tree:
    """The collection that is one worker of this one."""
    profiles = profiles_of(tree)
    made: Tree = {name: tree[name] for name in _SHARED if name in tree}
    if usd := tree.get("budget_usd"):
        made["budget_usd"] = budget_share(usd, among=len(profiles))
    section = section_of(tree)
    return {
        "id": shard_id(str(tree["id"]), number),
        "type": tree["type"],
        WORKER_OF: tree["id"],
        **made,
        "keys": {"profile": profiles[number - 1]},
        "users": {},
        "graph": {name: value for name, value in section.items() if name not in _OWN},
    }


def as_worker(tree: Mapping[str, Any], whole: Mapping[str, Any]) -> Tree:
    """A worker's collection with the crawl of its collection, of which it holds the lists that it has begun.

    What a depth may cost is divided among the workers. Raises if the crawl has not begun.
    """
    crawl, own = crawl_state(whole), crawl_state(tree)
    if not crawl:
        raise HarvesterError(
            f"The crawl of {whole['id']}, of which {tree['id']} is a worker, has not begun, or is over.",
            hint=f"`graph workers start {whole['id']}` begins one.",
            exit_code=Exit.USAGE,
        )
    workers = max(1, len(profiles_of(whole)))
    approved = {depth: usd / workers for depth, usd in (crawl.get("approved") or {}).items()}
    chains = own.get("chains") if own.get("started") == crawl["started"] else None
    section = {
        **{name: value for name, value in whole["graph"].items() if name != "last_crawl"},
        "crawl": {**crawl, "approved": approved, "chains": chains or {}},
    }
    return {**tree, "graph": section}


def require_no_workers(tree: Mapping[str, Any]) -> None:
    """Raise for a collection whose workers are harvested in its place."""
    if ids := worker_ids(tree):
        raise HarvesterError(
            f"{tree['id']} has workers, which read its crawl in its place.",
            hint=f"`graph workers start {tree['id']}` starts them: {' '.join(ids)}.",
            exit_code=Exit.USAGE,
        )


def require_no_worker(tree: Mapping[str, Any]) -> None:
    """Raise for a worker, which is what its collection says."""
    if parent := tree.get(WORKER_OF):
        raise HarvesterError(
            f"{tree['id']} is a worker of {parent}, and edited with it.",
            hint=f"`collection-config download {parent}`, edit that, and `collection-config update`.",
            exit_code=Exit.USAGE,
        )


def worker_problems(tree: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with `workers` and `worker_of`, which commands write."""
    if WORKER_OF in tree:
        of, _, number = text_in(tree, "id").rpartition(".")
        if of != tree[WORKER_OF] or not number.isdecimal():
            yield f"worker_of is {tree[WORKER_OF]!r}, and {tree.get('id')!r} is not one of its workers."
    if tree.get(WORKERS) is None:
        return
    problems = list(_section_problems(tree[WORKERS]))
    yield from problems or budget_problems(tree, among=len(tree[WORKERS]["profiles"]), name="worker")
    graph = tree.get("graph")
    if isinstance(graph, dict) and graph.get("order") == "dfs":
        yield 'graph.order is "dfs", which one process alone can follow; workers need "bfs".'


def _section_problems(section: Any) -> Iterator[str]:
    if not isinstance(section, dict) or set(section) != {"profiles"}:
        yield "workers is not an object with profiles; `graph workers plan` makes it."
        return
    names = section["profiles"]
    if not isinstance(names, list) or not names or not all(isinstance(each, str) and each for each in names):
        yield "workers.profiles is not a list of names of profiles."
    elif twice := named_twice(names):
        yield f"workers names the profile {twice} twice."
