"""Collects a filtered stream until it is stopped; every interruption is recorded as a gap."""

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from harvester.clock import timestamp
from harvester.collection.kinds.kind import count
from harvester.documents import Tree
from harvester.errors import HarvesterError
from harvester.networks import Batch, Stopped
from harvester.networks.gap import Gap
from harvester.networks.x import Rule, StreamRead, StreamSupervisor, XError, price, tag_prefix
from harvester.networks.x.job import Job
from harvester.networks.x.rules.collection_rules import repeated
from harvester.networks.x.rules.live_changes import IN_FORCE_AFTER, LiveChanges
from harvester.networks.x.rules.live_rules import refusal
from harvester.networks.x.rules.wanted import active_rules
from harvester.networks.x.sources.stream_records import StreamRecords
from harvester.networks.x.streaming.connection import StreamConnection
from harvester.networks.x.streaming.recovery import BEYOND
from harvester.text import counted

log = logging.getLogger("twarc-cloud")

_TICK = 0.5
# How far a recovery goes back beyond a gap, so that posts prove it; and the margin below X's limit.
_PROOF, _SPARE = timedelta(minutes=5), timedelta(minutes=1)
_NO_RULE = "no rule of the filter is active"
_POST = price("tweets/search/stream", posts=1)


def collect(job: Job) -> None:
    """Set the rules, then take what matches them until a stop or `max_records`; edits change the rules."""
    records = StreamRecords(job)
    changes, added = _set_rules(job, records)
    try:
        _collect(job, changes, records, heard=added.clear)
    except XError:
        # Nothing came, and they may not be received now: the app's next stream would pay for what they match.
        job.client.take_back(added)
        raise


def _collect(job: Job, changes: LiveChanges, records: StreamRecords, *, heard: Callable[[], None]) -> None:
    """Call `heard` once anything came."""
    gap = Gap(job.gap_from, job.gap_from, job.gap_why, before=job.last_id) if job.gap_from else None
    taken, is_over = 0, False
    try:
        while not is_over:
            if changes.is_empty:
                _await_rules(job, changes, records, gap)
                gap = None
            taken, is_over = _connected(job, changes, records, gap, taken=taken, heard=heard)
            gap = None
    finally:
        if left := changes.left():
            job.put(Batch(events=tuple(left), sync=True))


def _connected(
    job: Job,
    changes: LiveChanges,
    records: StreamRecords,
    gap: Gap | None,
    *,
    taken: int,
    heard: Callable[[], None],
) -> tuple[int, bool]:
    """Collect until the end, or until no rule is active; the posts taken by then, and whether it ended."""
    stream = StreamSupervisor(
        job.client.stream,
        job.client.clear_connections,
        clock=job.clock,
        stop=job.stop,
        on_wait=job.waits,
        time=job.client.time,
        gap=gap,
        charged=job.client.bill_streamed,
        recover=_recovering(job),
        patience=job.client.patience,
    )
    put = partial(_put, job, records)
    for read in stream:
        if read.alive:
            heard()
        if events := _changed(changes, records):
            job.put(Batch(events=events, sync=True))
        most = changes.max_records
        if most is not None and taken + len(read.ids) >= most:
            put(read, most=max(0, most - taken))
            job.say("max_records reached")
            _put_duplicates(job, stream)
            return most, True
        taken += len(read.ids)
        put(read, most=None)
        job.client.billing.require_left(_POST)
        if changes.is_empty:
            _put_duplicates(job, stream)
            return taken, False
    return taken, True


def _recovering(job: Job) -> Callable[[Gap], StreamConnection] | None:
    """Connects so that X delivers again what was missed, as far as the collection asks for that."""
    minutes = count(job.collection["filter"], "backfill_minutes") or 0
    hours = count(job.collection["filter"], "recovery_hours") or 0
    if not (minutes or hours):
        return None

    def recover(gap: Gap) -> StreamConnection:
        now = job.client.time.latest()
        if not hours or (minutes and gap.since - BEYOND > now - timedelta(minutes=minutes)):
            return job.client.stream(backfill_minutes=minutes)
        # X refuses times before those that it keeps.
        oldest = now - timedelta(hours=hours) + _SPARE
        return job.client.stream(backfill_minutes=minutes, start_time=max(gap.since - _PROOF, oldest))

    return recover


