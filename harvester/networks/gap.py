"""A gap names what may be missing: between two moments of the network's clock, and beside which posts.

All gaps are made and judged here: those of chains of pages, of streams, and of harvests that died.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from harvester.clock import moment, timestamp
from harvester.documents import Tree

# The events that tell of one, and of what came of it.
GAP, BACKFILL = "gap", "backfill"
# An id further from its gap than this says nothing of its time: of a replay, or of a quiet stream.
_BESIDE = timedelta(days=2)


@dataclass(frozen=True)
class Gap:
    """Posts from `since` to `until` may be missing, behind the post `before` and ahead of the post `after`.

    It never ends before it begins. `more` goes into its event, e.g. whose posts they are.
    """

    since: datetime
    until: datetime
    reason: str
    before: str | None = None
    after: str | None = None
    more: Tree = field(default_factory=dict)

    def event(self) -> Tree:
        """As events.jsonl and harvest.json hold it."""
        until = max(self.since, self.until)
        return {
            "event": GAP,
            **self.more,
            "from": timestamp(self.since),
            "to": timestamp(until),
            "reason": self.reason,
            "last_id_before": self.before or None,
            "first_id_after": self.after or None,
            "seconds": round((until - self.since).total_seconds(), 3),
        }


class Heard(Protocol):
    """What a harvest keeps of the stream that it hears: moments as text, and the last post."""

    harvest: str
    begun: str
    heard: str
    last_id: str


@dataclass(frozen=True)
class MissedInterval:
    """A stream without a connection: every post that was published before `since` and matches has come.

    `last_id` is the newest of these, `why` what became of its harvest.
    """

    since: datetime
    last_id: str | None
    why: str = "died"

    @classmethod
    def of(cls, state: "Heard") -> "MissedInterval":
        """What may be missing of a stream, of whose harvest this was kept: without a mark, all of it."""
        return cls(moment(state.heard or state.begun or state.harvest), state.last_id or None)

    def to_tree(self) -> Tree:
        return {"since": timestamp(self.since), "last_id": self.last_id, "why": self.why}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> "MissedInterval":
        return cls(moment(tree["since"]), tree["last_id"], tree["why"])

    def gap(self, reason: str, *, until: datetime) -> Gap:
        """The gap that this has become."""
        return Gap(self.since, until, reason, before=self.last_id)


# When a post was published, which its id may tell.
Published = Callable[[str | None], datetime | None]


def impossible(event: Mapping[str, Any], published: Published, *, delivery: timedelta) -> str:
    """Why an event of a gap cannot be true; empty if nothing speaks against it.

    `delivery` is how much later a post may come than one that was published after it.
    """
    try:
        since, until = moment(event["from"]), moment(event["to"])
    except (KeyError, TypeError, ValueError):
        return "it has no beginning or no end"
    if until < since:
        return "it ends before it begins"
    before, after = (published(_text(event.get(name))) for name in ("last_id_before", "first_id_after"))
    earliest, latest = since - _BESIDE, until + _BESIDE
    # An id that tells another time altogether was made by something that is not the network.
    before = before if before and earliest < before < latest else None
    after = after if after and earliest < after < latest else None
    return _contradiction(before, after, since, until, delivery)


def _contradiction(
    before: datetime | None, after: datetime | None, since: datetime, until: datetime, delivery: timedelta
) -> str:
    if before and (before > until or before > since + delivery):
        return f"its last_id_before was published at {timestamp(before)}"
    if after and after < since - delivery:
        return f"its first_id_after was published at {timestamp(after)}"
    if before and after and before > after + delivery:
        return "its last_id_before was published after its first_id_after"
    return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
