"""An account that a page named, as a line: how it was judged, what its lists come to, and who led to it.

    id TAB outcome TAB accounts TAB said TAB first TAB place TAB condition TAB values

`outcome` is one letter; `accounts` is how many its lists bring at most, and `said` how many its profile says;
`first` is how many of the `accounts` are on the first of two lists, empty where one is read; `place` is that
of the account whose list it is in. A number that is not known is empty. Lines of one account
are in the order of their text and the first of them counts, so that a depth closes alike in whatever order
its pages are read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from harvester.graph.select import REJECTED, SELECTED, UNKNOWN, Selection
from harvester.networks.profiles import Profile

TAB = b"\t"
LETTERS: Mapping[str, str] = {SELECTED: "S", REJECTED: "R", UNKNOWN: "U"}
OUTCOMES: Mapping[bytes, str] = {letter.encode(): outcome for outcome, letter in LETTERS.items()}
# Digits of a place, so that text has the order of numbers.
_PLACE = 10


@dataclass(frozen=True)
class Reading:
    """How accounts become findings: what selects them, and which of their lists are read, how far."""

    selection: Selection
    directions: Sequence[str]
    most: int | None = None
    # Whether the values that a verdict was made from are kept.
    keeps_values: bool = True

    def findings(self, profiles: Iterable[Profile], place: int = 0) -> list[bytes]:
        """A line for each account that may have one."""
        judge, values = self.selection.judge, self.selection.values
        at, keeps_values = f"{place:0{_PLACE}d}", self.keeps_values
        lines = []
        for profile in profiles:
            verdict = judge(profile)
            lengths = self._lengths(profile)
            said = _total(lengths)
            # The lists of a protected account are not shown.
            accounts, first = (0, None) if profile.protected else self._accounts(lengths)
            line = (
                f"{profile.id}\t{LETTERS[verdict.outcome]}\t{_text(accounts)}"
                f"\t{_text(said)}\t{_text(first)}\t{at}\t{verdict.condition}\t"
            )
            lines.append(line.encode() + orjson.dumps(values(profile)) if keeps_values else line.encode())
        return lines

    def _lengths(self, profile: Profile) -> Sequence[int | None]:
        """How long each of its lists is, as the profile says."""
        return [profile.followers if each == "followers" else profile.following for each in self.directions]

    def _accounts(self, lengths: Sequence[int | None]) -> tuple[int | None, int | None]:
        """How many accounts its lists bring at most; and how many of them the first of two."""
        most = self.most
        if most is not None:
            lengths = [most if each is None else min(each, most) for each in lengths]
        accounts = _total(lengths)
        return accounts, None if len(lengths) == 1 or accounts is None else lengths[0]


def _total(lengths: Sequence[int | None]) -> int | None:
    known = [each for each in lengths if each is not None]
    return sum(known) if len(known) == len(lengths) else None


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
