"""Matches a query tree against posts, evaluating what depends on the text only once."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt
from typing import Protocol

from emulator.language.facts import Facts, padded
from emulator.language.parse import Node
from emulator.world.wording import names

EARTH_MILES = 3958.8


class Subject(Protocol):
    """A post as far as queries are concerned."""

    @property
    def id(self) -> int: ...
    @property
    def author(self) -> int: ...
    @property
    def verified(self) -> bool: ...
    @property
    def facts(self) -> Facts: ...


@dataclass(frozen=True)
class Asked:
    node: Node
    facts: Facts
    post: Subject
    deep: bool
    named: Callable[[str], int | None]


padded_value = lru_cache(maxsize=4096)(padded)
OF_POST = frozenset(["conversation_id", "sample"])
# Since 2026-05-04 a search for words no longer finds retweets.
WORDY = names("word phrase hashtag cashtag mention url entity context")


def has_words(ask: Asked) -> bool:
    words = padded_value(ask.node.value)
    if not words.strip():
        return False
    return words in ask.facts.text or (ask.deep and words in ask.facts.quoted)


def has_phrase(ask: Asked) -> bool:
    if not ask.node.numbers:
        return has_words(ask)
    wanted = padded_value(ask.node.value).split()
    present = ask.facts.text.split()
    reach = len(wanted) + int(ask.node.numbers[0])
    return any(set(wanted) <= set(present[at : at + reach]) for at in range(len(present)))


def is_from(ask: Asked) -> bool:
    return ask.named(ask.node.value) == ask.post.author


def is_kind(ask: Asked) -> bool:
    return ask.post.verified if ask.node.value == "verified" else ask.node.value in ask.facts.kinds


def is_sampled(ask: Asked) -> bool:
    digest = hashlib.blake2b(str(ask.post.id).encode(), digest_size=4).digest()
    return int.from_bytes(digest) % 100 < int(ask.node.value)


def in_box(ask: Asked) -> bool:
    if ask.facts.box is None or "retweet" in ask.facts.kinds:
        return False
    west, south, east, north = ask.node.numbers
    left, low, right, high = ask.facts.box
    return west <= left and right <= east and south <= low and high <= north


def in_circle(ask: Asked) -> bool:
    if ask.facts.box is None or "retweet" in ask.facts.kinds:
        return False
    left, low, right, high = ask.facts.box
    corners = [(left, low), (left, high), (right, low), (right, high)]
    longitude, latitude, miles = ask.node.numbers
    return all(distance((longitude, latitude), corner) <= miles for corner in corners)


def distance(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Miles between two points of longitude and latitude."""
    east, north = (radians(b - a) for a, b in zip(here, there, strict=True))
    chord = sin(north / 2) ** 2 + cos(radians(here[1])) * cos(radians(there[1])) * sin(east / 2) ** 2
    return 2 * EARTH_MILES * asin(sqrt(chord))


def metric(name: str) -> Callable[[Asked], bool]:
    return lambda ask: (ask.facts.metrics or {}).get(name, 0) >= int(ask.node.value)


def reference(kind: str) -> Callable[[Asked], bool]:
    return lambda ask: (ask.facts.references or {}).get(kind) == ask.node.value


def bare(name: str) -> str:
    return name.lstrip("@#$").lower()


def language(ask: Asked) -> bool:
    return ask.facts.lang.lower() == ask.node.value.lower()


ANSWERS: dict[str, Callable[[Asked], bool]] = {
    "word": has_words,
    "phrase": has_phrase,
    "hashtag": lambda ask: bare(ask.node.value) in ask.facts.hashtags,
    "cashtag": lambda ask: bare(ask.node.value) in ask.facts.cashtags,
    "mention": lambda ask: bare(ask.node.value) in ask.facts.mentions,
    "from": is_from,
    "to": lambda ask: bare(ask.node.value) in ask.facts.to,
    "url": lambda ask: padded_value(ask.node.value) in ask.facts.urls,
    "url_contains": lambda ask: padded_value(ask.node.value) in ask.facts.urls,
    "retweets_of": lambda ask: bare(ask.node.value) in ask.facts.retweets_of,
    "context": lambda ask: ask.node.value in ask.facts.context,
    "entity": lambda ask: ask.node.value.lower() in ask.facts.entities,
    "conversation_id": lambda ask: ask.node.value in (ask.facts.conversation, str(ask.post.id)),
    "place": lambda ask: padded_value(ask.node.value) in ask.facts.place,
    "place_country": lambda ask: ask.node.value.upper() == ask.facts.country,
    "bounding_box": in_box,
    "point_radius": in_circle,
    "in_reply_to_tweet_id": reference("replied_to"),
    "retweets_of_tweet_id": reference("retweeted"),
    "quotes_of_tweet_id": reference("quoted"),
    "is": is_kind,
    "has": lambda ask: ask.node.value in ask.facts.has,
    "lang": language,
    "sample": is_sampled,
    "min_likes": metric("like_count"),
    "min_replies": metric("reply_count"),
    "min_reposts": metric("retweet_count"),
}


class Matcher:
    """One query over posts. `deep` is for streams, which also look into quoted posts and know retweets."""

    def __init__(self, tree: Node, *, deep: bool, named: Callable[[str], int | None]) -> None:
        self.tree = tree
        self.deep = deep
        self.named = named
        leaves = [leaf for leaf, _ in tree.leaves()]
        kinds = {leaf.kind for leaf in leaves}
        self.of_author = any(leaf.kind == "from" or leaf.value == "verified" for leaf in leaves)
        self.of_post = bool(kinds & OF_POST)
        # What a whole source of posts answered, kept by those who ask about many of the same text.
        self.verdicts: dict[int, list[bool]] = {}
        self.no_retweets = not deep and bool(kinds & WORDY)

    def __call__(self, post: Subject) -> bool:
        if self.no_retweets and "retweet" in post.facts.kinds:
            return False
        return self._holds(self.tree, post)

    def _holds(self, node: Node, post: Subject) -> bool:
        if node.kind == "and":
            return all(self._holds(part, post) for part in node.parts)
        if node.kind == "or":
            return any(self._holds(part, post) for part in node.parts)
        if node.kind == "not":
            return not self._holds(node.parts[0], post)
        return ANSWERS[node.kind](Asked(node, post.facts, post, self.deep, self.named))

    def authors(self) -> set[int] | None:
        """The only accounts whose posts can match, or None when any can."""
        return self._authors(self.tree)

    def _authors(self, node: Node) -> set[int] | None:
        if node.kind == "from":
            found = self.named(node.value)
            return set() if found is None else {found}
        parts = [self._authors(part) for part in node.parts] if node.kind != "not" else [None]
        known = [part for part in parts if part is not None]
        if node.kind == "and" and known:
            return set.intersection(*known)
        if node.kind == "or" and known and len(known) == len(parts):
            return set.union(*known)
        return None
