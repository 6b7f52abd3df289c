"""Several rules in one live rule, joined by OR: each term stays where it is, and a new one fills a hole."""

import bisect
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

OR = " OR "
_PARTS = re.compile(r'"(?:\\.|[^"\\])*"|[()]| OR ')


def split(value: str) -> list[str]:
    """The terms of a value; what stands in quotes or brackets is one."""
    if '"' not in value and "(" not in value:
        return value.split(OR)
    found, depth, start = [], 0, 0
    for part in _PARTS.finditer(value):
        depth += {"(": 1, ")": -1}.get(part[0], 0)
        if part[0] == OR and not depth:
            found.append(value[start : part.start()])
            start = part.end()
    return [*found, value[start:]]


def chunks(terms: Iterable[str], *, length: int) -> Iterator[list[str]]:
    """The terms in their order, each chunk as long as one live rule may be."""
    chunk: list[str] = []
    for term in terms:
        if chunk and size([*chunk, term]) > length + len(OR):
            yield chunk
            chunk = []
        chunk.append(term)
    if chunk:
        yield chunk


def size(terms: Iterable[str]) -> int:
    """Their size in a live rule, which has room for its length and one OR, as its first term has none."""
    return sum(len(term) + len(OR) for term in terms)


class Packs:
    """Live rules by number, as terms. A unit of terms is in one of them, or in two where that fills holes."""

    def __init__(self, live: Mapping[int, Iterable[str]], *, wanted: Iterable[str], length: int) -> None:
        """Of what is live, only the `wanted` terms stay, each of them once."""
        self._length = length
        self._terms: dict[int, list[str]] = {}
        self._where: dict[str, int] = {}
        self._left: dict[int, int] = {}
        self._room: list[tuple[int, int]] = []
        left = set(wanted)
        for number, terms in live.items():
            stay = [term for term in dict.fromkeys(terms) if term in left]
            left.difference_update(stay)
            if stay and size(stay) <= length + len(OR):
                self._open(number, stay)

    def live_rules(self, size: float) -> int:
        """How many live rules are needed for this size."""
        return math.ceil(size / (self._length + len(OR)))

    def __len__(self) -> int:
        return len(self._terms)

    def __contains__(self, term: str) -> bool:
        return term in self._where

    def values(self) -> Iterator[tuple[int, list[str]]]:
        """Each number with its terms."""
        yield from self._terms.items()

    def number_of(self, term: str) -> int:
        return self._where[term]

    def fill(self, unit: Sequence[str]) -> bool:
        """Put a unit into holes, the smallest that is large enough; False if there are none."""
        missing = [term for term in unit if term not in self]
        if size(missing) > self._length + len(OR):
            return False
        for pieces in _ways(missing):
            holes: list[int] = []
            for piece in pieces:
                if (hole := self._hole(piece, besides=holes)) is not None:
                    holes.append(hole)
            if len(holes) == len(pieces):
                for number, piece in zip(holes, pieces, strict=True):
                    self._put(number, piece)
                return True
        return not missing

    def add(self, unit: Sequence[str]) -> None:
        """Put a unit into holes, and what fits into none into another live rule."""
        if self.fill(unit):
            return
        missing = [term for term in unit if term not in self]
        if size(missing) > self._length + len(OR):
            for chunk in chunks(missing, length=self._length):
                self.add(chunk)
            return
        self._fill_with_largest(missing)
        left = [term for term in missing if term not in self]
        self._open(next(number for number in count(1) if number not in self._terms), left)

    def _fill_with_largest(self, terms: Sequence[str]) -> None:
        """Put the largest piece of a unit for which there is a hole into that."""
        holes = [(size(piece), piece, self._hole(piece)) for pieces in _ways(terms) for piece in pieces]
        if fitting := [(length, piece, hole) for length, piece, hole in holes if hole is not None]:
            _, piece, hole = max(fitting)
            self._put(hole, piece)

    def _hole(self, piece: Sequence[str], *, besides: Sequence[int] = ()) -> int | None:
        """The live rule with the least room that is enough."""
        at = bisect.bisect_left(self._room, (size(piece), -1))
        return next(
            (number for _, number in self._room[at : at + len(besides) + 1] if number not in besides), None
        )

    def _open(self, number: int, terms: Sequence[str]) -> None:
        self._terms[number] = []
        self._left[number] = self._length + len(OR)
        bisect.insort(self._room, (self._left[number], number))
        self._put(number, terms)

    def _put(self, number: int, terms: Sequence[str]) -> None:
        del self._room[bisect.bisect_left(self._room, (self._left[number], number))]
        self._left[number] -= size(terms)
        bisect.insort(self._room, (self._left[number], number))
        self._terms[number] += terms
        self._where.update(dict.fromkeys(terms, number))


def _ways(terms: Sequence[str]) -> Iterator[list[Sequence[str]]]:
    """A unit as one piece, then as two."""
    if terms:
        yield [terms]
    for cut in range(1, len(terms)):
        yield [terms[:cut], terms[cut:]]
