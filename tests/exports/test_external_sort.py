"""More than fits in memory is sorted on disk, like a list is in memory."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.exports.external_sort import Sorter

_PAIRS = st.lists(st.tuples(st.binary(max_size=3), st.binary(max_size=3)), max_size=60)


@given(_PAIRS, st.sampled_from([1, 500, 1 << 20]))
def test_pairs_come_in_the_order_of_key_and_value(pairs: Sequence[tuple[bytes, bytes]], memory: int) -> None:
    with Sorter(memory=memory) as sorter:
        for pair in pairs:
            sorter.add(*pair)
        assert list(sorter) == sorted(pairs)
        assert list(sorter) == sorted(pairs)


@given(st.lists(st.binary(max_size=2), max_size=60), st.sampled_from([1, 500, 1 << 20]))
def test_each_key_comes_once_where_that_is_asked_for(keys: Sequence[bytes], memory: int) -> None:
    with Sorter(unique=True, memory=memory) as sorter:
        for key in keys:
            sorter.add(key)
        assert [key for key, _ in sorter] == sorted(set(keys))


def test_many_runs_become_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harvester.exports.external_sort._MOST_RUNS", 3)
    with Sorter(memory=1) as sorter:
        for number in range(40):
            sorter.add(b"%03d" % (number * 7 % 40))
        assert [key for key, _ in sorter] == [b"%03d" % number for number in range(40)]
