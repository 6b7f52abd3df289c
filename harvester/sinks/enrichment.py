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

    def of(self, post: Post, harvest: str) -> Post:
        """The post with its rules, as it was stored otherwise."""
        if harvest != self._harvest:
            self._harvest, self._attributor = harvest, None
        if self._attributor is None:
            self._attributor = self.network.attribution(self.used(harvest), self._rules)
        if self._attributor is None:
            return post
        origin = Origin(self.collection, harvest, self.backfill)
        value = self._attributor.enriched(
            post.value, object_in(post.value), origin, traptor_names=self.traptor_names
        )
        return Post(post.id, value.rstrip(b"\n"), post.author, post.published, post.received)
