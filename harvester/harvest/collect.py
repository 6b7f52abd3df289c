"""One thread writes what the source hands over, until the source ends or is stopped."""

import logging
from dataclasses import replace

from harvester.collection.kinds import is_crawl
from harvester.collection.workers import crawl_owner
from harvester.errors import Conflict, Exit, HarvesterError, StoreAway
from harvester.harvest.context import Context
from harvester.harvest.inbox import TICK, Item
from harvester.harvest.pipeline import Storing
from harvester.harvest.progress import BUDGET, FAILED, STOPPED, Outcome, bug, completed
from harvester.harvest.source_thread import SourceThread
from harvester.harvest.workdir import State, Work
from harvester.networks import Batch, Stopped
from harvester.networks.budget import BudgetReached

log = logging.getLogger("twarc-cloud")

_SIGNALS = {"SIGINT": Exit.INTERRUPTED, "SIGTERM": Exit.TERMINATED}
_SOURCE_GRACE = 10.0


def collect(context: Context, source: SourceThread, work: Work, storing: Storing) -> Outcome:
    """Run the source to its end; everything it handed over is in the work folder."""
    state = work.state
    source.start(state, work.path("earlier"))
    try:
        _write(context, source, storing)
    except (StoreAway, Conflict):
        _write_the_rest(context, source, storing)
        raise
    finally:
        source.inbox.close()
    # Only what is synced counts, the gaps of the last second included.
    storing.add(Batch(sync=True))
    return _outcome(context, source, state, storing)


def _write(context: Context, source: SourceThread, storing: Storing) -> None:
    deadline = None
    while True:
        if context.stop.requested and deadline is None:
            deadline = context.clock.elapsed() + _SOURCE_GRACE
        item = source.inbox.take(within=min(TICK, storing.until_sync()))
        if item is None:
            storing.do_what_is_due()
            if deadline is not None and context.clock.elapsed() > deadline:
                log.warning("The source did not stop in time; ending without it.")
                return
            continue
        if not _added(item, storing):
            return
        storing.do_what_is_due(more=source.inbox.has_due)


def _write_the_rest(context: Context, source: SourceThread, storing: Storing) -> None:
    """The store failed, this disk did not: what the network hands over until the source stops is kept."""
    deadline = context.clock.elapsed() + _SOURCE_GRACE
    while context.clock.elapsed() < deadline:
        item = source.inbox.take()
        if item and not _added(item, storing):
            break
    storing.add(Batch(sync=True))


def _added(item: Item, storing: Storing) -> bool:
    """Write an item; False if it is the end."""
    if item.batch is None:
        return False
    storing.add(item.batch)
    if item.written:
        item.written.set()
    return True


def _outcome(context: Context, source: SourceThread, state: State, storing: Storing) -> Outcome:
    """How the source ended, in the words of harvest.json."""
    # A stop ended the source then, too.
    error, stop = context.app_lost() or source.error, context.stop
    if error is None and not stop.requested:
        return _completed(source, state)
    if error is None or isinstance(error, Stopped):
        # Storing that failed stops the source, too, and is the reason then.
        storing.check()
        return Outcome(STOPPED, stop.reason, _SIGNALS.get(stop.reason, Exit.OK))
    return _failed(error) if isinstance(error, HarvesterError) else bug(error)


def _completed(source: SourceThread, state: State) -> Outcome:
    ended = completed(state, source.ended_by)
    if is_crawl(source.collection) and state.counts.get("users_failed"):
        retry = f"`graph retry {crawl_owner(source.collection)}` collects their lists again."
        return replace(ended, hint=retry)
    return ended


def _failed(error: HarvesterError) -> Outcome:
    result = STOPPED if error.exit_code == Exit.RETRY_LATER else FAILED
    reason = " ".join([error.message, *error.problems])
    limit = BUDGET if isinstance(error, BudgetReached) else ""
    return Outcome(result, reason, error.exit_code, error.hint, limit, error.needs_change)
