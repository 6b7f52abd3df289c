"""More than fits in memory is sorted on disk, like a list is in memory."""

import resource
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.reading.external_sort import Sorter

_PAIRS = st.lists(st.tuples(st.binary(max_size=3), st.binary(max_size=3)), max_size=60)


@given(_PAIRS, st.sampled_from([1, 500, 1 << 20]))
def test_pairs_come_in_the_order_of_key_and_value(pairs: Sequence[tuple[bytes, bytes]], memory: int) -> None:
    with Sorter(memory=memory) as sorter:
        for pair in pairs:
            sorter.add(*pair)
        assert list(sorter) == sorted(pairs)
        assert list(sorter) == sorted(pairs)


@given(_PAIRS, st.sampled_from([1, 500, 1 << 20]))
def test_each_key_comes_once_with_its_greatest_value(
    pairs: Sequence[tuple[bytes, bytes]], memory: int
) -> None:
    with Sorter(unique=True, memory=memory) as sorter:
        for pair in pairs:
            sorter.add(*pair)
        assert list(sorter) == sorted(dict(sorted(pairs)).items())


def test_many_runs_become_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harvester.reading.external_sort._MOST_RUNS", 3)
    with Sorter(memory=1) as sorter:
        for number in range(40):
            sorter.add(b"%03d" % (number * 7 % 40))
        assert [key for key, _ in sorter] == [b"%03d" % number for number in range(40)]


def test_a_full_disk_for_temporary_files_is_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(OSError, match="File too large") as caught, Sorter(memory=1 << 20) as sorter:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        try:
            draw = Random(1)
            for number in range(20_000):
                sorter.add(f"{number}".encode(), draw.randbytes(100))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(caught.value.filename).startswith(str(tmp_path))
