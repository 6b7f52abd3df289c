"""An account that a page named, as a line: how it was judged, what its lists come to, and who led to it.

    id TAB outcome TAB accounts TAB said TAB place TAB condition TAB values

`outcome` is one letter; `accounts` is how many its lists bring at most, and `said` how many its profile says;
`place` is that of the account whose list it is in. A number that is not known is empty. Lines of one account
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
        judge, values, said_by = self.selection.judge, self.selection.values, self._said
        at, most, keeps_values = f"{place:0{_PLACE}d}", self.most, self.keeps_values
        lines = []
        for profile in profiles:
            verdict = judge(profile)
            said = said_by(profile)
            accounts = said if most is None else self._capped(profile, most)
            if profile.protected:
                # Its lists are not shown.
                accounts = 0
            line = (
                f"{profile.id}\t{LETTERS[verdict.outcome]}\t{'' if accounts is None else accounts}"
                f"\t{'' if said is None else said}\t{at}\t{verdict.condition}\t"
            )
            lines.append(line.encode() + orjson.dumps(values(profile)) if keeps_values else line.encode())
        return lines

    def _said(self, profile: Profile) -> int | None:
        if len(self.directions) == 1:
            return profile.followers if self.directions[0] == "followers" else profile.following
        if profile.followers is None or profile.following is None:
            return None
        return profile.followers + profile.following

    def _capped(self, profile: Profile, most: int) -> int:
        of_each = (
            profile.followers if each == "followers" else profile.following for each in self.directions
        )
        return sum(most if said is None else min(said, most) for said in of_each)
