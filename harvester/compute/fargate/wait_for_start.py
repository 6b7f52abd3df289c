"""Waits until a harvest in the cloud has begun; if it does not, AWS or the harvest says why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from harvester.aws.service import Refused
from harvester.aws.stop_reasons import death, hint
from harvester.clock import Clock, Stop, moment
from harvester.compute.fargate.tasks import Found, is_over
from harvester.compute.local.compute import SUCCESS_CODES
from harvester.errors import EndedAtOnce, Exit, HarvesterError
from harvester.harvest import catalog
from harvester.harvest.progress import FAILED
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.text import together

# Fargate takes half a minute, with a large image two; no container runs before.
_WITHIN = 300.0
# From RUNNING to the harvest's folder; one that has a dead harvest to end first is left to itself.
_HARVESTS_WITHIN = 60.0
_PAUSE = 1.0
_NO_REASON = "AWS gives no reason"
# Harvests are named for whole seconds, and stores tell their time in such.
_GRAIN = timedelta(seconds=2)


class StartWatch:
    """Made before the start, so that it can tell a new harvest from an old one."""

    def __init__(
        self,
        store: Store,
        collection_id: str,
        *,
        clock: Clock,
        said: Callable[[Found], str],
        on_wait: Callable[[str, float], None],
    ) -> None:
        self._store, self._keys, self._clock = store, CollectionKeys(collection_id), clock
        self._said, self._on_wait = said, on_wait
        self._since = store.now() - _GRAIN
        self._before = self._ended_well()
        self._never = Stop()

    @property
    def collection_id(self) -> str:
        return self._keys.id

    def wait(self, task: Callable[[], Found | None]) -> bool:
        """Until the harvest has its folder, or is through; raises when it failed, or is not there in time.

        `task` is None for as long as AWS does not know of one. False if the task runs and the harvest
        has not begun after a minute, for what a dead one left may take longer.
        """
        began = self._clock.elapsed()
        runs_since: float | None = None
        status = ""
        while (waited := self._clock.elapsed() - began) < _WITHIN:
            found = task()
            status = str(found.get("lastStatus", "")) if found else "not there yet"
            if found and is_over(found):
                if self._has_ended(found):
                    return True
            elif found and status == "RUNNING":
                runs_since = self._clock.elapsed() if runs_since is None else runs_since
                if self._harvests():
                    return True
                if self._clock.elapsed() - runs_since > _HARVESTS_WITHIN:
                    return False
            self._on_wait(status, waited)
            self._clock.wait(self._never, _PAUSE)
        raise HarvesterError(
            f"The task of {self._keys.id} did not start within {_WITHIN:.0f} s; it is {status}.",
            hint=f"It may still start: see `harvest list`. `harvest stop {self._keys.id}` stops it.",
            exit_code=Exit.RETRY_LATER,
        )

    def _harvests(self) -> bool:
        """Whether one began since then; in a task that carries others, it may be through already."""
        found = catalog.running(self._store, self._keys)
        try:
            if found is not None and moment(str(found["harvest_timestamp"])) >= self._since:
                return True
        except (KeyError, ValueError):
            return False
        return self._ended_well() not in ("", self._before)

    def _ended_well(self) -> str:
        """Which harvest ended last, if it did not fail."""
        try:
            found = catalog.last(self._store, self._keys)
        except HarvesterError:
            # Damaged, which the next harvest mends.
            return ""
        return str(found.get("harvest_timestamp", "")) if found and found.get("state") != FAILED else ""

    def _has_ended(self, task: Found) -> bool:
        """Whether it was through so soon; False while the exit code is not known; raises if it failed."""
        end = death(task)
        if end.exit_code is None and task.get("lastStatus") != "STOPPED":
            return False
        if end.exit_code in SUCCESS_CODES and not _never_ran(task):
            return True
        raise self.failed(task)

    def failed(self, task: Found) -> HarvesterError:
        """Of a task that ended: what the harvest said, or else what AWS says."""
        end, words = death(task), ""
        if end.exit_code is not None and not _never_ran(task):
            words = self._said(task)
        if words:
            return EndedAtOnce(words, exit_code=Exit.of(end.exit_code or Exit.ERROR))
        code = f" with exit code {end.exit_code}" if end.exit_code is not None else ""
        return HarvesterError(
            f"The task of {self._keys.id} ended before it started{code}: {end.detail or _NO_REASON}.",
            hint=hint(end.detail),
            exit_code=Exit.of(end.exit_code or Exit.ERROR),
        )


def _never_ran(task: Found) -> bool:
    return str(task.get("stopCode")) == "TaskFailedToStart"


@dataclass(frozen=True)
class SharedStart:
    """The begin of a shared task, of which each stream is watched."""

    watches: Sequence[StartWatch]

    def wait(self, task: Callable[[], Found | None]) -> None:
        """Until each harvests; raises if the task ended, or if some have not begun, which keep trying."""
        late = [watch.collection_id for watch in self.watches if not watch.wait(task)]
        if late:
            verb = "has" if len(late) == 1 else "have"
            raise HarvesterError(
                f"The task runs, but {together(late)} {verb} not begun to harvest within a minute.",
                hint=f"It is tried again and again: `harvest log {late[0]}` shows why.",
                exit_code=Exit.RETRY_LATER,
            )


def why_not(failures: object) -> str:
    """What RunTask says of tasks that it did not start."""
    reasons = [
        " ".join(str(failure.get(part) or "") for part in ("reason", "detail")).strip()
        for failure in (failures if isinstance(failures, list) else [])
    ]
    return "; ".join(reasons) or "AWS gives no reason"


def not_started(name: str, words: str) -> HarvesterError:
    return HarvesterError(
        f"The task of {name} was not started: {words}.", hint=hint(words), exit_code=Exit.RETRY_LATER
    )


def unwatched(name: str, collection_id: str, refused: Refused) -> HarvesterError:
    """A start that was made, of which AWS does not let be seen what came."""
    return HarvesterError(
        f"The task of {name} was started, but cannot be watched: {refused.message}",
        hint=f"{refused.hint} `harvest running {collection_id}` shows whether it harvests.".lstrip(),
        exit_code=refused.exit_code,
    )
