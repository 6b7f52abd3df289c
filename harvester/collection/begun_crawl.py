"""What bills depend on is kept as a crawl began; a change of it applies from the next crawl."""

from collections.abc import Iterator, Mapping
from typing import Any

from harvester.documents import Tree

BEGUN = "begun"
# With their defaults.
_KEPT = {"direction": "followers", "max_edges_per_user": None}


def kept(section: Tree) -> Tree:
    """What a crawl that begins now keeps."""
    values = {name: section.get(name) or default for name, default in _KEPT.items()}
    return {name: value for name, value in values.items() if value is not None}


def crawl_state(tree: Mapping[str, Any]) -> Tree:
    """The state of the crawl under way; empty if there is none."""
    found: Tree = (tree.get("graph") or {}).get("crawl") or {}
    return found


def new_state(started: str, section: Tree, before: Tree) -> Tree:
    """The state of a crawl that begins, as a patch that removes the chains of the one before."""
    state: Tree = {"started": started, "depth": 0, BEGUN: kept(section)}
    if chains := before.get("chains"):
        state["chains"] = dict.fromkeys(chains)
    return state


def section_of(tree: Mapping[str, Any], started: str | None = None) -> Tree:
    """The section `graph` as it counts for a crawl: for the one under way, or the one that began then."""
    section = tree.get("graph") or {}
    for name in ("crawl", "last_crawl"):
        state = section.get(name) or {}
        if state.get("started") == (started or (section.get("crawl") or {}).get("started")):
            return _as_begun(section, state)
    return section


def _as_begun(section: Tree, state: Tree) -> Tree:
    # Older crawls kept nothing.
    if BEGUN not in state:
        return section
    return {**{name: value for name, value in section.items() if name not in _KEPT}, **state[BEGUN]}


def for_the_next(tree: Mapping[str, Any]) -> Iterator[str]:
    """What was changed since the crawl under way began, and applies from the next one."""
    section, counts = tree.get("graph") or {}, section_of(tree)
    for name, default in _KEPT.items():
        edited, begun = (each.get(name) or default for each in (section, counts))
        if edited != begun:
            yield (
                f"graph.{name} applies from the next crawl; the one under way began with "
                f"{'none' if begun is None else begun}."
            )
