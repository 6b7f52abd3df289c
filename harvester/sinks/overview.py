"""How the sinks of a collection are doing, as their state in the store says: position, lag, errors."""

from harvester.clock import Clock, moment
from harvester.documents import Tree, object_in
from harvester.errors import NotFound
from harvester.harvest import owners
from harvester.harvest.lock_content import content, expiry, is_released
from harvester.sinks import Asked
from harvester.sinks.archive.contents import stored_contents
from harvester.sinks.backlog import BEHIND_AFTER, Backlog
from harvester.sinks.state import Figures
from harvester.store import Store, Stored
from harvester.store.keys import CollectionKeys


def overview(store: Store, keys: CollectionKeys, asked: Asked, *, clock: Clock) -> Tree:
    """One sink of a collection; `lag_records` counts what is in the store."""
    row: Tree = {"id": keys.id, "sink": asked.name, "type": asked.type, "state": "never started"}
    try:
        stored = store.read(keys.sink(asked.name))
    except NotFound:
        return {**row, **_figures(store, keys, Figures(), clock)}
    tree = object_in(stored.data)
    row |= {"state": _state(store, stored), "updated": tree.get("updated"), "host": tree.get("host")}
    return {**row, **_figures(store, keys, Figures.from_tree(tree), clock)}


def _state(store: Store, stored: Stored) -> str:
    held = content(stored)
    if is_released(held):
        return "stopped"
    if owners.is_dead(held) or store.now() > expiry(stored):
        return "died"
    return "away" if object_in(stored.data).get("last_error") else "running"


def _figures(store: Store, keys: CollectionKeys, figures: Figures, clock: Clock) -> Tree:
    position = figures.position
    harvest = position.harvest if position else ""
    posts = stored_contents(store, keys, harvest).posts if harvest else 0
    behind = Backlog(store, keys, clock).records(
        harvest, of_harvest=figures.of_harvest, posts=posts, caught_up=False
    )
    last = moment(figures.last_delivered) if figures.last_delivered else None
    seconds = round((store.now() - last).total_seconds(), 1) if behind and last else 0.0
    return {
        "lag_records": behind,
        "lag_seconds": seconds,
        "behind": seconds > BEHIND_AFTER,
        "position": position.to_tree() if position else None,
        "delivered": figures.delivered,
        "dead_letters": figures.dead_letters,
        "newest_dead_letters": figures.newest_dead_letters,
        "last_delivered": figures.last_delivered,
        "last_error": figures.last_error,
        "notes": figures.notes,
    }
