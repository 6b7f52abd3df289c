"""Turns a collection's filter into the fewest stream rules that X's caps allow."""

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from harvester.errors import HarvesterError
from harvester.networks.x.decoding import number
from harvester.networks.x.errors import Problem
from harvester.networks.x.rules.collection_rules import CollectionRule, collection_rules
from harvester.networks.x.rules.translation import terms, tiles
from harvester.networks.x.rules.values import GEO, HASHTAG, KEYWORD, NATIVE, USERID, USERNAME

RULE_LENGTH = 1024
_GROUPS = {"track": (KEYWORD, HASHTAG), "follow": (USERID, USERNAME), "locations": (GEO,)}


@dataclass(frozen=True)
class Rule:
    value: str
    tag: str = ""

    @property
    def body(self) -> dict[str, str]:
        return {"value": self.value, "tag": self.tag} if self.tag else {"value": self.value}


@dataclass(frozen=True)
class RuleCaps:
    """How many rules the app may have, how many there are, and how long one may be."""

    rules: int = 1000
    length: int = RULE_LENGTH
    in_use: int = 0

    @classmethod
    def of(cls, counts: Mapping[str, Any]) -> "RuleCaps":
        """From the answer of `rules/counts`, whose numbers are texts; a project's cap is for all its apps."""
        app, project = number(counts.get("cap_per_client_app")), number(counts.get("cap_per_project"))
        used, of_project = (
            number(counts.get("client_app_rules_count")),
            number(counts.get("project_rules_count")),
        )
        others = max(0, of_project - used)
        caps = [cap for cap in (app, project - others if project else 0) if cap > 0]
        return cls(rules=min(caps) if caps else cls.rules, in_use=used)


@dataclass(frozen=True)
class RulePlan:
    """What makes the live rules those wanted.

    `foreign` rules are not ours, stay, and send posts too; `shared` are those of them with the value of one
    of ours, which X does not take a second time. `replaced` are ours, whose value gets another tag.
    """

    add: tuple[Rule, ...] = ()
    replaced: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    foreign: tuple[Mapping[str, Any], ...] = ()
    shared: tuple[Mapping[str, Any], ...] = ()
    add_first: bool = True
    problems: tuple[Problem, ...] = ()

    def with_problems(self, problems: tuple[Problem, ...]) -> "RulePlan":
        return replace(self, problems=self.problems + problems)


def compile_rules(asked: Mapping[str, Any], caps: RuleCaps | None = None, *, prefix: str = "") -> list[Rule]:
    """The rules of a collection's `filter`; one HarvesterError with all its problems where it has any.

    `track`, `follow` and `locations` widen each other, as they did in v1.1; `rules` are kept as they are.
    """
    caps = caps or RuleCaps()
    problems: list[str] = []
    active = [rule for rule in collection_rules(asked, problems) if rule.active]
    native = [Rule(rule.value, _native_tag(rule, prefix)) for rule in active if rule.type == NATIVE]
    groups = {
        name: [term for rule in active if rule.type in kinds for term in _terms(rule, caps, problems)]
        for name, kinds in _GROUPS.items()
    }
    for term in chain((rule.value for rule in native), *groups.values()):
        if len(term) > caps.length:
            problems.append(
                f"The term {term[:60]!r}... has {len(term)} characters, and a rule at most {caps.length}."
            )
    if problems:
        raise HarvesterError(
            "The filter cannot be converted to rules.",
            problems,
            "Correct these in the collection.",
            needs_change=True,
        )
    return _fitted(groups, native, caps, prefix)


def _fitted(groups: Mapping[str, list[str]], native: list[Rule], caps: RuleCaps, prefix: str) -> list[Rule]:
    filled = {name: terms for name, terms in groups.items() if terms}
    apart = [rule for name, terms in filled.items() for rule in _numbered(name, terms, caps, prefix)]
    if len(apart) + len(native) <= caps.rules:
        return apart + native
    # Rules that tell what matched are the better ones, but fitting at all goes before that.
    mixed = _numbered("+".join(filled), chain.from_iterable(filled.values()), caps, prefix)
    if len(mixed) + len(native) <= caps.rules:
        return mixed + native
    raise HarvesterError(
        f"The filter needs {len(mixed) + len(native)} rules of {caps.length} characters, and the keys allow "
        f"{caps.rules}.",
        [f"{name}: {len(terms)} terms" for name, terms in filled.items()]
        + ([f"rules: {len(native)}"] if native else []),
        "Remove terms, or split them among collections with different keys.",
        needs_change=True,
    )


