"""The state and figures of a harvest, as harvest.json and the status page show them."""

import logging
import math
import platform
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from harvester import __version__
from harvester.documents import HarvestSummary, Tree
from harvester.errors import Exit
from harvester.harvest.workdir import State
from harvester.text import counted, unexpected

log = logging.getLogger("twarc-cloud")

RUNNING, COMPLETE, PARTIAL, STOPPED, FAILED, INTERRUPTED = (
    *("running", "complete", "partial", "stopped", "failed", "interrupted"),
)

BUDGET = "budget"
_WAITS = "waiting"


@dataclass(frozen=True)
class Outcome:
    """How a harvest ended: its state, why in words, what the process returns; of a bug also the exception."""

    state: str
    reason: str = ""
    exit_code: Exit = Exit.OK
    hint: str = ""
    # Which of the person's limits ended it, where one did that starting again would only meet again.
    limit: str = ""
    # Whether it would end so again until the collection is changed.
    needs_change: bool = False

    @property
    def was_meant(self) -> bool:
        """Whether it ended because it was complete, or because a person wanted it to."""
        if self.state == STOPPED:
            return bool(self.limit) or self.exit_code in (Exit.OK, Exit.INTERRUPTED)
        return self.state in (COMPLETE, PARTIAL)

    cause: BaseException | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, summary: HarvestSummary) -> "Outcome":
        """How a harvest ended by its harvest.json; a later version may have written that."""
        return cls(
            summary["state"],
            summary.get("reason", ""),
            Exit.of(summary.get("exit_code", Exit.ERROR)),
            summary.get("hint", ""),
            summary.get("limit", ""),
            summary.get("needs_change", False),
        )


def completed(state: State, ended_by: list[str]) -> Outcome:
    """The outcome of a source that came to its end by itself; `ended_by` says what else ended it."""
    failed = state.counts.get("users_failed", 0)
    problems = [counted(failed, "user") + " failed"] if failed else []
    cut = state.counts.get("lists_unfinished", 0)
    problems += [f"{counted(cut, 'list')} cut by what the network answered"] if cut else []
    problems += ["the search is unfinished"] if state.counts.get("searches_unfinished") else []
    problems += [counted(len(state.gaps), "gap")] if state.gaps else []
    if problems:
        return Outcome(PARTIAL, "; ".join([*problems, *ended_by]), Exit.PARTIAL)
    return Outcome(COMPLETE, "; ".join(ended_by))


def bug(error: BaseException) -> Outcome:
    """The outcome of a harvest that met an unexpected error; the log has its traceback."""
    log.error("An unexpected error ends the harvest; please report it.", exc_info=error)
    return Outcome(FAILED, unexpected(error), Exit.ERROR, "Report it with the log.", cause=error)


@dataclass(frozen=True)
class _Standing:
    """How a harvest stands. `activity` says what it waits for; `ended` is empty while it runs."""

    started: str
    outcome: Outcome = Outcome(RUNNING)
    activity: str = "starting"
    updated: str = ""
    ended: str = ""
    # Since when a stream that was not meant to end is not collected, and its last record.
    missed: Tree = field(default_factory=dict)
    # What was asked for of posts and accounts, and is no longer accepted.
    refused_fields: tuple[str, ...] = ()
    # Of a stream: the version of the collection that is in use, and why a later one is not.
    version: int = 0
    change_waits: str = ""
    # Of a shard: the event of its last move to other keys.
    moved: Tree = field(default_factory=dict)
    # Of a crawl: which one, its depth, and how many of its accounts were waiting.
    crawl: Tree = field(default_factory=dict)


