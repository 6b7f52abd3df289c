"""Regular expressions that cannot hang: matching takes time proportional to the text, whatever is in it.

Python's own matcher tries again from each place where it had a choice, which on some texts takes for ever.
Here all choices are followed at once. So there is nothing that looks back at what was matched: no references
to groups and no conditions on what follows or precedes, except for `^`, `$`, `\\b` and `\\B`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from harvester.collection.pattern_parts import (
    MOST_PARTS,
    UNLIMITED,
    Either,
    One,
    Parser,
    Part,
    Place,
    Refused,
    Repeat,
    Row,
)

# Beyond this what was learned of the texts is forgotten, so that memory does not grow with them.
_REMEMBERED = 4_000
_FLAGS = re.compile(r"\(\?([ais]+)\)")


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
        parser = Parser(pattern, flags.end() if flags else 0)
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
        self._what: list[One | Place | None] = [None]
        self._next: list[list[int]] = [[]]
        self._matchers: dict[str, re.Pattern[str]] = {}
        self._known: dict[tuple[str, str], bool] = {}
        self.end = 0

    def add(self, part: Part, following: int) -> int:
        """Add a part in front of what follows; the number of its first node."""
        if isinstance(part, One | Place):
            return self._node(part, [following])
        if isinstance(part, Row):
            for each in reversed(part.parts):
                following = self.add(each, following)
            return following
        if isinstance(part, Either):
            return self._node(None, [self.add(each, following) for each in part.parts])
        return self._repeat(part, following)

    def _repeat(self, part: Repeat, following: int) -> int:
        if part.most == UNLIMITED:
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

    def _node(self, what: One | Place | None, following: list[int]) -> int:
        if len(self._what) >= MOST_PARTS:
            raise Refused(f"has more than {MOST_PARTS} parts with its repeats written out")
        if isinstance(what, One) and what.source not in self._matchers:
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
            if what is None or (isinstance(what, Place) and holds(what.kind)):
                waiting.extend(self._next[number])
        return found

    def moved(self, reached: set[int], character: str) -> Iterator[int]:
        """The nodes behind a character."""
        for number in reached:
            what = self._what[number]
            if isinstance(what, One) and self._is(what.source, character):
                yield self._next[number][0]

    def _is(self, source: str, character: str) -> bool:
        known = self._known.get((source, character))
        if known is None:
            known = self._known[source, character] = bool(self._matchers[source].fullmatch(character))
        return known

    def forget(self) -> None:
        self._known.clear()
