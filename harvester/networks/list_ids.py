"""The ids of one list, compared with an earlier one; beyond a megabyte they are on disk, not in memory."""

import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import orjson

_IN_MEMORY = 1 << 20
# The largest number of digits of which each number fits in eight bytes.
_DIGITS = 19
_AT_ONCE = 1 << 14


class ListIds:
    """Ids as they come, also more than once. Those that are no numbers are kept as text."""

    def __init__(self) -> None:
        # Left to the garbage collector, as are the lists that a stop leaves.
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        self.count = 0
        self._texts: set[str] = set()

    def add(self, ids: Sequence[str]) -> None:
        self.count += len(ids)
        if not _are_numbers(ids):
            self._texts.update(each for each in ids if not _are_numbers((each,)))
            ids = [each for each in ids if _are_numbers((each,))]
        self._file.write(array("Q", map(int, ids)).tobytes())

    def add_all(self, ids: Iterable[str]) -> None:
        """The same for many, of which only a few are held at once."""
        rest = iter(ids)
        while some := list(islice(rest, _AT_ONCE)):
            self.add(some)

    def in_order(self) -> Iterator[str]:
        """As they came, while they are no more added to; those that are no numbers are left out."""
        self._file.seek(0)
        while data := self._file.read(_IN_MEMORY):
            numbers = array("Q")
            numbers.frombytes(data)
            yield from map(str, numbers)

    def distinct(self) -> "DistinctIds":
        """Each once, in order. Nothing may be added any more."""
        numbers = array("Q")
        self._file.seek(0)
        while data := self._file.read(_IN_MEMORY):
            numbers.frombytes(data)
        self._file.close()
        return DistinctIds(_without_repeats(numbers), sorted(self._texts))


class DistinctIds:
    """Ids in order, each once: eight bytes for each that is a number."""

    def __init__(self, numbers: "array[int]", texts: Sequence[str]) -> None:
        self._numbers, self._texts = numbers, texts

    def __len__(self) -> int:
        return len(self._numbers) + len(self._texts)

    def __contains__(self, each: str) -> bool:
        if not _are_numbers((each,)):
            return each in self._texts
        number = int(each)
        place = bisect_left(self._numbers, number)
        return place < len(self._numbers) and self._numbers[place] == number

    def without(self, other: "DistinctIds") -> "DistinctIds":
        """Those that the other has not."""
        known = set(other._texts)
        numbers = array("Q", _missing(self._numbers, other._numbers))
        return DistinctIds(numbers, [each for each in self._texts if each not in known])

    def as_json(self) -> bytes:
        """An array of texts."""
        parts: list[str] = []
        for start in range(0, len(self._numbers), _AT_ONCE):
            parts.append('","'.join(map(str, self._numbers[start : start + _AT_ONCE])))
        parts += map(_escaped, self._texts)
        together = '","'.join(parts)
        return f'["{together}"]'.encode() if parts else b"[]"


def _escaped(text: str) -> str:
    return orjson.dumps(text)[1:-1].decode()


def _without_repeats(numbers: "array[int]") -> "array[int]":
    found = sorted(numbers)
    del numbers[:]
    return array("Q", _once(found))


def _once(numbers: Iterable[int]) -> Iterator[int]:
    before = -1
    for number in numbers:
        if number != before:
            yield number
            before = number


def _missing(these: "array[int]", those: "array[int]") -> Iterator[int]:
    """Of two that are in order, what the second has not."""
    others = iter(those)
    other = next(others, -1)
    for number in these:
        while -1 < other < number:
            other = next(others, -1)
        if other != number:
            yield number


def _are_numbers(ids: Sequence[str]) -> bool:
    """Whether all can be kept as numbers, and are the same text afterwards."""
    text = "".join(ids)
    plain = text.isascii() and text.isdigit() if ids else True
    return plain and all(each and each[0] != "0" and len(each) <= _DIGITS for each in ids)
