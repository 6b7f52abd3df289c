"""The tags of a stored record are those that reading all of it gives, wherever they stand in it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.clock import SystemClock
from harvester.networks.rule_counts import RuleCounts
from harvester.networks.x.streaming.matched_tags import MatchedTags, RuleTally

_TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=8) | st.just('"matching_rules":[]')
_RULES = st.lists(st.fixed_dictionaries({"id": _TEXT, "tag": _TEXT}), max_size=3)


def _line(members: dict[str, Any]) -> bytes:
    return json.dumps({**members, "__twarc": {"version": "2"}}, separators=(",", ":")).encode() + b"\n"


@given(st.lists(st.tuples(_TEXT, _RULES, st.permutations(["data", "matching_rules", "errors"])), max_size=5))
def test_the_tags_are_those_of_the_whole_record(records: list[tuple[str, list[Any], list[str]]]) -> None:
    lines, expected = [], []
    for text, rules, order in records:
        members = {"data": {"id": "1", "text": text}, "matching_rules": rules, "errors": [{"detail": text}]}
        lines.append(_line({name: members[name] for name in order}))
        expected.append(tuple(rule["tag"] for rule in rules))
    found = MatchedTags()
    for _ in range(2):
        assert sorted(found.counted(lines).elements()) == sorted(expected)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        _line({}),
        _line({"matching_rules": None}),
        _line({"matching_rules": [{"id": "1"}, 3]}),
        b'{"data":{"text":"\\ud83d"}}',
    ],
)
def test_a_record_without_readable_rules_has_no_tags(line: bytes) -> None:
    assert MatchedTags().counted([line]) == {(): 1}


def test_a_rule_without_a_tag_has_an_empty_one() -> None:
    assert MatchedTags().counted([_line({"matching_rules": [{"id": "1"}]})]) == {("",): 1}


def test_posts_are_counted_by_the_rules_of_their_collection() -> None:
    counts = RuleCounts(SystemClock())
    tally = RuleTally("twarc-cloud:c:", counts)
    tags = [["c:a", "c:pack-1"], ["c:a", "other:b"], ["other:a"], [], ["c:a", "c:a"]]
    tally.count(_line({"matching_rules": [{"tag": f"twarc-cloud:{tag}"} for tag in each]}) for each in tags)
    told = counts.figures()
    assert {rule["id"]: rule["total"] for rule in told["rules"]} == {"a": 3, "pack-1": 1}
    assert (told["all"]["total"], told["foreign"]["total"]) == (5, 2)


def test_what_is_remembered_is_bounded() -> None:
    found = MatchedTags()
    for number in range(5_000):
        found.counted([_line({"matching_rules": [{"tag": str(number)}]})])
    assert len(found._known) <= 2_000
