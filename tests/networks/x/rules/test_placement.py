"""Rules are divided among apps: each is in one of them, all fit, and few move when something changes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.networks.x.rules.collection_rules import CollectionRule, collection_rules
from harvester.networks.x.rules.live_rules import RuleCaps
from harvester.networks.x.rules.placement import DoNotFit, live_rules, placed, rule_tree

_APPS = [RuleCaps(6, 120), RuleCaps(9, 120), RuleCaps(6, 200)]


def _rule(number: int, *, native: bool = False) -> CollectionRule:
    if native:
        return CollectionRule(f"n{number}", "native", f"word{number} -is:retweet")
    return CollectionRule(f"k{number}", "keyword", f"word{number} " + "x" * (number % 23 + 1))


def _where(parts: list[list[CollectionRule]]) -> dict[str, int]:
    return {rule.id: at for at, part in enumerate(parts) for rule in part}


def _require_whole(
    rules: list[CollectionRule], parts: list[list[CollectionRule]], apps: list[RuleCaps]
) -> None:
    assert sorted(rule.id for part in parts for rule in part) == sorted(rule.id for rule in rules)
    for part, caps in zip(parts, apps, strict=True):
        assert len(live_rules(part, caps)) <= caps.rules


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_through_any_edits_every_rule_has_one_place_and_only_what_must_moves(seed: int) -> None:
    draw = random.Random(seed)
    rules = [_rule(number, native=draw.random() < 0.05) for number in range(draw.randrange(1, 25))]
    apps = _APPS[: draw.randint(2, 3)]
    where: dict[str, int] = {}
    number = 100
    for _ in range(6):
        try:
            parts = placed(rules, where, apps)
        except DoNotFit:
            rules = rules[: len(rules) // 2]
            continue
        _require_whole(rules, parts, apps)
        now = _where(parts)
        moved = [rule.id for rule in rules if rule.id in where and now[rule.id] != where[rule.id]]
        for rule_id in moved:
            # Its shard could not hold all that it had of what is still asked for.
            kept = [rule for rule in rules if where.get(rule.id) == where[rule_id]]
            with pytest.raises(Exception, match=r"needs \d+ rules"):
                live_rules(kept, apps[where[rule_id]])
        where = now
        for _ in range(draw.randrange(4)):
            if rules and draw.random() < 0.4:
                rules = [rule for rule in rules if rule is not draw.choice(rules)]
            else:
                number += 1
                rules = [*rules, _rule(number)]
    if len(apps) < len(_APPS):
        parts = placed([rule for rule in rules if rule.id in where], where, _APPS)
        assert {rule_id: at for rule_id, at in _where(parts).items() if at != where[rule_id]} == {}


def test_a_rule_whose_value_is_changed_stays_where_it_is() -> None:
    rules = [_rule(number) for number in range(12)]
    where = _where(placed(rules, {}, _APPS))
    changed = [CollectionRule(rule.id, "keyword", f"other {rule.value}") for rule in rules]
    assert _where(placed(changed, where, _APPS)) == where


def test_rules_go_where_the_most_room_is() -> None:
    parts = placed([_rule(number) for number in range(12)], {}, [RuleCaps(100), RuleCaps(100), RuleCaps(100)])
    assert [len(part) for part in parts] == [4, 4, 4]


@pytest.mark.system
@pytest.mark.parametrize(("cap", "apps"), [(160, 3), (1000, 1)])
def test_the_lists_of_2017_need_as_many_apps_as_their_rules_allow(cap: int, apps: int) -> None:
    draw = random.Random(1)
    follow = [str(draw.randrange(10**8, 10**19)) for _ in range(5_500)]
    track = [f"word{number} other{number % 7}" for number in range(352)]
    rules = collection_rules({"follow": follow, "track": track}, [])
    parts = placed(rules, {}, [RuleCaps(cap)] * apps)
    _require_whole(rules, parts, [RuleCaps(cap)] * apps)
    if apps > 1:
        with pytest.raises(DoNotFit, match="do not fit into 2 apps: they need about 3 apps with 160 rules"):
            placed(rules, {}, [RuleCaps(cap)] * (apps - 1))


def test_legacy_apps_of_five_rules_are_refused_with_the_number_that_it_takes() -> None:
    rules = collection_rules({"follow": [str(10**18 + n) for n in range(1_000)]}, [])
    with pytest.raises(DoNotFit, match="do not fit into 3 apps: they need about 18 apps with 5 rules each"):
        placed(rules, {}, [RuleCaps(5)] * 3)


def test_a_rule_is_the_same_in_its_shard() -> None:
    asked = {
        "rules": [
            {"id": "1", "type": "hashtag", "value": "storm", "tag": "t", "metadata": {"a": 1}},
            {"value": "cat has:images", "status": "inactive"},
            {"type": "geo", "value": [-0.5, 51.3, 0.3, 51.7]},
        ],
        "track": "a b,c",
    }
    rules = collection_rules(asked, [])
    problems: list[str] = []
    assert collection_rules({"rules": [rule_tree(rule) for rule in rules]}, problems) == rules
    assert problems == []
