"""How many stored posts each rule of a collection matched, of all its harvests and repairs."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from harvester.collection import history
from harvester.documents import object_in
from harvester.networks import Network
from harvester.networks.records import BrokenLine
from harvester.sinks.archive.line import Entry
from harvester.sinks.archive.reader import Archive
from harvester.sinks.enrichment import Enrichment
from harvester.store import Store
from harvester.store.keys import CollectionKeys


@dataclass
class Matches:
    """The counts so far: by rule, total and locally matched; `none` matched only others' rules."""

    posts: int = 0
    none: int = 0
    broken: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)
    local: Counter[str] = field(default_factory=Counter)


def count_matches(
    store: Store, keys: CollectionKeys, network: Network, *, tell: Callable[[Matches], None]
) -> Matches:
    """Read all stored files; `tell` is called with the progress.

    From side files, and without one from the records.
    """
    found = Matches()
    for each in (keys, keys.repairs):
        enrichment = Enrichment(network, keys.id, partial(history.versions_used, store, each))
        archive = Archive(store, each, matches=True, note=lambda *_: None)
        try:
            while lines := archive.read():
                for line in lines:
                    if line.kind == "event":
                        enrichment.learn(object_in(line.data))
                    else:
                        _count(found, network, enrichment, line.data, line.position.harvest, line.matched)
                tell(found)
        finally:
            archive.close()
    return found


def _count(
    found: Matches,
    network: Network,
    enrichment: Enrichment,
    data: bytes,
    harvest: str,
    matched: tuple[Entry, ...],
) -> None:
    try:
        posts = network.posts(data)
    except BrokenLine:
        found.broken += 1
        return
    for post in posts:
        rules = {str(rule.get("id")): rule.get("by") for rule in enrichment.matches(post, harvest, matched)}
        found.posts += 1
        found.none += not rules
        found.by_rule.update(list(rules))
        found.local.update(rule for rule, by in rules.items() if by != "network")
