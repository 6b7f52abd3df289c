"""Lines that do not fit in memory come back sorted, and packed the same each time."""

import gzip
import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harvester.graph import runs

LINES = st.lists(st.text("0123456789ab:\t", min_size=1, max_size=9).map(str.encode), max_size=120)


# A few hundred lines are many blocks of many files.
SMALL = runs.Limits(lines=7, block=16, files=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(LINES)
def test_lines_come_back_sorted_and_none_is_lost(tmp_path: Path, lines: list[bytes]) -> None:
    folder = tmp_path / os.urandom(6).hex()
    folder.mkdir()
    found = [line for block in runs.in_order(lines, folder, limits=SMALL) for line in block]
    assert found == sorted(lines)


def test_equal_lines_are_equal_bytes_however_they_are_cut_into_blocks(tmp_path: Path) -> None:
    lines = [str(number).encode() for number in range(300_000)]
    runs.write_packed(tmp_path / "one", [lines])
    runs.write_packed(tmp_path / "other", [[], *([line] for line in lines), []])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert gzip.decompress((tmp_path / "one").read_bytes()).split() == lines
