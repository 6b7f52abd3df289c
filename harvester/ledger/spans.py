"""The names and states of an account as spans of time, derived only from sightings."""

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Span:
    """A name or a state of an account, its first and its last sighting, and where the last one stands."""

    value: str
    first: str
    last: str
    source: str


def seen(spans: Iterable[Span], value: str, moment: str, source: str) -> list[Span]:
    """The spans of one account, in order, with one more sighting.

    It widens a span of the same value that contains it or is adjacent. One of another value that contains it
    is split, as only its first and its last sighting are known; those in between are forgotten. This
    requires late sightings of an account that had a name, then another one, then the first again.
    """
    here = Span(value, moment, moment, source)
    parts = [part for span in spans for part in _apart(span, here)]
    if any(part.first <= moment <= part.last and _equal(part, here) for part in parts):
        return parts
    before = [part for part in parts if part.last <= moment]
    after = [part for part in parts if part.last > moment]
    if before and _equal(before[-1], here):
        here = replace(before.pop(), last=moment, source=source)
    if after and _equal(after[0], here):
        later = after.pop(0)
        here = replace(here, last=later.last, source=later.source)
    return [*before, here, *after]


def _apart(span: Span, other: Span) -> tuple[Span, ...]:
    """A span, or what is left of it where another value was seen within."""
    if _equal(span, other) or not span.first < other.first < span.last:
        return (span,)
    return replace(span, last=span.first), replace(span, first=span.last)


def _equal(one: Span, other: Span) -> bool:
    # A network's names are the same in any case.
    return one.value.casefold() == other.value.casefold()
