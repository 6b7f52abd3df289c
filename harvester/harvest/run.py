"""Runs a harvest that has its folder: what it collects is stored, or kept for the next start."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harvester.clock import timestamp
from harvester.collection.kinds import is_stream
from harvester.documents import HarvestSummary, Tree
from harvester.errors import Exit, HarvesterError, LockLost
from harvester.errors.files import explained
from harvester.harvest.claim import Claim
from harvester.harvest.collect import collect
from harvester.harvest.context import Context
from harvester.harvest.finalize import Ending
from harvester.harvest.missed_interval import left_missed
from harvester.harvest.pipeline import Storing
from harvester.harvest.progress import FAILED, Outcome, bug
from harvester.harvest.source_thread import SourceThread
from harvester.harvest.upload_queue import Uploads

log = logging.getLogger("twarc-cloud")


@dataclass(frozen=True)
class Run:
    """One harvest that has its folder, under a lock that is held; it is run once."""

    context: Context
    claim: Claim
    source: SourceThread
    uploads: Uploads

    def run(self) -> Outcome:
        """Collect to the end; what cannot be stored stays in the work folder."""
        folder = self.claim.work.folder
        try:
            outcome = self._collect()
            self._finish(outcome)
            return outcome
        except LockLost as error:
            return self._keep_for_retry(Outcome(FAILED, error.message, Exit.LOCKED, error.hint))
        except HarvesterError as error:
            hint = f"{error.hint} What is not stored is kept in {folder} for the next start.".strip()
            reason = "; ".join([error.message, *error.problems])
            return self._keep_for_retry(Outcome(FAILED, reason, Exit.ERROR, hint))
        except OSError as error:
            found = explained(error, folder)
            hint = f"{found.hint} The next start stores everything kept until then.".strip()
            return self._keep_for_retry(Outcome(FAILED, found.message.rstrip("."), Exit.ERROR, hint))
        except Exception as error:  # noqa: BLE001 - told to the caller as the outcome
            return self._keep_for_retry(bug(error))

    def summary(self) -> HarvestSummary:
        """harvest.json as it would be at this moment."""
        return self.context.progress.summary(self.claim.state)

    def billed(self) -> dict[str, Any]:
        return self.source.billed()

    def _collect(self) -> Outcome:
        """How the collecting ended; all that it brought is in the store."""
        # Not kept beyond this: it holds the state as text, ten megabytes where 100,000 users were harvested.
        storing = Storing(self.context, self.claim, self.uploads, billed=self.billed)
        outcome = collect(self.context, self.source, self.claim.work, storing)
        self.context.progress.does("storing")
        # The users are read anew for the ending; two copies of a large collection are one too many.
        self.source.collection.pop("users", None)
        storing.finish()
        return outcome

    def _finish(self, outcome: Outcome) -> None:
        """Store what is left, and then say everywhere that this harvest is over."""
        context, claim = self.context, self.claim
        self.uploads.put("the time of the end", lambda: self._note_end(outcome, at=context.store.now()))
        self.uploads.drain()
        ending = Ending(
            store=context.store,
            keys=context.keys,
            work=claim.work,
            used=self.source.collection,
            summary=context.progress.summary,
            manifests=claim.manifests,
        )
        for what, step in ending.steps():
            self.uploads.put(what, step)
        self.uploads.close()
        claim.work.remove()

    def _keep_for_retry(self, outcome: Outcome) -> Outcome:
        """What could not be stored stays in the work folder; harvest.json says so where that is possible."""
        claim = self.claim
        self.source.inbox.close()
        # A checkpoint that is being written would say after this that the harvest runs.
        self.uploads.abandon()
        self._note_end(outcome)
        if outcome.exit_code != Exit.LOCKED:
            try:
                claim.summary.write(self.context.progress.summary(claim.state))
            except HarvesterError as error:
                log.debug("Cannot write harvest.json: %s", error)
        claim.work.close()
        return outcome

    def _note_end(self, outcome: Outcome, *, at: datetime | None = None) -> None:
        state, source = self.claim.state, self.source
        missed: Tree = {}
        if is_stream(source.collection):
            missed = left_missed(source.network, outcome, state, source.missed)
        state.billed = self.billed()
        self.context.progress.end(outcome, at=timestamp(at) if at else "", missed=missed)
