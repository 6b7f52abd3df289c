"""A depth is closed: accounts that pages named, less those that are known. Speed and memory.

Each step is a process of its own: `python -m bench.closing STEP ACCOUNTS FOLDER`.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.measured import Cost, cost
from harvester.graph.closing import Closing, Wanted
from harvester.graph.findings import Reading
from harvester.graph.select import Selection
from harvester.networks.profiles import Profile

_ROOT = Path(__file__).resolve().parents[1]
_PAGE = 1_000
SELECT = {"min_statuses": 3, "max_followers": 2_900}


@dataclass(frozen=True)
class Figure:
    """A step with this many accounts known, and as many found."""

    what: str
    accounts: int
    spent: Cost


def measure(*, accounts: int) -> Iterator[Figure]:
    for what, step in (
        ("only making the accounts", "made"),
        ("closing, all selected", "all"),
        ("closing, with a selection and its verdicts", "select"),
    ):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "bench.closing", step, str(accounts), folder]
            yield Figure(
                what, accounts, cost(command, folder=Path(folder), environment={"PYTHONPATH": str(_ROOT)})
            )


def _id(number: int) -> str:
    """Half of the ids have 32 bits, half 64."""
    if number % 2:
        return str(number * 2_654_435_761 % (1 << 31))
    return str(10**18 + number * 0x9E3779B97F4A7C15 % (1 << 59))


def _pages(accounts: int) -> Iterator[list[Profile]]:
    """Half of the accounts on each page are known."""
    for start in range(0, accounts, _PAGE):
        yield [
            Profile(_id(at if at % 4 < 2 else accounts + at), followers=at * at % 3_000, posts=at % 9)
            for at in range(start, min(start + _PAGE, accounts))
        ]


def main(step: str, accounts: int, folder: Path) -> None:
    known = (_id(number).encode() for number in range(accounts))
    if step == "made":
        for _ in known:
            pass
        for _ in _pages(accounts):
            pass
        return
    chosen = SELECT if step == "select" else {}
    (scratch := folder / "scratch").mkdir()
    closing = Closing(scratch, Wanted(judged=bool(chosen)))
    reading = Reading(Selection(chosen), ("followers",), keeps_values=bool(chosen))
    closing.know(known)
    for page in _pages(accounts):
        closing.find(reading.findings(page))
    made = closing.frontier()
    print(made.entries, made.found, made.known, made.users)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
