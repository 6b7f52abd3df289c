"""The posts of a stream's rules are a table, which says how many rules it leaves out."""

from typing import Any, cast

from harvester.commands.cli.rule_rows import rule_table
from harvester.documents import HarvestSummary


def _told(counts: dict[str, Any]) -> list[str]:
    return rule_table(cast(HarvestSummary, {"rule_counts": counts})).splitlines()


def _figures(total: int) -> dict[str, int]:
    return {"last_1m": 1, "last_15m": 2, "last_60m": 3, "total": total}


def test_each_rule_is_a_line_and_those_left_out_are_counted() -> None:
    rules = [{"id": "12347", **_figures(40)}]
    assert _told({"all": _figures(52), "foreign": _figures(7), "rules": rules, "rules_matched": 3}) == [
        "RULE                    LAST 1M  LAST 15M  LAST 60M  TOTAL",
        "(all)                         1         2         3     52",
        "(rules of others only)        1         2         3      7",
        "12347                         1         2         3     40",
        "and 2 more rules with fewer posts",
    ]


def test_where_nothing_is_counted_the_way_to_count_is_told() -> None:
    (told,) = _told({})
    assert "count_rules" in told
