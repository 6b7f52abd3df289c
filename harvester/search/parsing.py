"""Any text that a person types is a query, with warnings, or is refused in one line.

No part of it is passed on in another query language: it becomes values (`expression`) that are looked up.
"""

import re
from dataclasses import dataclass, field

from harvester.search.expression import Both, Either, Everything, Expression, Published, Without, values_of
from harvester.search.terms import FIELDS, refused, words_term
from harvester.search.words import sought
from harvester.text import similar

_LONGEST = 10_000
_MOST = 200
_DEEPEST = 20
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»"}
# The minimum length of a prefix; with fewer letters, half of the words of an index would match.
_LETTERS = 3
# What others have as operators.
_WORDS_HERE = {
    "AND": "AND was read as a word; leave it out: posts have all words that stand side by side.",
    "NOT": "NOT was read as a word; put a - before a word for posts without it.",
}
_FIELD = re.compile(r"([A-Za-z_]{1,20}):")
_BARE = re.compile(r"\S+")


@dataclass(frozen=True)
class Query:
    """The typed text, its condition, and warnings about parts that were read in another way."""

    text: str
    expression: Expression
    warnings: list[str] = field(default_factory=list)


def parsed(text: str) -> Query:
    """The query in a text; raises HarvesterError if it cannot be run."""
    if len(text) > _LONGEST:
        raise refused(f"The query has {len(text):,} characters.", f"Use at most {_LONGEST:,}.")
    reading = _Reading(text)
    return Query(text, reading.expression(), reading.warnings)


def collections_in(text: str) -> tuple[str, ...]:
    """The collections that a query names."""
    return values_of(parsed(text).expression, "collection")


class _Reading:
    """One pass through a text."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth, self.terms = text, 0, 0, 0
        self.warnings: list[str] = []

    def expression(self) -> Expression:
        parts = []
        while True:
            parts.append(self._either())
            if self.at >= len(self.text):
                return _both(parts)
            # A ')' that closes nothing.
            self._warn("A closing parenthesis without an opening one was ignored.")
            self.at += 1

    def _warn(self, words: str) -> None:
        if words not in self.warnings:
            self.warnings.append(words)

    def _either(self) -> Expression:
        """Up to the end or a ')'. Words side by side belong together more than those around OR."""
        sides: list[list[Expression]] = [[]]
        while (self._skip_blanks()) and self.text[self.at] != ")":
            if re.match(r"OR(?![^\s()])", self.text[self.at :]):
                self.at += 2
                sides.append([])
            elif (part := self._signed()) is not None:
                sides[-1].append(part)
        filled = [_both(side) for side in sides if side]
        if len(filled) < len(sides) > 1:
            self._warn("An OR with nothing on one side was ignored.")
        if not filled:
            return Everything()
        return filled[0] if len(filled) == 1 else Either(tuple(filled))

    def _skip_blanks(self) -> bool:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at < len(self.text)

    def _signed(self) -> Expression | None:
        negative = re.match(r"-(?=[^\s)])", self.text[self.at :]) is not None
        self.at += negative
        part = self._grouped() if self.text[self.at] == "(" else self._term()
        return Without(part) if negative and part is not None else part

    def _grouped(self) -> Expression | None:
        self.at += 1
        self.depth += 1
        if self.depth > _DEEPEST:
            raise refused("The query has too many parentheses inside each other.", f"Use at most {_DEEPEST}.")
        inner = self._either()
        self.depth -= 1
        if self.at < len(self.text):
            self.at += 1
        else:
            self._warn("A parenthesis was not closed.")
        return None if isinstance(inner, Everything) else inner

    def _term(self) -> Expression | None:
        self.terms += 1
        if self.terms > _MOST:
            raise refused(f"The query has more than {_MOST} words.", "Use fewer.")
        begin = self.at
        named = _FIELD.match(self.text, self.at)
        name = named[1].lower() if named else ""
        if named and name not in FIELDS:
            self._warn_of_field(named[1], named.end())
            named = None
        if named:
            self.at = named.end()
        value, quoted = self._value()
        if named and value.strip().strip("@#"):
            return FIELDS[name](value.strip())
        if named:
            raise refused(
                f"{name}: is followed by nothing.", f"Write the value without a blank: {name}:VALUE."
            )
        return self._words(value, quoted=quoted, shown=self.text[begin : self.at])

    def _warn_of_field(self, name: str, end: int) -> None:
        # An address is not meant as a field, nor is a word with a colon behind it.
        if self.text[end : end + 1].strip() and not self.text.startswith("//", end):
            meant = similar(name.lower(), FIELDS)
            more = f" (did you mean {meant[0]}:?)" if meant else ""
            self._warn(f"{name}: is not a field{more}; it was read as a word.")

    def _value(self) -> tuple[str, bool]:
        closing = _QUOTES.get(self.text[self.at : self.at + 1])
        if closing:
            end = self.text.find(closing, self.at + 1)
            if end < 0:
                self._warn("A quote was not closed; its words were read one by one.")
                self.at += 1
                return self._bare(), False
            value = self.text[self.at + 1 : end]
            self.at = end + 1
            return value, True
        return self._bare(), False

    def _bare(self) -> str:
        found = _BARE.match(self.text, self.at)
        if not found:
            return ""
        word = found[0]
        if self.depth:
            # As many as close something; others are part of what was typed, e.g. of a face.
            word = word.rstrip(")")
        self.at += len(word)
        return word

    def _words(self, value: str, *, quoted: bool, shown: str) -> Expression | None:
        if not quoted and value[:1] in ("#", "＃") and sought(value):
            return FIELDS["tag"](value.rstrip(".,;:!?"))
        if not quoted and value in _WORDS_HERE:
            self._warn(_WORDS_HERE[value])
        words = sought(value)
        if not words:
            if shown.strip():
                self._warn(f"{shown} has no letters or digits to look for; it was ignored.")
            return None
        if value.endswith("*") and not quoted:
            return self._prefix(value, words)
        return words_term(words)

    def _prefix(self, value: str, words: list[tuple[str, bool]]) -> Expression:
        if len(words) == 1 and len(words[0][0]) >= _LETTERS:
            return words_term([(words[0][0], True)])
        self._warn(f"{value}: a * needs {_LETTERS} letters before it; it was read without it.")
        return words_term(words)


def _both(parts: list[Expression]) -> Expression:
    wanted = [part for part in parts if not isinstance(part, Everything)]
    _require_order([part for part in wanted if isinstance(part, Published)])
    if not wanted:
        return Everything()
    return wanted[0] if len(wanted) == 1 else Both(tuple(wanted))


def _require_order(times: list[Published]) -> None:
    begins = [each.since for each in times if each.since is not None]
    ends = [each.before for each in times if each.before is not None]
    if begins and ends and max(begins) >= min(ends):
        raise refused("No time is within this range: until: is before since:.", "Swap the two dates.")
