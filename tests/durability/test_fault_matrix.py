"""No fault of the network loses or doubles a record, and each ends as docs/fault-matrix.md says."""

from pathlib import Path

import pytest

from tests.support.fault_cases import CASES, Case, played
from tests.support.fault_matrix import line, lines_told, reason, reason_told, reasons_told


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.name}")
def test_a_fault_loses_nothing_and_ends_as_it_must(case: Case, tmp_path: Path) -> None:
    row = played(case, tmp_path)
    assert row.fired, "the fault was not played"
    outcome = row.ended.outcome
    assert (outcome.state, outcome.exit_code) == (case.state, case.exit_code), outcome
    assert (row.ended.summary["state"], row.ended.summary["reason"]) == (outcome.state, outcome.reason)
    assert (row.lost, row.doubled) == (0, 0)
    least, most = case.takes
    assert least <= row.ended.seconds <= most
    stale = "docs/fault-matrix.md is stale: python -m tests.support.fault_matrix"
    assert line(row) in lines_told(), stale
    assert reason(row) == reason_told(case), stale


def test_the_page_has_a_row_for_each_fault_and_no_other() -> None:
    assert [row.split(" | ")[:2] for row in lines_told()] == [[f"| {case.name}", case.kind] for case in CASES]
    assert reasons_told() == list(filter(None, map(reason_told, CASES)))
