"""What a collection wants of X: its active rules in X's language, those of one value together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harvester.errors import HarvesterError
from harvester.networks.x.rules.collection_rules import CollectionRule, collection_rules, unfinished
from harvester.networks.x.rules.live_rules import RuleCaps
from harvester.networks.x.rules.packing import OR, chunks
from harvester.networks.x.rules.translation import terms, tiles
from harvester.networks.x.rules.values import GEO, NATIVE, as_matched


@dataclass(frozen=True)
class Wanted:
    """Rules of one value, by their ids: as live rules of their own, and as terms among those of others.

    `local`: posts can be matched to them without X, as a packed rule requires.
    """

    ids: tuple[str, ...]
    values: tuple[str, ...]
    terms: tuple[str, ...]
    local: bool


def translated(rules: Sequence[CollectionRule], caps: RuleCaps) -> list[Wanted]:
    """The active rules; raises one HarvesterError with all that cannot be live rules."""
    problems: list[str] = []
    found: dict[tuple[str, ...], Wanted] = {}
    for rule in rules:
        if not rule.active:
            continue
        if problem := _too_large(rule, caps):
            problems.append(problem)
            continue
        one = _translated(rule, caps)
        alike = tuple(as_matched(rule.type, value) for value in one.values)
        if same := found.get(alike):
            one = replace(same, ids=same.ids + one.ids, local=same.local and one.local)
        problems += _too_long(rule, one, caps)
        found[alike] = one
    if problems:
        raise _unusable(problems)
    return list(found.values())


def active_rules(asked: Mapping[str, Any]) -> list[CollectionRule]:
    """The rules of a collection's `filter` that are sent to X; raises with all that is wrong with any."""
    return [rule for rule in rules_of(asked) if rule.active]


def rules_of(asked: Mapping[str, Any]) -> list[CollectionRule]:
    """All rules of a collection's `filter`; raises with all that is wrong with any."""
    problems: list[str] = []
    rules = collection_rules(asked, problems)
    if problems:
        raise _unusable(problems)
    return rules


def impossible(asked: Mapping[str, Any]) -> list[str]:
    """Why no app could have the active rules of a collection's `filter`, regardless of its limit."""
    caps = RuleCaps()
    # A box becomes as many rules as it needs, none of which is too long.
    rules = [rule for rule in active_rules(asked) if rule.type != GEO]
    return unfinished(asked) + [
        problem for rule in rules for problem in _too_long(rule, _translated(rule, caps), caps)
    ]


def _unusable(problems: Sequence[str]) -> HarvesterError:
    return HarvesterError(
        "The filter cannot be converted to rules.",
        problems,
        "Correct these in the collection.",
        needs_change=True,
    )


def _translated(rule: CollectionRule, caps: RuleCaps) -> Wanted:
    joined = terms(rule)
    if len(joined) > 1:
        values = [OR.join(chunk) for chunk in chunks(joined, length=caps.length)]
    else:
        values = [rule.value if rule.type == NATIVE else _bare(joined[0])]
    return Wanted((rule.id,), tuple(values), tuple(joined), rule.type != NATIVE)


def _bare(term: str) -> str:
    """A term without the brackets that it has among others."""
    return term[1:-1] if term.startswith("(") else term


def _too_large(rule: CollectionRule, caps: RuleCaps) -> str:
    # About twenty boxes fit into a rule; counted before they are made, as the earth has three million.
    if rule.type != GEO or (needed := tiles(rule.value)) <= caps.rules * 30:
        return ""
    return f"{rule.value} needs {needed:,} boxes of 25 miles, too many for {caps.rules} rules."


def _too_long(rule: CollectionRule, wanted: Wanted, caps: RuleCaps) -> Iterator[str]:
    for value in wanted.values:
        if len(value) > caps.length:
            yield (
                f"Rule {rule.id} has {len(value)} characters, and a live rule at most {caps.length}: "
                f"{value[:60]!r}..."
            )
