"""What one kind of collection has: its keys, what is wrong with a description, what a harvest learns."""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from harvester.clock import moment
from harvester.documents import Tree
from harvester.text import similar

# How text begins that the template left for a person to fill in; reported once.
PLACEHOLDER = "<"
# Python reads no number of 5,000 digits, and one of 30 is a mistake.
_DIGITS = 30


@dataclass(frozen=True)
class Rules:
    """What a description may say of one network: its ids, the states of its accounts, its words.

    `keys` are what a user or the section of a kind may hold besides the keys that each network knows, and
    `problems` what stands against such a section, both by kind.
    """

    network: str
    is_user: Callable[[Any], bool]
    is_post: Callable[[Any], bool]
    # What an id looks like, for people: a sentence.
    ids: str = ""
    user_states: tuple[str, ...] = ()
    keys: Mapping[str, Set[str]] = field(default_factory=dict)
    problems: Mapping[str, Callable[[Tree], Iterator[str]]] = field(default_factory=dict)
    # Whether lists of followers can be collected.
    has_graph: bool = False

    def keys_of(self, kind: str) -> Set[str]:
        return self.keys.get(kind, frozenset())

    def problems_of(self, kind: str, section: Tree) -> Iterator[str]:
        check = self.problems.get(kind)
        return check(section) if check else iter(())


@dataclass(frozen=True)
class Kind:
    """One kind of collection. `section` is the key under which it says what is collected.

    `learned` is what a harvest learns and a person does not type, in the section or of each user in it,
    `learned_above` beside it, and `learned_in` in other sections; an edit never takes these away. They hold
    for the same `identity`: another query begins anew.
    """

    name: str
    section: str
    problems: Callable[[Tree, Rules], Iterator[str]]
    in_words: Callable[[Tree], str]
    template: Tree
    keys: Set[str] = frozenset()
    learned: tuple[str, ...] = ()
    learned_above: tuple[str, ...] = ()
    learned_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    identity: tuple[str, ...] = ()
    # Collects from accounts, and so has users and learns of each.
    has_users: bool = False
    # Hears what is published while it runs, until it is stopped; what it does not hear is a gap.
    is_stream: bool = False
    # Reads lists of followers, whose records are pages of accounts.
    is_crawl: bool = False
    # Is searched for what a stream of the collection around it missed.
    is_repair: bool = False

    @property
    def known(self) -> Set[str]:
        """What may stand in a collection of this kind, beside what each may have."""
        return {self.section, *self.keys, *self.learned_above}

    def is_same(self, one: Any, other: Any) -> bool:
        """Whether what was learned of one section holds for the other."""
        return all(_of(one, name) == _of(other, name) for name in self.identity)


def _of(section: Any, name: str) -> Any:
    return section.get(name) if isinstance(section, dict) else None


def unknown(tree: Tree, known: Set[str], where: str) -> Iterator[str]:
    for key in tree:
        if key not in known and not key.startswith("x_"):
            near = similar(key, known)
            yield f"Unknown key {where}{key}." + (f" Did you mean {where}{near[0]}?" if near else "")


def _is_time(text: str) -> bool:
    try:
        return bool(moment(text))
    except ValueError:
        return False


def _are_dollars(value: Any) -> bool:
    return isinstance(value, dict) and all(type(usd) in (int, float) for usd in value.values())


# What a value that a harvest learned must be, for people, and whether one is.
Shape = tuple[str, Callable[[Any], bool]]
TEXT: Shape = ("text", lambda value: isinstance(value, str))
OBJECT: Shape = ("an object", lambda value: isinstance(value, dict))
TIME: Shape = ("a time", lambda value: isinstance(value, str) and _is_time(value))
DOLLARS: Shape = ("an object of dollars", _are_dollars)
COUNT: Shape = ("a whole number from 0", lambda value: type(value) is int and value >= 0)


def misshapen(what: str, example: str) -> str:
    """The problem of something that is no object; the example shows what it may hold."""
    return f"{what} is not properly structured. It must be an object, e.g. {example}."


def shape_problems(tree: Tree, shapes: Mapping[str, Shape], where: str) -> Iterator[str]:
    """What was learned, and changed by hand since into what no harvest can read; null is nothing learned."""
    for key, value in tree.items():
        if value is not None and (shape := shapes.get(key)) and not shape[1](value):
            yield f"{where}{key} is {repr(value)[:_DIGITS]}; it must be {shape[0]}."


def resume_shape(rules: Rules) -> Shape:
    """Where a chain of pages continues, and the `ends` of those below it: ids are ids, counts are counts."""

    def is_place(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        ids = (each for key, each in value.items() if key.endswith("_id") and each is not None)
        counts = (value[key] for key in ("posts", "stood") if value.get(key) is not None)
        return all(map(rules.is_post, ids)) and all(map(COUNT[1], counts))

    def is_end(value: Any) -> bool:
        if not is_place(value) or None in (value.get("oldest_id"), value.get("posts")):
            return False
        return value.get("since") is None or TIME[1](value["since"])

    def fits(resume: Any) -> bool:
        ends = resume.get("ends") if is_place(resume) else ""
        return ends is None or (isinstance(ends, list) and all(map(is_end, ends)))

    return ("an object as a harvest stored it, or removed", fits)


def count_problems(section: Tree, key: str, where: str, *, least: int) -> Iterator[str]:
    # The 2019 files hold numbers as text too, and an empty text for "no limit".
    value = section.get(key)
    if value in (None, "") or (isinstance(value, str) and value.startswith(PLACEHOLDER)):
        return
    text = str(value)
    digits = not isinstance(value, bool) and text.isascii() and text.isdigit() and len(text) <= _DIGITS
    if not digits or not least <= int(text) <= 10**12:
        shown = repr(value)[:_DIGITS]
        yield f"{where}{key} is {shown}; it must be a whole number from {least} to 1,000,000,000,000."


def range_problems(section: Tree, where: str, key: str, *, least: int, most: int) -> Iterator[str]:
    value = section.get(key, least)
    if type(value) is not int or not least <= value <= most:
        yield f"{where}{key} is {value!r}; it must be a whole number from {least} to {most}."


def count(section: Mapping[str, Any], key: str, *, default: int = 0) -> int:
    """A number that passed `problems`, be it written as a number or as text."""
    value = section.get(key)
    return default if value in (None, "") else int(value)
