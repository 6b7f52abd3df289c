"""A collection is valid by the rules of its network, before anything is spent on it."""

from collections.abc import Mapping
from typing import Any, cast

from harvester.collection import description
from harvester.documents import Collection, Tree, unambiguous
from harvester.errors import HarvesterError
from harvester.networks.registry import network_of, usual


def parsed(
    data: bytes, where: str, *, collection_id: str = "", of_repairs: bool = False, compact: bool = False
) -> Collection:
    """The collection in `data`, valid and of that id; every problem of it in one HarvesterError otherwise."""
    hint = "Mend the file, or restore it from its changesets."
    tree = unambiguous(data, where, hint=hint, compact=compact)
    return require_valid(tree, where, collection_id=collection_id, of_repairs=of_repairs)


def require_valid(tree: Tree, where: str, *, collection_id: str = "", of_repairs: bool = False) -> Collection:
    """The collection in the tree; every problem of it in one HarvesterError otherwise."""
    reasons = problems(tree, of_repairs=of_repairs)
    if collection_id and tree.get("id", collection_id) != collection_id:
        reasons.append(f"Its id is {tree['id']!r}, and its folder is named {collection_id}.")
    if reasons:
        raise HarvesterError(
            f"{where} is not a valid collection.",
            reasons,
            "Correct these and start again; nothing was collected.",
        )
    return as_valid(tree)


def as_valid(tree: Mapping[str, Any]) -> Collection:
    """The collection in a tree that has no problems."""
    return cast(Collection, tree)


def problems(tree: Any, *, of_repairs: bool = False) -> list[str]:
    """All that stands against harvesting this collection; empty when nothing does."""
    try:
        network = network_of(tree) if isinstance(tree, dict) else usual()
    except HarvesterError as error:
        return [f"{error.message} {error.hint}"]
    return description.problems(tree, network.rules, of_repairs=of_repairs)
