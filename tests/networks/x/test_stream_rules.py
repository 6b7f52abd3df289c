"""Rules: none stays live of a start that fails, others' are told, and what X would refuse is told before."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.errors import Exit
from harvester.networks.validation import problems
from harvester.networks.x import Rule, RuleCaps, XClient, compile_rules, plan_rules
from harvester.networks.x.rules.collection_rules import CollectionRule, repeated
from harvester.networks.x.rules.values import words
from tests.support.harvest_stage import Stage, staged, until

_OURS = "twarc-cloud:c:"


def _add(stage: Stage, **section: Any) -> None:
    stage.add("live", type="filter", filter=section)


def _live(stage: Stage) -> list[tuple[str, str]]:
    rules = stage.control.call("GET", "stream/rules")["rules"]
    return sorted((rule["value"], rule.get("tag") or "") for rule in rules)


def _client(stage: Stage) -> XClient:
    return XClient(stage.keys, base_url=stage.emulated.url, clock=stage.clock, stop=Stop())


def test_a_start_whose_rules_are_refused_leaves_those_that_were_there_before(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        _client(stage).add_rules([Rule("foreign", "somebody's"), Rule("old", "twarc-cloud:live:track-1")])
        before = _live(stage)
        _add(stage, track="storm", rules=[{"value": "flood ("}, {"value": "surge"}])

        ended = stage.harvest("live")

        assert (ended.outcome.state, ended.outcome.exit_code) == ("failed", Exit.ERROR)
        assert ended.summary["needs_change"]
        assert _live(stage) == before


@pytest.mark.parametrize("refusal", ["unauthorized", "credits-depleted", "not-enrolled"])
def test_a_stream_that_x_refuses_from_the_start_takes_its_rules_back(tmp_path: Path, refusal: str) -> None:
    with staged(tmp_path) as stage:
        _add(stage, track="storm")
        stage.control.faults([{"on": "GET /2/tweets/search/stream", "do": refusal}])

        ended = stage.harvest("live")

        assert not ended.outcome.was_meant
        assert "needs_change" not in ended.summary
        assert _live(stage) == []


def test_rules_stay_where_a_stream_was_heard(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, keepalive=0.05) as stage:
        _add(stage, track="flood")
        with stage.harvesting("live") as going:
            until(stage.connected)
            stage.control.publish(stage.accounts[0], text="a flood")
            until(lambda: going.summary()["tweets"] == 1)
            stage.control.faults([{"on": "GET /2/tweets/search/stream", "do": "credits-depleted"}])
            stage.control.disconnect("close")
            until(lambda: going.summary()["state"] != "running")
        assert [value for value, _ in _live(stage)] == ["flood"]


def test_rules_are_taken_back_where_only_the_answer_was_lost(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        client = _client(stage)

        class Lost(Exception):
            pass

        def lose(rules: list[Rule], **more: Any) -> Any:
            XClient.add_rules(client, rules, **more)
            raise Lost

        client.add_rules = lose  # type: ignore[assignment, method-assign]
        with pytest.raises(Lost):
            client.sync_rules([CollectionRule("1", "native", "a")], prefix=_OURS, caps=RuleCaps())
        assert _live(stage) == []
        client.close()


def test_more_rules_than_fit_are_refused_with_the_apps_they_need_and_none_is_live(tmp_path: Path) -> None:
    with staged(tmp_path, rule_cap=5) as stage:
        _add(stage, follow=[str(10**18 + n) for n in range(100)])

        ended = stage.harvest("live")

        assert ended.summary["needs_change"] and ended.outcome.state == "failed"
        assert "needs 9 rules of 1024 characters, and the keys allow 5" in ended.summary["reason"]
        assert "split them among 2 apps (`collection-config shards`)" in ended.summary["hint"]
        assert _live(stage) == []


def test_of_packed_rules_the_event_has_the_ids_and_a_change_leaves_most_live_rules(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, rule_cap=12) as stage:
        follow = [str(10**18 + n) for n in range(100)]
        _add(stage, follow=follow, rules=[{"id": "7", "value": "flood lang:en"}])
        before: list[tuple[str, str]] = []
        for asked in (follow, follow[1:]):
            stage.edit("live", partial(_following, asked))
            with stage.harvesting("live") as going:
                until(stage.connected)
            (event,) = [each for each in going.end.events if each["event"] == "rules"]
            assert len({each for rule in event["rules"] for each in rule["ids"]}) == len(asked) + 1
            assert sorted((rule["value"], rule["tag"]) for rule in event["rules"]) == _live(stage)
            assert ("flood lang:en", "twarc-cloud:live:7") in _live(stage)
            assert not before or len(set(before) - set(_live(stage))) <= 2
            before = _live(stage)


def test_a_value_that_gets_another_tag_stays_live(tmp_path: Path) -> None:
    """X takes a value once: added before the old one goes it is refused, and then neither is there."""
    with staged(tmp_path) as stage:
        client = _client(stage)
        for wanted in ([("1", "a"), ("2", "b")], [("1", "b")]):
            rules = [CollectionRule(id_, "native", value) for id_, value in wanted]
            plan = client.sync_rules(rules, prefix=_OURS, caps=RuleCaps())
            assert plan.problems == ()
            assert _live(stage) == [(value, f"{_OURS}{id_}") for id_, value in wanted]
        client.close()


def test_a_rule_that_is_live_for_others_is_not_added_but_told(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        client = _client(stage)
        client.add_rules([Rule("a", "theirs")])

        plan = client.sync_rules([CollectionRule("1", "native", "a")], prefix=_OURS, caps=RuleCaps())

        assert (plan.add, [rule["value"] for rule in plan.shared]) == ((), ["a"])
        assert _live(stage) == [("a", "theirs")]
        client.close()


def test_a_plan_for_one_value_under_two_tags_adds_it_once() -> None:
    plan = plan_rules([Rule("a", f"{_OURS}rule:x"), Rule("a", f"{_OURS}rule:y")], [], prefix=_OURS)

    assert [rule.value for rule in plan.add] == ["a"]
    told = repeated({"rules": [{"value": "a", "tag": "x"}, {"value": " a", "tag": "y"}, {"value": "b"}]})
    assert told == ["rules[0] and rules[1] have one value (a), and one live rule."]


_NOTHING = ["..., ???", "???", '"..."', ["!", "-"], ". , ;", ","]


@pytest.mark.parametrize("track", _NOTHING)
def test_a_filter_of_punctuation_is_refused_by_name(track: Any) -> None:
    told = problems({"id": "c", "type": "filter", "filter": {"track": track}})

    assert len(told) == 1 and "holds no word" in told[0]


@pytest.mark.parametrize(
    "section",
    [
        {"track": "..., flood"},
        {"track": "...", "follow": "7"},
        {"track": "洪水"},
        {"track": "🔥"},
        {"track": "...", "rules": [{"value": "cat"}]},
    ],
)
def test_a_filter_of_which_anything_is_left_is_none_of_nothing(section: dict[str, Any]) -> None:
    assert problems({"id": "c", "type": "filter", "filter": section}) == []
    assert compile_rules(section)


def test_words_are_what_may_match() -> None:
    assert words('storm ... "high water" ??? 🔥 "..."') == ["storm", '"high water"', "🔥"]


def test_a_rule_with_unknown_members_is_refused() -> None:
    tree = {"id": "c", "type": "filter", "filter": {"rules": [{"value": "a", "vlaue": "x", "tag": "t"}]}}

    assert problems(tree) == ["rules[0] has an unknown key vlaue. Did you mean value?"]


def test_a_stream_that_ran_with_the_tags_of_before_starts_with_ids(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        before = {"track-1": "flood OR storm", "rule:cats": "cat lang:en", "track-2": "surge"}
        _client(stage).add_rules([Rule(value, f"twarc-cloud:live:{tag}") for tag, value in before.items()])
        rules = [{"value": "cat lang:en", "tag": "cats"}, {"id": "7", "type": "keyword", "value": "surge"}]
        _add(stage, track="flood,storm", rules=rules)
        with stage.harvesting("live") as going:
            until(stage.connected)
            posts = stage.control.publish(stage.accounts[0], text="a storm surge")
            until(lambda: going.summary()["tweets"] == 1)
        (event,) = [each for each in going.end.events if each["event"] == "rules"]
        told = {rule["value"]: rule for rule in event["rules"]}
        assert told["surge"] == {"value": "surge", "tag": "twarc-cloud:live:7", "ids": ["7"]}
        assert _live(stage) == sorted((rule["value"], rule["tag"]) for rule in told.values())
        assert set(told) == {"flood", "storm", "surge", "cat lang:en"}
        (line,) = going.end.lines
        ids = [rule["tag"].removeprefix("twarc-cloud:live:") for rule in line["matching_rules"]]
        assert (going.end.ids, sorted(ids)) == (posts, sorted(told["storm"]["ids"] + ["7"]))


def test_a_changed_filter_keeps_the_rules_of_others(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        _client(stage).add_rules([Rule("foreign", "somebody's")])
        _add(stage, track="flood,storm")
        for words_ in ("flood,storm", "storm", "storm,flood"):
            stage.edit("live", partial(_tracking, words_))
            with stage.harvesting("live") as going:
                until(stage.connected)
            (event,) = [each for each in going.end.events if each["event"] == "rules"]
            assert [rule["value"] for rule in event["foreign"]] == ["foreign"]
            assert {value for value, _ in _live(stage)} == {
                "foreign",
                *words_.split(","),
            }


def _tracking(track: str, tree: dict[str, Any]) -> dict[str, Any]:
    return {**tree, "filter": {"track": track}}


def _following(follow: list[str], tree: dict[str, Any]) -> dict[str, Any]:
    return {**tree, "filter": {**tree["filter"], "follow": follow}}
