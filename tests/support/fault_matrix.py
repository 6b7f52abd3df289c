"""Writes docs/fault-matrix.md: `python -m tests.support.fault_matrix` plays every fault."""

import re
import sys
import tempfile
import textwrap
from pathlib import Path

from tests.support.fault_cases import CASES, Case, Played, played

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fault-matrix.md"
HEAD = """# Fault matrix

Written by `python -m tests.support.fault_matrix`, which injects each network fault into a real
harvest against the emulator, with simulated time. `tests/durability/test_fault_matrix.py` fails if a
row, except its seconds, is no longer true. [when-it-goes-wrong.md](when-it-goes-wrong.md) explains the
reasons.

Exit code and state are those of the harvest that met the fault, as in its `harvest.json`; `s` is its
duration in simulated seconds. `lost` and `doubled` count records after the next harvest, compared with
what the emulator served: lost records are neither stored nor in a recorded gap. The test stops a stream
once it delivers posts again, so its state is `stopped` with exit code 0.

| fault | while reading | what the harvest does | exit | state | lost | doubled | s |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""
REASONS = """
## Reasons

The `reason` in `harvest.json` of those that did not complete, and were not stopped by the test:

"""
# A stream that the test stopped.
_THROUGH = "the test is through"

TAIL = """
## The store and the disk

Tested by `tests/store/test_faults.py` (a proxy in front of a real S3 server),
`tests/durability/test_full_disks.py` (a disk of 512 KiB), `tests/durability/test_lost_answers.py` and
`tests/durability/test_wrong_clocks.py`; no fault causes loss or duplicates. A store is unavailable if
it cannot be reached or returns 403 or 503, the session has expired, the bucket is missing, or the
clock is wrong.

| fault | what the harvest does | exit | state |
| --- | --- | --- | --- |
| store unavailable, less than 15 minutes | collects until its queues are full, continues | 0 | complete |
| store unavailable, longer | leaves everything in its work folder; the next start stores it | 1 | failed |
| the same, with a stream | stores it at the next start; the time between is a recorded gap | 1 | failed |
| the response to any one write is lost | retries, and finds its own write | 0 | complete |
| full disk, of the work folder | keeps what fits; the next start continues from its token | 1 | failed |
| full disk, of a folder store | leaves everything in its work folder; the next start stores it | 1 | failed |
| clock an hour off | waits as long as X's clock says; stores as usual | 0 | complete |
| clock an hour off, signed requests | reports the difference | 4 | failed |
"""


def line(row: Played) -> str:
    """A row of the table but for its last column."""
    return f"| {' | '.join(cell.replace('|', '/') for cell in row.told)} |"


def reason(row: Played) -> str:
    """The entry of a row in the list of reasons, in one line; empty if it has none."""
    words = " ".join(row.ended.outcome.reason.split())
    return f"{_place(row.case)}{words}" if words not in ("", _THROUGH) else ""


def _place(case: Case) -> str:
    return f"- **{case.name}**, {case.kind}: "


def reasons_told() -> list[str]:
    """The entries of the list of reasons as the page has them, each in one line."""
    section = _page().partition(REASONS)[2].partition("\n## ")[0]
    return [" ".join(entry.split()) for entry in re.split(r"\n(?=- )", section.strip())]


def reason_told(case: Case) -> str:
    """The entry of a fault; empty if it has none."""
    return next((entry for entry in reasons_told() if entry.startswith(_place(case))), "")


def _page() -> str:
    return PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""


def lines_told() -> list[str]:
    """The rows as the page has them, but for their last column."""
    table = _page().partition("\n## ")[0]
    rows = [row for row in table.splitlines() if row.startswith("| ")][2:]
    return [row.rstrip("| ").rpartition(" | ")[0] + " |" for row in rows]


def main() -> None:
    rows, reasons = [], []
    for number, case in enumerate(CASES, 1):
        with tempfile.TemporaryDirectory() as folder:
            row = played(case, Path(folder))
        rows.append(f"{line(row)} {row.ended.seconds:.0f} |")
        if entry := reason(row):
            reasons.append(textwrap.fill(entry, 100, subsequent_indent="  ", break_on_hyphens=False))
        sys.stderr.write(f"{number}/{len(CASES)} {rows[-1]}\n")
    table, listed = ("\n".join(lines) + "\n" for lines in (rows, reasons))
    PAGE.write_text(HEAD + table + REASONS + listed + TAIL, encoding="utf-8")


if __name__ == "__main__":
    main()
