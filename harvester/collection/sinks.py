"""What a collection may say of its sinks: their types, the keys of each, and where their secrets are."""

import re
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harvester.collection.kafka_sink import HOST, KAFKA_KEYS, KAFKA_NEEDS, PORT, kafka_problems
from harvester.collection.kinds.kind import range_problems, unknown
from harvester.documents import Tree
from harvester.text import similar

# What each sink may have. `from` is where it begins at its first start.
_COMMON = frozenset({"type", "name", "from", "secret", "enrich", "traptor_names"})
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,49}")
_SECRET = re.compile(r"ssm:(/[\w.-]+){2,12}|env:[A-Za-z_]\w*", re.ASCII)
_URL = re.compile(
    rf"(?:https://{HOST}|http://(?:localhost|127(?:\.\d{{1,3}}){{3}}|\[::1\]))"
    rf"(?::{PORT})?(?:[/?][!-~]*)?",
    re.ASCII,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|\+00:00)?)?")


@dataclass(frozen=True)
class SinkType:
    """One type of sink: which keys it needs, which it may have, and what stands against what they say."""

    needs: tuple[str, ...] = ()
    keys: Set[str] = frozenset()
    problems: Callable[[Tree, str], Iterator[str]] | None = None


def _webhook_problems(entry: Tree, where: str) -> Iterator[str]:
    url = entry.get("url", "https://example.org")
    if not isinstance(url, str) or not _URL.fullmatch(url):
        # It may hold a password.
        yield f"{where}.url is not an https:// address without a password; http:// is for this machine only."
    yield from range_problems(entry, f"{where}.", "batch", least=1, most=500)
    yield from range_problems(entry, f"{where}.", "connections", least=1, most=32)


SINK_TYPES: Mapping[str, SinkType] = {
    "stdout": SinkType(),
    "webhook": SinkType(("url",), frozenset({"batch", "connections"}), _webhook_problems),
    "kafka": SinkType(needs=KAFKA_NEEDS, keys=KAFKA_KEYS, problems=kafka_problems),
}


def sink_problems(asked: Any) -> Iterator[str]:
    """All that stands against the `sinks` of a collection."""
    if not isinstance(asked, list):
        yield 'sinks is not a list, as in [{"type": "stdout"}].'
        return
    names: set[str] = set()
    for number, entry in enumerate(asked, 1):
        if not isinstance(entry, dict):
            yield f"Sink {number} is not an object."
            continue
        yield from _entry_problems(entry, f"sinks[{number}]")
        name = name_of(entry)
        if name and name in names:
            yield f"Two sinks are named {name!r}; give one of them another name."
        names.add(name)


def name_of(entry: Tree) -> str:
    """The name of a sink, which is that of its type unless it has one of its own."""
    return str(entry.get("name") or entry.get("type") or "")


def _entry_problems(entry: Tree, where: str) -> Iterator[str]:
    named = entry.get("type")
    found = SINK_TYPES.get(named) if isinstance(named, str) else None
    if found is None:
        yield _no_type(named, where)
        return
    yield from unknown(entry, _COMMON | found.keys | set(found.needs), f"{where}.")
    yield from (f"{where}, a {named} sink, has no {key}." for key in found.needs if key not in entry)
    yield from _common_problems(entry, where)
    if found.problems:
        yield from found.problems(entry, where)


def _no_type(named: Any, where: str) -> str:
    if named is None:
        return f"{where} has no type; use one of {', '.join(SINK_TYPES)}."
    near = similar(str(named), SINK_TYPES)
    meant = f" Did you mean {near[0]!r}?" if near else f" Use one of {', '.join(SINK_TYPES)}."
    return f"{where}.type is {named!r}, which is not a type of sink.{meant}"


def _common_problems(entry: Tree, where: str) -> Iterator[str]:
    name, begin = entry.get("name", "name"), entry.get("from", "start")
    if not _is_text(name, _NAME):
        yield f"{where}.name is {name!r}; use up to 50 letters, digits, '_' and '-'."
    if "secret" in entry and not _is_text(entry["secret"], _SECRET):
        # The value may be the secret itself.
        yield f'{where}.secret must say where the secret is: "ssm:/path" or "env:NAME", never hold it.'
    yield from _enrich_problems(entry, where)
    if begin not in ("start", "now") and not _is_date(begin):
        yield f'{where}.from is {begin!r}; use "start", "now", or a date such as 2026-11-23.'


def _is_date(value: Any) -> bool:
    """Whether it is a date that there is, in the form that is offered."""
    try:
        return _is_text(value, _DATE) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _enrich_problems(entry: Tree, where: str) -> Iterator[str]:
    for key in ("enrich", "traptor_names"):
        if not isinstance(entry.get(key, False), bool):
            yield f"{where}.{key} is {entry[key]!r}; it must be true or false."
    if entry.get("traptor_names") and not entry.get("enrich"):
        yield f"{where}.traptor_names changes names of what enrich adds, which is not set."


def _is_text(value: Any, form: re.Pattern[str]) -> bool:
    return isinstance(value, str) and bool(form.fullmatch(value))
