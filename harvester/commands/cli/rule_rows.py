"""How many posts the rules of a running stream matched, as a table."""

from collections.abc import Mapping

from harvester.commands.cli.output import table
from harvester.documents import HarvestSummary, Tree
from harvester.text import counted

_COLUMNS = ("rule", "last_1m", "last_15m", "last_60m", "total", "value")
# A longer value is cut.
_LONGEST = 60


def rule_table(summary: HarvestSummary, values: Mapping[str, str]) -> str:
    """With a line for all posts and one for those that only rules of others matched.

    `values` has what each rule asks for; a packed one is not in it.
    """
    counts: Tree = summary.get("rule_counts") or {}
    if not counts:
        return 'No posts were counted: none came yet, or the filter lacks `"count_rules": true`.'
    rows = [
        {"rule": "(all)", **counts["all"]},
        {"rule": "(rules of others only)", **counts["foreign"]},
        *({**rule, "rule": rule["id"], "value": _shown(values, rule["id"])} for rule in counts["rules"]),
    ]
    left = counts["rules_matched"] - len(counts["rules"])
    more = [f"and {counted(left, 'more rule')} with fewer posts"] if left else []
    return "\n".join([table(rows, _COLUMNS), *more])


def _shown(values: Mapping[str, str], rule: str) -> str:
    value = values.get(rule, "")
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]} ..."