def _await_rules(job: Job, changes: LiveChanges, records: StreamRecords, gap: Gap | None) -> None:
    """Wait without a connection while no rule is active, in which nothing is missed; raises Stopped."""
    at = timestamp(job.clock.now())
    waiting: Tree = {"event": "waiting", "at": at, "detail": _NO_RULE}
    ended = (replace(gap, until=job.client.time.latest()).event(),) if gap else ()
    job.put(Batch(events=(*ended, waiting), sync=True))
    job.waits(_NO_RULE, math.inf)
    while changes.is_empty:
        if job.clock.wait(job.stop, _TICK):
            raise Stopped
        events = _changed(changes, records)
        job.put(Batch(events=events, heard=timestamp(job.client.time.earliest()), sync=bool(events)))
    job.waits("", 0.0)


def _changed(changes: LiveChanges, records: StreamRecords) -> tuple[Tree, ...]:
    """What has become of edits, which also changes what is said of records."""
    events = tuple(changes.poll())
    for event in events:
        if event["event"] == "rules":
            records.learn(changes.collection, event)
    return events


def _put_duplicates(job: Job, stream: StreamSupervisor) -> None:
    if stream.duplicates:
        at = timestamp(job.clock.now())
        job.put(Batch(events=({"event": "duplicates", "dropped": stream.duplicates, "at": at},)))


def _put(job: Job, records: StreamRecords, read: StreamRead, *, most: int | None) -> None:
    heard = read.heard if most is None else None
    if not (read.ids or read.events or heard):
        return
    taken, ids = read.lines[:most], read.ids[:most]
    lines, matches = records.stored(taken), records.matches(taken, ids)
    last_id = (heard.last_id if heard else ids[-1] if ids else "") or ""
    since = timestamp(heard.since) if heard else ""
    batch = Batch(
        lines=b"".join(lines),
        posts=len(lines),
        matches=matches,
        events=tuple(read.events),
        last_id=last_id,
        heard=since,
    )
    job.put(batch)


def _set_rules(job: Job, records: StreamRecords) -> tuple[LiveChanges, list[Rule]]:
    """Make the app's rules those of the collection; what changes them, and the rules that are new."""
    for problem in repeated(job.collection["filter"]):
        log.warning("%s", problem)
    prefix = tag_prefix(job.collection["id"])
    caps = job.client.rule_caps()
    plan = job.client.sync_rules(active_rules(job.collection["filter"]), prefix=prefix, caps=caps)
    if plan.problems:
        raise HarvesterError(
            "X rejects rules of this collection.",
            [refusal(problem, plan.rules) for problem in plan.problems],
            "Correct the filter of the collection.",
            needs_change=True,
        )
    since = job.client.time.latest() + (IN_FORCE_AFTER if plan.add else timedelta())
    event: Tree = {
        "event": "rules",
        "at": timestamp(job.clock.now()),
        "rules": [rule.to_tree() for rule in plan.rules],
        "in_force_from": timestamp(since),
    }
    if plan.foreign:
        event["foreign"] = [dict(rule) for rule in plan.foreign]
        log.warning(
            "The app has %s rules of others; what they match is also collected. "
            "`collection rules` lists and removes them.",
            len(plan.foreign),
        )
    if plan.shared:
        log.warning(
            "%s shared with another collection, and removed when that one ends: %s",
            counted(len(plan.shared), "rule").capitalize(),
            "; ".join(str(rule.get("value")) for rule in plan.shared[:3]),
        )
    records.learn(job.collection, event)
    job.put(Batch(events=(event,), sync=True))
    return LiveChanges(job, plan.rules, caps=caps), list(plan.add)
