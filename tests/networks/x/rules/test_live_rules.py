"""Every term of a filter is in exactly one rule, no rule is too long, and the rules of others stay."""

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import HarvesterError
from harvester.networks.x.endpoints import RULES
from harvester.networks.x.rules.api import RulesApi
from harvester.networks.x.rules.live_rules import Rule, RuleCaps, compile_rules, packed, plan_rules

_TERMS = st.lists(st.text(alphabet="abcdefghij", min_size=1, max_size=60), max_size=120)


@given(_TERMS, st.integers(min_value=60, max_value=300))
def test_every_term_is_in_exactly_one_rule_and_none_is_too_long(terms: list[str], length: int) -> None:
    values = packed(terms, length=length)

    assert sorted(term for value in values for term in value.split(" OR ")) == sorted(set(terms))
    assert all(len(value) <= length for value in values)


@given(_TERMS)
def test_no_two_rules_would_fit_into_one(terms: list[str]) -> None:
    lengths = sorted(len(value) for value in packed(terms, length=200))

    assert all(one + 4 + other > 200 for one, other in pairwise(lengths))


def _values(**asked: object) -> list[str]:
    return [rule.value for rule in compile_rules(asked)]


TRACKS = {
    "a word": ("flood", ["flood"]),
    "a comma is OR": ("flood, storm", ["flood OR storm"]),
    "a blank is AND": ("flood warning,rain", ["(flood warning) OR rain"]),
    "a list": (["#flood", "@nws"], ["#flood OR @nws"]),
    "a phrase": ('"flood  warning",x', ['"flood warning" OR x']),
    "a comma in a phrase": ('"a, b"', ['"a, b"']),
    "operators are words": ("from:nasa,OR", ['"OR" OR "from:nasa"']),
    "a minus is no exclusion": ("-flood", ['"-flood"']),
    "brackets": ("(flood)", ['"(flood)"']),
    "an address": ("example.com", ['"example.com"']),
    "a stray quote": ('12" pizza', ["(12 pizza)"]),
    "other scripts": ("наводнение,洪水", ["наводнение OR 洪水"]),
    "marks and emoji": ("हिन्दी,🌊👩‍🚒", ["हिन्दी OR 🌊👩‍🚒"]),
    "curly quotes": ("“flood”", ['"“flood”"']),
    "nothing": (" , ,", []),
    "punctuation only": ("...,flood", ["flood"]),
    "twice": ("flood,flood", ["flood"]),
}


@pytest.mark.parametrize(("track", "values"), TRACKS.values(), ids=TRACKS)
def test_track_keeps_the_meaning_it_had(track: object, values: list[str]) -> None:
    assert _values(track=track) == values


def test_empty_text_asks_for_nothing() -> None:
    """As a file of 2019 may have it for what was not wanted."""
    assert _values(track="flood", follow="", locations="") == ["flood"]


def test_follow_is_what_the_account_posts_and_what_is_addressed_to_it() -> None:
    assert _values(follow="12, 34") == [
        "from:12 OR from:34 OR retweets_of:12 OR retweets_of:34 OR to:12 OR to:34"
    ]


def test_a_small_box_is_one_term() -> None:
    assert _values(locations=[-105.301758, 39.964069, -105.178505, 40.09455]) == [
        "bounding_box:[-105.301758 39.964069 -105.178505 40.09455]"
    ]


@pytest.mark.parametrize(
    "locations", ["-74,40,-73,41", [-74, 40, -73, 41], ["-74", "40", "-73", "41"], [[-74, 40, -73, 41]]]
)
def test_a_large_box_is_cut_into_boxes_of_25_miles_without_a_seam(locations: object) -> None:
    (value,) = _values(locations=locations)
    boxes = [tuple(map(float, found.split())) for found in re.findall(r"\[([^]]+)\]", value)]

    assert len(boxes) == 9
    assert sum((east - west) * (north - south) for west, south, east, north in boxes) == pytest.approx(1.0)
    assert all(
        (east - west) * 85.3 <= 40.3 and (north - south) * 111.4 <= 40.3 for west, south, east, north in boxes
    )


PROBLEMS = {
    "a name for an id": ({"follow": "nasa"}, "neither a user id"),
    "three corners": ({"locations": "1,2,3"}, "each box has four|a box has four"),
    "the whole earth": ({"locations": "-180,-90,180,90"}, "boxes of 25 miles"),
    "corners the wrong way": ({"locations": "10,10,5,20"}, "west,south,east,north"),
    "no number": ({"locations": "a,b,c,d"}, "is no number"),
    "a term that is too long": ({"track": "x" * 2000}, "2000 characters"),
    "a rule that is too long": ({"rules": [{"value": "x" * 2000}]}, "2000 characters"),
    "a rule without a value": ({"rules": [{"tag": "x"}]}, "has no value"),
    "a number for a word": ({"track": 5}, "filter.track holds 5, which is no text"),
    "a number among words": ({"track": ["flood", 1.5]}, "no text"),
}


