"""The live rules of a collection: one a rule while the app's cap allows it, else several packed into one.

What is live stays as it is, as far as it is still asked for, so that a change changes little. Nothing is
stored for that: the live rules at X and their tags tell.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harvester.documents import text_in
from harvester.errors import HarvesterError
from harvester.networks.x.rules.collection_rules import PACK, CollectionRule
from harvester.networks.x.rules.live_rules import Rule, RuleCaps, RulePlan, pack_of, plan_rules
from harvester.networks.x.rules.packing import OR, Packs, size, split
from harvester.networks.x.rules.wanted import Wanted, active_rules, translated
from harvester.text import counted

# What share of the app's rules a packing leaves for changes, and at what share a packed collection is
# unpacked: so that one in which rules come and go is not packed and unpacked by turns.
_RESERVE = 0.05
_UNPACKED = 0.9
# Packed rules do not fill a live rule to its last character.
_WASTE = 1.02


def compile_rules(
    asked: Mapping[str, Any],
    caps: RuleCaps | None = None,
    *,
    prefix: str = "",
    live: Sequence[Mapping[str, Any]] = (),
) -> list[Rule]:
    """The live rules of a collection's `filter`; a HarvesterError with all its problems if it has any."""
    return arranged(active_rules(asked), live, prefix=prefix, caps=caps)


def arranged(
    rules: Sequence[CollectionRule],
    live: Sequence[Mapping[str, Any]] = (),
    *,
    prefix: str,
    caps: RuleCaps | None = None,
) -> list[Rule]:
    """The live rules that the active ones of `rules` need, if these are `live`; raises if too many."""
    caps = caps or RuleCaps()
    wanted = translated(rules, caps)
    there = _There.of(live, prefix)
    room = max(0, caps.rules - there.foreign)
    own = [each for each in wanted if there.has(each)]
    packs = Packs(there.packs, wanted=_terms(wanted, besides=own), length=caps.length)
    if sum(map(there.cost, wanted)) <= (room * _UNPACKED if len(packs) else room):
        return _rules(wanted, None, there, prefix)
    packing = _Packing(there, packs, room, own)
    packing.place([each for each in wanted if not there.has(each)])
    if packing.needed > room:
        packing = _densest(wanted, there, caps, room)
    if packing.needed > room:
        raise _too_many(rules, packing.needed, there.foreign, caps)
    return _rules(wanted, packing, there, prefix)


def plan(
    rules: Sequence[CollectionRule],
    live: Sequence[Mapping[str, Any]],
    *,
    prefix: str,
    caps: RuleCaps | None = None,
) -> RulePlan:
    """Which live rules to add and to delete, so that they are those of a collection."""
    return plan_rules(arranged(rules, live, prefix=prefix, caps=caps), live, prefix=prefix, caps=caps)


@dataclass(frozen=True)
class _There:
    """What is live: our own rules with their tags, our packed ones as terms, and how many are foreign."""

    own: Mapping[str, str]
    packs: Mapping[int, list[str]]
    shared: frozenset[str]
    foreign: int

    @classmethod
    def of(cls, live: Sequence[Mapping[str, Any]], prefix: str) -> "_There":
        own: dict[str, str] = {}
        packs: dict[int, list[str]] = {}
        shared: set[str] = set()
        foreign = 0
        for rule in live:
            value, tag = text_in(rule, "value"), text_in(rule, "tag")
            if not prefix or not tag.startswith(prefix):
                foreign += 1
                shared.add(value)
            elif (number := pack_of(tag, prefix)) and number not in packs:
                packs[number] = split(value)
            else:
                own[value] = tag
        return cls(own, packs, frozenset(shared), foreign)

    def has(self, wanted: Wanted) -> bool:
        """Whether all its live rules are there."""
        return all(value in self.own or value in self.shared for value in wanted.values)

    def cost(self, wanted: Wanted) -> int:
        """How many of the app's rules it takes; X has a value once, and so it takes none if it is foreign."""
        return sum(value not in self.shared for value in wanted.values)


