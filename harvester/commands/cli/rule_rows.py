"""How many posts the rules of a running stream matched, as a table."""

from harvester.commands.cli.output import table
from harvester.documents import HarvestSummary, Tree
from harvester.text import counted

_COLUMNS = ("rule", "last_1m", "last_15m", "last_60m", "total")


def rule_table(summary: HarvestSummary) -> str:
    """With a line for all posts and one for those that only rules of others matched."""
    counts: Tree = summary.get("rule_counts") or {}
    if not counts:
        return 'No posts of rules were counted; `"count_rules": true` in the filter lets a stream count them.'
    rows = [
        {"rule": "(all)", **counts["all"]},
        {"rule": "(rules of others only)", **counts["foreign"]},
        *({**rule, "rule": rule["id"]} for rule in counts["rules"]),
    ]
    left = counts["rules_matched"] - len(counts["rules"])
    more = [f"and {counted(left, 'more rule')} with fewer posts"] if left else []
    return "\n".join([table(rows, _COLUMNS), *more])
