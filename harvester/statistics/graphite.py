"""Figures in the format of Graphite: lines of `name value time`."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from harvester.statistics.minute import Minute

# Parts of a name; a dot is between two of them, and a blank would end it.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_:-]+")


@dataclass(frozen=True)
class Sample:
    """One value of one name; `at` is in seconds since 1970."""

    name: str
    value: int | float
    at: int

    @property
    def line(self) -> bytes:
        return f"{self.name} {self.value} {self.at}\n".encode()


def samples(minute: Minute, *, prefix: str) -> Iterator[Sample]:
    """The figures of a minute, with its own time."""
    at = int(minute.at.timestamp())
    for name, value in minute.figures.items():
        yield Sample(f"{prefix}.{part(name)}", value, at)


def part(text: str) -> str:
    """The text as one part of a name."""
    return _NOT_IN_NAMES.sub("_", text)


def parsed(line: str) -> Sample:
    """A line of a file, as Twittomatic wrote them; ValueError if it is not one."""
    name, value, at = line.split()
    number, seconds = float(value), float(at)
    if not (math.isfinite(number) and math.isfinite(seconds) and seconds >= 0):
        raise ValueError("a value or a time is not a number")
    return Sample(name, int(number) if number.is_integer() else number, int(seconds))
