"""Each row of a table becomes a new rule, repeats one, or is named as unusable."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.networks.x.imports.imported import Imported, imported
from harvester.networks.x.imports.rows import CHANGED, NEW, REPEATED, UNUSABLE, Row, Table
from harvester.networks.x.rules.collection_rules import collection_rules
from tests.support.examples import examples

Fields = dict[str, Any]


def _table(*rows: Fields, name: str = "rules") -> Table:
    return Table(name, [Row(f"line {number}", row) for number, row in enumerate(rows, start=1)])


def _became(made: Imported) -> list[str]:
    return [outcome.became for outcome in made.outcomes]


_TRAPTOR = {
    "tag": "test",
    "value": "17919972",
    "status": "active",
    "appid": "an app",
    "orig_type": "userid",
    "rule_type": "follow",
    "rule_id": 12345,
}


def test_a_rule_of_traptor_has_its_id_and_keeps_every_other_field() -> None:
    made = imported({}, [_table(_TRAPTOR)])
    assert made.section["rules"] == [
        {
            "id": "12345",
            "type": "userid",
            "value": "17919972",
            "tag": "test",
            "status": "active",
            "metadata": {"appid": "an app", "rule_type": "follow"},
        }
    ]


def test_other_columns_and_those_of_metadata_are_one_object() -> None:
    row = {"Value": "happy", "metadata": '{"a": 1}', "metadata.b": "2", "Campaign": "c", "x_d": "3"}
    made = imported({}, [_table(row)], usual_type="track")
    assert made.section["rules"] == [
        {"type": "keyword", "value": "happy", "metadata": {"a": 1, "b": "2", "Campaign": "c", "x_d": "3"}}
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"value": "a", "status": "paused"}, "the status paused is neither active nor inactive"),
        ({"value": "a", "metadata": "b"}, "its metadata is not a JSON object"),
        ({"value": "a", "metadata": '{"b": 1}', "b": "2"}, "it has b twice in its metadata"),
        ({"value": "a", "metadata.b": "1", "b": "2"}, "it has b twice in its metadata"),
        ({"value": "a", "VALUE": "b"}, "has two columns of one name"),
        ({"value": "a", "tag": ["b"]}, "its tag is not text"),
        ({"value": {"a": 1}}, "its value is not text"),
        ({"value": "a", "id": "b:c"}, "has the id 'b:c'; an id is text that can be printed, without ':'"),
        ({"value": "a", "type": "topic"}, "the type topic is not one of: "),
        ({"tag": "a"}, "has no value"),
    ],
)
def test_a_row_that_is_no_rule_is_named(row: Fields, reason: str) -> None:
    made = imported({}, [_table(row, {"value": "b"})])
    assert _became(made) == [UNUSABLE, NEW]
    assert made.outcomes[0].reason.startswith(reason)


def test_the_same_value_twice_is_one_rule_and_what_is_lost_is_named() -> None:
    made = imported(
        {}, [_table({"value": "a", "tag": "t", "x": "1"}, {"value": " a "}, {"value": "a", "x": "2"})]
    )
    assert made.section["rules"] == [{"type": "native", "value": "a", "tag": "t", "metadata": {"x": "1"}}]
    assert [outcome.reason for outcome in made.outcomes] == [
        "",
        "same as line 1",
        "same as line 1; its metadata left out",
    ]


def test_the_same_value_with_two_tags_is_two_rules_with_ids_of_their_own() -> None:
    rows = _table({"value": "a", "tag": "one"}, {"value": "a", "tag": "two"}, {"value": "a", "tag": "two"})
    made = imported({}, [rows])
    assert _became(made) == [NEW, NEW, REPEATED]
    problems: list[str] = []
    found = collection_rules(made.section, problems)
    assert ([rule.tag for rule in found], problems) == (["one", "two"], [])
    assert made.section["rules"][1]["id"] == found[1].id != found[0].id


def test_the_same_value_with_two_ids_is_two_rules() -> None:
    rows = _table({"value": "a", "id": "1"}, {"value": "a", "id": "2"}, {"value": "a", "id": "1"})
    made = imported({}, [rows])
    assert _became(made) == [NEW, NEW, REPEATED]


def test_an_id_is_not_given_to_two_values() -> None:
    made = imported({}, [_table({"value": "a", "id": "1"}, {"value": "b", "id": "1"})])
    assert made.outcomes[1].reason == "1 is the id of line 1, whose value is a"


_THERE = {"id": "1", "value": "a", "type": "keyword", "tag": "t", "metadata": {"n": "1"}, "x_own": 3}


@pytest.mark.parametrize(
    ("row", "changed", "named"),
    [
        ({"status": "inactive"}, {"status": "inactive"}, "status"),
        ({"tag": "u", "n": "2"}, {"tag": "u", "metadata": {"n": "2"}}, "tag and metadata"),
        ({"value": "b"}, {"value": "b"}, "value"),
        ({"type": "hashtag"}, {"type": "hashtag", "value": "a"}, "type and value"),
    ],
)
def test_a_row_changes_the_rule_of_the_collection_that_has_its_id(
    row: Fields, changed: Fields, named: str
) -> None:
    section = {"rules": [{"id": "0", "value": "z"}, _THERE]}
    made = imported(section, [_table({"id": "1", "type": "keyword", "value": "a", **row})])
    (outcome,) = made.outcomes
    assert (outcome.became, outcome.reason) == (CHANGED, f"1 has another {named}")
    assert made.section["rules"] == [section["rules"][0], {**_THERE, **changed}]


def test_a_row_that_says_less_than_its_rule_changes_nothing() -> None:
    made = imported({"rules": [_THERE]}, [_table({"id": "1", "type": "keyword", "value": " a "})])
    assert (_became(made), made.section) == ([REPEATED], {"rules": [_THERE]})


def test_a_value_that_a_rule_had_before_its_row_changed_it_is_a_new_rule() -> None:
    rows = [{"id": "1", "value": "b"}, {"value": "a"}]
    made = imported({"rules": [{"id": "1", "value": "a"}]}, [_table(*rows)])
    assert _became(made) == [CHANGED, NEW]
    other = imported({"rules": [{"id": "1", "value": "a"}]}, [_table(*reversed(rows))])
    assert _became(other) == [REPEATED, UNUSABLE]


def test_a_term_of_track_is_changed_by_no_row() -> None:
    (term,) = collection_rules({"track": "happy"}, [])
    row = {"id": term.id, "type": "keyword", "value": "sad"}
    made = imported({"track": "happy"}, [_table(row)])
    assert (_became(made), "whose value is happy" in made.outcomes[0].reason) == ([UNUSABLE], True)


def test_a_row_of_a_second_table_is_named_with_the_table_that_it_repeats() -> None:
    made = imported({}, [_table({"value": "a"}, name="one"), _table({"value": "a"}, name="two")])
    assert made.outcomes[1].reason == "same as line 1 of one"


def test_terms_of_the_collection_are_rules_that_rows_repeat() -> None:
    section = {"track": "happy,sad", "max_records": 5}
    made = imported(section, [_table({"value": "happy", "type": "track"}, {"value": "joy", "type": "track"})])
    assert _became(made) == [REPEATED, NEW]
    assert made.outcomes[0].of_collection
    assert made.section == {**section, "rules": [{"type": "keyword", "value": "joy"}]}


def test_what_a_template_leaves_to_fill_in_is_removed() -> None:
    section = {"track": "<Comma separated list of terms. Or remove.>", "follow": "12"}
    assert imported(section, [_table({"value": "a"})]).section == {
        "follow": "12",
        "rules": [{"type": "native", "value": "a"}],
    }


def test_in_place_of_the_rules_there_only_the_rules_of_the_table_are_left() -> None:
    section = {"track": "happy,sad", "rules": [{"id": "7", "value": "a", "type": "native"}], "max_records": 5}
    rows = _table({"value": "happy", "type": "track"}, {"value": "a", "tag": "new"}, {"value": "b"})
    made = imported(section, [rows], replacing=True)
    assert _became(made) == [REPEATED, CHANGED, NEW]
    assert [rule.value for rule in made.removed] == ["sad"]
    assert made.section == {
        "max_records": 5,
        "rules": [
            {"type": "keyword", "value": "happy"},
            {"id": "7", "type": "native", "value": "a", "tag": "new"},
            {"type": "native", "value": "b"},
        ],
    }


def test_a_replaced_rule_may_have_its_id_with_another_value() -> None:
    section = {"rules": [{"id": "7", "value": "a"}]}
    made = imported(section, [_table({"id": "7", "value": "b"})], replacing=True)
    assert (_became(made), len(made.removed)) == ([CHANGED], 0)


def test_a_correction_is_counted_within_and_refused_when_strict() -> None:
    rows = _table({"value": "cnn.com", "type": "track"}, {"value": "cnn com", "type": "track"})
    made = imported({}, [rows])
    assert (_became(made), made.outcomes[0].corrected) == ([NEW, REPEATED], "cnn com")
    made = imported({}, [rows], strict=True)
    assert (_became(made), made.corrected) == ([UNUSABLE, NEW], [])
    assert made.outcomes[0].reason == "would be corrected to cnn com (keyword)"


_cells = st.fixed_dictionaries(
    {},
    optional={
        "value": st.sampled_from(
            ["a", "b c", " a", "cnn.com", "cnn com", "12", "1234567 x", "1,2,3,4", "@a", ""]
        ),
        "type": st.sampled_from(["track", "follow", "geo", "native", "hashtag", "username", "topic", ""]),
        "id": st.sampled_from(["1", "2", "x:y", ""]),
        "tag": st.sampled_from(["t", "u"]),
        "status": st.sampled_from(["active", "inactive", "odd"]),
        "campaign": st.integers(0, 2),
    },
)


@given(st.lists(_cells, max_size=12), st.lists(_cells, max_size=6), st.booleans(), st.booleans())
@settings(deadline=None, max_examples=examples(200))
def test_every_row_is_counted_once_and_a_second_import_adds_nothing(
    rows: Sequence[Fields], there: Sequence[Fields], strict: bool, replacing: bool
) -> None:
    section = imported({"track": "cnn com"}, [_table(*there)]).section
    table = _table(*rows)
    made = imported(section, [table], strict=strict, replacing=replacing)
    assert sum(map(made.count, (NEW, CHANGED, REPEATED, UNUSABLE))) == len(rows)
    assert all(outcome.became != UNUSABLE for outcome in made.corrected)
    again = imported(made.section, [table], strict=strict, replacing=replacing)
    assert (again.section, again.count(NEW), list(again.removed)) == (made.section, 0, [])
    assert again.count(CHANGED) == 0
    assert again.count(UNUSABLE) == made.count(UNUSABLE)
    if not replacing:
        before = len(section["rules"])
        changed = [a for a, b in zip(made.section["rules"], section["rules"], strict=False) if a != b]
        assert len(changed) == made.count(CHANGED)
        assert len(made.section["rules"]) == before + made.count(NEW)
    problems: list[str] = []
    assert len(collection_rules({"rules": made.section["rules"]}, problems)) == len(made.section["rules"])
    assert problems == []
