"""A stream that is refused waits in its own harvest, longer and longer, until it is accepted or a stop comes.

Ended in its place, a service of ECS would start it again at once, for ever: tasks that have run are not
throttled. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from harvester.clock import Clock, Stop, timestamp
from harvester.documents import Tree
from harvester.errors import HarvesterError
from harvester.harvest.workdir import State
from harvester.networks import Batch, Network, Put, Stopped
from harvester.networks.budget import BudgetReached
from harvester.networks.gap import MissedInterval

log = logging.getLogger("twarc-cloud")

FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3600.0
_REFUSED = "refused it"


@dataclass
class Holding:
    """Of one harvest. `waits_for` says of a refusal whether it is waited for, or else ends the harvest.

    `moves` is asked first: it has the source use other keys, and gives the event that says so.
    """

    network: Network
    waits_for: Callable[[HarvesterError], bool]
    clock: Clock
    stop: Stop
    put: Put
    say: Callable[[str, float], None]
    moves: Callable[[HarvesterError], Tree | None] = lambda _: None
    # Has a change of the collection end a wait, as what is refused may be corrected.
    ends_by_edit: Callable[[Stop], AbstractContextManager[object]] = nullcontext

    def collect(
        self,
        source: Callable[[MissedInterval | None], None],
        missed: MissedInterval | None,
        *,
        state: State,
    ) -> None:
        """Run `source` again after each refusal that is waited for; raises what ends it for good.

        `missed` is the gap that the source reports with its first record.
        """
        pause = FIRST_PAUSE
        while True:
            before, began = state.heard, self.clock.elapsed()
            try:
                source(missed)
                return
            except (Stopped, BudgetReached):
                raise
            except HarvesterError as error:
                moved = self.moves(error)
                if not moved and not self.waits_for(error):
                    raise
                refused = error
            if self.clock.elapsed() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            missed = self._recorded(refused, missed, state, before=before)
            if moved:
                self.put(Batch(events=(moved,), sync=True))
                continue
            if self._waited(refused, pause):
                if missed is None:
                    raise Stopped
                gap = missed.gap(_gap_reason(missed), until=self.clock.now())
                self.put(Batch(events=(gap.event(),), sync=True))
                raise Stopped
            pause = min(2 * pause, LONGEST_PAUSE)

    def _recorded(
        self, error: HarvesterError, earlier: MissedInterval | None, state: State, *, before: str
    ) -> MissedInterval | None:
        """Record that the network refuses the stream; returns the interval missed from then on, if any.

        `before` is what was received before this attempt: one that was never open interrupted nothing.
        """
        event = {"event": "refused", "at": timestamp(self.clock.now()), "detail": reason(error)}
        # With all that came before on disk, the state says what was heard last.
        self.put(Batch(events=(event,), sync=True), wait=True)
        if state.heard == before:
            return earlier
        missed = self.network.missed(state)
        return missed and replace(missed, why=f"{self.network.title} {_REFUSED}")

    def _waited(self, error: HarvesterError, pause: float) -> bool:
        """Whether a stop came meanwhile."""
        log.warning("%s Trying again in %.0f minutes. %s", reason(error), pause / 60, error.hint)
        self.say(f"{self.network.title} refuses the stream: {reason(error)}", pause)
        try:
            with self.stop.part() as wait, self.ends_by_edit(wait):
                self.clock.wait(wait, pause)
            return self.stop.requested
        finally:
            self.say("", 0.0)


def reason(error: HarvesterError) -> str:
    return " ".join([error.message, *error.problems])


def gap_of(missed: MissedInterval | None) -> dict[str, Any]:
    """The part of a `Job` about the gap that its source reports."""
    if missed is None:
        return {}
    return {
        "gap_from": missed.since,
        "last_id": missed.last_id or "",
        "gap_why": _gap_reason(missed),
    }


def _gap_reason(missed: MissedInterval) -> str:
    return missed.why if missed.why.endswith(_REFUSED) else f"the harvest before {missed.why}"
