"""Text that satisfies a rule, so that posts can be made for whatever a client asks of the stream."""

from collections.abc import Callable
from typing import Any

from emulator.language.parse import Node

# Keys: words put in front of the text, and fields of the post that are set.
Wish = dict[str, Any]

MAKES: dict[str, Callable[[Node], Wish]] = {
    "word": lambda node: {"words": [node.value]},
    "phrase": lambda node: {"words": [node.value]},
    "hashtag": lambda node: {"hashtags": [node.value]},
    "cashtag": lambda node: {"cashtags": [node.value]},
    "mention": lambda node: {"mentions": [node.value]},
    "from": lambda node: {"author": node.value},
    "to": lambda node: {"to": node.value},
    "lang": lambda node: {"lang": node.value},
    "url": lambda node: {"url": node.value},
    "url_contains": lambda node: {"url": node.value},
    "bounding_box": lambda node: {
        "point": [(node.numbers[0] + node.numbers[2]) / 2, (node.numbers[1] + node.numbers[3]) / 2]
    },
    "point_radius": lambda node: {"point": [node.numbers[0], node.numbers[1]]},
    "place": lambda node: {"place": node.value},
    "place_country": lambda node: {"country": node.value.upper()},
    "has": lambda node: {"has": [node.value]},
    "is": lambda node: {"is": [node.value]},
}


def satisfied(node: Node, *, branch: int = 0) -> Wish:
    """What a post must hold for one branch of the rule; operators it cannot serve are left out."""
    if node.kind == "not":
        return {}
    if node.kind == "or":
        return satisfied(node.parts[branch % len(node.parts)], branch=branch // len(node.parts))
    if node.kind == "and":
        wish: Wish = {}
        for part in node.parts:
            merge(wish, satisfied(part, branch=branch))
        return wish
    make = MAKES.get(node.kind)
    return make(node) if make else {}


def merge(wish: Wish, more: Wish) -> None:
    for key, value in more.items():
        wish[key] = wish[key] + value if isinstance(value, list) and key in wish else value
