"""Rules come and go one by one, and what is no rule changes nothing."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harvester.networks.x.rules.collection_rules import collection_rules, made_id
from harvester.networks.x.rules.edits import with_rules, with_status, without_rules


def test_what_is_new_is_added_as_it_was_given() -> None:
    new = [{"type": "hashtag", "value": " summer ", "tag": "season"}, {"id": "7", "value": "cat lang:en"}]

    found = with_rules({"track": "a"}, new)

    assert found.section == {"track": "a", "rules": new}
    assert [rule.value for rule in found.added] == ["#summer", "cat lang:en"]
    assert with_rules(found.section, new).section == found.section


def test_what_says_the_same_is_there_already() -> None:
    section = {"track": "sad song", "rules": [{"id": "1", "type": "keyword", "value": "happy", "tag": "x"}]}
    new = [{"type": "keyword", "value": value} for value in ("sad  song", "new", "new")]

    found = with_rules(section, [*new, {"type": "keyword", "value": "happy", "tag": "x"}])

    assert [rule.value for rule in found.added] == ["new"]
    assert [rule.value for rule in found.present] == ["sad song", "new", "happy"]


def test_what_is_no_rule_is_told_and_the_rest_is_added() -> None:
    new = [
        *({"type": "userid", "value": value} for value in ("12", "ishouldbeint", "")),
        {"id": "a:b", "value": "x"},
    ]
    found = with_rules({"rules": [{"id": "1", "value": "cat"}]}, [*new, {"id": "1", "value": "dog"}])

    assert [rule.value for rule in found.added] == ["12"]
    assert found.unusable == (
        "ishouldbeint: 'ishouldbeint' is not a user id, which is a number.",
        "(no value): has no value.",
        "x: has the id 'a:b'; an id is text that can be printed, without ':'.",
        "dog: another rule has the id 1.",
    )


_SECTION: dict[str, Any] = {
    "track": 'flood warning, "high water"',
    "follow": ["12", "@NASA"],
    "locations": "1,2,3,4,5,6,7,8",
    "rules": [{"id": "7", "value": "cat"}, {"value": "dog", "tag": "x"}, {"value": "dog", "tag": "y"}],
    "max_records": 7,
}


def test_a_rule_is_removed_by_its_id_wherever_it_is() -> None:
    dog, box = made_id("native", "dog"), made_id("geo", "1,2,3,4")
    flood, nasa = made_id("keyword", "flood warning"), made_id("username", "nasa")

    found = without_rules(_SECTION, ["7", dog, box, flood, nasa, "8", "8"])

    assert found.missing == ("8",)
    assert [rule.value for rule in found.removed] == ["cat", "dog", "1,2,3,4", "flood warning", "nasa"]
    assert found.section == {
        "track": '"high water"',
        "follow": ["12"],
        "locations": "5,6,7,8",
        "rules": [{"value": "dog", "tag": "y"}],
        "max_records": 7,
    }


def test_a_part_of_which_nothing_is_left_is_no_part() -> None:
    every = [rule.id for rule in collection_rules(_SECTION, [])]

    assert without_rules(_SECTION, every).section == {"max_records": 7}
    assert without_rules(_SECTION, ["none"]).section == _SECTION


@given(st.lists(st.integers(min_value=0, max_value=8)))
def test_the_rules_that_are_left_keep_their_order(numbers: list[int]) -> None:
    rules = collection_rules(_SECTION, [])
    gone = {rules[number].id for number in numbers if number < len(rules)}

    left = collection_rules(without_rules(_SECTION, sorted(gone)).section, [])

    # A rule that says what another one says, and has another tag, has its id once that one is gone.
    assert [(rule.value, rule.tag) for rule in left] == [
        (rule.value, rule.tag) for rule in rules if rule.id not in gone
    ]


_entries = st.fixed_dictionaries(
    {"value": st.sampled_from(["a", "b"])},
    optional={
        "id": st.sampled_from(["1", "2"]),
        "tag": st.sampled_from(["t", "u"]),
        "type": st.sampled_from(["keyword", "native"]),
        "status": st.sampled_from(["active", "inactive"]),
        "metadata": st.just({"n": 1}),
    },
)


def _told_apart(entry: dict[str, Any]) -> dict[str, Any]:
    """Without a status of its own, unless it has an id: what differs in status only is one rule then."""
    return entry if "id" in entry else {name: entry[name] for name in entry if name != "status"}


def _own(entry: Any) -> Any:
    return entry.get("id", id(entry))


_sections = st.fixed_dictionaries(
    {},
    optional={
        "rules": st.lists(_entries.map(_told_apart), max_size=4, unique_by=_own),
        "track": st.sampled_from(["a", "a,b", ["b", "c"]]),
        "follow": st.just("12,@nasa"),
    },
)


def _statuses(section: dict[str, Any]) -> dict[str, str]:
    problems: list[str] = []
    found = {rule.id: rule.status for rule in collection_rules(section, problems)}
    assert problems == []
    return found


@given(_sections, st.data())
def test_rules_are_switched_off_and_on_and_no_other_changes(section: dict[str, Any], data: Any) -> None:
    before = _statuses(section)
    ids = data.draw(st.lists(st.sampled_from([*before, "none"]), unique=True))
    off = with_status(section, "inactive", ids=ids, tags=[])
    known = [each for each in ids if each in before]
    assert off.missing == tuple(each for each in ids if each == "none")
    assert {rule.id for rule in (*off.changed, *off.present)} == set(known)
    assert _statuses(off.section) == before | dict.fromkeys(known, "inactive")
    on = with_status(off.section, "active", ids=ids, tags=[])
    assert _statuses(on.section) == before | dict.fromkeys(known, "active")


def test_entries_that_repeat_one_another_are_switched_as_one_rule() -> None:
    section = {"rules": [{"value": "b", "tag": "t"}, {"value": "b"}, {"value": "b"}]}
    off = with_status(section, "inactive", ids=list(_statuses(section)), tags=[])
    assert set(_statuses(off.section).values()) == {"inactive"}
    assert _statuses(off.section).keys() == _statuses(section).keys()


def test_all_rules_of_a_tag_are_switched() -> None:
    found = with_status(_SECTION, "inactive", ids=[], tags=["x", "z"])

    assert ([rule.tag for rule in found.changed], found.missing) == (["x"], ("z",))
    assert found.section["rules"][1] == {"value": "dog", "tag": "x", "status": "inactive"}
