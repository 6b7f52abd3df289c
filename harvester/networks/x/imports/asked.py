"""A row as the rule that it asks for: its names, its type and its value are those of a collection."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from harvester.documents import Tree
from harvester.networks.x.imports.rows import TYPE_COLUMNS, Row
from harvester.networks.x.imports.values import Value, value_of
from harvester.networks.x.rules.collection_rules import CollectionRule, called, collection_rules
from harvester.networks.x.rules.values import GEO

_ID = ("id", "rule_id")
_IN_METADATA = "metadata."
_KNOWN = {"value", "tag", "status", "metadata", *TYPE_COLUMNS, *_ID}
_STATUS = ("active", "inactive")


@dataclass(frozen=True)
class Asked:
    """What a row asks for; `entry` is as collection.json holds it. `problem` says why it is no rule."""

    place: str
    given: str
    corrected: bool = False
    entry: Tree = field(default_factory=dict)
    rule: CollectionRule | None = None
    problem: str = ""

    @property
    def has_id(self) -> bool:
        return "id" in self.entry


def asked_of(row: Row, *, usual_type: str, strict: bool) -> Asked:
    """The rule of a row; one without a type has the `usual_type`."""
    named = {_name(column): cell for column, cell in row.fields.items()}
    given = _shown(named.get("value"))
    value = value_of(str(_first(named, TYPE_COLUMNS) or usual_type), named.get("value"))
    twice = "" if len(named) == len(row.fields) else "has two columns of one name"
    problem = row.problem or twice or _value_problem(value, strict=strict)
    if problem:
        return Asked(row.place, given, problem=problem)
    entry, problem = _entry(named, value)
    rule, problem = (None, problem) if problem else _rule(entry)
    if rule is None:
        return Asked(row.place, given, problem=problem)
    if rule.type == GEO:
        # Whether it was written as numbers or as text.
        entry["value"] = rule.value
    return Asked(row.place, given, value.corrected, entry, rule)


def _value_problem(value: Value, *, strict: bool) -> str:
    if not value.problem and value.corrected and strict:
        return f"would be corrected to {value.text} ({value.type})"
    return value.problem


def _rule(entry: Tree) -> tuple[CollectionRule | None, str]:
    """The rule as a collection reads it, or what is wrong with it."""
    problems: list[str] = []
    rules = collection_rules({"rules": [entry]}, problems)
    if rules and not problems:
        return rules[0], ""
    place = called(entry)
    return None, "; ".join(
        problem.removeprefix(place).strip(" :.") for problem in problems
    ) or "is not a rule"


def _entry(named: Mapping[str, Any], value: Value) -> tuple[Tree, str]:
    """The rule as collection.json holds it, and why it cannot."""
    problems = [
        f"its {name} is not text"
        for name in ("tag", "status", *TYPE_COLUMNS, *_ID)
        if isinstance(named.get(name), bool | dict | list)
    ]
    entry: Tree = {"type": value.type, "value": value.text}
    if identity := _plain(_first(named, _ID)):
        entry = {"id": identity, **entry}
    if tag := _plain(named.get("tag")):
        entry["tag"] = tag
    if status := _plain(named.get("status")).lower():
        entry["status"] = status
        if status not in _STATUS:
            problems.append(f"the status {status} is neither active nor inactive")
    if metadata := dict(_metadata(named, problems)):
        entry["metadata"] = metadata
    return entry, "; ".join(problems)


def _metadata(named: Mapping[str, Any], problems: list[str]) -> Iterator[tuple[str, Any]]:
    """All that a row says beside what the rule itself holds."""
    used = {next((name for name in names if _plain(named.get(name))), "") for names in (TYPE_COLUMNS, _ID)}
    found = _given_metadata(named.get("metadata"), problems)
    yield from list(found.items())
    for name, cell in named.items():
        if name in ("value", "tag", "status", "metadata") or name in used:
            continue
        name = name.removeprefix(_IN_METADATA)
        if name in found:
            problems.append(f"it has {name} twice in its metadata")
        found[name] = cell
        yield name, cell


def _given_metadata(given: Any, problems: list[str]) -> Tree:
    """Of the column `metadata`, an object or the JSON of one."""
    if isinstance(given, str) and given.strip():
        given = _json(given)
    if given and not isinstance(given, dict):
        problems.append("its metadata is not a JSON object")
        return {}
    return dict(given or {})


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _name(column: str) -> str:
    """A column of a rule's own, however it is written; others stay as they are."""
    found = column.strip().lower()
    return found if found in _KNOWN else column.strip()


def _first(named: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((named[name] for name in names if _plain(named.get(name))), None)


def _plain(cell: Any) -> str:
    return "" if cell is None or isinstance(cell, bool | dict | list) else str(cell).strip()


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
