"""Changes of a list of rules are told rule by rule."""

from typing import Any

from harvester.collection.changelog import CHANGED, DELETED, changes

_CAT = {"id": "1", "type": "keyword", "value": "cat"}
_DOG = {"type": "keyword", "value": "dog"}


def _told(*lists: Any) -> list[tuple[tuple[str, ...], str]]:
    changesets = [{"update": {"filter": {"rules": rules}}, "change_timestamp": "2026"} for rules in lists]
    return [(change.path[2:], change.change) for change in changes(changesets)]


def test_a_rule_that_is_added_changed_or_removed_is_told_without_the_others() -> None:
    off = {**_CAT, "status": "inactive"}
    assert _told([_CAT], [_CAT, _DOG], [off, _DOG], [_DOG]) == [
        (("1",), CHANGED),
        (("dog",), CHANGED),
        (("1",), CHANGED),
        (("1",), DELETED),
    ]


def test_rules_that_cannot_be_told_apart_are_told_as_one() -> None:
    assert _told([_CAT, _CAT], ["cat"]) == [((), CHANGED), ((), CHANGED)]


def test_a_rule_stands_in_words_with_its_value() -> None:
    first, second = changes(
        [{"update": {"filter": {"rules": rules}}, "change_timestamp": "2026"} for rules in ([_CAT], [])]
    )
    value = '{"id":"1","type":"keyword","value":"cat"}'
    assert str(first) == f"filter -> rules -> 1 set to {value} on 2026 by a person"
    assert str(second) == f"filter -> rules -> 1 deleted with value {value} on 2026 by a person"


def test_a_value_that_is_empty_or_begins_or_ends_with_a_blank_is_in_quotes() -> None:
    words = ["", "cat", "", " cat", "dog"]
    told = changes([{"update": {"search": {"query": word}}, "change_timestamp": "2026"} for word in words])
    assert [
        str(change).removeprefix("search -> query ").removesuffix(" on 2026 by a person") for change in told
    ] == [
        'set to ""',
        'changed from "" to cat',
        'changed from cat to ""',
        'changed from "" to " cat"',
        'changed from " cat" to dog',
    ]
