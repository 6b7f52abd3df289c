"""Words in texts: long lists written as a sentence, and the entities of a post."""

import re
from typing import Any

ENTITY = re.compile(
    r"(?P<urls>https?://\S+)|(?<!\w)(?:#(?P<hashtags>\w+)|@(?P<mentions>\w+)|\$(?P<cashtags>[A-Za-z]+))"
)
VALUE = {"hashtags": "tag", "cashtags": "tag", "mentions": "username"}


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def entities_of(text: str) -> dict[str, Any]:
    """The member `entities` a post with this text has, if it has any."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entity in ENTITY.finditer(text):
        kind = str(entity.lastgroup)
        value = entity[kind]
        span = {"start": entity.start(), "end": entity.end()}
        link = {"url": value, "expanded_url": value, "display_url": value.split("//")[-1][:30]}
        found.setdefault(kind, []).append({**span, **(link if kind == "urls" else {VALUE[kind]: value})})
    return {"entities": found} if found else {}
