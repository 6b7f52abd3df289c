"""Reads rules of X as far as a search must know them: their alternatives, groups and operators."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# An operator may be followed by a quoted text, a list in brackets or a word; a phrase by a distance.
_TOKEN = re.compile(
    r"""\s+ | [()] | -(?=\S)
      | [A-Za-z_]+:(?:"[^"]*"|\[[^\]]*\]|[^\s()"]+)
      | "[^"]*"(?:~\d+)?
      | [^\s()"]+ | ["]""",
    re.VERBOSE,
)
_NAME = re.compile(r"([A-Za-z_]+):")

# docs.x.com, "Search operators" and "Filtered stream operators", where they differ.
STREAM_ONLY = frozenset(
    {
        *("sample", "bio", "bio_name", "bio_location", "url_title", "url_description", "url_contains"),
        *("source", "followers_count", "following_count", "tweets_count", "listed_count"),
    }
)
# These say who posted, where, or in which form: since 2026-05-04 a search finds no retweets for all others.
_NO_WORDS = frozenset(
    {
        *("from", "to", "retweets_of", "is", "has", "lang", "conversation_id", "place", "place_country"),
        *("point_radius", "bounding_box", "in_reply_to_tweet_id", "retweets_of_tweet_id"),
        *("quotes_of_tweet_id", "min_likes", "min_replies", "min_reposts"),
    }
)


@dataclass(frozen=True)
class Part:
    """An operator or a group in parentheses, as it is written, perhaps with a minus before it."""

    text: str
    negated: bool = False

    @property
    def written(self) -> str:
        return f"-{self.text}" if self.negated else self.text

    @property
    def is_group(self) -> bool:
        return self.text.startswith("(")

    @property
    def operators(self) -> Iterator[str]:
        """The name of each operator in it, in small letters; empty for a word."""
        for token in _tokens(self.text):
            if token not in ("(", ")", "-", "OR"):
                found = _NAME.match(token)
                yield found[1].lower() if found else ""


@dataclass(frozen=True)
class Alternative:
    """What a post must meet to match; of one rule there may be many, joined by OR."""

    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return " ".join(part.written for part in self.parts)

    @property
    def stream_only(self) -> list[str]:
        """The operators in it that no search has."""
        found = (name for part in self.parts for name in part.operators if name in STREAM_ONLY)
        return list(dict.fromkeys(found))

    @property
    def has_words(self) -> bool:
        """Whether it asks for what a post says, besides who posted it."""
        return any(name not in _NO_WORDS for part in self.parts for name in part.operators)

    def excludes(self, what: str) -> bool:
        """Whether no post of this form matches: `-is:retweet`."""
        return any(part.negated and part.text.lower() == what for part in self.parts)

    def split(self, length: int) -> "list[Alternative]":
        """The same as alternatives of at most `length` characters; itself where that is not possible."""
        groups = [part for part in self.parts if part.is_group and not part.negated]
        if len(self.text) <= length or not groups:
            return [self]
        longest = max(groups, key=lambda part: len(part.text))
        inner = alternatives(longest.text)
        if len(inner) < 2:
            return [self]
        half = len(inner) // 2
        return [
            smaller
            for some in (inner[:half], inner[half:])
            for smaller in self._with(longest, some).split(length)
        ]

    def _with(self, group: Part, some: "list[Alternative]") -> "Alternative":
        joined = Part(f"({' OR '.join(each.text for each in some)})")
        instead = some[0].parts if len(some) == 1 else (joined,)
        at = self.parts.index(group)
        return Alternative((*self.parts[:at], *instead, *self.parts[at + 1 :]))


def alternatives(value: str) -> list[Alternative]:
    """What stands between the ORs of a rule; parentheses around all of it mean nothing."""
    found: list[Alternative] = []
    parts: list[Part] = []
    for part in _parts(value):
        if part.text == "OR" and not part.negated:
            found.append(Alternative(tuple(parts)))
            parts = []
        else:
            parts.append(part)
    found.append(Alternative(tuple(parts)))
    whole = found[0].parts
    if len(found) == 1 and len(whole) == 1 and whole[0].is_group and not whole[0].negated:
        return alternatives(whole[0].text[1:-1])
    return [each for each in found if each.parts]


def _parts(value: str) -> Iterator[Part]:
    depth, negated, group = 0, False, ""
    for token in _tokens(value, blanks=True):
        depth += (token == "(") - (token == ")")
        if group or token == "(":
            group += token
            if depth <= 0:
                yield Part(group, negated)
                depth, negated, group = 0, False, ""
        elif token == "-":
            negated = True
        elif not token.isspace():
            yield Part(token, negated)
            negated = False
    if group:
        # It was never closed, which X would not have accepted.
        yield Part(group, negated)


def _tokens(value: str, *, blanks: bool = False) -> Iterator[str]:
    return (found[0] for found in _TOKEN.finditer(value) if blanks or not found[0].isspace())
