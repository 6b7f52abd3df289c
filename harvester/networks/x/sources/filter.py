"""Collects a filtered stream until it is stopped; every interruption is recorded as a gap."""

import logging
from collections.abc import Callable
from functools import partial

from harvester.clock import timestamp
from harvester.collection.kinds.kind import count
from harvester.documents import Tree
from harvester.errors import HarvesterError
from harvester.networks import Batch
from harvester.networks.gap import Gap
from harvester.networks.x import Rule, StreamRead, StreamSupervisor, XError, price, tag_prefix
from harvester.networks.x.job import Job
from harvester.networks.x.rules.collection_rules import repeated
from harvester.networks.x.rules.live_rules import refusal
from harvester.networks.x.rules.wanted import active_rules
from harvester.networks.x.sources.stream_records import StreamRecords
from harvester.text import counted

log = logging.getLogger("twarc-cloud")

_POST = price("tweets/search/stream", posts=1)


def collect(job: Job) -> None:
    """Set the rules, then take what matches them until a stop or `max_records`."""
    records = StreamRecords(job)
    added = _set_rules(job, records)
    try:
        _collect(job, records, heard=added.clear)
    except XError:
        # Nothing came, and they may not be received now: the app's next stream would pay for what they match.
        job.client.take_back(added)
        raise


def _collect(job: Job, records: StreamRecords, *, heard: Callable[[], None]) -> None:
    """Call `heard` once anything came."""
    minutes = count(job.collection["filter"], "backfill_minutes")
    stream = StreamSupervisor(
        job.client.stream,
        job.client.clear_connections,
        clock=job.clock,
        stop=job.stop,
        on_wait=job.waits,
        time=job.client.time,
        gap=Gap(job.gap_from, job.gap_from, job.gap_why, before=job.last_id) if job.gap_from else None,
        charged=job.client.bill_streamed,
        recover=partial(job.client.stream, backfill_minutes=minutes) if minutes else None,
    )
    left = count(job.collection["filter"], "max_records") or None
    put = partial(_put, job, records)
    for read in stream:
        if read.alive:
            heard()
        if left is not None and len(read.ids) >= left:
            put(read, most=left)
            job.say("max_records reached")
            if stream.duplicates:
                at = timestamp(job.clock.now())
                job.put(Batch(events=({"event": "duplicates", "dropped": stream.duplicates, "at": at},)))
            return
        if left is not None:
            left -= len(read.ids)
        put(read, most=None)
        job.client.billing.require_left(_POST)


def _put(job: Job, records: StreamRecords, read: StreamRead, *, most: int | None) -> None:
    heard = read.heard if most is None else None
    if not (read.ids or read.events or heard):
        return
    lines, ids = records.stored(read.lines[:most]), read.ids[:most]
    last_id = (heard.last_id if heard else ids[-1] if ids else "") or ""
    since = timestamp(heard.since) if heard else ""
    batch = Batch(
        lines=b"".join(lines), posts=len(lines), events=tuple(read.events), last_id=last_id, heard=since
    )
    job.put(batch)


def _set_rules(job: Job, records: StreamRecords) -> list[Rule]:
    """Make the app's rules those of the collection; those that were not there before."""
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
    event: Tree = {
        "event": "rules",
        "at": timestamp(job.clock.now()),
        "rules": [rule.told for rule in plan.rules],
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
    return list(plan.add)
