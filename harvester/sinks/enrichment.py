"""A post is passed on with the rules that it matched, where a sink asks for that and the network knows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import orjson

from harvester.documents import Tree, object_in
from harvester.networks import Network
from harvester.networks.attribution import Attributor, Origin
from harvester.networks.records import Post
from harvester.sinks.archive.line import Entry


@dataclass
class Enrichment:
    """Of one collection. `used` are the versions of it that count for a harvest, the last one most."""

    network: Network
    collection: str
    used: Callable[[str], Sequence[Tree]]
    traptor_names: bool = False
    backfill: bool = False
    _harvest: str = ""
    _origin: Origin = Origin("", "")
    _rules: list[Tree] = field(default_factory=list)
    _attributor: Attributor | None = None

    def learn(self, event: Tree) -> None:
        """Hear of the rules that are live from here on."""
        if event.get("event") == "rules":
            self._rules.append(event)
            self._attributor = None

    def of(self, post: Post, harvest: str, matched: Sequence[Entry] = ()) -> bytes:
        """The post with its rules, otherwise as stored; `matched` has its entries of a side file."""
        attributor = self._of_harvest(harvest)
        if attributor is None:
            return post.value
        value = attributor.enriched(
            post, self._origin, traptor_names=self.traptor_names, told=_told(post, matched)
        )
        return value.rstrip(b"\n")

    def matches(self, post: Post, harvest: str, matched: Sequence[Entry]) -> Sequence[Tree]:
        """`id` and `by` of each rule that a post matched."""
        attributor = self._of_harvest(harvest)
        told = _told(post, matched)
        rules = [rule for rule in orjson.loads(told) if isinstance(rule, dict)] if told else []
        return rules or (attributor.matched(object_in(post.value)) if attributor else ())

    def _of_harvest(self, harvest: str) -> Attributor | None:
        if harvest != self._harvest:
            self._harvest, self._attributor = harvest, None
            self._origin = Origin(self.collection, harvest, self.backfill)
        if self._attributor is None:
            self._attributor = self.network.attribution(self.used(harvest), self._rules)
        return self._attributor


def _told(post: Post, matched: Sequence[Entry]) -> bytes:
    """The JSON list of rules of this post in a side file; empty if it has none there."""
    found = [rules for each in matched if each.id == post.id and (rules := bytes(each.rules))[:1] == b"["]
    if len(found) < 2:
        return found[0] if found else b""
    return orjson.dumps([rule for rules in found for rule in orjson.loads(rules)])
