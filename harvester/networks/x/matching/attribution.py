"""Which rules of a collection a record matched: as the network says, or else as its words do."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import reduce
from operator import or_
from typing import NamedTuple, TypeVar

import orjson

from harvester.documents import Tree, object_in
from harvester.networks.attribution import Origin
from harvester.networks.records import Post
from harvester.networks.x.decoding import objects
from harvester.networks.x.matching import enrichment
from harvester.networks.x.matching.conditions import Condition, condition_of
from harvester.networks.x.matching.facts import facts_of, is_post
from harvester.networks.x.matching.match import Match
from harvester.networks.x.matching.reduced import matching_rules_in, reduced
from harvester.networks.x.matching.rule_index import RuleIndex, Seen
from harvester.networks.x.rules.collection_rules import PACK, CollectionRule, collection_rules
from harvester.networks.x.rules.live_rules import tag_prefix

_PACK = re.compile(rf":{PACK}\d+$")
# Most posts match what others do: the number of answers that are remembered.
_REMEMBERED = 2_000

_T = TypeVar("_T")


class _Tagged(NamedTuple):
    """The rules that the network names, and the packs of which it says that some matched."""

    said: set[int]
    packs: list[RuleIndex]


class Attribution:
    """Of the rules of one collection; `ids_by_tag` says which of them each live rule holds.

    A tag that it does not have is one of ours where it begins with one of `prefixes`: its end is the id of a
    rule, or it is that of a pack, which may hold any of them.
    """

    def __init__(
        self,
        rules: Sequence[CollectionRule],
        ids_by_tag: Mapping[str, Sequence[str]],
        *,
        prefixes: Iterable[str] = (),
    ) -> None:
        self._rules, self._prefixes = rules, tuple(prefixes)
        self._numbers = numbers = {rule.id: number for number, rule in enumerate(rules)}
        self._said = {
            f"{prefix}{rule_id}": {number} for prefix in self._prefixes for rule_id, number in numbers.items()
        }
        self._packed: dict[str, set[int]] = {}
        for tag, ids in ids_by_tag.items():
            of_tag = self._packed if len(ids) > 1 and _PACK.search(tag) else self._said
            of_tag[tag] = {numbers[each] for each in ids if each in numbers}
        # Made when they are first needed: by the tag of a pack, "" for all rules.
        self._indexes: dict[str, RuleIndex] = {}
        self._conditions: dict[int, Condition | None] = {}
        self._tagged: dict[bytes, _Tagged] = {}
        self._told: dict[bytes, enrichment.Rules] = {}

    def of(self, record: Tree) -> list[Match]:
        """The rules that a record of one post matched, in their order; none of one that holds no post."""
        return [
            Match(self._rules[number], "network" if number in said else "local")
            for said, found in (self._found(record, self._tagged_by(record)),)
            for number in sorted(found)
        ]

    def matched(self, record: Tree) -> list[Tree]:
        return self._named(*self._found(record, self._tagged_by(record)))

    def matched_line(self, line: bytes) -> list[Tree]:
        """As `matched`, of a line of a stream, which is not read where the network names each rule."""
        part = matching_rules_in(line)
        tagged = self._tagged.get(part)
        if tagged is None and (tagged := self._tagged_by(object_in(b"{" + part + b"}"))):
            _remember(self._tagged, part, tagged)
        if tagged and not tagged.packs:
            return self._named(tagged.said, tagged.said)
        record = reduced(line)
        return self._named(*self._found(record, tagged or self._tagged_by(record)))

    def _tagged_by(self, record: Tree) -> "_Tagged | None":
        """What the network says of a record; None if it says nothing."""
        tags = [
            tag for rule in objects(record.get("matching_rules")) if isinstance(tag := rule.get("tag"), str)
        ]
        if not tags:
            return None
        said: set[int] = set()
        said = said.union(*(self._said.get(tag, ()) for tag in tags))
        return _Tagged(said, [index for tag in tags if (index := self._pack(tag))])

    def _found(self, record: Tree, tagged: "_Tagged | None") -> tuple[set[int], set[int]]:
        """The numbers of the rules that the network names, and of all that a record matched."""
        said, packs = (tagged.said, tagged.packs) if tagged else (set[int](), [self._index("")])
        looks = reduce(or_, (index.looks for index in packs)) if packs else None
        facts = facts_of(record, looks) if looks else None
        if not looks or not facts:
            return said, said
        seen = Seen(facts, looks)
        if not tagged:
            active = {n for n in packs[0].matching(seen, wide=True) if self._rules[n].active}
            return said, active
        found = [index.matching(seen, wide=False) or index.matching(seen, wide=True) for index in packs]
        return said, said.union(*found)

    def _named(self, said: AbstractSet[int], found: AbstractSet[int]) -> list[Tree]:
        return [
            {"id": self._rules[number].id, "by": "network" if number in said else "local"}
            for number in sorted(found)
        ]

    def enriched(
        self, post: Post, origin: Origin, *, traptor_names: bool = False, told: bytes = b""
    ) -> bytes:
        record = enrichment.looked_at(post)
        if not is_post(record):
            return post.value
        rules = self._told_rules(told) or enrichment.Rules(self.of(reduced(post.value)))
        return enrichment.enriched(post.value, record, rules, origin, traptor_names=traptor_names)

    def _told_rules(self, told: bytes) -> enrichment.Rules | None:
        """Stored rules, of which most posts have the same; None if there are none."""
        found = self._told.get(told)
        if found is None and (rules := objects(orjson.loads(told or b"[]"))):
            found = enrichment.Rules([self._match(each) for each in rules])
            _remember(self._told, told, found)
        return found

    def _match(self, told: Tree) -> Match:
        """The stored form of a matched rule; for a rule that the collection no longer has, its id."""
        rule_id = str(told.get("id"))
        number = self._numbers.get(rule_id)
        rule = CollectionRule(rule_id, "", "") if number is None else self._rules[number]
        return Match(rule, "network" if told.get("by") == "network" else "local")

    def _pack(self, tag: str) -> RuleIndex | None:
        """The rules of which some matched; None if it names one, or is none of ours."""
        if found := self._packed.get(tag):
            return self._index(tag)
        is_unknown = found is None and tag not in self._said
        is_ours = is_unknown and tag.startswith(self._prefixes) and _PACK.search(tag)
        return self._index("") if is_ours and self._rules else None

    def _index(self, tag: str) -> RuleIndex:
        """Of the rules of a pack, or of all."""
        if tag not in self._indexes:
            numbers = self._packed.get(tag, range(len(self._rules)))
            known = ((number, self._condition(number)) for number in sorted(numbers))
            self._indexes[tag] = RuleIndex({number: found for number, found in known if found})
        return self._indexes[tag]

    def _condition(self, number: int) -> Condition | None:
        if number not in self._conditions:
            self._conditions[number] = condition_of(self._rules[number])
        return self._conditions[number]


def _remember(known: dict[bytes, _T], name: bytes, answer: _T) -> None:
    """Of any thread: another one may ask meanwhile, or forget all."""
    if len(known) >= _REMEMBERED:
        known.clear()
    known[name] = answer


def attribution_of(collections: Iterable[Tree], events: Iterable[Tree]) -> Attribution:
    """Of a collection in its versions, the last one most, with the live rules that its harvests tell of.

    A pack has held several rules in its time; each that it ever held may be the one that matched.
    """
    found = LiveRules()
    for tree in collections:
        found.learn_collection(tree)
    for event in events:
        found.learn_event(event)
    return found.attribution()


class LiveRules:
    """The known rules of a collection and its live rules; each edit adds to them."""

    def __init__(self) -> None:
        self._rules: dict[str, CollectionRule] = {}
        self._prefixes: dict[str, None] = {}
        self._ids: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def learn_collection(self, tree: Tree) -> None:
        """A version of the collection, which counts more than those before."""
        self._rules |= {rule.id: rule for rule in collection_rules(tree.get("filter") or {}, [])}
        if "id" in tree:
            self._prefixes[tag_prefix(str(tree["id"]))] = None

    def learn_event(self, event: Tree) -> None:
        """An event of a harvest: which rules each live rule is for."""
        if event.get("event") == "rules":
            for tag, live in _told(event):
                self._ids[tag].update(dict.fromkeys(map(str, live.get("ids") or ())))

    def attribution(self) -> Attribution:
        held = {tag: list(of_tag) for tag, of_tag in self._ids.items()}
        return Attribution(list(self._rules.values()), held, prefixes=self._prefixes)


def names_all(event: Tree) -> bool:
    """Whether the tags of the live rules, of which an event tells, name each rule that a post matches.

    They do not where a live rule is for several, or has the tag of another collection that had it first.
    """
    live = [rule for name in ("rules", "old", "new") for rule in objects(event.get(name))]
    others = {str(rule.get("value")) for rule in objects(event.get("foreign"))}
    return all(len(rule.get("ids") or ()) < 2 and str(rule.get("value")) not in others for rule in live)


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
