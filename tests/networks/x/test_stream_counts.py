"""A stream counts the posts of its rules where its collection asks for it, and tells them to its end."""

from pathlib import Path
from typing import Any

from harvester.clock import Stop
from harvester.networks.validation import problems
from harvester.networks.x import Rule, XClient
from tests.support.harvest_stage import Stage, staged, until


def _foreign(stage: Stage, value: str) -> None:
    client = XClient(stage.keys, base_url=stage.emulated.url, clock=stage.clock, stop=Stop())
    client.add_rules([Rule(value, "twarc-cloud:other:r")])
    client.close()


def _harvested(stage: Stage, **section: Any) -> dict[str, Any]:
    """The summary of a stream with three posts: of a rule of its own, of one of others, and of both."""
    rules = [{"id": "wet", "value": "flood"}, {"id": "never", "value": "drought"}]
    stage.add("live", type="filter", filter={"rules": rules, **section})
    _foreign(stage, "storm")
    with stage.harvesting("live") as going:
        until(stage.connected)
        for text in ("a flood", "a storm", "a storm, and a flood"):
            stage.control.publish(stage.accounts[0], text=text)
        until(lambda: going.summary()["tweets"] == 3)
        live = going.summary().get("rule_counts")
    assert going.end.summary.get("rule_counts", {}).get("rules") == (live or {}).get("rules")
    return going.end.summary


def test_posts_are_counted_by_rule_and_those_of_others_apart(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        counts = _harvested(stage, count_rules=True)["rule_counts"]
    assert [rule["total"] for rule in counts["rules"]] == [2]
    assert (counts["all"]["total"], counts["all"]["last_60m"]) == (3, 3)
    assert counts["foreign"]["total"] == 1
    assert counts["rules_matched"] == 1


def test_nothing_is_counted_where_nobody_asks(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        assert "rule_counts" not in _harvested(stage)


def test_posts_beyond_max_records_do_not_count(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        stage.add("live", type="filter", filter={"track": "flood", "count_rules": True, "max_records": 2})
        with stage.harvesting("live") as going:
            until(stage.connected)
            stage.control.publish(stage.accounts[0], count=5, text="a flood")
            until(lambda: going.summary()["state"] != "running")
        assert going.end.summary["rule_counts"]["all"]["total"] == 2


def test_whether_to_count_is_true_or_false() -> None:
    tree = {"id": "live", "type": "filter", "filter": {"track": "flood", "count_rules": "yes"}}
    assert problems(tree) == ["filter.count_rules is not true or false."]
