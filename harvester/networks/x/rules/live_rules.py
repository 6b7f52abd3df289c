"""The live rules that the app has at X: their content, their owners, and the changes to those wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harvester.documents import Tree, text_in
from harvester.errors import HarvesterError
from harvester.networks.x.decoding import number, printable
from harvester.networks.x.errors import Problem
from harvester.networks.x.rules.collection_rules import PACK

RULE_LENGTH = 1024
# Of a refused live rule, which may hold hundreds.
_IDS_SHOWN, _VALUE_SHOWN = 5, 200


@dataclass(frozen=True)
class Rule:
    """A live rule: its value at X, its tag there, and the ids of the collection's rules that it is for."""

    value: str
    tag: str = ""
    ids: tuple[str, ...] = ()

    @property
    def body(self) -> dict[str, str]:
        return {"value": self.value, "tag": self.tag} if self.tag else {"value": self.value}

    def to_tree(self) -> Tree:
        """As an event has it."""
        return {"value": self.value, "tag": self.tag, "ids": list(self.ids)}


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
    # What is live for the collection once the plan is carried out, and what was live and no longer is.
    rules: tuple[Rule, ...] = ()
    old: tuple[Mapping[str, Any], ...] = ()

    def with_problems(self, problems: tuple[Problem, ...]) -> "RulePlan":
        return replace(self, problems=self.problems + problems)


_TAG = "twarc-cloud:"


def tag_prefix(collection_id: str) -> str:
    """What the tags of a collection's rules begin with, so that those of others are left alone."""
    return f"{_TAG}{collection_id}:"


def pack_of(tag: str, prefix: str) -> int:
    """The number of packed rules by their tag; 0 for others."""
    return number(tag.removeprefix(f"{prefix}{PACK}")) if tag.startswith(f"{prefix}{PACK}") else 0


def collection_of(tag: str) -> str | None:
    """The collection that a rule is of, by its tag; None for rules that others made."""
    collection_id, colon, _ = tag.removeprefix(_TAG).partition(":")
    return collection_id if tag.startswith(_TAG) and colon else None


def refusal(problem: Problem, rules: Sequence[Rule]) -> str:
    """Why X refuses a live rule, and for which rules of the collection it is; a pack is cut short."""
    value = str(problem.raw.get("value") or "")
    details = problem.raw.get("details")
    listed = " ".join(map(str, details)) if isinstance(details, list) else ""
    ids = [each for rule in rules if rule.value == value for each in rule.ids]
    place, shown = f"Rule {_ids_shown(ids)}: " if ids else "", f" ({_value_shown(value)})" if value else ""
    return printable(f"{place}{problem.detail or listed or problem.title}{shown}")


def _ids_shown(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _IDS_SHOWN} more" if len(ids) > _IDS_SHOWN else ""
    return f"{', '.join(ids[:_IDS_SHOWN])}{more}"


def _value_shown(value: str) -> str:
    return f"{value[:_VALUE_SHOWN]}{' ...' if len(value) > _VALUE_SHOWN else ''}"


class _Comparison:
    """The rules of an app beside those that a collection wants."""

    def __init__(self, wanted: Sequence[Rule], prefix: str) -> None:
        self._prefix = prefix
        # X takes a value once, whatever its tag is.
        self.missing = {rule.value: rule for rule in wanted}
        self.kept: list[str] = []
        self.replaced: list[str] = []
        self.delete: list[str] = []
        self.foreign: list[Mapping[str, Any]] = []
        self.shared: list[Mapping[str, Any]] = []
        self.gone: list[Mapping[str, Any]] = []

    def add(self, rule: Mapping[str, Any]) -> None:
        """One rule that is live."""
        value, tag, rule_id = text_in(rule, "value"), text_in(rule, "tag"), str(rule.get("id"))
        same = self.missing.get(value)
        if same and same.tag == tag:
            del self.missing[value]
            self.kept.append(rule_id)
        elif tag.startswith(self._prefix):
            (self.replaced if same else self.delete).append(rule_id)
            self.gone.append(rule)
        else:
            self.foreign.append(rule)
            if same:
                del self.missing[value]
                self.shared.append(rule)

    def room(self, caps: RuleCaps) -> int:
        """For how many rules beside those that stay; raises if those that are missing need more."""
        room = caps.rules - len(self.foreign) - len(self.kept)
        if len(self.missing) > room:
            foreign = len(self.foreign)
            raise HarvesterError(
                f"The filter needs {len(self.missing) + len(self.kept)} rules, and there is room for "
                f"{caps.rules - foreign}: {caps.rules} are allowed, and {foreign} of others are there.",
                hint="Delete rules that are no longer needed, or use keys of another app.",
                needs_change=True,
            )
        return room


def plan_rules(
    wanted: Sequence[Rule], live: Sequence[Mapping[str, Any]], *, prefix: str, caps: RuleCaps | None = None
) -> RulePlan:
    """Which rules to add and which of ours to delete; the same plan carried out twice changes nothing."""
    found = _Comparison(wanted, prefix)
    for rule in live:
        found.add(rule)
    room = found.room(caps or RuleCaps())
    # What a foreign rule matches comes with that one's tag.
    tags = {str(rule.get("value")): text_in(rule, "tag") for rule in found.shared}
    # The old rules keep matching while the new ones are added, so that a changed filter loses nothing.
    return RulePlan(
        add=tuple(found.missing.values()),
        replaced=tuple(found.replaced),
        delete=tuple(found.delete),
        kept=tuple(found.kept),
        foreign=tuple(found.foreign),
        shared=tuple(found.shared),
        add_first=len(found.missing) + len(found.delete) <= room,
        rules=tuple(replace(rule, tag=tags.get(rule.value, rule.tag)) for rule in wanted),
        old=tuple(found.gone),
    )
