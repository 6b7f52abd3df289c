"""Each rule of a collection has an id, a type and one spelling; what is wrong is one line that names it."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.networks.x.rules.collection_rules import (
    CollectionRule,
    collection_rules,
    repeated,
    unfinished,
    unreadable,
)
from harvester.networks.x.rules.live_rules import RuleCaps
from harvester.networks.x.rules.wanted import active_rules, translated


def _read(**asked: Any) -> list[CollectionRule]:
    problems: list[str] = []
    found = collection_rules(asked, problems)
    assert problems == []
    return found


def _problems(*rules: Any, **asked: Any) -> list[str]:
    problems: list[str] = []
    collection_rules({"rules": list(rules), **asked}, problems)
    return problems


def _made(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}\n{value}".encode()).hexdigest()[:12]


def test_a_rule_keeps_all_that_a_person_gave_it() -> None:
    given = {"id": "12347", "type": "keyword", "value": "happy", "tag": "mood", "metadata": {"appid": "a"}}

    (rule,) = _read(rules=[{**given, "x_note": "ours"}])

    assert rule == CollectionRule("12347", "keyword", "happy", "mood", "active", {"appid": "a"})
    assert rule.active


def test_only_a_value_is_required() -> None:
    assert _read(rules=[{"value": " cat has:images "}]) == [
        CollectionRule(_made("native", "cat has:images"), "native", "cat has:images")
    ]


def test_an_inactive_rule_is_read_and_is_not_active() -> None:
    (rule,) = _read(rules=[{"value": "cat", "status": "inactive"}])

    assert (rule.status, rule.active) == ("inactive", False)


SPELLINGS = {
    "all words": ("keyword", "  flood   warning ", "flood warning"),
    "a phrase": ("keyword", '"flood  warning" x', '"flood warning" x'),
    "a comma is a blank": ("keyword", "Paris, Texas", "Paris Texas"),
    "a comma in a phrase": ("keyword", '"a, b"', '"a, b"'),
    "punctuation alone is no word": ("keyword", "flood ... !", "flood"),
    "a stray quote": ("keyword", '12" pizza', "12 pizza"),
    "another script": ("keyword", "今日中国", "今日中国"),
    "a word as a hashtag": ("hashtag", "summer", "#summer"),
    "a hashtag": ("hashtag", "#apple", "#apple"),
    "each word is a hashtag": ("hashtag", "#sliding door", "#sliding #door"),
    "a name with @": ("username", "@Museum", "museum"),
    "a name without": ("username", "museum", "museum"),
    "an account": ("userid", "17919972", "17919972"),
    "an account as a number": ("userid", 17919972, "17919972"),
    "a box as text": ("geo", " -122.75, 36.8,-121.75,37.80", "-122.75,36.8,-121.75,37.8"),
    "a box as numbers": ("geo", [-122.75, 36.8, -121.75, 37.8], "-122.75,36.8,-121.75,37.8"),
    "a box at zero": ("geo", "-0.0,-0.5,1e0,0", "0,-0.5,1,0"),
    "X's own language": ("native", "cat (has:images OR dog) ", "cat (has:images OR dog)"),
}


@pytest.mark.parametrize(("kind", "given_", "value"), SPELLINGS.values(), ids=SPELLINGS)
def test_a_value_has_one_spelling_and_the_id_is_made_of_it(kind: str, given_: Any, value: str) -> None:
    (rule,) = _read(rules=[{"type": kind, "value": given_}])

    assert (rule.type, rule.value, rule.id) == (kind, value, _made(kind, value))
    # What was spelled once is not spelled otherwise.
    assert _read(rules=[{"type": kind, "value": value}]) == [rule]


WRONG = {
    "no object": ("cat", "rules[0] is not an object with a value: 'cat'."),
    "no value": ({"tag": "x"}, "rules[0] has no value."),
    "an empty value": ({"id": "r-1", "value": "  "}, "Rule r-1 has no value."),
    "a number for text": ({"value": 5}, "rules[0]: its value is 5, which is not text."),
    "a mistyped key": ({"value": "cat", "tga": "y"}, "rules[0] has an unknown key tga. Did you mean tag?"),
    "another key": (
        {"value": "cat", "colour": "y"},
        "rules[0] has an unknown key colour. It can have id, type, value, tag, status, metadata.",
    ),
    "a mistyped type": (
        {"value": "cat", "type": "keywrod"},
        "rules[0] has an unknown type 'keywrod'; did you mean keyword?",
    ),
    "another type": (
        {"value": "cat", "type": 7},
        "rules[0] has an unknown type 7; use keyword, hashtag, username, userid, geo, native.",
    ),
    "another status": (
        {"value": "cat", "status": "actve"},
        "rules[0] has an unknown status 'actve'; did you mean active?",
    ),
    "a number as id": ({"value": "cat", "id": 7}, "rules[0] has the id 7; an id is text"),
    "a colon in an id": ({"value": "cat", "id": "a:b"}, "has the id 'a:b'; an id is text"),
    "an empty id": ({"value": "cat", "id": ""}, "rules[0] has the id ''; an id is text"),
    "a long id": ({"value": "cat", "id": "x" * 101}, "an id has at most 100 characters"),
    "the id of packed rules": ({"value": "cat", "id": "pack-7"}, "like pack-1 is that of packed rules"),
    "a tag of two": ({"value": "cat", "tag": ["a"]}, "rules[0] has a tag that is not text."),
    "metadata of text": ({"value": "cat", "metadata": "a"}, "rules[0] has metadata that is not an object."),
    "a keyword of none": ({"type": "keyword", "value": "..."}, "'...' holds no word"),
    "no hashtag": ({"type": "hashtag", "value": "rock-n-roll"}, "#rock-n-roll is not a hashtag"),
    "a hashtag of an emoji": ({"type": "hashtag", "value": "#🌊"}, "#🌊 is not a hashtag"),
    "a hashtag of none": ({"type": "hashtag", "value": "#"}, "# is not a hashtag"),
    "a name with a blank": ({"type": "username", "value": "two words"}, "'two words' is not the name"),
    "a word for an account": (
        {"id": "7", "type": "userid", "value": "ishouldbeint"},
        "Rule 7: 'ishouldbeint' is not a user id, which is a number.",
    ),
    "a box without an area": (
        {"id": "g-1", "type": "geo", "value": "80,80,80,80"},
        "Rule g-1: the box '80,80,80,80': it has no area.",
    ),
    "a box off the earth": (
        {"type": "geo", "value": "100,100,100,100"},
        "latitude 100 is out of range, -90 to 90.",
    ),
    "a longitude off the earth": ({"type": "geo", "value": "-200,1,2,3"}, "longitude -200 is out of range"),
    "a box the wrong way": (
        {"type": "geo", "value": "10,10,5,20"},
        "a box across longitude 180 is two boxes",
    ),
    "a box upside down": ({"type": "geo", "value": [1, 9, 2, 3]}, "south is not south of north"),
    "three corners": ({"type": "geo", "value": "1,2,3"}, "is not a box, which has four numbers"),
    "words for corners": ({"type": "geo", "value": "a,b,c,d"}, "'a' is not a number"),
    "no number": ({"type": "geo", "value": ["nan", 1, 2, 3]}, "'nan' is not a number"),
}


@pytest.mark.parametrize(("rule", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_rule_is_one_line_that_names_it(rule: Any, told: str) -> None:
    problems = _problems(rule, {"value": "fine"})

    assert len(problems) == 1 and told in problems[0]


def test_all_problems_of_all_rules_are_told() -> None:
    problems = _problems({"value": "a", "x": 1, "y": 2, "type": "z"}, {"id": "r"}, {"type": "geo"})

    assert [problem.partition(" has ")[0] for problem in problems] == [
        *["rules[0]"] * 3,
        "Rule r",
        "rules[2]",
    ]


def test_two_rules_of_one_id_are_told() -> None:
    assert _problems({"id": "a", "value": "cat"}, {"id": "a", "value": "dog"}) == [
        "Rule a has the id of another rule; ids are unique in a collection."
    ]


def test_an_id_that_is_made_for_another_rule_is_told() -> None:
    taken = {"id": _made("native", "cat"), "value": "dog"}
    for rules in ([taken, {"value": "cat"}], [{"value": "cat"}, taken]):
        (problem,) = _problems(*rules)
        assert f"Rule {taken['id']} has the id that is made for rules[" in problem and "(cat)" in problem


def test_a_rule_that_is_there_twice_is_one() -> None:
    assert len(_read(rules=[{"value": "cat"}, {"value": " cat"}], track="cat,cat", follow="7,7")) == 3


def test_one_value_under_two_tags_is_two_rules() -> None:
    """As collections have it since before rules had ids."""
    rules = [{"value": "cat", "tag": "x"}, {"value": "cat", "tag": "y"}, {"value": "cat", "tag": "y"}]

    found = _read(rules=rules)

    assert [rule.tag for rule in found] == ["x", "y"]
    assert len({rule.id for rule in found}) == 2 and found[0].id == _made("native", "cat")


def test_an_inactive_rule_takes_the_place_of_no_active_one() -> None:
    cat = {"type": "keyword", "value": "cat"}

    found = _read(rules=[{**cat, "status": "inactive"}], track="cat")

    assert [rule.active for rule in found] == [False, True]


def test_entries_of_track_follow_and_locations_are_rules() -> None:
    found = _read(
        rules=[{"value": "a"}], track='flood warning, #x, "..."', follow=["12", "@NASA"], locations="1,2,3,4"
    )

    assert [(rule.type, rule.value) for rule in found] == [
        ("native", "a"),
        *(("keyword", "flood warning"), ("keyword", "#x")),
        *(("userid", "12"), ("username", "nasa"), ("geo", "1,2,3,4")),
    ]
    assert all(rule.id == _made(rule.type, rule.value) for rule in found)


UNFINISHED = {
    "(cat": "rules[0] has a bracket that is not closed ((cat).",
    "cat) (dog": "rules[0] has a bracket that is not opened (cat) (dog).",
    'cat "dog': 'rules[0] has a quote that is not closed (cat "dog).',
    '"(" cat "a \\" )"': "",
    "((a OR b) c)": "",
}


@pytest.mark.parametrize(("value", "told"), UNFINISHED.items())
def test_a_bracket_or_quote_that_is_alone_is_told_without_asking_x(value: str, told: str) -> None:
    assert unfinished({"rules": [{"value": value}]}) == ([told] if told else [])
    assert unfinished({"rules": [{"value": value, "status": "inactive"}]}) == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_RULE = st.fixed_dictionaries(
    {},
    optional={
        "id": _JSON,
        "type": st.sampled_from(["keyword", "hashtag", "username", "userid", "geo", "native"]) | _JSON,
        "value": st.text(max_size=12) | _JSON,
        "tag": _JSON,
        "status": _JSON,
        "metadata": _JSON,
    },
)


@given(st.lists(_RULE | _JSON, max_size=4))
def test_whatever_a_file_holds_is_a_rule_or_a_problem_and_never_a_crash(rules: list[Any]) -> None:
    problems: list[str] = []

    found = collection_rules({"rules": rules}, problems)

    assert problems or len(found) <= len(rules)
    assert len({rule.id for rule in found}) == len(found)
    assert unreadable({"rules": rules}) == problems


def test_values_that_differ_only_in_case_are_named_where_x_does_not_tell_them_apart() -> None:
    typed = [
        {"id": str(n), "type": "keyword", "value": value} for n, value in enumerate(("cat", "Cat", "dog"))
    ]
    (told,) = repeated({"rules": typed})
    assert "differ only in upper and lower case (cat, Cat), and have one live rule." in told
    (told,) = repeated({"track": "library,Library,museum"})
    assert "(library, Library)" in told
    assert repeated({"track": "library,library"}) == []
    # X may tell apart what an operator is given, and `or` is a word.
    for one, other in (("lang:en", "lang:EN"), ("a OR b", "a or b")):
        assert repeated({"rules": [{"id": "1", "value": one}, {"id": "2", "value": other}]}) == []


def test_values_that_differ_only_in_case_are_one_live_rule_with_both_ids() -> None:
    rules = [
        {"id": "1", "type": "keyword", "value": "Library"},
        {"id": "2", "value": "library"},
        {"id": "3", "type": "keyword", "value": '"Sliding Door" cat'},
        {"id": "4", "type": "keyword", "value": '"sliding door" CAT'},
        {"id": "5", "value": "a or b"},
        {"id": "6", "value": "A OR B"},
    ]
    found = translated(active_rules({"rules": rules}), RuleCaps())
    assert [(each.ids, each.values) for each in found] == [
        (("1", "2"), ("Library",)),
        (("3", "4"), ('"Sliding Door" cat',)),
        (("5",), ("a or b",)),
        (("6",), ("A OR B",)),
    ]
