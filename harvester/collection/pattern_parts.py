"""A regular expression is read into its parts; what is not offered is refused in words."""

import re
from dataclasses import dataclass
from typing import TypeAlias

# Repeats are written out, so that `(a{50}){50}` would have 2,500 parts.
MOST_PARTS = 500
_DEEPEST = 40
UNLIMITED = -1
_GROUP = re.compile(r"\((?:\?:|\?P<\w+>)?")
_REPEAT = re.compile(r"([*+?]|\{(\d*)(,?)(\d*)\})(\??)")
_SIGNS = {"*": (0, UNLIMITED), "+": (1, UNLIMITED), "?": (0, 1)}
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_PLACES = {"^": "^", "$": "$", r"\A": "^", r"\Z": "$", r"\b": "b", r"\B": "B"}

# One character (as an expression of its own), a place, one after the other, one of several, a repeat.
Part: TypeAlias = "One | Place | Row | Either | Repeat"


@dataclass(frozen=True)
class One:
    source: str


@dataclass(frozen=True)
class Place:
    kind: str


@dataclass(frozen=True)
class Row:
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Either:
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Repeat:
    part: Part
    least: int
    most: int


class Refused(ValueError):
    """Not an expression that is offered; the message is the end of a sentence."""


def _limits(braces: re.Match[str]) -> tuple[int, int]:
    """Of `{2}`, `{2,}`, `{,3}` or `{2,3}`."""
    least = int(braces[2] or 0)
    if braces[4]:
        return least, int(braces[4])
    return least, UNLIMITED if braces[3] else least


class Parser:
    """Reads an expression that Python accepts; refuses what is not offered."""

    def __init__(self, pattern: str, at: int) -> None:
        self._pattern, self._at, self._depth = pattern, at, 0

    def whole(self) -> Part:
        part = self._either()
        if self._at < len(self._pattern):
            raise Refused(f"has {self._shown()}, which is not offered")
        return part

    def _either(self) -> Part:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Refused(f"has groups in groups, more than {_DEEPEST} deep")
        parts = [self._row()]
        while self._ahead("|"):
            self._at += 1
            parts.append(self._row())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _row(self) -> Part:
        parts: list[Part] = []
        while self._at < len(self._pattern) and not self._ahead("|", ")"):
            parts.append(self._repeated(self._single()))
        return Row(tuple(parts))

    def _repeated(self, part: Part) -> Part:
        found = _REPEAT.match(self._pattern, self._at)
        # Braces without a number are themselves.
        if not found or (found[1].startswith("{") and not (found[2] or found[4] or found[3])):
            return part
        self._at = found.end()
        if self._ahead("+"):
            raise Refused("has a possessive repeat, which is not offered")
        least, most = _SIGNS.get(found[1]) or _limits(found)
        if max(least, most) > MOST_PARTS:
            raise Refused(f"repeats more than {MOST_PARTS} times")
        return Repeat(part, least, most)

    def _single(self) -> Part:
        if self._ahead("("):
            return self._group()
        if self._ahead("["):
            return One(self._take(self._class_end()))
        if self._ahead("\\"):
            return self._escaped()
        character = self._take(self._at + 1)
        if character in "^$":
            return Place(_PLACES[character])
        return One(character if character == "." else re.escape(character))

    def _group(self) -> Part:
        found = _GROUP.match(self._pattern, self._at)
        if not found or self._pattern.startswith("?", found.end()):
            raise Refused(f"has {self._shown()}, which is not offered")
        self._at = found.end()
        part = self._either()
        self._at += 1
        return part

    def _escaped(self) -> Part:
        found = _ESCAPE.match(self._pattern, self._at)
        escaped = found[0] if found else ""
        if escaped in _PLACES:
            self._at += len(escaped)
            return Place(_PLACES[escaped])
        if not escaped or (escaped[1].isdigit() or escaped[1] == "N"):
            raise Refused(f"has {self._shown()}, which is not offered")
        return One(self._take(self._at + len(escaped)))

    def _class_end(self) -> int:
        at = self._at + 1
        at += self._pattern.startswith("^", at)
        # A bracket that comes first is itself.
        at += self._pattern.startswith("]", at)
        while self._pattern[at] != "]":
            at += 2 if self._pattern[at] == "\\" else 1
        return at + 1

    def _take(self, end: int) -> str:
        taken, self._at = self._pattern[self._at : end], end
        return taken

    def _ahead(self, *texts: str) -> bool:
        return self._pattern.startswith(texts, self._at)

    def _shown(self) -> str:
        return repr(self._pattern[self._at : self._at + 4])
