"""The network is believed where it names a rule; of a live rule with several, the words decide."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.documents import Tree
from harvester.networks.x.matching.attribution import Attribution
from harvester.networks.x.network import X
from harvester.networks.x.rules.collection_rules import CollectionRule

_OURS = "twarc-cloud:c:"


def _rule(rule_id: str, kind: str, value: str, *, status: str = "active") -> CollectionRule:
    return CollectionRule(id=rule_id, type=kind, value=value, status=status)


_CAT, _DOG, _BOB = _rule("cat", "keyword", "cat"), _rule("dog", "keyword", "dog"), _rule("b", "userid", "7")
_NATIVE = _rule("n", "native", "cat has:images")
_RULES = [_CAT, _DOG, _BOB, _NATIVE]
_IDS = {
    f"{_OURS}cat": ["cat"],
    f"{_OURS}dog": ["dog"],
    f"{_OURS}n": ["n"],
    f"{_OURS}pack-1": ["dog", "cat"],
    f"{_OURS}pack-2": ["b", "dog"],
    f"{_OURS}pack-3": ["n"],
}


def _record(text: str, *tags: str, **more: Any) -> Tree:
    rules = [{"id": str(number), "tag": tag} for number, tag in enumerate(tags)]
    return {"data": {"id": "1", "text": text, "author_id": "1", **more}, "matching_rules": rules}


def _found(record: Tree, rules: list[CollectionRule] | None = None) -> list[tuple[str, str]]:
    return [(match.rule.id, match.by) for match in Attribution(rules or _RULES, _IDS).of(record)]


def test_the_network_is_believed_where_it_names_a_rule() -> None:
    assert _found(_record("a dog", f"{_OURS}cat")) == [("cat", "network")]
    assert _found(_record("x", f"{_OURS}n")) == [("n", "network")]


def test_a_line_is_not_read_where_the_network_names_each_rule() -> None:
    made = Attribution(_RULES, _IDS)
    line = b'{"data":{"id":"1","text":no JSON},"matching_rules":[{"id":"7","tag":"%b"}],"__twarc":{}}\n'
    assert made.matched_line(line % f"{_OURS}cat".encode()) == [{"id": "cat", "by": "network"}]
    with pytest.raises(ValueError, match="JSON|value"):
        made.matched_line(line % f"{_OURS}pack-1".encode())


def test_what_the_network_does_not_name_did_not_match() -> None:
    assert _found(_record("cat and dog", f"{_OURS}dog")) == [("dog", "network")]


def test_rules_of_others_are_none_of_ours() -> None:
    assert _found(_record("cat", "twarc-cloud:other:cat", "", "theirs")) == []


def test_of_a_packed_rule_the_words_decide() -> None:
    assert _found(_record("cat and dog", f"{_OURS}pack-1")) == [("cat", "local"), ("dog", "local")]
    assert _found(_record("a dog", f"{_OURS}pack-1")) == [("dog", "local")]
    assert _found(_record("a dog by 7", f"{_OURS}pack-2", author_id="7")) == [
        ("dog", "local"),
        ("b", "local"),
    ]


def test_only_rules_of_the_pack_that_matched_are_looked_for() -> None:
    assert _found(_record("a cat and a dog", f"{_OURS}pack-2")) == [("dog", "local")]


def test_a_rule_that_the_network_names_too_is_the_networks() -> None:
    assert _found(_record("cat dog", f"{_OURS}pack-1", f"{_OURS}cat")) == [
        ("cat", "network"),
        ("dog", "local"),
    ]


def test_a_pack_of_one_rule_names_it() -> None:
    assert _found(_record("x", f"{_OURS}pack-3")) == [("n", "network")]


def test_rules_that_share_a_live_rule_matched_together() -> None:
    shared = Attribution(_RULES, {f"{_OURS}cat": ["cat", "n"]}).of(_record("x", f"{_OURS}cat"))
    assert [(match.rule.id, match.by) for match in shared] == [("cat", "network"), ("n", "network")]


def test_of_packed_accounts_only_those_count_that_the_network_looks_at() -> None:
    mention = {"entities": {"mentions": [{"username": "bob", "id": "7"}]}}
    assert _found(_record("a dog", f"{_OURS}pack-2", **mention)) == [("dog", "local")]


def test_where_that_explains_nothing_more_places_are_looked_at() -> None:
    mention = {"entities": {"mentions": [{"username": "bob", "id": "7"}]}}
    assert _found(_record("x", f"{_OURS}pack-2", **mention)) == [("b", "local")]


def test_records_without_the_networks_word_are_compared_with_all_active_rules() -> None:
    record = _record("cat and dog")
    nothing: list[Any] = [None, []]
    for given_rules in nothing:
        record["matching_rules"] = given_rules
        assert _found(record) == [("cat", "local"), ("dog", "local")]
    resting = [_rule("cat", "keyword", "cat", status="inactive"), _DOG]
    assert _found(_record("cat and dog"), resting) == [("dog", "local")]
    assert _found(_record("a cat", f"{_OURS}pack-1"), resting) == [("cat", "local")]


def test_rules_that_are_gone_are_passed_over() -> None:
    assert _found(_record("cat", f"{_OURS}cat", f"{_OURS}pack-1"), [_DOG]) == []


@pytest.mark.parametrize("rules", [3, [3], [{"tag": 3}], {"tag": "x"}])
def test_odd_words_of_the_network_are_passed_over(rules: Any) -> None:
    assert _found({**_record("a cat"), "matching_rules": rules}) == [("cat", "local")]


_WORDS = st.sampled_from(["cat", "dog", "cats", "今", "日", "🎂", "x_y", "#tag", "tag", "@bob", "Cat"])


@given(st.lists(st.lists(_WORDS, min_size=1, max_size=3), max_size=8), st.lists(_WORDS, max_size=8))
def test_the_index_finds_what_a_look_at_each_rule_finds(rules: list[list[str]], text: list[str]) -> None:
    made = [_rule(str(number), "keyword", " ".join(words)) for number, words in enumerate(rules)]
    record = _record(" ".join(text))
    one_by_one = [rule.id for rule in made if Attribution([rule], {}).of(record)]
    assert [match.rule.id for match in Attribution(made, {}).of(record)] == one_by_one
    # As no word here holds another's sign, a rule matches where all of its words are among the text's.
    present = {word.lower() for word in text} | {word.lower().lstrip("#@") for word in text}
    assert one_by_one == [str(n) for n, words in enumerate(rules) if {w.lower() for w in words} <= present]
    # The same if they are packed by two, and the network names the packs of which one matched.
    pairs = [(str(n), str(n + 1)) for n in range(0, len(rules), 2)]
    packs = {f"{_OURS}pack-{n}": pair for n, pair in enumerate(pairs) if {*pair} & {*one_by_one}}
    in_packs = Attribution(made, packs).of(_record(" ".join(text), *packs))
    assert [(match.rule.id, match.by) for match in in_packs] == [(each, "local") for each in one_by_one]


def test_a_harvest_tells_in_its_events_what_its_live_rules_held() -> None:
    old = {"filter": {"rules": [{"id": "cat", "type": "keyword", "value": "cat", "tag": "then"}]}}
    new = {
        "filter": {
            "rules": [
                {"id": "cat", "type": "keyword", "value": "cat", "tag": "now"},
                {"id": "dog", "type": "keyword", "value": "dog"},
            ]
        }
    }
    first = {"event": "rules", "rules": [{"value": "cat", "tag": f"{_OURS}pack-1", "ids": ["cat"]}]}
    later = {
        "event": "rules",
        "old": first["rules"],
        "new": [{"value": "cat OR dog", "tag": f"{_OURS}pack-1", "ids": ["cat", "dog"]}],
    }
    events: list[Tree] = [{"event": "gap", "rules": [{"tag": f"{_OURS}pack-1", "ids": ["x"]}]}, first, later]
    made = X().attribution([old, new, {"search": {}}], events)
    found = made.of(_record("a dog", f"{_OURS}pack-1"))
    assert [(match.rule.id, match.by) for match in found] == [("dog", "local")]
    assert made.of(_record("a cat", f"{_OURS}pack-1"))[0].rule.tag == "now"
    assert made.matched(_record("a dog", f"{_OURS}pack-1")) == [{"id": "dog", "by": "local"}]


def test_a_value_that_is_live_for_others_has_their_tag() -> None:
    tree = {"filter": {"rules": [{"id": "cat", "type": "keyword", "value": "cat"}]}}
    event: Tree = {
        "event": "rules",
        "rules": [{"value": "cat", "tag": f"{_OURS}cat", "ids": ["cat"]}],
        "foreign": [{"value": "cat", "tag": "theirs"}, {"value": "dog", "tag": "theirs, too"}],
    }
    found = X().attribution([tree], [event]).of(_record("x", "theirs"))
    assert [(match.rule.id, match.by) for match in found] == [("cat", "network")]
    assert X().attribution([tree], [event]).of(_record("x", "theirs, too")) == []
    event["foreign"][1]["tag"] = "theirs"
    assert X().attribution([tree], [event]).of(_record("x", "theirs")) == []


def test_without_the_events_of_a_harvest_tags_are_read_as_they_are_made() -> None:
    rules = [
        {"id": "cat", "type": "keyword", "value": "cat"},
        {"id": "dog", "type": "keyword", "value": "dog"},
    ]
    made = X().attribution([{"id": "c", "filter": {"rules": rules}}], [])
    found = made.of(_record("a dog", f"{_OURS}cat", f"{_OURS}gone", "twarc-cloud:other:dog"))
    assert [(match.rule.id, match.by) for match in found] == [("cat", "network")]
    found = made.of(_record("a dog", f"{_OURS}pack-7"))
    assert [(match.rule.id, match.by) for match in found] == [("dog", "local")]
    assert made.of(_record("a dog", "twarc-cloud:other:pack-7")) == []
