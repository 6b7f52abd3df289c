"""The rules that a collection asks for: each with an id of its own, a type, and its value in one spelling.

What is wrong is appended to `problems`, one line each, with the id or the number of the rule.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harvester.documents import Tree, text_in
from harvester.networks.x.rules.values import (
    GEO,
    KEYWORD,
    NATIVE,
    TYPES,
    accounts,
    as_matched,
    boxes,
    canonical,
    keyword,
    phrases,
    spelled,
    unclosed,
)
from harvester.text import similar

ACTIVE, INACTIVE = "active", "inactive"
STATES = (ACTIVE, INACTIVE)
_MEMBERS = ("id", "type", "value", "tag", "status", "metadata")
_ID_LENGTH = 100
# The beginning of the tag of a live rule that holds several rules.
PACK = "pack-"


@dataclass(frozen=True)
class CollectionRule:
    """One rule; the value of a box is "west,south,east,north", that of an account has no @."""

    id: str
    type: str
    value: str
    tag: str = ""
    status: str = ACTIVE
    metadata: Tree = field(default_factory=dict, hash=False)

    @property
    def active(self) -> bool:
        return self.status == ACTIVE


def collection_rules(asked: Mapping[str, Any], problems: list[str]) -> list[CollectionRule]:
    """All rules of a collection's `filter`, inactive ones too: `rules`, then `track`, `follow`, `locations`.

    One that says the same as an earlier one, and has no id of its own, is that one.
    """
    found = [*_listed(asked.get("rules"), problems)]
    named = {rule.id: place for place, rule in found if place.named}
    ids: dict[str, CollectionRule] = {}
    for place, rule in [*found, *_of_2019(asked, problems)]:
        if not place.named and (other := named.get(rule.id)):
            problems.append(
                f"{other} has the id that is made for {place} ({rule.value}); give one of them another id."
            )
        elif rule.id not in ids:
            ids[rule.id] = rule
        elif place.named:
            problems.append(f"{place} has the id of another rule; ids are unique in a collection.")
        elif (rule.tag, rule.status) != (ids[rule.id].tag, ids[rule.id].status):
            ids.setdefault((again := _told_apart(rule)).id, again)
    return list(ids.values())


@dataclass(frozen=True)
class _Place:
    """Where a rule stands, for messages."""

    where: str
    named: bool = False

    def __str__(self) -> str:
        return self.where


def unreadable(asked: Mapping[str, Any]) -> list[str]:
    """All problems of a collection's `filter` that are known without the network."""
    problems: list[str] = []
    if collection_rules(asked, problems) or problems or not (track := asked.get("track")):
        return problems
    text = ", ".join(map(str, track)) if isinstance(track, list) else str(track)
    shown = text if len(text) <= 60 else f"{text[:60]} ..."
    return [f"filter.track holds no word ({shown}), and punctuation alone matches no post."]


def repeated(asked: Mapping[str, Any]) -> list[str]:
    """Which rules have the type and value of an earlier one, as X matches them: they are one live rule."""
    first: dict[tuple[str, str], tuple[_Place, CollectionRule]] = {}
    found: list[str] = []
    terms = list(_of_2019(asked, []))
    for place, rule in (*_listed(asked.get("rules"), []), *terms):
        key = rule.type, as_matched(rule.type, rule.value)
        earlier, other = first.setdefault(key, (place, rule))
        if other.value != rule.value:
            found.append(
                f"{earlier} and {place} differ only in upper and lower case ({other.value}, {rule.value}), "
                "and have one live rule."
            )
        elif earlier is not place and place.where != earlier.where:
            found.append(f"{earlier} and {place} have one value ({rule.value}), and one live rule.")
    return found


def unfinished(asked: Mapping[str, Any]) -> list[str]:
    """Which active rules in X's own language X would refuse, as a bracket or quote of them is alone."""
    return [
        f"{place} has {alone} ({rule.value})."
        for place, rule in _listed(asked.get("rules"), [])
        if rule.type == NATIVE and rule.active and (alone := unclosed(rule.value))
    ]


def made_id(kind: str, value: str, *more: str) -> str:
    """The id of a rule without one; `value` in its canonical spelling."""
    return hashlib.sha256("\n".join((kind, value, *more)).encode("utf-8", "replace")).hexdigest()[:12]


