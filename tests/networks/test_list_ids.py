"""The ids of lists: each counted once, compared without error, also where they are no numbers or many."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.networks import list_ids
from harvester.networks.list_ids import DistinctIds, ListIds

# Numbers of X, and what only looks like one or is text of another network.
IDS = st.one_of(
    st.integers(1, 30).map(str),
    st.integers(2**63 - 20, 2**63 - 1).map(str),
    st.sampled_from(["did:plc:abc", 'a"b', "007", "0", "٣", "1" * 20, "p-a"]),
)


def distinct(ids: list[str]) -> DistinctIds:
    found = ListIds()
    found.add_all(ids)
    return found.distinct()


def listed(ids: DistinctIds) -> list[str]:
    found: list[str] = json.loads(ids.as_json())
    return found


@given(st.lists(IDS, max_size=40), st.lists(IDS, max_size=40))
def test_the_difference_is_that_of_sets(one: list[str], other: list[str]) -> None:
    mine, theirs = distinct(one), distinct(other)
    assert len(mine) == len(set(one)) and sorted(listed(mine)) == sorted(set(one))
    assert sorted(listed(mine.without(theirs))) == sorted(set(one) - set(other))
    assert sorted(listed(theirs.without(mine))) == sorted(set(other) - set(one))


def test_many_ids_are_on_disk_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_ids, "_IN_MEMORY", 64)
    ids = [str(number * 7919 % 10_007 + 1) for number in range(5_000)]
    assert [int(each) for each in listed(distinct(ids))] == sorted({int(each) for each in ids})
