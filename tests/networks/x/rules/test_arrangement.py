"""A live rule for each rule while the app may have so many; else some are packed, and changes stay small."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import HarvesterError
from harvester.networks.x.rules.arrangement import compile_rules, plan
from harvester.networks.x.rules.collection_rules import CollectionRule, collection_rules
from harvester.networks.x.rules.live_rules import Rule, RuleCaps, RulePlan
from harvester.networks.x.rules.packing import split
from harvester.networks.x.rules.wanted import translated

_OURS = "twarc-cloud:c:"


def _rules(**asked: Any) -> list[CollectionRule]:
    problems: list[str] = []
    found = collection_rules(asked, problems)
    assert problems == []
    return found


class _App:
    """The live rules of an app, as plans change them."""

    def __init__(self, *, cap: int = 1000, length: int = 1024) -> None:
        self.caps = RuleCaps(rules=cap, length=length)
        self.live: list[dict[str, Any]] = []
        self._made = 0

    def add(self, *rules: Rule) -> None:
        for rule in rules:
            self._made += 1
            self.live.append({"id": str(self._made), **rule.body})

    def change(self, rules: list[CollectionRule]) -> int:
        """Carry a plan out; how many live rules it changes."""
        made = self.plan(rules)
        gone = {*made.delete, *made.replaced}
        self.live = [rule for rule in self.live if rule["id"] not in gone]
        self.add(*made.add)
        self.require_whole(rules, made)
        return max(len(made.add), len(gone))

    def plan(self, rules: list[CollectionRule]) -> RulePlan:
        return plan(rules, self.live, prefix=_OURS, caps=self.caps)

    def require_whole(self, rules: list[CollectionRule], made: RulePlan) -> None:
        """The app has no more rules than it may, each term is live, and each live rule tells its ids."""
        assert len(self.live) <= self.caps.rules
        ours = [rule for rule in self.live if rule.get("tag", "").startswith(_OURS)]
        assert sorted((rule["value"], rule["tag"]) for rule in ours) == sorted(
            (rule.value, rule.tag) for rule in made.rules
        )
        matching: dict[str, set[str]] = {}
        for rule in made.rules:
            parts = {rule.value, *split(rule.value)}
            for each in rule.ids:
                matching.setdefault(each, set()).update(parts)
        assert matching.keys() == {rule.id for rule in rules if rule.active}
        for asked in translated(rules, self.caps):
            for each in asked.ids:
                assert matching[each].issuperset(asked.values) or matching[each].issuperset(asked.terms)

    @property
    def packed(self) -> list[str]:
        return [rule["value"] for rule in self.live if f"{_OURS}pack-" in rule["tag"]]


def test_each_rule_is_a_live_rule_with_its_id_as_tag_while_they_fit() -> None:
    rules = _rules(rules=[{"id": "12347", "type": "keyword", "value": "happy", "tag": "mood"}], track="sad")

    made = plan(rules, [], prefix=_OURS, caps=RuleCaps(rules=2))

    # A person's tag is not sent to X.
    assert [rule.body for rule in made.add] == [
        {"value": "happy", "tag": f"{_OURS}12347"},
        {"value": "sad", "tag": f"{_OURS}{rules[1].id}"},
    ]
    assert [rule.ids for rule in made.rules] == [("12347",), (rules[1].id,)]


def test_rules_of_one_value_share_a_live_rule_and_both_ids_are_told() -> None:
    app = _App()
    one = {"id": "a", "value": "cat dog", "tag": "x"}
    other = {"id": "b", "type": "keyword", "value": "cat  dog", "tag": "y"}

    app.change(_rules(rules=[one, other]))
    assert [(rule.tag, rule.ids) for rule in app.plan(_rules(rules=[one, other])).rules] == [
        (f"{_OURS}a", ("a", "b"))
    ]
    # The tag stays as long as it is true.
    assert app.change(_rules(rules=[other, one])) == 0
    assert app.change(_rules(rules=[other])) == 1


def test_inactive_rules_are_not_sent() -> None:
    app = _App()
    cat, dog = {"id": "1", "value": "cat"}, {"id": "2", "value": "dog"}

    app.change(_rules(rules=[cat, dog]))
    app.change(_rules(rules=[cat, {**dog, "status": "inactive"}]))

    assert [rule["value"] for rule in app.live] == ["cat"]


def test_a_box_that_needs_several_live_rules_has_them_under_one_id() -> None:
    (rule,) = _rules(rules=[{"id": "g", "type": "geo", "value": "-74,40,-71,42"}])

    live = compile_rules({"rules": [{"id": "g", "type": "geo", "value": "-74,40,-71,42"}]}, prefix=_OURS)

    assert len(live) > 1 and {(each.tag, each.ids) for each in live} == {(f"{_OURS}g", ("g",))}
    assert max(len(each.value) for each in live) <= 1024
    (wanted,) = translated([rule], RuleCaps())
    assert [term for each in live for term in split(each.value)] == list(wanted.terms)


def test_what_does_not_fit_is_packed_and_native_rules_have_live_rules_of_their_own() -> None:
    app = _App(cap=10)
    native = [{"id": f"n{n}", "value": f"cat{n} has:images"} for n in range(6)]

    app.change(_rules(rules=native, track=[f"word{n}" for n in range(300)]))

    values = {rule["value"] for rule in app.live}
    assert values.issuperset(rule["value"] for rule in native)
    assert len(app.packed) >= 3


def test_native_rules_are_packed_only_where_there_is_no_other_way() -> None:
    app = _App(cap=3, length=60)
    natives = [
        {"value": value} for value in ("a has:images", "b -c", "d (e OR f)", "sample:1 g", "h lang:en")
    ]

    app.change(_rules(rules=natives, track="x,y"))

    # Only a whole rule can be a sample.
    assert "sample:1 g" in {rule["value"] for rule in app.live}
    assert any("(d (e OR f))" in split(value) for value in app.packed)


def test_a_packed_rule_may_have_phrases_with_or_in_them() -> None:
    app = _App(cap=1)
    rules = _rules(track=['"live OR die"', "a b", "(c)", "d"])

    app.change(rules)

    assert app.packed and app.change(rules) == 0


def _many(*, follow: int, track: int) -> tuple[list[str], list[str]]:
    return [str(10**18 + n) for n in range(follow)], [f"word{n}" for n in range(track)]


@pytest.mark.system
def test_one_term_more_or_less_of_5852_changes_two_live_rules_at_most() -> None:
    follow, track = _many(follow=5500, track=352)
    app = _App()
    app.change(_rules(follow=follow, track=track))

    assert len(app.packed) > 400 and len(app.live) <= 950
    assert app.change(_rules(follow=[*follow, "7"], track=track)) <= 2
    assert app.change(_rules(follow=follow[:2000] + follow[2001:], track=[*track, "more"])) <= 3
    assert app.change(_rules(follow=follow[1:2000] + follow[2001:], track=track)) <= 3


@pytest.mark.system
@pytest.mark.parametrize(("cap", "seed"), [(60, 2), (30, 3), (330, 4)])
def test_random_edits_change_about_one_live_rule_each(cap: int, seed: int) -> None:
    random, app = Random(seed), _App(cap=cap)

    def account() -> str:
        return str(random.randrange(1, 10 ** random.randrange(6, 19)))

    follow, track = [account() for _ in range(300)], [f"word{random.random()}" for _ in range(30)]
    app.change(_rules(follow=follow, track=track))
    changed = []
    for _ in range(100):
        some = random.choice([follow, follow, follow, track])
        if random.random() < 0.5:
            del some[random.randrange(len(some))]
        else:
            some.append(account() if some is follow else f"word{random.random()}")
        changed.append(app.change(_rules(follow=follow, track=track)))

    assert max(changed) <= 2 and sum(changed) <= 1.2 * len(changed)
    fresh = _App(cap=cap)
    fresh.change(_rules(follow=follow, track=track))
    assert len(app.live) <= 1.03 * len(fresh.live) + 1


_EDITS = st.lists(
    st.lists(st.sampled_from([f"w{n}" * (n % 5 + 1) for n in range(60)]), max_size=60), min_size=1, max_size=8
)


@given(_EDITS, st.integers(min_value=3, max_value=40), st.integers(min_value=40, max_value=90))
def test_whatever_is_edited_every_term_is_live_once_and_a_plan_is_done_when_it_is_done(
    edits: list[list[str]], cap: int, length: int
) -> None:
    app = _App(cap=cap, length=length)
    for words in edits:
        native = [{"value": f"{word} lang:en"} for word in words[:3]]
        rules = _rules(track=words, follow=[str(len(word) * 7) for word in words], rules=native)
        try:
            app.change(rules)
        except HarvesterError as error:
            assert "needs" in error.message
        else:
            assert app.change(rules) == 0


def test_packed_rules_get_live_rules_of_their_own_when_there_is_room_again() -> None:
    app = _App(cap=100)
    app.change(_rules(track=[f"word{n}" for n in range(130)]))
    assert app.packed

    app.change(_rules(track=[f"word{n}" for n in range(95)]))
    assert app.packed
    app.change(_rules(track=[f"word{n}" for n in range(90)]))

    assert app.packed == [] and len(app.live) == 90


def test_a_change_that_was_cut_off_is_finished_by_the_next_plan() -> None:
    """Both the packed rule as it was and as it is to be are live, with one tag."""
    app = _App(cap=2, length=40)
    app.change(_rules(track=[f"word{n}" for n in range(6)]))
    rules = _rules(track=[f"word{n}" for n in range(1, 7)])
    app.caps = RuleCaps(rules=4, length=40)
    app.add(*app.plan(rules).add)

    app.caps = RuleCaps(rules=2, length=40)
    app.change(rules)
    assert app.change(rules) == 0


@pytest.mark.parametrize(("cap", "apps"), [(160, 4), (5, 97)])
def test_more_rules_than_an_app_may_have_are_refused_with_the_apps_they_need(cap: int, apps: int) -> None:
    follow, track = _many(follow=5500, track=352)

    with pytest.raises(HarvesterError, match=f"needs 48. rules of 1024 .* keys allow {cap}") as caught:
        compile_rules({"follow": follow, "track": track}, RuleCaps(rules=cap))

    assert "(keyword: 352 rules, userid: 5,500 rules)" in caught.value.message
    assert f"split them among {apps} apps (`collection-config shards`)" in caught.value.hint
    assert caught.value.needs_change


def test_5852_rules_fit_one_app_of_500() -> None:
    follow, track = _many(follow=5500, track=352)

    assert len(compile_rules({"follow": follow, "track": track}, RuleCaps(rules=500))) <= 500


def test_what_fits_only_term_by_term_fits() -> None:
    """As it was packed before rules had ids, so that an app of few rules still takes the same filter."""
    app = _App(cap=2)

    app.change(_rules(follow=[str(10**18 + n) for n in range(23)]))

    assert len(app.packed) == 2


def test_rules_of_others_take_room() -> None:
    app = _App(cap=3)
    app.add(Rule("theirs"), Rule("cat", "theirs, too"))

    # X has a value once: that of others matches for the collection as well.
    made = app.plan(_rules(rules=[{"id": "1", "value": "cat"}, {"id": "2", "value": "sample:1 dog"}]))
    assert [rule.value for rule in made.add] == ["sample:1 dog"] and len(made.foreign) == 2
    with pytest.raises(HarvesterError, match=r"needs 2 rules .* allow 3, and 2 of others are there"):
        app.plan(_rules(rules=[{"value": "sample:1 bird"}, {"value": "sample:1 dog"}]))


def test_live_rules_with_the_tags_of_before_are_replaced() -> None:
    app = _App(cap=8)
    app.add(
        Rule("flood OR storm", f"{_OURS}track-1"),
        Rule("from:12 OR retweets_of:12 OR to:12", f"{_OURS}follow-1"),
        Rule("cat has:images", f"{_OURS}rule:cats"),
        Rule("dog", f"{_OURS}track-2"),
    )
    rules = _rules(track="flood,storm,dog", follow="12", rules=[{"value": "cat has:images", "tag": "cats"}])

    app.change(rules)

    assert {rule["tag"].removeprefix(_OURS) for rule in app.live} == {rule.id for rule in rules}
    assert app.change(rules) == 0
