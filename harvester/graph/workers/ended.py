"""Which lists a worker had ended when it died, as far as its harvests or its last checkpoint have them."""

from collections.abc import Iterator, Mapping

from harvester.clock import moment
from harvester.documents import Tree
from harvester.documents.lists import ListEnd, list_ends
from harvester.errors import NotFound
from harvester.harvest import checkpoint
from harvester.harvest.crawl import harvests_since
from harvester.networks.crawl import FAILED
from harvester.store import Store
from harvester.store.keys import LISTS, CollectionKeys, HarvestKeys

_ALWAYS = "9999-12-31T00:00:00+00:00"


def ended_lists(
    store: Store, keys: CollectionKeys, started: str, depth: int
) -> Mapping[str, Mapping[str, Tree]]:
    """The outcomes of the lists of a depth, by user and direction; those that failed may be read again.

    Their pages are in the store, in a harvest that is finished before the depth is closed.
    """
    found: dict[str, dict[str, Tree]] = {}
    for end in _ends(store, keys, started):
        if end.depth == depth and end.outcome != FAILED:
            found.setdefault(end.user, {})[end.direction] = {"outcome": end.outcome}
    return found


def _ends(store: Store, keys: CollectionKeys, started: str) -> Iterator[ListEnd]:
    for harvest in harvests_since(store, keys, started, until=_ALWAYS):
        here = keys.harvest(moment(harvest.timestamp))
        # Looked for again, as the worker may be back, and its harvest finished meanwhile.
        yield from list_ends(_stored(store, here) or _checkpointed(store, keys, here) or _stored(store, here))


def _stored(store: Store, here: HarvestKeys) -> bytes:
    """The lists of a harvest that came as far in its end, which it may not have, whatever its state."""
    try:
        return store.read(here.lists).data
    except NotFound:
        return b""


def _checkpointed(store: Store, keys: CollectionKeys, here: HarvestKeys) -> bytes:
    """What the last checkpoint of a harvest relies on."""
    found = checkpoint.load(store, keys)
    if found is None:
        return b""
    state = checkpoint.reached(store, here, found)
    if here != keys.harvest(moment(state.harvest)):
        return b""
    try:
        return checkpoint.stored_part(store, here, LISTS, state.sizes.get(LISTS, 0))
    except NotFound:
        return b""