@pytest.mark.parametrize(("asked", "words"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_cannot_be_a_rule_is_told(asked: dict[str, object], words: str) -> None:
    with pytest.raises(HarvesterError, match=words):
        compile_rules(asked)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(HarvesterError) as caught:
        compile_rules({"follow": "a,b", "locations": "1"})

    assert len(caught.value.problems) == 3


def test_tags_tell_what_a_rule_is_made_of() -> None:
    rules = compile_rules(
        {"track": "a", "follow": "1", "rules": [{"value": "cat has:media", "tag": "cats"}]},
        prefix="twarc-cloud:c:",
    )

    assert [rule.tag for rule in rules] == [
        "twarc-cloud:c:track-1",
        "twarc-cloud:c:follow-1",
        "twarc-cloud:c:rule:cats",
    ]
    assert rules[-1].value == "cat has:media"


def test_with_few_rules_allowed_kinds_share_a_rule() -> None:
    rules = compile_rules({"track": "a", "follow": "1"}, RuleCaps(rules=1))

    assert [(rule.value, rule.tag) for rule in rules] == [
        ("a OR from:1 OR retweets_of:1 OR to:1", "track+follow-1")
    ]


def test_too_many_terms_are_told_with_the_numbers() -> None:
    with pytest.raises(HarvesterError, match="needs 4 rules of 20 characters, and the keys allow 3"):
        compile_rules({"track": ",".join(f"word{n:010}" for n in range(4))}, RuleCaps(rules=3, length=20))


def test_400_words_and_5000_accounts_fit_into_the_documented_caps() -> None:
    asked = {"track": [f"word{n}" for n in range(400)], "follow": [str(10**18 + n) for n in range(5000)]}

    rules = compile_rules(asked)

    assert len(rules) <= 450
    assert max(len(rule.value) for rule in rules) <= 1024


def test_caps_are_read_from_texts_and_the_projects_other_apps_count() -> None:
    caps = RuleCaps.of(
        {
            "cap_per_client_app": "1000",
            "cap_per_project": "15",
            "client_app_rules_count": "2",
            "project_rules_count": "9",
        }
    )

    assert (caps.rules, caps.in_use) == (8, 2)


_OURS = "twarc-cloud:c:"


def test_a_plan_adds_the_missing_deletes_ours_and_names_the_others() -> None:
    live = [
        {"id": "1", "value": "a", "tag": f"{_OURS}track-1"},
        {"id": "2", "value": "old", "tag": f"{_OURS}track-2"},
        {"id": "3", "value": "theirs", "tag": "mine"},
        {"id": "4", "value": "untagged"},
    ]

    plan = plan_rules([Rule("a", f"{_OURS}track-1"), Rule("b", f"{_OURS}track-2")], live, prefix=_OURS)

    assert plan.add == (Rule("b", f"{_OURS}track-2"),)
    assert plan.delete == ("2",)
    assert [rule["id"] for rule in plan.foreign] == ["3", "4"]
    assert plan.add_first


def test_a_plan_carried_out_leaves_nothing_to_do() -> None:
    wanted = compile_rules({"track": "a,b", "follow": "1"}, prefix=_OURS)
    live = [{"id": str(number), **rule.body} for number, rule in enumerate(wanted)]

    plan = plan_rules(wanted, live, prefix=_OURS)

    assert (plan.add, plan.delete) == ((), ())


def test_rules_are_deleted_first_only_where_there_is_no_room_for_both() -> None:
    live = [{"id": "2", "value": "old", "tag": f"{_OURS}track-1"}]
    wanted = [Rule("new", f"{_OURS}track-1")]

    assert plan_rules(wanted, live, prefix=_OURS, caps=RuleCaps(rules=2)).add_first
    assert not plan_rules(wanted, live, prefix=_OURS, caps=RuleCaps(rules=1)).add_first


def test_no_room_beside_the_rules_of_others_is_told() -> None:
    with pytest.raises(HarvesterError, match="1 of others"):
        plan_rules([Rule("a", _OURS)], [{"id": "1", "value": "x"}], prefix=_OURS, caps=RuleCaps(rules=1))


def test_rules_that_stay_take_room_too() -> None:
    live = [{"id": "1", "value": "a", "tag": _OURS}]
    wanted = [Rule("a", _OURS), Rule("b", _OURS), Rule("c", _OURS)]

    assert len(plan_rules(wanted, live, prefix=_OURS, caps=RuleCaps(rules=3)).add) == 2
    with pytest.raises(HarvesterError, match="needs 3 rules, and there is room for 2"):
        plan_rules(wanted, live, prefix=_OURS, caps=RuleCaps(rules=2))


def test_of_rules_with_a_value_of_ours_only_our_own_are_taken_back() -> None:
    """Somebody else may have added the same value at the same moment, which X takes once."""

    class Live(RulesApi):
        def __init__(self) -> None:
            self.deleted: list[str] = []

        def _object(self, endpoint: Any, *_: Any, body: Any = None, **__: Any) -> Any:
            if endpoint is RULES:
                named = (("1", "a", _OURS), ("2", "b", "theirs"), ("3", "c", ""))
                return {"data": [dict(zip(("id", "value", "tag"), each, strict=True)) for each in named]}
            self.deleted += body["delete"]["ids"]
            return {}

    live = Live()
    live.take_back([Rule("a", _OURS), Rule("b", _OURS)])
    assert live.deleted == ["1"]
