"""The plan that `collection repair` prints first: gaps, their rules, excluded gaps and the price."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from harvester.clock import timestamp
from harvester.commands.cli.output import print_line
from harvester.curation.repair.gaps import StreamGap, overlapping
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.text import counted, when

if TYPE_CHECKING:
    from harvester.curation.repair.estimate import Estimate
    from harvester.curation.repair.plan import Plan, Planned
    from harvester.networks import Network

_SHOWN = 10
_RULES_SHOWN = 5


def as_tree(plan: "Plan", network: "Network", known: int | None, about: "Estimate | None") -> Tree:
    """The plan for programs; `usd` is an estimate, with a range, unless the posts were counted."""
    posts = known if known is not None else about.posts if about else 0.0
    low, high = (about.low, about.high) if about and known is None else (posts, posts)
    return {
        "gaps": [each.to_tree() for each in plan.planned],
        "searches": plan.searches,
        "posts": round(posts),
        "usd": round(_price(network, posts), 3),
        "usd_range": [round(_price(network, low), 3), round(_price(network, high), 3)],
        "is_counted": known is not None,
        "out_of_reach": [each.to_tree() for each in plan.out_of_reach],
        "needs_archive": [gap.event for gap in plan.too_old],
        "needs_archive_usd": round(_price(network, plan.old_posts), 3),
        "not_settled": [gap.event for gap in plan.too_new],
        "without_rules": [gap.event for gap in plan.unknown_rules],
        "no_rule_live": [gap.event for gap in plan.no_rules],
        "partial": [gap.event for gap in plan.partial],
        "partial_usd": round(_price(network, plan.partial_posts), 3),
    }


def _price(network: "Network", posts: float) -> float:
    return network.prices.price("", posts=math.ceil(posts)) if network.prices else 0.0


def tell(plan: "Plan", told: Tree, active: Iterable[str]) -> None:
    """Print the plan; `active` are the ids of the collection's active rules."""
    found = overlapping(plan.planned, lambda each: each.gap.interval)
    _print_gaps(found, set(active))
    if plan.planned:
        about = "" if told["is_counted"] else "about "
        how = "as X counts them" if told["is_counted"] else "by the rate of the stream"
        click.echo(
            f"{counted(len(found), 'open gap')}, {plan.seconds:,.0f} s in all; "
            f"{counted(plan.searches, 'search')}; "
            f"{about}{counted(told['posts'], 'post')} ({how}), {about}${told['usd']:,.2f}{_range(told)}."
        )
        for missed in plan.out_of_reach:
            print_line(
                f"Out of reach for {counted(len(missed.rules), 'rule')}: {missed.posts} ({missed.reason})."
            )
    elif not (plan.too_old or plan.too_new or plan.unknown_rules):
        click.echo("No open gaps.")
    _print_others(plan, told)


def _range(told: Tree) -> str:
    low, high = (f"${usd:,.2f}" for usd in told["usd_range"])
    return f" ({low} to {high})" if low != high else ""


def to_search(plan: "Plan") -> str:
    """How many gaps are searched for, in words."""
    return _how_many(each.gap for each in plan.planned)


def _how_many(gaps: Iterable[StreamGap]) -> str:
    return counted(len(overlapping(gaps, lambda gap: gap.interval)), "gap")


def _print_gaps(found: Sequence[Sequence["Planned"]], active: set[str]) -> None:
    before = ""
    for gaps in found[:_SHOWN]:
        print_line(_interval(gaps))
        if (by := _by(gaps, active)) != before:
            print_line(by)
            before = by
    if len(found) > _SHOWN:
        click.echo(f"... and {len(found) - _SHOWN:,} further gaps.")


def _interval(gaps: Sequence["Planned"]) -> str:
    since, until = gaps[0].gap.since, max(each.gap.until for each in gaps)
    seconds = (until - since).total_seconds()
    reasons = "; ".join(dict.fromkeys(str(each.gap.event.get("reason", "")) for each in gaps))
    begin, end = when(timestamp(since)), when(timestamp(until))
    shown = end[11:] if end[:10] == begin[:10] else end
    return f"{begin} to {shown} ({seconds:,.1f} s): {reasons}"


def _by(gaps: Sequence["Planned"], active: set[str]) -> str:
    """The rules to search with, and why: they were live then, even if other rules are live now."""
    rules = list(dict.fromkeys(rule for each in gaps for rule in each.rules))
    live = min(each.live_since for each in gaps)
    since = f"{'live since' if live <= gaps[0].gap.since else 'first live at'} {when(timestamp(live))} UTC"
    gone = [rule for rule in rules if rule not in active]
    now = f"; no longer active: {_named(gone)}" if gone else ""
    return f"  with {counted(len(rules), 'rule')}, {since}: {_named(rules)}{now}"


def _named(rules: Sequence[str]) -> str:
    more = f" and {len(rules) - _RULES_SHOWN:,} more" if len(rules) > _RULES_SHOWN else ""
    return f"{', '.join(rules[:_RULES_SHOWN])}{more}"


def _print_others(plan: "Plan", told: Tree) -> None:
    """The gaps that are excluded from the search, and why."""
    notes: tuple[tuple[Sequence[StreamGap], str], ...] = (
        (plan.too_new, "ended less than 5 minutes ago, and can be repaired then"),
        (plan.unknown_rules, "cannot be searched for: no `rules` event tells which rules were live"),
        (plan.no_rules, "in which no rule was live, so that nothing was missed"),
    )
    for gaps, words in notes:
        if gaps:
            click.echo(f"{_how_many(gaps)} {words}.", err=True)
    if plan.partial:
        many = _how_many(plan.partial)
        it = "it" if many == "1 gap" else "them"
        click.echo(
            f"{many} closed as partial: --again searches for {it} once more, "
            f"for about ${told['partial_usd']:,.2f}.",
            err=True,
        )
    if plan.too_old and plan.planned:
        click.echo(_too_old(plan, told), err=True)


def _too_old(plan: "Plan", told: Tree) -> str:
    many = _how_many(plan.too_old)
    return (
        f"{many} older than seven days: --archive searches for {'it' if many == '1 gap' else 'them'}, "
        f"for about ${told['needs_archive_usd']:,.2f}."
    )


def require_within_reach(plan: "Plan", told: Tree) -> None:
    """Raise if gaps are open and only the archive has posts that old."""
    if plan.too_old and not plan.planned:
        raise HarvesterError(
            "The open gaps are out of reach of a recent search.",
            [_too_old(plan, told)],
            "Use --archive.",
            exit_code=Exit.USAGE,
        )
