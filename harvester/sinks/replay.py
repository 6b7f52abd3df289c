"""What sending stored harvests again comes to, known before anything is sent."""

from dataclasses import dataclass

from harvester.clock import moment
from harvester.sinks.archive.contents import posts_of
from harvester.sinks.archive.harvests import harvest_at, harvests_after
from harvester.sinks.beginning import START, moment_of
from harvester.store import Store
from harvester.store.keys import CollectionKeys


@dataclass(frozen=True)
class Extent:
    """Harvests and their posts, as harvest.json counts them; `is_most` where the first is sent in part."""

    harvests: int
    posts: int
    is_most: bool


def extent(store: Store, keys: CollectionKeys, *, begin: str, only: str) -> Extent:
    """Of all that came since `begin`, which is `start`, `now` or a date, or of one harvest."""
    if only:
        return Extent(1, posts_of(store, keys.harvest(moment(only))) or 0, is_most=False)
    when = None if begin == START else store.now() if begin == "now" else moment_of(begin)
    first = harvest_at(store, keys, when) if when else None
    found = list(harvests_after(store, keys, first.started if first else None))
    found += [first] if first else []
    return Extent(len(found), sum(posts_of(store, here) or 0 for here in found), is_most=first is not None)