class _Packing:
    """Which rules have live rules of their own, and what the others are packed into."""

    def __init__(self, there: _There, packs: Packs, room: int, own: Sequence[Wanted]) -> None:
        self.packs = packs
        self._there = there
        self._room = room
        # The room that a first packing leaves free; later ones take it.
        self._spare = int(room * _RESERVE)
        self._first = not (len(packs) or own)
        self._own = dict.fromkeys(own)
        self._used = sum(map(there.cost, own))

    @property
    def needed(self) -> int:
        return self._used + len(self.packs)

    def is_own(self, wanted: Wanted) -> bool:
        return wanted in self._own

    def place(self, others: Sequence[Wanted]) -> None:
        """Those that are packed stay so; a new one gets a live rule of its own, or a hole, or is packed."""
        new = self._without_packed(others)
        for each in new:
            if not self._may_be_packed(each):
                self._give_own(each)
        rest: list[Wanted] = []
        for each in filter(self._may_be_packed, new):
            if self.needed < self._room - self._spare:
                self._give_own(each)
            elif not self.packs.fill(each.terms):
                rest.append(each)
        self._pack(rest, self._room - self._spare if self._first else self._room)

    def _without_packed(self, others: Sequence[Wanted]) -> list[Wanted]:
        """Those that are in no pack; of the others every term is packed now."""
        new: list[Wanted] = []
        for each in others:
            if any(term in self.packs for term in each.terms):
                self.packs.add(each.terms)
            else:
                new.append(each)
        return new

    def _pack(self, new: list[Wanted], room: int) -> None:
        """Pack these, and of those with live rules of their own as many, from the last, as make room."""
        self.pack(new, [each for each in self._own if self._may_be_packed(each)], room)

    def pack(self, new: list[Wanted], spare: list[Wanted], room: int) -> None:
        while new or (self.needed > room and spare):
            length = sum(size(each.terms) for each in new)
            while spare and self.needed + self.packs.live_rules(length * _WASTE) > room:
                new.append(last := spare.pop())
                length += size(last.terms)
                del self._own[last]
                self._used -= self._there.cost(last)
            for each in sorted(new, key=lambda each: -size(each.terms)):
                self.packs.add(each.terms)
            new = []

    def _give_own(self, wanted: Wanted) -> None:
        self._own[wanted] = None
        self._used += self._there.cost(wanted)

    def _may_be_packed(self, wanted: Wanted) -> bool:
        # One that needs several live rules fills them, so that little is gained.
        return wanted.local and len(wanted.values) == 1 and self._there.cost(wanted) == 1


def _densest(wanted: Sequence[Wanted], there: _There, caps: RuleCaps, room: int) -> _Packing:
    """All packed again, native rules only as far as necessary: only X can match them."""
    native = [each for each in wanted if not each.local]
    units = [each.terms for each in wanted if each.local]
    # Term by term fewer characters are left over, but a rule may then be in three live rules.
    for some in (units, [(term,) for unit in units for term in unit]):
        packing = _Packing(there, _packed(some, caps.length), room, native)
        if packing.needed <= room:
            return packing
    packing.pack([], [each for each in native if _may_be_joined(each, caps)], room)
    return packing


def _packed(units: Iterable[Sequence[str]], length: int) -> Packs:
    packs = Packs({}, wanted=(), length=length)
    for unit in sorted(units, key=lambda unit: (-size(unit), unit)):
        packs.add(unit)
    return packs


def _may_be_joined(native: Wanted, caps: RuleCaps) -> bool:
    # `sample:` is of a whole rule, and one that takes half of a live rule saves none.
    return "sample:" not in native.values[0] and size(native.terms) <= caps.length // 2


def _terms(wanted: Sequence[Wanted], *, besides: Sequence[Wanted]) -> set[str]:
    own = set(besides)
    return {term for each in wanted if each not in own for term in each.terms}


def _rules(wanted: Sequence[Wanted], packing: _Packing | None, there: _There, prefix: str) -> list[Rule]:
    ids: dict[str, tuple[str, ...]] = {}
    tags: dict[str, str] = {}
    packed: dict[int, tuple[str, ...]] = {}
    for each in wanted:
        if packing is None or packing.is_own(each):
            for value in each.values:
                ids[value] = ids.get(value, ()) + each.ids
                tags.setdefault(value, _tag(there.own.get(value, ""), each, prefix))
        else:
            for number in dict.fromkeys(map(packing.packs.number_of, each.terms)):
                packed[number] = packed.get(number, ()) + each.ids
    for number, terms in packing.packs.values() if packing else ():
        value = OR.join(terms)
        ids[value] = ids.get(value, ()) + packed[number]
        tags.setdefault(value, f"{prefix}{PACK}{number}")
    return [Rule(value, tag, ids[value]) for value, tag in tags.items()]


def _tag(live: str, wanted: Wanted, prefix: str) -> str:
    """The tag that it has, if that is the id of one of its rules; otherwise the first of these."""
    return live if live.removeprefix(prefix) in wanted.ids else f"{prefix}{wanted.ids[0]}"


def _too_many(rules: Sequence[CollectionRule], needed: int, foreign: int, caps: RuleCaps) -> HarvesterError:
    kinds: dict[str, int] = {}
    for rule in rules:
        if rule.active:
            kinds[rule.type] = kinds.get(rule.type, 0) + 1
    apps = math.ceil(needed / caps.rules)
    room = f", and {foreign} of others are there" if foreign else ""
    split = f", or split them among {apps} apps (`collection-config shards`)" if apps > 1 else ""
    asked = ", ".join(f"{kind}: {counted(number, 'rule')}" for kind, number in kinds.items())
    return HarvesterError(
        f"The filter needs {needed} rules of {caps.length} characters, and the keys allow "
        f"{caps.rules}{room} ({asked}).",
        hint=f"Remove rules{split or ', or use keys of another app'}.",
        needs_change=True,
    )
