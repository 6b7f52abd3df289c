"""Regular expressions that cannot hang: matching takes time proportional to the text, whatever is in it.

Python's own matcher tries again from each place where it had a choice, which on some texts takes for ever.
Here all choices are followed at once. So there is nothing that looks back at what was matched: no references
to groups and no conditions on what follows or precedes, except for `^`, `$`, `\\b` and `\\B`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

# Repeats are written out, so that `(a{50}){50}` would have 2,500 parts.
MOST_PARTS = 500
_DEEPEST = 40
# Beyond this what was learned of the texts is forgotten, so that memory does not grow with them.
_REMEMBERED = 4_000
_UNLIMITED = -1
_FLAGS = re.compile(r"\(\?([ais]+)\)")
_GROUP = re.compile(r"\((?:\?:|\?P<\w+>)?")
_REPEAT = re.compile(r"([*+?]|\{(\d*)(,?)(\d*)\})(\??)")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_PLACES = {"^": "^", "$": "$", r"\A": "^", r"\Z": "$", r"\b": "b", r"\B": "B"}

# One character (as an expression of its own), a place, one after the other, one of several, a repeat.
Part: TypeAlias = "_One | _Place | _Row | _Either | _Repeat"


@dataclass(frozen=True)
class _One:
    source: str


@dataclass(frozen=True)
class _Place:
    kind: str


@dataclass(frozen=True)
class _Row:
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class _Either:
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class _Repeat:
    part: Part
    least: int
    most: int


class Refused(ValueError):
    """Not an expression that is offered; the message is the end of a sentence."""


def problem(pattern: str) -> str:
    """Why a pattern cannot be used; empty if it can."""
    try:
        Pattern(pattern)
    except Refused as error:
        return str(error)
    return ""


@dataclass
class _State:
    """Where one may be in the expression, after a character of the kind `before`."""

    places: frozenset[int]
    before: str
    after: "dict[str, _State | None]" = field(default_factory=dict)


class Pattern:
    """A pattern that is looked for anywhere in a text."""

    def __init__(self, pattern: str) -> None:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise Refused(f"is not a regular expression: {error}") from None
        self.source = pattern
        flags = _FLAGS.match(pattern)
        self._flags = re.RegexFlag(0)
        for letter in flags[1] if flags else "":
            self._flags |= {"a": re.ASCII, "i": re.IGNORECASE, "s": re.DOTALL}[letter]
        parser = _Parser(pattern, flags.end() if flags else 0)
        self._nodes = _Nodes(self._flags)
        self._start = self._nodes.add(parser.whole(), self._nodes.end)
        self._states: dict[tuple[frozenset[int], str], _State] = {}
        self._word = re.compile(r"\w", self._flags)
        self._kinds: dict[str, str] = {}

    def found_in(self, text: str) -> bool:
        state = self._state(frozenset((self._start,)), "^")
        for character in text:
            try:
                after = state.after[character]
            except KeyError:
                after = state.after[character] = self._after(state, character)
            if after is None:
                return True
            state = after
        return self._nodes.end in self._reached(state, "$")

    def _after(self, state: _State, character: str) -> _State | None:
        """The state behind a character; None if the pattern was found before it."""
        kind = self._kind(character)
        reached = self._reached(state, kind)
        if self._nodes.end in reached:
            return None
        # The search may begin anew at each character.
        places = {self._start, *self._nodes.moved(reached, character)}
        return self._state(frozenset(places), kind)

    def _kind(self, character: str) -> str:
        found = self._kinds.get(character)
        if found is None:
            found = self._kinds[character] = "w" if self._word.match(character) else "."
        return found

    def _state(self, places: frozenset[int], before: str) -> _State:
        state = self._states.get((places, before))
        if state is None:
            if len(self._states) > _REMEMBERED:
                self._states.clear()
                self._kinds.clear()
                self._nodes.forget()
            state = self._states[places, before] = _State(places, before)
        elif len(state.after) > _REMEMBERED:
            state.after.clear()
        return state

    def _reached(self, state: _State, following: str) -> set[int]:
        return self._nodes.reached(state.places, lambda kind: _holds(kind, state.before, following))


def _holds(kind: str, before: str, following: str) -> bool:
    if kind == "^":
        return before == "^"
    if kind == "$":
        return following == "$"
    return ((before == "w") != (following == "w")) == (kind == "b")


class _Nodes:
    """The expression as numbered nodes, each with those that come next."""

    def __init__(self, flags: re.RegexFlag) -> None:
        self._flags = flags
        # A node is a character or a place with one next, or neither with any number.
        self._what: list[_One | _Place | None] = [None]
        self._next: list[list[int]] = [[]]
        self._matchers: dict[str, re.Pattern[str]] = {}
        self._known: dict[tuple[str, str], bool] = {}
        self.end = 0

    def add(self, part: Part, following: int) -> int:
        """Add a part in front of what follows; the number of its first node."""
        if isinstance(part, _One | _Place):
            return self._node(part, [following])
        if isinstance(part, _Row):
            for each in reversed(part.parts):
                following = self.add(each, following)
            return following
        if isinstance(part, _Either):
            return self._node(None, [self.add(each, following) for each in part.parts])
        return self._repeat(part, following)

    def _repeat(self, part: _Repeat, following: int) -> int:
        if part.most == _UNLIMITED:
            loop = self._node(None, [following])
            self._next[loop].append(self.add(part.part, loop))
            following = loop
        else:
            end = following
            for _ in range(part.most - part.least):
                following = self._node(None, [end, self.add(part.part, following)])
        for _ in range(part.least):
            following = self.add(part.part, following)
        return following

    def _node(self, what: _One | _Place | None, following: list[int]) -> int:
        if len(self._what) >= MOST_PARTS:
            raise Refused(f"has more than {MOST_PARTS} parts with its repeats written out")
        if isinstance(what, _One) and what.source not in self._matchers:
            self._matchers[what.source] = re.compile(what.source, self._flags)
        self._what.append(what)
        self._next.append(following)
        return len(self._what) - 1

    def reached(self, places: frozenset[int], holds: Callable[[str], bool]) -> set[int]:
        """All nodes that are reached without a character."""
        found: set[int] = set()
        waiting = list(places)
        while waiting:
            number = waiting.pop()
            if number in found:
                continue
            found.add(number)
            what = self._what[number]
            if what is None or (isinstance(what, _Place) and holds(what.kind)):
                waiting.extend(self._next[number])
        return found

    def moved(self, reached: set[int], character: str) -> Iterator[int]:
        """The nodes behind a character."""
        for number in reached:
            what = self._what[number]
            if isinstance(what, _One) and self._is(what.source, character):
                yield self._next[number][0]

    def _is(self, source: str, character: str) -> bool:
        known = self._known.get((source, character))
        if known is None:
            known = self._known[source, character] = bool(self._matchers[source].fullmatch(character))
        return known

    def forget(self) -> None:
        self._known.clear()


class _Parser:
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
        return parts[0] if len(parts) == 1 else _Either(tuple(parts))

    def _row(self) -> Part:
        parts: list[Part] = []
        while self._at < len(self._pattern) and not self._ahead("|", ")"):
            parts.append(self._repeated(self._single()))
        return _Row(tuple(parts))

    def _repeated(self, part: Part) -> Part:
        found = _REPEAT.match(self._pattern, self._at)
        # Braces without a number are themselves.
        if not found or (found[1].startswith("{") and not (found[2] or found[4] or found[3])):
            return part
        self._at = found.end()
        if self._ahead("+"):
            raise Refused("has a possessive repeat, which is not offered")
        least, most = {"*": (0, _UNLIMITED), "+": (1, _UNLIMITED), "?": (0, 1)}.get(found[1], (0, 0))
        if found[1].startswith("{"):
            least = int(found[2] or 0)
            most = int(found[4]) if found[4] else _UNLIMITED if found[3] else least
        if max(least, most) > MOST_PARTS:
            raise Refused(f"repeats more than {MOST_PARTS} times")
        return _Repeat(part, least, most)

    def _single(self) -> Part:
        if self._ahead("("):
            return self._group()
        if self._ahead("["):
            return _One(self._take(self._class_end()))
        if self._ahead("\\"):
            return self._escaped()
        character = self._take(self._at + 1)
        if character in "^$":
            return _Place(_PLACES[character])
        return _One(character if character == "." else re.escape(character))

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
            return _Place(_PLACES[escaped])
        if not escaped or (escaped[1].isdigit() or escaped[1] == "N"):
            raise Refused(f"has {self._shown()}, which is not offered")
        return _One(self._take(self._at + len(escaped)))

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
