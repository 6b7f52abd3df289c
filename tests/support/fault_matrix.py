"""Writes docs/fault-matrix.md: `python -m tests.support.fault_matrix` plays every fault."""

import sys
import tempfile
from pathlib import Path

from tests.support.fault_cases import CASES, Played, played

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fault-matrix.md"
HEAD = """# What each fault of the network comes to

Written by `python -m tests.support.fault_matrix`, which plays each fault to a real harvest against the
emulator, on a clock that waits move ahead. `tests/durability/test_fault_matrix.py` fails when a row, but
for its seconds, is no longer true. What a reason means to the person who reads it is in
[when-it-goes-wrong.md](when-it-goes-wrong.md).

The exit code, the state and the reason are those of the harvest that met the fault, and stand in its
`harvest.json`; `s` is how long it took on that clock. `lost` and `doubled` count records after the harvest
that follows, against what the emulator says there was: lost is what is neither stored nor in a recorded gap.
A stream is stopped by the test once it brings posts again, hence its `stopped` with exit code 0.

| fault | while reading | what the harvest does | exit | state | reason | lost | doubled | s |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""

TAIL = """
## The store and the disk

Played by `tests/store/test_faults.py` (a gate before a real S3 server),
`tests/durability/test_full_disks.py` (a disk of 512 KiB), `tests/durability/test_lost_answers.py` and
`tests/durability/test_wrong_clocks.py`; each loses and doubles nothing. A store is away if it
cannot be reached or says 403, 503, that the session is over, the bucket gone, or the
clock wrong.

| fault | what the harvest does | exit | state |
| --- | --- | --- | --- |
| store away for less than 15 minutes | collects until its queues are full, retries, goes on | 0 | complete |
| store away for longer | keeps all in its work folder; the next start stores it | 1 | failed |
| the same, with a stream | keeps what came; until the next start is a recorded gap | 1 | failed |
| the answer to any one write is lost | tries again, and finds its own write | 0 | complete |
| full disk, of the work folder | keeps what fits; the next start goes on from its token | 1 | failed |
| full disk, of a folder store | keeps all in its work folder; the next start stores it | 1 | failed |
| clock an hour off | waits for as long as X's clock says; stores as always | 0 | complete |
| clock an hour off, signed requests | says by how much it is off | 4 | failed |
"""


def line(row: Played) -> str:
    """A row of the table but for its last column."""
    return f"| {' | '.join(cell.replace('|', '/') for cell in row.told)} |"


def lines_told() -> list[str]:
    """The rows as the page has them, but for their last column."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    table = text.partition("\n## ")[0]
    rows = [row for row in table.splitlines() if row.startswith("| ")][2:]
    return [row.rstrip("| ").rpartition(" | ")[0] + " |" for row in rows]


def main() -> None:
    rows = []
    for number, case in enumerate(CASES, 1):
        with tempfile.TemporaryDirectory() as folder:
            row = played(case, Path(folder))
        rows.append(f"{line(row)} {row.ended.seconds:.0f} |")
        sys.stderr.write(f"{number}/{len(CASES)} {rows[-1]}\n")
    PAGE.write_text(HEAD + "\n".join(rows) + "\n" + TAIL, encoding="utf-8")


if __name__ == "__main__":
    main()
