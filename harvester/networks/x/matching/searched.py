"""Which rules a post that was searched for matched: the one of its query, and those of its words."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from harvester.documents import Tree, object_in
from harvester.networks.attribution import Matched
from harvester.networks.records import BrokenLine
from harvester.networks.x.matching.attribution import Attribution
from harvester.networks.x.matching.match import OFF
from harvester.networks.x.posts import posts
from harvester.networks.x.rules.collection_rules import ACTIVE, CollectionRule, collection_rules
from harvester.networks.x.rules.values import NATIVE


class SearchedRules:
    """Of a collection; `used` are the versions of it that count for a harvest, at last the current one."""

    def __init__(self, used: Callable[[str], Sequence[Tree]]) -> None:
        self._used = used
        self._harvest: str | None = None
        self._attribution: Attribution | None = None
        # The rules that only the network can judge.
        self._native: frozenset[str] = frozenset()

    def matches(
        self, line: bytes, harvest: str, *, asked: Sequence[str], live: AbstractSet[str]
    ) -> tuple[Matched, ...]:
        """Of the posts of a page of a query for the rules `asked`, while the rules `live` were live."""
        attribution = self._of_harvest(harvest)
        if attribution is None:
            return ()
        try:
            found = posts(line)
        except BrokenLine:
            return ()
        told = []
        for post in found:
            by_words = [str(each["id"]) for each in attribution.matched(object_in(post.value))]
            by = self._by(asked, [rule for rule in by_words if rule in live])
            if by:
                told.append(Matched(1, post.id, [{"id": rule, "by": how} for rule, how in by.items()]))
        return tuple(told)

    def _by(self, asked: Sequence[str], by_words: Sequence[str]) -> dict[str, str]:
        """Each rule that a post matched, and who says so."""
        certain = {asked[0]: "network"} if len(asked) == 1 else {}
        by = dict.fromkeys(by_words, "local") | certain
        native = [rule for rule in asked if rule in self._native]
        if len(native) == 1 and by.keys().isdisjoint(asked):
            # Found for one of them, and its words are those of none of the others.
            by[native[0]] = "local"
        return by

    def _of_harvest(self, harvest: str) -> Attribution | None:
        """By the rules of then; None if the collection asks for no attribution."""
        if harvest != self._harvest:
            versions = self._used(harvest)
            section = (versions[-1].get("filter") or {}) if versions else {"attribution": OFF}
            is_off = section.get("attribution") == OFF
            rules = {} if is_off else _rules(versions)
            self._native = frozenset(rule.id for rule in rules.values() if rule.type == NATIVE)
            self._harvest = harvest
            self._attribution = None if is_off else Attribution(list(rules.values()), {})
        return self._attribution


def _rules(versions: Sequence[Tree]) -> dict[str, CollectionRule]:
    """By id. A rule that is inactive by now was live then; who searches knows which were."""
    return {
        rule.id: replace(rule, status=ACTIVE)
        for tree in reversed(versions)
        for rule in collection_rules(tree.get("filter") or {}, [])
    }
