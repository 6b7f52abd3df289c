"""The posts of a stream's rules are a table, which says how many rules it leaves out."""

from typing import Any, cast

from harvester.commands.cli.rule_rows import rule_table
from harvester.documents import HarvestSummary


def _told(counts: dict[str, Any], **values: str) -> list[str]:
    return rule_table(cast(HarvestSummary, {"rule_counts": counts}), values).splitlines()


def _figures(total: int) -> dict[str, int]:
    return {"last_1m": 1, "last_15m": 2, "last_60m": 3, "total": total}


def test_each_rule_is_a_line_and_those_left_out_are_counted() -> None:
    rules = [{"id": "r1", **_figures(40)}, {"id": "r2", **_figures(9)}, {"id": "pack-1", **_figures(3)}]
    counts = {"all": _figures(52), "foreign": _figures(7), "rules": rules, "rules_matched": 5}
    assert _told(counts, r1="happy", r2="x" * 70) == [
        "RULE                    LAST 1M  LAST 15M  LAST 60M  TOTAL  VALUE",
        "(all)                         1         2         3     52  -",
        "(rules of others only)        1         2         3      7  -",
        "r1                            1         2         3     40  happy",
        f"r2                            1         2         3      9  {'x' * 60} ...",
        "pack-1                        1         2         3      3  -",
        "and 2 more rules with fewer posts",
    ]


def test_where_nothing_is_counted_the_reasons_are_told() -> None:
    (told,) = _told({})
    assert "none came yet" in told and "count_rules" in told
