"""What a harvest is doing and has done, as `harvest.json` and the status tell it: one account for all."""

import logging
import platform
from dataclasses import dataclass, field

from harvester import __version__
from harvester.documents import Tree
from harvester.errors import Exit
from harvester.harvest.workdir import State
from harvester.text import counted, unexpected

log = logging.getLogger("twarc-cloud")

RUNNING, COMPLETE, PARTIAL, STOPPED, FAILED, INTERRUPTED = (
    *("running", "complete", "partial", "stopped", "failed", "interrupted"),
)

BUDGET = "budget"


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
        """Whether it ended because it was through, or because a person wanted it to."""
        if self.state == STOPPED:
            return bool(self.limit) or self.exit_code in (Exit.OK, Exit.INTERRUPTED)
        return self.state in (COMPLETE, PARTIAL)

    cause: BaseException | None = field(default=None, compare=False, repr=False)


def completed(state: State, ended_by: list[str]) -> Outcome:
    """The outcome of a source that came to its end by itself; `ended_by` says what else ended it."""
    failed = state.counts.get("users_failed", 0)
    problems = [counted(failed, "user") + " failed"] if failed else []
    problems += ["the search is unfinished"] if state.counts.get("searches_unfinished") else []
    problems += [counted(len(state.gaps), "gap")] if state.gaps else []
    if problems:
        return Outcome(PARTIAL, "; ".join([*problems, *ended_by]), Exit.PARTIAL)
    return Outcome(COMPLETE, "; ".join(ended_by))


def bug(error: BaseException) -> Outcome:
    """The outcome of a harvest that met what nobody expected; the log has its traceback."""
    log.error("An unexpected error ends the harvest; please report it.", exc_info=error)
    return Outcome(FAILED, unexpected(error), Exit.ERROR, "Report it with the log.", cause=error)


@dataclass
class Progress:
    """The account of one harvest. `activity` says what it waits for; `ended` is empty while it runs."""

    collection_id: str
    store: str
    started: str
    outcome: Outcome = Outcome(RUNNING)
    activity: str = "starting"
    updated: str = ""
    ended: str = ""
    # Since when nobody hears a stream that was not meant to end, and its last record; for the next harvest.
    unheard: Tree = field(default_factory=dict)
    # What was asked for of posts and accounts, and X no longer accepts.
    refused_fields: list[str] = field(default_factory=list)
    # What the task on AWS is given; empty on any other machine.
    task: Tree = field(default_factory=dict)

    def waits(self, what: str, seconds: float) -> None:
        """Say what is waited for; 0 seconds when it is over."""
        self.activity = f"waiting {seconds:.0f} s ({what})" if seconds else "collecting"

    def field_refused(self, words: str, *, at: str) -> Tree:
        """Note what X no longer accepts; the event that says so."""
        self.refused_fields.append(words)
        return {"event": "field refused", "at": at, "detail": words}

    def record(self, state: State) -> Tree:
        """harvest.json."""
        record: Tree = {
            "collection_id": self.collection_id,
            "harvest_timestamp": self.started,
            "state": self.outcome.state,
            "reason": self.outcome.reason,
            "tweets": state.posts,
            "files": len(state.finished) + (1 if state.segment else 0),
            "file_bytes": state.size,
            "counts": state.counts,
            "gaps": state.gaps,
            "billed": state.billed,
            "owner": state.owner,
            "store": self.store,
            "software": f"twarc-cloud {__version__}",
            "python": platform.python_version(),
            "updated": self.updated,
        }
        if self.task:
            record["task"] = self.task
        if self.outcome.state == RUNNING:
            record["activity"] = self.activity
        else:
            record["harvest_end_timestamp"] = self.ended
            record["exit_code"] = int(self.outcome.exit_code)
        if self.refused_fields:
            record["refused_fields"] = list(self.refused_fields)
        if self.unheard:
            record["unheard"] = self.unheard
        if self.outcome.hint:
            record["hint"] = self.outcome.hint
        if self.outcome.limit:
            record["limit"] = self.outcome.limit
        if self.outcome.needs_change:
            record["needs_change"] = True
        return record
