"""A post of a search page gets the rules that can have found it."""

from typing import Any

from harvester.networks.x.matching.searched import SearchedRules

_RULES = [
    {"id": "cat", "type": "keyword", "value": "cat"},
    {"id": "flood", "type": "keyword", "value": "flood"},
    {"id": "museum", "type": "native", "value": "museum -is:retweet"},
    {"id": "art", "type": "native", "value": "art lang:en"},
]
_PAGE = (
    b'{"data":[{"id":"1","text":"a museum"},{"id":"2","text":"a cat"},{"id":"3","text":"a flood"},'
    b'{"id":"4","text":"a cat in a museum"}]}'
)


def _told(*asked: str, **section: Any) -> dict[str, dict[str, str]]:
    matching = SearchedRules(lambda _: [{"id": "live", "filter": {"rules": _RULES, **section}}])
    live = {str(rule["id"]) for rule in _RULES}
    found = matching.matches(_PAGE, "2026", asked=asked, live=live)
    return {each.id: {rule["id"]: rule["by"] for rule in each.rules} for each in found}


def test_the_only_rule_of_a_query_is_that_of_all_its_posts() -> None:
    assert {post: by["museum"] for post, by in _told("museum").items()} == dict.fromkeys("1234", "network")


def test_what_no_other_rule_of_the_query_explains_is_of_the_native_one() -> None:
    told = _told("museum", "cat")
    assert told["1"] == {"museum": "local"} and told["2"] == told["4"] == {"cat": "local"}
    # The words of a rule of another query explain nothing here.
    assert told["3"] == {"flood": "local", "museum": "local"}


def test_of_two_native_rules_none_is_told() -> None:
    assert _told("museum", "art", "cat") == {
        "2": {"cat": "local"}, "3": {"flood": "local"}, "4": {"cat": "local"},
    }  # fmt: skip


def test_without_attribution_nothing_is_told() -> None:
    assert _told("museum", attribution="off") == {}
