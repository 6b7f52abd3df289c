"""A post is passed on with the rules that it matched, where a sink asks for that and the network knows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harvester.documents import Tree, object_in
from harvester.networks import Network
from harvester.networks.attribution import Attributor, Origin
from harvester.networks.records import Post


@dataclass
class Enrichment:
    """Of one collection. `used` are the versions of it that count for a harvest, the last one most."""

    network: Network
    collection: str
    used: Callable[[str], Sequence[Tree]]
    traptor_names: bool = False
    backfill: bool = False
    _harvest: str = ""
    _rules: list[Tree] = field(default_factory=list)
    _attributor: Attributor | None = None

    def learn(self, event: Tree) -> None:
        """Hear of the rules that are live from here on."""
        if event.get("event") == "rules":
            self._rules.append(event)
            self._attributor = None

    def of(self, post: Post, harvest: str, matched: Sequence[Tree] = ()) -> Post:
        """The post with its rules, otherwise as stored; `matched` has its entries of a side file."""
        attributor = self._of_harvest(harvest)
        if attributor is None:
            return post
        origin = Origin(self.collection, harvest, self.backfill)
        value = attributor.enriched(
            post.value,
            object_in(post.value),
            origin,
            traptor_names=self.traptor_names,
            told=_told(post, matched),
        )
        return Post(post.id, value.rstrip(b"\n"), post.author, post.published, post.received)

    def matches(self, post: Post, harvest: str, matched: Sequence[Tree]) -> Sequence[Tree]:
        """`id` and `by` of each rule that a post matched."""
        attributor = self._of_harvest(harvest)
        told = _told(post, matched)
        return told or (attributor.matched(object_in(post.value)) if attributor else ())

    def _of_harvest(self, harvest: str) -> Attributor | None:
        if harvest != self._harvest:
            self._harvest, self._attributor = harvest, None
        if self._attributor is None:
            self._attributor = self.network.attribution(self.used(harvest), self._rules)
        return self._attributor


def _told(post: Post, matched: Sequence[Tree]) -> Sequence[Tree]:
    """The entry of the side file for this post."""
    found = (each.get("rules") for each in matched if each.get("id") == post.id)
    return [rule for rules in found if isinstance(rules, list) for rule in rules if isinstance(rule, dict)]
