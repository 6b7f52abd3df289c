"""Parses a query into a tree, or a QueryError with the X API's wording."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, radians

from emulator.world.wording import names

STANDALONE = names(
    "word phrase hashtag cashtag mention from to url retweets_of context entity conversation_id place "
    "place_country point_radius bounding_box in_reply_to_tweet_id retweets_of_tweet_id quotes_of_tweet_id "
    "url_contains"
)
MODIFIERS = names("is has lang sample min_likes min_replies min_reposts")
CHOICES = {
    "is": names("retweet reply quote verified nullcast"),
    "has": names("hashtags cashtags links mentions media images videos video_link geo"),
}
NUMERIC = names(
    "conversation_id in_reply_to_tweet_id retweets_of_tweet_id quotes_of_tweet_id "
    "sample min_likes min_replies min_reposts"
)
COORDINATES = {"bounding_box": 4, "point_radius": 3}
MILES_PER_DEGREE = 69.0
KM_PER_MILE = 1.609344

TOKEN = re.compile(
    r"""(?P<space>\s+) | (?P<open>\() | (?P<close>\))
      | (?P<operator>[A-Za-z_]+):(?:"(?P<quoted>[^"]*)"|\[(?P<list>[^\]]*)\]|(?P<value>[^\s()"]+))
      | "(?P<phrase>[^"]*)"(?:~(?P<near>\d))?
      | \#(?P<hashtag>\w+) | @(?P<mention>\w+) | \$(?P<cashtag>[A-Za-z][\w.]*)
      | (?P<minus>-)(?=\S)
      | (?P<word>[^\s()"'\[\]:#@$][^\s()"\[\]:]*)""",
    re.VERBOSE,
)


class QueryError(ValueError):
    """What is wrong with a query; `details` are the single complaints, each with its position."""

    def __init__(self, *details: str) -> None:
        super().__init__(", ".join(details))
        self.details = details

    @property
    def message(self) -> str:
        return f"There were errors processing your request: {', '.join(self.details)}"


@dataclass(frozen=True)
class Bounds:
    """The largest box or radius, in miles, that a geographic operator may have; 0 for any."""

    miles: float = 25.0


@dataclass(frozen=True)
class Node:
    """`kind` is and, or, not, or the name of an operator, which then has a value."""

    kind: str
    value: str = ""
    numbers: tuple[float, ...] = ()
    parts: tuple["Node", ...] = ()
    position: int = 1

    def leaves(self, *, negated: bool = False) -> Iterator[tuple["Node", bool]]:
        """Each operator with whether it stands under a negation."""
        if not self.parts:
            yield self, negated
        for part in self.parts:
            yield from part.leaves(negated=negated != (self.kind == "not"))


@dataclass(frozen=True)
class Token:
    kind: str
    node: Node | None
    position: int


def parsed(text: str, bounds: Bounds | None = None) -> Node:
    """The tree of a query; QueryError where X would answer 400."""
    reader = Reader(list(tokens(text, bounds or Bounds())), len(text))
    tree = reader.either()
    reader.expect_end()
    if not anchored(tree):
        positive = any(not negated for _, negated in tree.leaves())
        raise QueryError(
            "is/has/lang cannot be used as a standalone operator (at position 1)"
            if positive
            else "Rules must contain at least one positive, non-stopword clause (at position 1)"
        )
    return tree


def anchored(node: Node) -> bool:
    """Whether every way to match holds at least one operator that may stand alone."""
    if node.kind == "not":
        return False
    if node.kind == "or":
        return all(anchored(part) for part in node.parts)
    if node.kind == "and":
        return any(anchored(part) for part in node.parts)
    return node.kind in STANDALONE


def tokens(text: str, bounds: Bounds) -> Iterator[Token]:
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise QueryError(f"no viable alternative at character '{text[at]}' (at position {at + 1})")
        if not found["space"]:
            yield token(found, at + 1, bounds)
        at = found.end()


def token(found: re.Match[str], position: int, bounds: Bounds) -> Token:
    kind = found.lastgroup or ""
    if found["operator"]:
        return Token("leaf", operator(found, position, bounds), position)
    if found["phrase"] is not None:
        return Token("leaf", phrase(found, position), position)
    if found["open"] or found["close"] or found["minus"]:
        return Token(kind, None, position)
    if kind == "word":
        return word(found["word"], position)
    return Token("leaf", Node(kind, found[kind], position=position), position)


def word(text: str, position: int) -> Token:
    if text == "OR":
        return Token("or", None, position)
    if text.lower() in ("and", "or"):
        low = text.lower()
        raise QueryError(
            f"Ambiguous use of {low} as a keyword. Use {'a space' if low == 'and' else 'OR'} to logically "
            f'join two clauses, or "{low}" to find occurrences of {low} in text (at position {position})'
        )
    return Token("leaf", Node("word", text, position=position), position)


def phrase(found: re.Match[str], position: int) -> Node:
    if not found["phrase"].strip():
        raise QueryError(f"no viable alternative at input '\"\"' (at position {position})")
    near = (float(found["near"]),) if found["near"] else ()
    return Node("phrase", found["phrase"], numbers=near, position=position)


def operator(found: re.Match[str], position: int, bounds: Bounds) -> Node:
    name = found["operator"].lower()
    name = "url" if name == "links" else name
    value = next((found[part] for part in ("quoted", "list", "value") if found[part] is not None), "")
    if name not in STANDALONE | MODIFIERS or name in ("word", "phrase", "hashtag", "cashtag", "mention"):
        raise QueryError(
            f"Reference to invalid operator '{found['operator']}'. Operator is not available in current "
            "product or product packaging. Please refer to complete available operator list at "
            f"https://docs.x.com/x-api/posts/search/integrate/operators. (at position {position})"
        )
    if name in CHOICES and value.lower() not in CHOICES[name]:
        raise QueryError(f"Reference to invalid operator '{name}:{value}'. (at position {position})")
    if name in NUMERIC and not value.isdigit():
        raise QueryError(f"Invalid value '{value}' for operator '{name}' (at position {position})")
    if (name in COORDINATES) != (found["list"] is not None):
        raise QueryError(f"no viable alternative at input '{name}:' (at position {position})")
    numbers = coordinates(name, value, position, bounds) if name in COORDINATES else ()
    return Node(name, value.lower() if name in CHOICES else value, numbers=numbers, position=position)


def coordinates(name: str, value: str, position: int, bounds: Bounds) -> tuple[float, ...]:
    """west south east north of a box; longitude, latitude and miles of a circle."""
    words = value.replace(",", " ").split()
    miles = 1.0
    if name == "point_radius" and words and (unit := re.fullmatch(r"([\d.]+)(mi|km)", words[-1])):
        miles = 1.0 if unit[2] == "mi" else 1 / KM_PER_MILE
        words[-1] = unit[1]
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != COORDINATES[name] or not sane(name, numbers):
        raise QueryError(f"Invalid value '[{value}]' for operator '{name}' (at position {position})")
    if name == "point_radius":
        numbers[2] *= miles
    widest = max(numbers[2:]) if name == "point_radius" else extent(numbers)
    if bounds.miles and widest > bounds.miles:
        raise QueryError(
            f"Invalid value '[{value}]' for operator '{name}': it may not be larger than "
            f"{bounds.miles:g}mi (at position {position})"
        )
    return tuple(numbers)


def sane(name: str, numbers: list[float]) -> bool:
    if name == "point_radius":
        return abs(numbers[0]) <= 180 and abs(numbers[1]) <= 90 and numbers[2] > 0
    west, south, east, north = numbers
    return -180 <= west < east <= 180 and -90 <= south < north <= 90


def extent(box: list[float]) -> float:
    """The longer side in miles; a degree of longitude shrinks towards the poles."""
    west, south, east, north = box
    nearest_equator = 0.0 if south <= 0 <= north else min(abs(south), abs(north))
    return max((north - south), (east - west) * cos(radians(nearest_equator))) * MILES_PER_DEGREE


class Reader:
    """Recursive descent over the tokens: a space binds tighter than OR."""

    def __init__(self, items: list[Token], length: int) -> None:
        self.items = items
        self.at = 0
        self.length = length

    def peek(self) -> str:
        return self.items[self.at].kind if self.at < len(self.items) else "end"

    def take(self) -> Token:
        self.at += 1
        return self.items[self.at - 1]

    def either(self) -> Node:
        parts = [self.both()]
        while self.peek() == "or":
            self.take()
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Node("or", parts=tuple(parts))

    def both(self) -> Node:
        parts = [self.one()]
        while self.peek() in ("leaf", "open", "minus"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else Node("and", parts=tuple(parts))

    def one(self) -> Node:
        if self.at >= len(self.items):
            raise QueryError(f"no viable alternative at input '<EOF>' (at position {self.length + 1})")
        token = self.take()
        if token.kind == "minus":
            return Node("not", parts=(self.one(),), position=token.position)
        if token.kind == "open":
            inside = self.either()
            if self.peek() != "close":
                raise QueryError(f"missing ')' at '<EOF>' (at position {self.length + 1})")
            self.take()
            return inside
        if token.node is None:
            raise self.unexpected(token)
        return token.node

    def expect_end(self) -> None:
        if self.at < len(self.items):
            raise self.unexpected(self.items[self.at])

    @staticmethod
    def unexpected(token: Token) -> QueryError:
        sign = {"close": ")", "or": "OR", "open": "("}.get(token.kind, token.kind)
        return QueryError(f"missing EOF at '{sign}' (at position {token.position})")