class Progress:
    """The summary of one harvest. Any thread may change or read it: each change is seen whole or not at all.

    `task` is what the task on AWS is given; empty on any other machine. `rule_counts` are how many posts the
    rules of a stream matched; empty if that is not counted.
    """

    def __init__(
        self,
        collection_id: str,
        store: str,
        started: str = "",
        *,
        task: Tree | None = None,
        refused_fields: Iterable[str] = (),
        rule_counts: Callable[[], Tree] = dict,
    ) -> None:
        self._collection_id, self._store, self._task = collection_id, store, task or {}
        self._rule_counts = rule_counts
        # Replaced, never changed, so that it is read without the lock.
        self._now = _Standing(started, updated=started, refused_fields=tuple(refused_fields))
        self._lock = threading.Lock()

    @property
    def started(self) -> str:
        return self._now.started

    @property
    def activity(self) -> str:
        return self._now.activity

    @property
    def crawl(self) -> Tree:
        """Of a crawl: its depth, and the number of users that were waiting."""
        return self._now.crawl

    @property
    def is_waiting(self) -> bool:
        return self._now.activity.startswith(_WAITS)

    def begin(self, started: str) -> None:
        """The harvest has the folder of this timestamp."""
        with self._lock:
            self._now = replace(self._now, started=started, updated=started)

    def does(self, activity: str) -> None:
        with self._lock:
            self._now = replace(self._now, activity=activity)

    def waits(self, what: str, seconds: float) -> None:
        """Set what it waits for: 0 seconds when the wait is over, infinity if its length is unknown."""
        how_long = "" if math.isinf(seconds) else f"{seconds:.0f} s "
        self.does(f"{_WAITS} {how_long}({what})" if seconds else "collecting")

    def update(self, at: str) -> None:
        """What is recorded is as of this moment."""
        with self._lock:
            self._now = replace(self._now, updated=at)

    def field_refused(self, words: str, *, at: str) -> Tree:
        """Note what the network no longer accepts; the event that says so."""
        with self._lock:
            self._now = replace(self._now, refused_fields=(*self._now.refused_fields, words))
        return {"event": "field refused", "at": at, "detail": words}

    def uses_version(self, version: int) -> None:
        """A stream is collected by this version of the collection."""
        with self._lock:
            self._now = replace(self._now, version=version, change_waits="")

    def change_waits(self, why: str) -> None:
        """Say why a stream is not collected by the collection as it is stored."""
        with self._lock:
            self._now = replace(self._now, change_waits=why)

    def moved_shard(self, event: Tree) -> None:
        """A shard is collected with the keys of another profile."""
        with self._lock:
            self._now = replace(self._now, moved=event)

    def crawls(self, told: Tree) -> None:
        """The harvest reads a depth of a crawl."""
        with self._lock:
            self._now = replace(self._now, crawl=told)

    def end(self, outcome: Outcome, *, at: str = "", missed: Tree | None = None) -> None:
        """The harvest is over, since `at` or, where that is not known, since the last update."""
        with self._lock:
            moment = at or self._now.updated
            self._now = replace(self._now, outcome=outcome, updated=moment, ended=moment, missed=missed or {})

    def summary(self, state: State) -> HarvestSummary:
        """harvest.json."""
        # First, so that one that is over has all of its figures.
        now = self._now
        outcome = now.outcome
        figures = state.figures()
        summary: HarvestSummary = {
            "collection_id": self._collection_id,
            "harvest_timestamp": now.started,
            "state": outcome.state,
            "reason": outcome.reason,
            "tweets": figures["tweets"],
            "files": figures["files"],
            "file_bytes": figures["file_bytes"],
            "counts": figures["counts"],
            "gaps": figures["gaps"],
            "billed": figures["billed"],
            "owner": state.owner,
            "store": self._store,
            "software": f"twarc-cloud {__version__}",
            "python": platform.python_version(),
            "updated": now.updated,
        }
        if "repairs" in figures:
            summary["repairs"] = figures["repairs"]
        if self._task:
            summary["task"] = self._task
        if outcome.state == RUNNING:
            summary["activity"] = now.activity
        else:
            summary["harvest_end_timestamp"] = now.ended
            summary["exit_code"] = int(outcome.exit_code)
        if counts := self._rule_counts():
            summary["rule_counts"] = counts
        _add_differences(summary, now)
        if now.missed:
            summary["missed_interval"] = now.missed
        if outcome.hint:
            summary["hint"] = outcome.hint
        if outcome.limit:
            summary["limit"] = outcome.limit
        if outcome.needs_change:
            summary["needs_change"] = True
        return summary


def _add_differences(summary: HarvestSummary, now: _Standing) -> None:
    """Add in what the harvest differs from what the collection asks for, and which version of it it uses."""
    if now.version:
        summary["collection_version"] = now.version
    if now.change_waits:
        summary["change_waits"] = now.change_waits
    if now.moved:
        summary["shard_moved"] = {name: now.moved[name] for name in ("at", "from", "to", "why")}
    if now.crawl:
        summary["crawl"] = now.crawl
    if now.refused_fields:
        summary["refused_fields"] = list(now.refused_fields)
