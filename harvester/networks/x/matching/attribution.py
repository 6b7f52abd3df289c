"""Which rules of a collection a record matched: as the network says, or else as its words do."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harvester.documents import Tree
from harvester.networks.attribution import Origin
from harvester.networks.x.decoding import objects
from harvester.networks.x.matching import enrichment
from harvester.networks.x.matching.facts import facts_of
from harvester.networks.x.matching.match import Match
from harvester.networks.x.matching.rule_index import RuleIndex, Seen
from harvester.networks.x.rules.collection_rules import PACK, CollectionRule, collection_rules

_PACK = re.compile(rf":{PACK}\d+$")


class Attribution:
    """Of the rules of one collection; `ids_by_tag` says which of them each live rule holds."""

    def __init__(self, rules: Sequence[CollectionRule], ids_by_tag: Mapping[str, Sequence[str]]) -> None:
        self._rules = rules
        self._index = RuleIndex(rules)
        self._active = {number for number, rule in enumerate(rules) if rule.active}
        numbers = {rule.id: number for number, rule in enumerate(rules)}
        self._said: dict[str, set[int]] = {}
        self._packed: dict[str, set[int]] = {}
        for tag, ids in ids_by_tag.items():
            of_tag = self._packed if len(ids) > 1 and _PACK.search(tag) else self._said
            of_tag[tag] = {numbers[each] for each in ids if each in numbers}

    def of(self, record: Tree) -> list[Match]:
        """The rules that a record of one post matched, in their order; none of one that holds no post."""
        tags = [
            tag for rule in objects(record.get("matching_rules")) if isinstance(tag := rule.get("tag"), str)
        ]
        said: set[int] = set()
        local: set[int] = set()
        if tags:
            said = said.union(*(self._said.get(tag, ()) for tag in tags))
            packs = [self._packed[tag] for tag in tags if tag in self._packed]
            local = self._in_packs(record, packs) if packs else local
        elif facts := facts_of(record):
            local = self._index.matching(Seen(facts), wide=True) & self._active
        return [
            Match(self._rules[number], "network" if number in said else "local")
            for number in sorted(said | local)
        ]

    def matched(self, record: Tree) -> list[Tree]:
        return [{"id": match.rule.id, "by": match.by} for match in self.of(record)]

    def enriched(self, line: bytes, record: Tree, origin: Origin, *, traptor_names: bool = False) -> bytes:
        return enrichment.enriched(line, record, self.of(record), origin, traptor_names=traptor_names)

    def _in_packs(self, record: Tree, packs: Sequence[set[int]]) -> set[int]:
        """Which rules of live rules that matched did."""
        facts = facts_of(record)
        if not facts:
            return set()
        seen = Seen(facts)
        near = self._index.matching(seen, wide=False)
        found = near.intersection(set().union(*packs))
        if unexplained := [pack for pack in packs if not pack & near]:
            found |= self._index.matching(seen, wide=True).intersection(set().union(*unexplained))
        return found


def attribution_of(collections: Iterable[Tree], events: Iterable[Tree]) -> Attribution:
    """Of a collection in its versions, the last one most, with the live rules that its harvests tell of.

    A pack has held several rules in its time; each that it ever held may be the one that matched.
    """
    rules = {rule.id: rule for tree in collections for rule in collection_rules(tree.get("filter") or {}, [])}
    ids: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for event in events:
        if event.get("event") == "rules":
            for tag, live in _told(event):
                ids[tag].update(dict.fromkeys(map(str, live.get("ids") or ())))
    return Attribution(list(rules.values()), {tag: list(held) for tag, held in ids.items()})


def _told(event: Tree) -> Iterator[tuple[str, Tree]]:
    """The live rules of the collection by their tags; that of others where they had the value before."""
    live = [rule for name in ("rules", "old", "new") for rule in objects(event.get(name))]
    yield from ((str(rule.get("tag")), rule) for rule in live)
    of_value = {str(rule.get("value")): rule for rule in live}
    foreign = objects(event.get("foreign"))
    times = Counter(str(rule.get("tag")) for rule in foreign)
    for rule in foreign:
        value, tag = str(rule.get("value")), str(rule.get("tag"))
        # Several rules of one tag are told apart by X's ids only.
        if value in of_value and times[tag] == 1:
            yield tag, of_value[value]
