"""A plan changes what must be changed, the rules of others stay, and caps are those of the app."""

from typing import Any

import pytest

from harvester.errors import HarvesterError
from harvester.networks.x.endpoints import RULES
from harvester.networks.x.errors import ApiCode, Problem
from harvester.networks.x.rules.api import RulesApi
from harvester.networks.x.rules.live_rules import Rule, RuleCaps, plan_rules, refusal


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


def test_a_plan_tells_what_is_live_after_it_and_what_is_not_any_more() -> None:
    live = [{"id": "1", "value": "a", "tag": "theirs"}, {"id": "2", "value": "old", "tag": f"{_OURS}1"}]
    wanted = [Rule("a", f"{_OURS}2", ("2",)), Rule("b", f"{_OURS}3", ("3",))]

    plan = plan_rules(wanted, live, prefix=_OURS)

    # X has a value once, and what it matches comes with the tag that it has there.
    assert [rule.to_tree() for rule in plan.rules] == [
        {"value": "a", "tag": "theirs", "ids": ["2"]},
        {"value": "b", "tag": f"{_OURS}3", "ids": ["3"]},
    ]
    assert [rule["value"] for rule in plan.old] == ["old"]


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


def test_a_refused_rule_is_told_as_a_whole_and_a_pack_cut_short() -> None:
    pack = Rule(" OR ".join(f"word{number}" for number in range(100)), ids=tuple(f"r{n}" for n in range(100)))
    rules = [Rule("cat (", ids=("r",)), pack]
    told = [
        refusal(Problem(ApiCode.BAD_REQUEST, detail="it is not closed", raw={"value": rule.value}), rules)
        for rule in rules
    ]
    assert told[0] == "Rule r: it is not closed (cat ()"
    assert told[1].startswith("Rule r0, r1, r2, r3, r4 and 95 more: it is not closed (word0 OR word1 OR ")
    assert told[1].endswith(" ...)") and len(told[1]) < 300
