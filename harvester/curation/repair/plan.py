"""What a repair searches for: the open gaps within reach, by the rules that were live in them.

A plan is a function of the gaps and their rules, so that a new one continues the searches of the last.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from harvester.clock import moment, timestamp
from harvester.collection import history
from harvester.collection.kinds.names import REPAIR
from harvester.collection.merge import plain
from harvester.curation.repair.gaps import StreamGap, closed_by, gaps_of, repairs_of
from harvester.curation.repair.rules_in_force import InForce, Span, rules_of, spans
from harvester.documents import HarvestSummary, Tree
from harvester.errors import NotFound
from harvester.harvest import catalog
from harvester.networks import Network
from harvester.networks.repair import OutOfReach, Query, gap_key, merged, span_key
from harvester.store import Store
from harvester.store.keys import CollectionKeys

# Until then posts are on their way into X's index, and those around the gap into the store.
SETTLED = timedelta(minutes=5)
# What a search may take before its beginning is out of reach.
_MARGIN = timedelta(minutes=30)
_COPIED = ("network", "budget_usd")


@dataclass(frozen=True)
class Planned:
    """A gap that is searched for: its spans, and `posts` by the rate at which its harvest collected.

    `rules` were live in it, since `live_since`. `seconds` excludes the time that an earlier gap covers.
    """

    gap: StreamGap
    spans: tuple[Tree, ...]
    rules: tuple[str, ...]
    live_since: datetime
    out_of_reach: tuple[OutOfReach, ...]
    seconds: float
    posts: float

    def to_tree(self) -> Tree:
        harvest, since, until = self.gap.key
        # A gap that was closed before is searched for from its start, not from where that repair ended.
        again = {"again": self.gap.repaired.get("by")} if self.gap.repaired else {}
        return {
            "harvest": harvest,
            "from": since,
            "to": until,
            "reason": self.gap.event.get("reason", ""),
            "rules": list(self.rules),
            "rules_live_since": timestamp(self.live_since),
            **again,
            "out_of_reach": [each.to_tree() for each in self.out_of_reach],
            "spans": list(self.spans),
        }


@dataclass
class Plan:
    """All open gaps: those that are searched for, and those that are not, and why."""

    archive: bool
    # What the store tells: when a stream ran, and when it heard nothing.
    harvests: list[HarvestSummary] = field(default_factory=list)
    gaps: list[StreamGap] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)
    queries: list[Query] = field(default_factory=list)
    too_old: list[StreamGap] = field(default_factory=list)
    too_new: list[StreamGap] = field(default_factory=list)
    unknown_rules: list[StreamGap] = field(default_factory=list)
    # In these no rule was live, so that nothing was missed.
    no_rules: list[StreamGap] = field(default_factory=list)
    # Closed by an earlier repair, without all that was published in them.
    partial: list[StreamGap] = field(default_factory=list)
    old_posts: float = 0.0
    partial_posts: float = 0.0

    @property
    def posts(self) -> float:
        """How many posts the gaps may have, by the average rate of their harvests."""
        return sum(each.posts for each in self.planned)

    @property
    def searches(self) -> int:
        return sum(len(span["queries"]) for each in self.planned for span in each.spans)

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in self.planned)

    @property
    def out_of_reach(self) -> tuple[OutOfReach, ...]:
        return merged([missed for each in self.planned for missed in each.out_of_reach])

    def asked(self) -> Iterator[tuple[str, datetime, datetime]]:
        """Each query with each span that it is asked for."""
        for each in self.planned:
            for span in each.spans:
                for number in span["queries"]:
                    yield self.queries[number].text, moment(span["from"]), moment(span["to"])

    def section(self, known: Mapping[str, Any]) -> Tree:
        """`repair` of the description, with what is known of these searches from the one before."""
        begins = {span_key(span["from"], span["to"]) for each in self.planned for span in each.spans}
        told = {gap_key(each.to_tree()) for each in self.planned}
        progress = {
            name: value
            for name, value in (known.get("progress") or {}).items()
            if name in told or " ".join(name.split(" ")[:2]) in begins
        }
        return {
            "archive": self.archive,
            "gaps": [each.to_tree() for each in self.planned],
            "queries": [query.to_tree() for query in self.queries],
            "progress": progress,
        }


def plan_of(
    store: Store,
    keys: CollectionKeys,
    network: Network,
    *,
    archive: bool,
    now: datetime,
    again: bool = False,
) -> Plan:
    """What a repair of the collection would search for now; with `again` also for gaps closed as partial."""
    harvests = catalog.all_of(store, keys)
    every = gaps_of(harvests, closed_by(repairs_of(store, keys)))
    plan = Plan(archive, harvests, every)
    planner = _Planner(plan, network, lambda gap: rules_of(store, keys, harvests, gap))
    reach = network.search_reach(archive=archive)
    oldest = now - reach + _MARGIN if reach else None
    for gap in every:
        if gap.repaired and not (again and gap.is_partial):
            planner.leave_closed(gap)
        elif gap.until > now - SETTLED:
            plan.too_new.append(gap)
        elif oldest and gap.since < oldest:
            planner.leave_old(gap)
        else:
            planner.add(gap)
    return plan


class _Planner:
    """Takes the gaps in order; `rules_before` are the rules in force up to the harvest of a gap."""

    def __init__(
        self,
        plan: Plan,
        network: Network,
        rules_before: Callable[[str], list[InForce]],
    ) -> None:
        self._plan, self._network, self._rules_before = plan, network, rules_before
        self._rules: list[InForce] | None = None
        # Gaps may overlap: what an earlier one covers is not searched for once more.
        self._covered = datetime.min.replace(tzinfo=UTC)

    def leave_closed(self, gap: StreamGap) -> None:
        self._covered = max(gap.until, self._covered)
        if gap.is_partial:
            self._plan.partial.append(gap)
            self._plan.partial_posts += gap.seconds * _rate(gap, self._plan.harvests)

    def leave_old(self, gap: StreamGap) -> None:
        self._plan.too_old.append(gap)
        self._plan.old_posts += gap.seconds * _rate(gap, self._plan.harvests)

    def add(self, gap: StreamGap) -> None:
        """Plan to search for the gap, if any rule was live in it."""
        if self._rules is None:
            self._rules = self._rules_before(gap.harvest)
        live = [span for span in spans(gap.since, gap.until, self._rules) if span.rules]
        if not self._rules:
            self._plan.unknown_rules.append(gap)
        elif not live:
            self._plan.no_rules.append(gap)
        else:
            self._plan.planned.append(self._planned(gap, live, max(gap.since, self._covered)))
            self._covered = max(gap.until, self._covered)

    def _planned(self, gap: StreamGap, live: list[Span], begins: datetime) -> Planned:
        numbers = {query: number for number, query in enumerate(self._plan.queries)}
        found: list[Tree] = []
        missed: list[OutOfReach] = []
        rules: dict[str, None] = {}
        for span in live:
            searches = self._network.searches(span.rules, archive=self._plan.archive)
            missed += searches.out_of_reach
            rules.update(dict.fromkeys(rule for each in span.rules for rule in each.ids))
            if span.until < begins:
                continue
            for query in searches.queries:
                numbers.setdefault(query, len(numbers))
            ends = {"from": timestamp(max(span.since, begins)), "to": timestamp(span.until)}
            found.append({**ends, "queries": [numbers[query] for query in searches.queries]})
        self._plan.queries[:] = numbers
        seconds = max((gap.until - begins).total_seconds(), 0.0)
        posts = seconds * _rate(gap, self._plan.harvests)
        return Planned(gap, tuple(found), tuple(rules), live[0].live_since, merged(missed), seconds, posts)


def _rate(gap: StreamGap, harvests: list[HarvestSummary]) -> float:
    """How many posts a second its harvest collected."""
    summary = next((one for one in harvests if one["harvest_timestamp"] == gap.harvest), None)
    if summary is None:
        return 0.0
    with suppress(KeyError, TypeError, ValueError):
        ended = moment(summary.get("harvest_end_timestamp") or summary["updated"])
        began = moment(summary["harvest_timestamp"])
        lasted, lost, until = (ended - began).total_seconds(), 0.0, began
        # The first gap may have begun long before the harvest, and gaps may overlap.
        for one in sorted(summary["gaps"], key=lambda one: moment(one["from"])):
            since, end = max(moment(one["from"]), until), min(moment(one["to"]), ended)
            lost += max((end - since).total_seconds(), 0.0)
            until = max(until, end)
        heard = lasted - lost if lost < lasted else lasted
        return summary["tweets"] / heard if heard > 0 else 0.0
    return 0.0


def known_progress(store: Store, keys: CollectionKeys) -> Tree:
    """What earlier repairs noted of their searches."""
    try:
        section = history.current(store, keys.repairs).get("repair") or {}
    except NotFound:
        return {}
    found = section.get("progress")
    return found if isinstance(found, dict) else {}


def describe(store: Store, keys: CollectionKeys, collection: Mapping[str, Any], plan: Plan) -> None:
    """Store the plan as the description of the repairs, which the next repair harvests."""
    copied = {name: collection[name] for name in _COPIED if name in collection}
    base: Tree = {"id": keys.id, "type": REPAIR, **copied}

    def change(current: Tree) -> Tree:
        stamps = {name: value for name, value in current.items() if name not in plain(current)}
        return {**base, "repair": plan.section(current.get("repair") or {}), **stamps}

    try:
        history.edit(store, keys.repairs, change, note="Gaps to repair.")
    except NotFound:
        history.add(store, keys.repairs, {**base, "repair": plan.section({})})
