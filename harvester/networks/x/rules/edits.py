"""Rules are added to a collection's `filter`, removed from it and switched on and off in it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harvester.documents import Tree
from harvester.networks.x.rules.collection_rules import CollectionRule, called, collection_rules, made_id
from harvester.networks.x.rules.values import (
    GEO,
    KEYWORD,
    USERNAME,
    accounts,
    as_matched,
    boxes,
    canonical,
    keyword,
    phrases,
)


@dataclass(frozen=True)
class Added:
    """The changed section; its new rules, those that existed, and why others are not rules."""

    section: Tree
    added: tuple[CollectionRule, ...]
    present: tuple[CollectionRule, ...]
    unusable: tuple[str, ...]


@dataclass(frozen=True)
class Removed:
    """The changed section, the rules that it no longer has, and the ids that none of its rules had."""

    section: Tree
    removed: tuple[CollectionRule, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Switched:
    """The changed section, the rules whose status changed, and the ids and tags that no rule has."""

    section: Tree
    changed: tuple[CollectionRule, ...]
    present: tuple[CollectionRule, ...]
    missing: tuple[str, ...]


def with_rules(section: Mapping[str, Any], new: Iterable[Tree]) -> Added:
    """The section with these rules, without those that repeat one that it has."""
    there = collection_rules(section, [])
    said, ids = {_matches(rule) for rule in there}, {rule.id for rule in there}
    added: dict[CollectionRule, Tree] = {}
    present: list[CollectionRule] = []
    unusable: list[str] = []
    for given in new:
        problems: list[str] = []
        for rule in collection_rules({"rules": [given]}, problems):
            if _matches(rule) in said:
                present.append(rule)
            elif given.get("id") in ids:
                problems.append(f"{called(given)}: another rule has the id {rule.id}.")
            else:
                added[rule] = given
                said.add(_matches(rule))
                ids.add(rule.id)
        unusable += [_unusable(given, problem) for problem in problems]
    rules = [*(section.get("rules") or ()), *added.values()]
    changed = {**section, "rules": rules} if added else dict(section)
    return Added(changed, tuple(added), tuple(present), tuple(unusable))


def without_rules(section: Mapping[str, Any], ids: Sequence[str]) -> Removed:
    """The section without the rules of these ids, in any of its parts."""
    known = {rule.id: rule for rule in collection_rules(section, [])}
    gone = {each: known[each] for each in ids if each in known}
    if not gone:
        return Removed(dict(section), (), _without(ids, known))
    named = _named(section)
    rules = [rule for rule in section.get("rules") or () if not _is_any(rule, gone, named)]
    terms = _terms(gone.values(), named)
    return Removed(_with(section, rules, terms), tuple(gone.values()), _without(ids, known))


def with_status(
    section: Mapping[str, Any], status: str, *, ids: Sequence[str], tags: Sequence[str]
) -> Switched:
    """The section in which the rules of these ids and tags have this status; their ids stay."""
    known = collection_rules(section, [])
    meant = [rule for rule in known if rule.id in ids or (rule.tag and rule.tag in tags)]
    missing = _without([*ids, *tags], {each for rule in meant for each in (rule.id, rule.tag)})
    changed = {rule.id: rule for rule in meant if rule.status != status}
    present = tuple(rule for rule in meant if rule.status == status)
    if not changed:
        return Switched(dict(section), (), present, missing)
    named = _named(section)
    rules = _switched_rules(section, changed, named, status)
    terms = _terms((rule for rule in changed.values() if not rule.tag), named)
    return Switched(_with(section, rules, terms), tuple(changed.values()), present, missing)


def _switched_rules(
    section: Mapping[str, Any], changed: Mapping[str, CollectionRule], named: Collection[str], status: str
) -> list[Tree]:
    """The `rules` of a section in which the changed ones, also those of other parts, have this status."""
    rules: list[Tree] = []
    listed: set[str] = set()
    for entry in section.get("rules") or ():
        rule = next((each for each in changed.values() if _is_any(entry, {each.id: each}, named)), None)
        if rule is None:
            rules.append(entry)
        elif rule.id not in listed:
            # An entry that repeats an earlier one is the same rule, which has one entry from now on.
            rules.append(_switched(entry, rule, status))
            listed.add(rule.id)
    # A term of `track`, `follow` or `locations` has no status there.
    terms = [rule for rule in changed.values() if rule.id not in listed]
    return rules + [_switched({"type": rule.type, "value": rule.value}, rule, status) for rule in terms]


def _without(names: Iterable[str], found: Collection[str]) -> tuple[str, ...]:
    """The names that were not found, each once."""
    return tuple(dict.fromkeys(each for each in names if each not in found))


def _terms(rules: Iterable[CollectionRule], named: Collection[str]) -> set[tuple[str, str]]:
    """What these rules may be in `track`, `follow` and `locations`, where no rule has an id of its own."""
    return {(rule.type, rule.value) for rule in rules if rule.id not in named}


def _with(section: Mapping[str, Any], rules: list[Tree], without: Collection[tuple[str, str]]) -> Tree:
    """The section with these `rules`, and without these terms in its other parts; none of them is empty."""
    parts = {"rules": rules, **_words(section, without)}
    return {name: value for name, value in {**section, **parts}.items() if value or name not in parts}


def _switched(entry: Tree, rule: CollectionRule, status: str) -> Tree:
    """The entry with another status, and with its id if that would depend on the status."""
    is_made = rule.id == made_id(rule.type, rule.value)
    return {**({} if is_made else {"id": rule.id}), **entry, "status": status}


def _matches(rule: CollectionRule) -> tuple[str, str, str]:
    return rule.type, as_matched(rule.type, rule.value), rule.tag


def _said(rule: CollectionRule) -> tuple[str, str, str]:
    return rule.type, rule.value, rule.tag


def _unusable(given: Tree, problem: str) -> str:
    """The value and its problem, without the place or id of the rule, as it has none yet."""
    return f"{given.get('value') or '(no value)'}: {problem.removeprefix(called(given)).lstrip(': ')}"


def _is_any(given: Tree, gone: Mapping[str, CollectionRule], named: Collection[str]) -> bool:
    """Whether an entry is one of these rules; those of an id that is `named` are no entry without one."""
    for rule in collection_rules({"rules": [given]}, []):
        if given.get("id"):
            return rule.id in gone
        return any(
            _said(rule) == _said(each) and rule.status == each.status
            for each in gone.values()
            if each.id not in named
        )
    return False


def _named(section: Mapping[str, Any]) -> set[str]:
    """The ids that entries of `rules` give themselves."""
    return {str(entry.get("id")) for entry in section.get("rules") or () if isinstance(entry, dict)}


def _words(section: Mapping[str, Any], gone: Collection[tuple[str, str]]) -> Tree:
    """`track`, `follow` and `locations` without these, each the text or the list that it was."""
    left: dict[str, list[str]] = {
        "track": [each for each in phrases(section.get("track"), []) if (KEYWORD, keyword(each)) not in gone],
        "follow": [
            f"@{name}" if kind == USERNAME else name
            for kind, name in accounts(section.get("follow"), [])
            if (kind, name) not in gone
        ],
        "locations": [
            canonical(box) for box in boxes(section.get("locations"), []) if (GEO, canonical(box)) not in gone
        ],
    }
    return {
        name: parts if isinstance(section[name], list) else ",".join(parts)
        for name, parts in left.items()
        if name in section
    }
