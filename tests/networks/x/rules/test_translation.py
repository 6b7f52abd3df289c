"""What each type of rule becomes at X, and what cannot be a rule is told."""

import re

import pytest

from harvester.errors import HarvesterError
from harvester.networks.x.rules.arrangement import compile_rules


def _values(**asked: object) -> list[str]:
    return [rule.value for rule in compile_rules(asked)]


TRACKS = {
    "a word": ("flood", ["flood"]),
    "a comma is OR": ("flood, storm", ["flood", "storm"]),
    "a blank is AND": ("flood warning,rain", ["flood warning", "rain"]),
    "a list": (["#flood", "@nws"], ["#flood", "@nws"]),
    "a phrase": ('"flood  warning",x', ['"flood warning"', "x"]),
    "a comma in a phrase": ('"a, b"', ['"a, b"']),
    "operators are words": ("from:nasa,OR", ['"from:nasa"', '"OR"']),
    "a minus is no exclusion": ("-flood", ['"-flood"']),
    "brackets": ("(flood)", ['"(flood)"']),
    "an address": ("example.com", ['"example.com"']),
    "a stray quote": ('12" pizza', ["12 pizza"]),
    "other scripts": ("наводнение,洪水", ["наводнение", "洪水"]),
    "marks and emoji": ("हिन्दी,🌊👩‍🚒", ["हिन्दी", "🌊👩‍🚒"]),
    "emoji behind a sign": ("#🌊,#flood🌊,#हिन्दी", ['"#🌊"', '"#flood🌊"', "#हिन्दी"]),
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
        "from:12 OR to:12 OR retweets_of:12",
        "from:34 OR to:34 OR retweets_of:34",
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
    "no number": ({"locations": "a,b,c,d"}, "is not a number"),
    "a term that is too long": ({"track": "x" * 2000}, "2000 characters"),
    "a rule that is too long": ({"rules": [{"value": "x" * 2000}]}, "2000 characters, and a live rule at"),
    "a rule without a value": ({"rules": [{"tag": "x"}]}, "has no value"),
    "a number for a word": ({"track": 5}, "filter.track holds 5, which is not text"),
    "a number among words": ({"track": ["flood", 1.5]}, "not text"),
}


@pytest.mark.parametrize(("asked", "words"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_cannot_be_a_rule_is_told(asked: dict[str, object], words: str) -> None:
    with pytest.raises(HarvesterError, match=words):
        compile_rules(asked)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(HarvesterError) as caught:
        compile_rules({"follow": "a,b", "locations": "1"})

    assert len(caught.value.problems) == 3


TYPES = {
    "keyword": ("keyword", "happy", ["happy"]),
    "all words": ("keyword", "cat dog", ["cat dog"]),
    "an operator is a word": ("keyword", "from:nasa OR", ['"from:nasa" "OR"']),
    "a phrase": ("keyword", '"cat  dog" bird', ['"cat dog" bird']),
    "no quote stays open": ("keyword", '"cat\\" dog', ['"cat" dog']),
    "another script": ("keyword", "今日中国", ["今日中国"]),
    "hashtags": ("hashtag", "#sliding door", ["#sliding #door"]),
    "a hashtag": ("hashtag", "summer", ["#summer"]),
    "a name": ("username", "@Museum", ["from:museum OR to:museum OR retweets_of:museum"]),
    "an id": ("userid", "12", ["from:12 OR to:12 OR retweets_of:12"]),
    "a box": ("geo", "-0.2,51.4,0,51.6", ["bounding_box:[-0.2 51.4 0 51.6]"]),
    "native": ("native", "(cat OR dog) -is:retweet", ["(cat OR dog) -is:retweet"]),
}


@pytest.mark.parametrize(("kind", "value", "values"), TYPES.values(), ids=TYPES)
def test_a_rule_is_translated_by_its_type(kind: str, value: str, values: list[str]) -> None:
    assert _values(rules=[{"type": kind, "value": value}]) == values


def test_the_words_of_the_2019_table_become_the_terms_it_names() -> None:
    """Two of its rules ask for the same, and have one live rule, told under both ids."""
    typed = [
        *(("keyword", "happy"), ("hashtag", "summer"), ("hashtag", "#apple"), ("hashtag", "#sliding door")),
        *(("hashtag", "summer"), ("keyword", "今日中国")),
    ]
    rules = compile_rules(
        {"rules": [{"id": str(n), "type": kind, "value": value} for n, (kind, value) in enumerate(typed)]}
    )

    assert {rule.value: rule.ids for rule in rules} == {
        "happy": ("0",),
        "#summer": ("1", "4"),
        "#apple": ("2",),
        "#sliding #door": ("3",),
        "今日中国": ("5",),
    }
