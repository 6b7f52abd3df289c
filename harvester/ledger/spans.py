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

    def has_value_of(self, other: "Span") -> bool:
        # A network's names are the same in any case.
        return self.value.casefold() == other.value.casefold()

    def covers(self, moment: str) -> bool:
        return self.first <= moment <= self.last

    def split_by(self, other: "Span") -> tuple["Span", ...]:
        """The span, or what is left of it where another value was seen within."""
        if self.has_value_of(other) or not self.first < other.first < self.last:
            return (self,)
        return replace(self, last=self.first), replace(self, first=self.last)


def seen(spans: Iterable[Span], value: str, moment: str, source: str) -> list[Span]:
    """The spans of one account, in order, with one more sighting.

    It widens a span of the same value that contains it or is adjacent. One of another value that contains it
    is split, as only its first and its last sighting are known; those in between are forgotten. This
    requires late sightings of an account that had a name, then another one, then the first again.
    """
    here = Span(value, moment, moment, source)
    parts = [part for span in spans for part in span.split_by(here)]
    if any(part.covers(moment) and part.has_value_of(here) for part in parts):
        return parts
    before = [part for part in parts if part.last <= moment]
    after = [part for part in parts if part.last > moment]
    if before and before[-1].has_value_of(here):
        here = replace(before.pop(), last=moment, source=source)
    if after and after[0].has_value_of(here):
        later = after.pop(0)
        here = replace(here, last=later.last, source=later.source)
    return [*before, here, *after]