def _numbered(name: str, terms: Iterable[str], caps: RuleCaps, prefix: str) -> list[Rule]:
    values = packed(terms, length=caps.length)
    return [Rule(value, f"{prefix}{name}-{number}") for number, value in enumerate(values, start=1)]


def packed(terms: Iterable[str], *, length: int) -> list[str]:
    """Each term in exactly one value, joined by OR: the longest first, into the fullest that has room."""
    joint = " OR "
    room: list[tuple[int, int]] = []
    values: list[list[str]] = []
    for term in sorted(dict.fromkeys(terms), key=lambda term: (-len(term), term)):
        needed = len(term) + len(joint)
        at = bisect.bisect_left(room, (needed, -1))
        if at < len(room):
            left, number = room.pop(at)
        else:
            # The first term of a value has no joint before it.
            left, number = length + len(joint), len(values)
            values.append([])
        values[number].append(term)
        bisect.insort(room, (left - needed, number))
    return [joint.join(sorted(value)) for value in values]


def _terms(rule: CollectionRule, caps: RuleCaps, problems: list[str]) -> list[str]:
    # About twenty boxes fit into a rule; counted before they are made, as the earth has three million.
    if rule.type == GEO and (needed := tiles(rule.value)) > caps.rules * 30:
        problems.append(f"{rule.value} needs {needed:,} boxes of 25 miles, too many for {caps.rules} rules.")
        return []
    return terms(rule)


def _native_tag(rule: CollectionRule, prefix: str) -> str:
    return f"{prefix}rule:{rule.tag}" if prefix else rule.tag


_TAG = "twarc-cloud:"


def tag_prefix(collection_id: str) -> str:
    """What the tags of a collection's rules begin with, so that those of others are left alone."""
    return f"{_TAG}{collection_id}:"


def collection_of(tag: str) -> str | None:
    """The collection that a rule is of, by its tag; None for rules that others made."""
    collection_id, colon, _ = tag.removeprefix(_TAG).partition(":")
    return collection_id if tag.startswith(_TAG) and colon else None


def plan_rules(
    wanted: Sequence[Rule], live: Sequence[Mapping[str, Any]], *, prefix: str, caps: RuleCaps | None = None
) -> RulePlan:
    """Which rules to add and which of ours to delete; the same plan carried out twice changes nothing."""
    caps = caps or RuleCaps()
    # X takes a value once, whatever its tag is.
    missing = {rule.value: rule for rule in wanted}
    delete: list[str] = []
    replaced: list[str] = []
    kept: list[str] = []
    foreign: list[Mapping[str, Any]] = []
    shared: list[Mapping[str, Any]] = []
    for rule in live:
        value, tag = str(rule.get("value") or ""), str(rule.get("tag") or "")
        same = missing.get(value)
        if same and same.tag == tag:
            del missing[value]
            kept.append(str(rule.get("id")))
        elif tag.startswith(prefix):
            (replaced if same else delete).append(str(rule.get("id")))
        else:
            foreign.append(rule)
            if same:
                del missing[value]
                shared.append(rule)
    room = caps.rules - len(foreign) - len(kept)
    if len(missing) > room:
        raise HarvesterError(
            f"The filter needs {len(missing) + len(kept)} rules, and there is room for "
            f"{caps.rules - len(foreign)}: {caps.rules} are allowed, and {len(foreign)} of others are there.",
            hint="Delete rules that are no longer needed, or use keys of another app.",
            needs_change=True,
        )
    # The old rules go on matching while the new ones are added, so that a changed filter loses nothing.
    return RulePlan(
        add=tuple(missing.values()),
        replaced=tuple(replaced),
        delete=tuple(delete),
        kept=tuple(kept),
        foreign=tuple(foreign),
        shared=tuple(shared),
        add_first=len(missing) + len(delete) <= room,
    )
