"""Which rules were live at each moment of a stream, as the `rules` events of its harvests tell."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from harvester.clock import moment
from harvester.documents import HarvestSummary, Tree
from harvester.errors import NotFound
from harvester.networks.repair import LiveRule
from harvester.store import Store
from harvester.store.keys import EVENTS, CollectionKeys

_ALWAYS, _FOR_EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class InForce:
    """The rules that were live from a moment on, until the next ones were."""

    since: datetime
    rules: tuple[LiveRule, ...]


@dataclass(frozen=True)
class Span:
    """An interval with one set of rules, which were live from `live_since` on."""

    since: datetime
    until: datetime
    rules: tuple[LiveRule, ...]
    live_since: datetime


def in_force(events: Iterable[Tree]) -> list[InForce]:
    """What the events of a stream, in their order, say of its rules; unreadable ones are passed over."""
    live: dict[str, LiveRule] = {}
    found: list[InForce] = []
    for event in events:
        since = _moment(event)
        if event.get("event") != "rules" or since is None:
            continue
        if "rules" in event:
            live = {rule.value: rule for rule in _rules(event["rules"])}
        else:
            for rule in _rules(event.get("old")):
                live.pop(rule.value, None)
            live |= {rule.value: rule for rule in _rules(event.get("new"))}
        found.append(InForce(since, tuple(live.values())))
    return found


def spans(since: datetime, until: datetime, known: list[InForce]) -> Iterator[Span]:
    """An interval by the rules that were live; before the first that are known, those count."""
    for number, each in enumerate(known):
        begin = each.since if number else _ALWAYS
        end = known[number + 1].since if number + 1 < len(known) else _FOR_EVER
        if begin <= until and since < end:
            yield Span(max(since, begin), min(until, end), each.rules, each.since)


def _moment(event: Tree) -> datetime | None:
    try:
        return moment(event.get("in_force_from") or event["at"])
    except (KeyError, TypeError, ValueError):
        return None


def _rules(listed: Any) -> Iterator[LiveRule]:
    for rule in listed if isinstance(listed, list) else ():
        if isinstance(rule, dict) and isinstance(value := rule.get("value"), str):
            ids = rule.get("ids") or [rule.get("tag") or value]
            yield LiveRule(value, tuple(map(str, ids)))


def rules_of(store: Store, keys: CollectionKeys, harvests: list[HarvestSummary], first: str) -> list[InForce]:
    """The rules since the one before the harvest of this timestamp that tells of any.

    `harvests` are all of the stream, newest first.
    """
    wanted: list[list[InForce]] = []
    for summary in harvests:
        found = in_force(_events(store, keys, summary))
        wanted.append(found)
        if summary["harvest_timestamp"] < first and found:
            break
    known: list[InForce] = []
    for each in (each for found in reversed(wanted) for each in found):
        # A harvest that begins with the rules of the one before changes nothing.
        if not known or set(known[-1].rules) != set(each.rules):
            known.append(each)
    return known


def _events(store: Store, keys: CollectionKeys, summary: HarvestSummary) -> list[Tree]:
    """The events of a harvest; of one that runs, as far as they are stored."""
    try:
        here = keys.harvest(moment(summary["harvest_timestamp"]))
        try:
            data = store.read(here.events).data
        except NotFound:
            parts = [entry.key for entry in store.entries(f"{here.parts}{EVENTS}-")]
            data = b"".join(store.read(key).data for key in sorted(parts))
    except (NotFound, ValueError):
        return []
    return [event for line in data.splitlines() if isinstance(event := _value(line), dict)]


def _value(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
