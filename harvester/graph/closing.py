"""A depth is closed: of the accounts that its lists named, those selected and not seen before are the next.

The files are a function of what was found and what is known, whatever the order in which it came; made again
they have the same bytes. Memory does not grow with the number of accounts.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import orjson

from harvester.graph import runs
from harvester.graph.findings import LETTERS, OUTCOMES, TAB
from harvester.graph.partitions import Partitions
from harvester.graph.select import REJECTED, SELECTED, UNKNOWN

BY_COST, BY_ID, BY_PLACE = "fewest_followers_first", "id", "dfs"

# Wider than any count, so that text has the order of numbers; who does not say comes last.
_WIDTH = 12
_NOT_KNOWN = b"~"
_SELECTED = LETTERS[SELECTED].encode()
_VERDICTS = 1_000
_READ = 1 << 20

Tell = Callable[[str, int], None]


def _quiet(words: str, number: int) -> None:
    pass


@dataclass(frozen=True)
class Wanted:
    """What a frontier is made of: how it is ordered, and how many accounts it may have."""

    by: str = BY_COST
    most_users: int | None = None
    # Whether verdicts are written.
    judged: bool = True


@dataclass
class Found:
    """The accounts that were found, counted."""

    # Named on pages, each time; different ones; of these, those of earlier depths.
    entries: int = 0
    found: int = 0
    known: int = 0
    # Those that are not selected, by outcome and condition.
    others: dict[str, Counter[str]] = field(default_factory=lambda: {REJECTED: Counter(), UNKNOWN: Counter()})
    selected: int = 0

    def add(self, more: "Found") -> None:
        """Add what was found of other accounts."""
        self.entries += more.entries
        self.found += more.found
        self.known += more.known
        self.selected += more.selected
        for outcome, conditions in more.others.items():
            self.others[outcome].update(conditions)


@dataclass(kw_only=True)
class Frontier(Found):
    """What was made: the files in the scratch folder, and the figures."""

    ids: Path
    order: Path
    judged: Path | None
    # Of the selected, as many as there may be.
    users: int = 0
    # Of the users: what their lists bring at most, and what their profiles say.
    accounts: int = 0
    said: int = 0
    # Users of whom the length of a list is not known.
    uncounted: int = 0

    @property
    def repeated(self) -> float:
        """The share of the entries that named an account not for the first time."""
        return 1 - (self.found - self.known) / self.entries if self.entries else 0.0


Divided = Callable[[Found, Path, list[Path]], Iterator[list[bytes]]]


class Closing:
    """Accounts that were found, and those known before, become a frontier.

    `scratch` is an empty folder on a disk with room for some 100 bytes an account.
    """

    def __init__(self, scratch: Path, wanted: Wanted, *, tell: Tell = _quiet) -> None:
        self._scratch, self._wanted, self._tell = scratch, wanted, tell
        self._found = Partitions(scratch / "found")
        self._known = Partitions(scratch / "known")

    def find(self, findings: list[bytes]) -> None:
        """Add what pages named."""
        self._found.add(findings, ends=TAB)

    def know(self, ids: Iterable[bytes]) -> None:
        """Add accounts that the frontier must not have."""
        rest = iter(ids)
        while some := list(islice(rest, 10_000)):
            self._known.add(some)

    def frontier(self, divided: Divided | None = None) -> Frontier:
        """The frontier of everything that was added, or of what was `divided` already."""
        judged = self._scratch / "judged.jsonl.gz" if self._wanted.judged else None
        ids, order = self._scratch / "ids.txt.gz", self._scratch / "order.txt.gz"
        made = Frontier(ids=ids, order=order, judged=judged)
        files: list[Path] = []
        verdicts = (divided or self.divided)(made, self._folder("selected"), files)
        if judged:
            runs.write_packed(judged, verdicts)
        else:
            for _ in verdicts:
                pass
        self._order(made, files)
        return made

    def divided(self, made: Found, folder: Path, files: list[Path]) -> Iterator[list[bytes]]:
        """Count everything that was added in `made`; the verdicts of each part.

        Who is selected is written to a file for each part in `folder`, which is added to `files`.
        """
        self._known.flush()
        for part, found in enumerate(self._found.each()):
            self._tell("comparing with what is known", made.found)
            made.entries += len(found)
            by_key = _first_of_each(found)
            new = sorted(by_key.keys() - set(self._known.lines(part)))
            made.found += len(by_key)
            made.known += len(by_key) - len(new)
            lines = [by_key[key] for key in new]
            selected = lines
            if self._wanted.judged:
                selected = [line for line in lines if line.split(TAB, 2)[1] == _SELECTED]
                # A verdict takes some kB for as long as it is kept: orjson makes it in a larger buffer.
                for start in range(0, len(lines), _VERDICTS):
                    yield [_verdict(made, line) for line in lines[start : start + _VERDICTS]]
            if selected:
                files.append(folder / f"part-{part:02d}")
                runs.write_lines(files[-1], selected)
                made.selected += len(selected)

    def _order(self, made: Frontier, files: list[Path]) -> None:
        """Write the frontier in the order of its visits, and in that of its ids."""
        self._tell("ordering", made.selected)
        lines = (_keyed(line, self._wanted.by) for path in files for line in lines_of(path))
        blocks = runs.in_order(lines, self._folder("order"))
        folder = self._folder("ids")
        kept = folder / "kept"
        with kept.open("wb") as file:
            runs.write_packed(made.order, self._visited(made, blocks, file))
        for path in files:
            path.unlink()
        runs.write_packed(made.ids, runs.in_order(lines_of(kept), folder))

    def _visited(
        self, made: Frontier, blocks: Iterable[list[bytes]], kept: BinaryIO
    ) -> Iterator[list[bytes]]:
        """The lines of the order, as far as there may be users, whose ids are written to `kept`."""
        most = self._wanted.most_users
        for block in blocks:
            taken = block if most is None else block[: max(0, most - made.users)]
            if not taken:
                continue
            _, keys, accounts, said, first = zip(*[line.split(TAB) for line in taken], strict=True)
            made.users += len(taken)
            made.accounts += sum(map(int, filter(None, accounts)))
            made.said += sum(map(int, filter(None, said)))
            made.uncounted += accounts.count(b"")
            kept.write(b"\n".join(keys) + b"\n")
            behind = (
                its + TAB + of_first if of_first else its
                for its, of_first in zip(accounts, first, strict=True)
            )
            yield list(map(TAB.join, zip(keys, behind, strict=True)))

    def _folder(self, name: str) -> Path:
        folder = self._scratch / name
        folder.mkdir()
        return folder


def _first_of_each(lines: list[bytes]) -> dict[bytes, bytes]:
    """By id, the first line of each account."""
    # What comes later in a dictionary stays.
    lines.sort(reverse=True)
    return {line.partition(TAB)[0]: line for line in lines}


def _keyed(line: bytes, by: str) -> bytes:
    """What of a finding is needed in the order of the visits, after what the order is made of."""
    key, _, accounts, said, of_first, place, _ = line.split(TAB, 6)
    if by == BY_COST:
        first = accounts.rjust(_WIDTH, b"0") if accounts else _NOT_KNOWN
    else:
        first = place if by == BY_PLACE else b""
    return TAB.join((first, key, accounts, said, of_first))


def _verdict(made: Found, line: bytes) -> bytes:
    """What is kept of the verdict of an account; who is not selected is counted."""
    key, letter, _, _, _, _, condition, values = line.split(TAB, 7)
    outcome, name = OUTCOMES[letter], condition.decode()
    if outcome in made.others:
        made.others[outcome][name] += 1
    found = {"id": key.decode(), "verdict": outcome, "condition": name or None}
    return orjson.dumps({**found, "values": orjson.Fragment(values or b"{}")})


def lines_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while some := file.readlines(_READ):
            yield from b"".join(some)[:-1].split(b"\n")