def has_id(rule: Any) -> bool:
    return isinstance(rule, dict) and isinstance(rule.get("id"), str) and bool(rule["id"].strip())


def called(rule: Any, at: int = 0) -> str:
    """How messages name an entry of `rules`: by its id; one without an id by its place in the list."""
    return f"Rule {rule['id'][:_ID_LENGTH]}" if has_id(rule) else f"rules[{at}]"


def _told_apart(rule: CollectionRule) -> CollectionRule:
    again = made_id(rule.type, rule.value, rule.tag, rule.status)
    return CollectionRule(again, rule.type, rule.value, rule.tag, rule.status, rule.metadata)


def _of_2019(asked: Mapping[str, Any], problems: list[str]) -> Iterator[tuple[_Place, CollectionRule]]:
    """The entries of `track`, `follow` and `locations`, which have neither id nor tag."""
    parts: list[tuple[str, str, str]] = [
        *(("track", KEYWORD, keyword(phrase)) for phrase in phrases(asked.get("track"), problems)),
        *(("follow", *account) for account in accounts(asked.get("follow"), problems)),
        *(("locations", GEO, canonical(box)) for box in boxes(asked.get("locations"), problems)),
    ]
    for where, kind, value in parts:
        if value:
            yield _Place(f"filter.{where}"), CollectionRule(made_id(kind, value), kind, value)


def _listed(given: Any, problems: list[str]) -> Iterator[tuple[_Place, CollectionRule]]:
    if given is not None and not isinstance(given, list):
        problems.append("filter.rules is not a list.")
        return
    for at, rule in enumerate(given or ()):
        place = _Place(called(rule, at))
        if not isinstance(rule, dict):
            problems.append(f"{place} is not an object with a value: {repr(rule)[:60]}.")
            continue
        place = _Place(place.where, named=has_id(rule))
        before = len(problems)
        problems.extend(f"{place} {problem}" for problem in _member_problems(rule))
        value = _value(rule, place, problems)
        if len(problems) == before:
            yield place, _read(rule, value)


def _read(rule: Tree, value: str) -> CollectionRule:
    kind = rule.get("type") or NATIVE
    return CollectionRule(
        rule.get("id") or made_id(kind, value),
        kind,
        value,
        text_in(rule, "tag"),
        rule.get("status") or ACTIVE,
        rule.get("metadata") or {},
    )


def _value(rule: Tree, place: _Place, problems: list[str]) -> str:
    given, kind = rule.get("value"), rule.get("type", NATIVE)
    if given is None or (isinstance(given, str) and not given.strip()):
        problems.append(f"{place} has no value.")
    elif kind in TYPES:
        try:
            return spelled(kind, given)
        except ValueError as error:
            problems.append(f"{place}: {error}.")
    return ""


def _member_problems(rule: Tree) -> Iterator[str]:
    for name in rule:
        if name not in _MEMBERS and not name.startswith("x_"):
            near = similar(name, _MEMBERS)
            meant = f" Did you mean {near[0]}?" if near else f" It can have {', '.join(_MEMBERS)}."
            yield f"has an unknown key {name}.{meant}"
    yield from _choice_problems(rule, "type", TYPES)
    yield from _choice_problems(rule, "status", STATES)
    if rule.get("id") is not None and (problem := _id_problem(rule["id"])):
        yield f"has the id {repr(rule['id'])[:_ID_LENGTH]}; an id {problem}."
    if isinstance(tag := rule.get("tag", ""), bool) or not isinstance(tag, str | int | None):
        yield "has a tag that is not text."
    if not isinstance(rule.get("metadata", {}), dict):
        yield "has metadata that is not an object."


def _choice_problems(rule: Tree, name: str, known: tuple[str, ...]) -> Iterator[str]:
    if (given := rule.get(name, known[0])) not in known:
        near = similar(str(given), known)
        meant = f"did you mean {near[0]}?" if near else f"use {', '.join(known)}."
        yield f"has an unknown {name} {repr(given)[:60]}; {meant}"


def _id_problem(given: Any) -> str:
    if not isinstance(given, str) or not given.strip() or ":" in given or not given.isprintable():
        return "is text that can be printed, without ':'"
    if len(given) > _ID_LENGTH:
        return f"has at most {_ID_LENGTH} characters"
    packed = given.startswith(PACK) and given.removeprefix(PACK).isdigit()
    return f"like {PACK}1 is that of packed rules" if packed else ""
