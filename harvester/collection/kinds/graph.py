"""A collection of lists of followers: of its users, and of whom these lead to, depth by depth."""

from collections.abc import Iterator, Mapping
from typing import Any

from harvester.collection import selection
from harvester.collection.begun_crawl import BEGUN
from harvester.collection.kinds.kind import (
    COUNT,
    DOLLARS,
    OBJECT,
    TIME,
    Kind,
    Rules,
    count_problems,
    misshapen,
    shape_problems,
    unknown,
)
from harvester.collection.kinds.names import GRAPH
from harvester.collection.kinds.user_timeline import LEARNED_OF_USERS, user_problems
from harvester.documents import CompactUsers, Tree
from harvester.text import counted

_LEARNED = ("crawl", "last_crawl")
_CRAWL_SHAPES = {"started": TIME, BEGUN: OBJECT, "depth": COUNT, "approved": DOLLARS, "chains": OBJECT}
_OF_LISTS = ("lists", "newest_first")
# What each may be; the first is the default.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "direction": ("followers", "following", "both"),
    "order": ("bfs", "dfs"),
    "approve": ("each_depth", "within_budget"),
    "by": ("fewest_followers_first", "id"),
    "update": ("full", "new_only"),
}
STEPS = ("edges",)
_LIMITS = ("max_depth", "max_users", "max_edges_per_user")
_KNOWN = {*CHOICES, *_LIMITS, "select", "exclude", "steps", *_LEARNED}


def _problems(tree: Tree, rules: Rules) -> Iterator[str]:
    if not rules.has_graph:
        yield f"The network {rules.network} has no lists of followers to collect."
        return
    yield from _seed_problems(tree.get("users"), rules)
    section = tree.get("graph", {})
    if not isinstance(section, dict):
        yield misshapen("Graph", '{"direction": "followers"}')
        return
    yield from _section_problems(section, rules)
    if section.get("approve") == "within_budget" and not tree.get("budget_usd"):
        yield 'graph.approve is "within_budget", which needs a budget_usd.'
    yield from _state_problems(section)


def _seed_problems(users: Any, rules: Rules) -> Iterator[str]:
    if not isinstance(users, dict | CompactUsers):
        example = '{"12": {}, "13": {}}'
        yield f"A graph collection, but users is missing or not an object, e.g. {example}."
    else:
        yield from user_problems(users, rules, {*LEARNED_OF_USERS, *_OF_LISTS})


def _section_problems(section: Tree, rules: Rules) -> Iterator[str]:
    yield from unknown(section, _KNOWN, "graph.")
    yield from _choice_problems(section)
    for name in _LIMITS:
        yield from count_problems(section, name, "graph.", least=0 if name == "max_depth" else 1)
    yield from _exclude_problems(section.get("exclude"), rules)
    yield from selection.problems_of(section.get("select") or {})
    if section.get("update") == "new_only" and section.get("max_depth"):
        yield 'graph.update is "new_only", which is for the lists of the seeds: max_depth must be 0.'


def _state_problems(section: Tree) -> Iterator[str]:
    """What harvests stored of the crawls, where a person has changed it."""
    yield from shape_problems(section, dict.fromkeys(_LEARNED, OBJECT), "graph.")
    if isinstance(crawl := section.get("crawl"), dict):
        yield from shape_problems(crawl, _CRAWL_SHAPES, "graph.crawl.")
    for name in _LEARNED:
        yield from _begun_problems(section.get(name), f"graph.{name}.{BEGUN}")


def _begun_problems(state: Any, where: str) -> Iterator[str]:
    if not isinstance(state, dict) or not (begun := state.get(BEGUN)):
        return
    if not isinstance(begun, dict) or begun.get("direction", "followers") not in CHOICES["direction"]:
        yield f"{where} is {begun!r}; it must be as a harvest stored it, or removed."
        return
    yield from count_problems(begun, "max_edges_per_user", f"{where}.", least=1)


def _choice_problems(section: Tree) -> Iterator[str]:
    for name, choices in CHOICES.items():
        if section.get(name, choices[0]) not in choices:
            allowed = " or ".join(f'"{each}"' for each in choices)
            yield f"graph.{name} is {section[name]!r}; it must be {allowed}."
    steps = section.get("steps", list(STEPS))
    if steps != list(STEPS):
        yield (
            f'graph.steps is {steps!r}; it must be ["edges"]. For timelines of the accounts that are found, '
            "make a user_timeline collection of a frontier."
        )


def _exclude_problems(exclude: Any, rules: Rules) -> Iterator[str]:
    if exclude is None:
        return
    if not isinstance(exclude, list):
        yield "graph.exclude is not a list."
        return
    for user in exclude:
        if not rules.is_user(user):
            yield f"graph.exclude holds {user!r}, which is not a user_id. {rules.ids}".rstrip()


def _in_words(tree: Tree) -> str:
    section = tree.get("graph") or {}
    users = counted(len(tree.get("users") or {}), "user")
    direction = section.get("direction", CHOICES["direction"][0])
    return f"{direction if direction != 'both' else 'followers and following'} of {users}" + (
        f", to depth {section['max_depth']}" if section.get("max_depth") else ""
    )


KIND = Kind(
    GRAPH,
    "users",
    _problems,
    _in_words,
    {"users": {}, "graph": {"direction": "followers", "max_depth": 0}},
    keys=frozenset(("graph",)),
    learned=(*LEARNED_OF_USERS, *_OF_LISTS),
    learned_in={"graph": _LEARNED},
    has_users=True,
    is_crawl=True,
)
