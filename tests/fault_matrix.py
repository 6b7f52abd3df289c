"""Writes docs/fault-matrix.md: `python -m tests.fault_matrix` plays every fault and tells what came of it."""

import sys
import tempfile
from pathlib import Path

from tests.fault_cases import CASES, Played, played

PAGE = Path(__file__).resolve().parents[1] / "docs" / "fault-matrix.md"
HEAD = """# What each fault of the network comes to

Written by `python -m tests.fault_matrix`, which plays each fault to a real harvest against the emulator, on a
clock that waits move ahead. `tests/test_fault_matrix.py` fails when a row, but for its seconds, is no longer
true. What a reason means to the person who reads it is in [when-it-goes-wrong.md](when-it-goes-wrong.md).

The exit code, the state and the reason are those of the harvest that met the fault, and stand in its
`harvest.json`; `s` is how long it took on that clock. `lost` and `doubled` count records after the harvest
that follows, against what the emulator says there was: lost is what is neither stored nor in a recorded gap.
A stream is stopped by the test once it brings posts again, hence its `stopped` with exit code 0.

| fault | while reading | what the harvest does | exit | state | reason | lost | doubled | s |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def line(row: Played) -> str:
    """A row of the table but for its last column."""
    return f"| {' | '.join(cell.replace('|', '/') for cell in row.told)} |"


def lines_told() -> list[str]:
    """The rows as the page has them, but for their last column."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    rows = [row for row in text.splitlines() if row.startswith("| ")][2:]
    return [row.rstrip("| ").rpartition(" | ")[0] + " |" for row in rows]


def main() -> None:
    rows = []
    for number, case in enumerate(CASES, 1):
        with tempfile.TemporaryDirectory() as folder:
            row = played(case, Path(folder))
        rows.append(f"{line(row)} {row.ended.seconds:.0f} |")
        sys.stderr.write(f"{number}/{len(CASES)} {rows[-1]}\n")
    PAGE.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
