"""A filtered stream is kept alive until it is stopped, and every interruption of it is told as a gap."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

from harvester.changeset import Tree
from harvester.collection import count
from harvester.errors import HarvesterError
from harvester.layout import timestamp
from harvester.sources import Job
from harvester.work import Batch
from harvester.x import StreamRead, StreamSupervisor, XError, compile_rules, price, tag_prefix

log = logging.getLogger("twarc-cloud")

_POST = price("tweets/search/stream", posts=1)


def collect(job: Job) -> None:
    """Set the rules, then take what matches them until a stop or `max_records`."""
    _set_rules(job)
    stream = StreamSupervisor(
        job.x.stream,
        job.x.clear_connections,
        clock=job.clock,
        stop=job.stop,
        on_wait=job.waits,
    )
    left = count(job.collection["filter"], "max_records") or None
    for read in _after_the_gap(job, stream):
        if left is not None and len(read.ids) >= left:
            _put(job, read, most=left)
            job.say("max_records reached")
            if stream.duplicates:
                at = timestamp(job.clock.now())
                job.put(Batch(events=({"event": "duplicates", "dropped": stream.duplicates, "at": at},)))
            return
        if left is not None:
            left -= len(read.ids)
        _put(job, read, most=None)
        job.x.billing.require_left(_POST)


def _after_the_gap(job: Job, stream: Iterable[StreamRead]) -> Iterator[StreamRead]:
    """The stream, in which the gap of a dead harvest ends with the first record, or with the stream."""
    before = _before_this(job)
    try:
        for read in stream:
            if read.ids and before:
                read, before = _with_gap(read, before), None
            yield read
    except XError:
        if before and not job.keeps_gap:
            yield _with_gap(StreamRead(since=job.clock.now()), before)
        raise
    if before:
        yield _with_gap(StreamRead(since=job.clock.now()), before)


def _put(job: Job, read: StreamRead, *, most: int | None) -> None:
    if not read.ids and not read.events:
        return
    lines, ids = read.lines[:most], read.ids[:most]
    job.put(
        Batch(lines=b"".join(lines), posts=len(lines), events=read.events, last_id=ids[-1] if ids else "")
    )


def _set_rules(job: Job) -> None:
    prefix = tag_prefix(job.collection["id"])
    caps = job.x.rule_caps()
    wanted = compile_rules(job.collection["filter"], caps, prefix=prefix)
    plan = job.x.sync_rules(wanted, prefix=prefix, caps=caps)
    if plan.problems:
        raise HarvesterError(
            "X refuses rules of this collection.",
            [
                f"{problem.title}: {problem.detail or problem.raw.get('value', '')}"
                for problem in plan.problems
            ],
            "Correct the filter of the collection.",
        )
    event: Tree = {
        "event": "rules",
        "at": timestamp(job.clock.now()),
        "rules": [{"value": rule.value, "tag": rule.tag} for rule in wanted],
    }
    if plan.foreign:
        event["foreign"] = [dict(rule) for rule in plan.foreign]
        log.warning(
            "The app has %s rules of others; what they match is collected, too. "
            "`collection rules` lists and removes them.",
            len(plan.foreign),
        )
    job.put(Batch(events=(event,), sync=True))


def _before_this(job: Job) -> Tree | None:
    """The gap that a stream which died left open, up to this one's first record."""
    if job.gap_from is None:
        return None
    return {
        "event": "gap",
        "from": timestamp(job.gap_from),
        "reason": job.gap_why,
        "last_id_before": job.last_id or None,
    }


def _with_gap(read: StreamRead, gap: Tree) -> StreamRead:
    event = {**gap, "to": timestamp(read.since), "first_id_after": read.first_id}
    return replace(read, events=(event, *read.events))
