"""A stream that is an ECS service deletes the service once it is done, and waits where a restart is useless.

ECS starts a service's task again at once, whatever it ended with, and never gives up on one that has run.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from harvester.clock import Backoff, Clock, Stop, SystemClock
from harvester.errors import Exit, HarvesterError
from harvester.harvest.progress import Outcome
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.text import unexpected

log = logging.getLogger("twarc-cloud")

_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0
# The end of a task that a new start may meet again at once, for ever.
_MET_AGAIN = {
    *(Exit.ERROR, Exit.USAGE, Exit.UNAUTHORIZED, Exit.RETRY_LATER, Exit.NO_COLLECTION),
    Exit.LOCKED,
}


@dataclass(frozen=True)
class StreamService:
    """The service whose task this process is: `cluster` and `name` as ECS knows them.

    Of a `shared` task it is one process, which the task starts again by itself.
    """

    cluster: str
    name: str
    collection_id: str
    stop: Stop
    clock: Clock = field(default_factory=SystemClock)
    shared: bool = False

    def waits_for(self, store: Store) -> Callable[[HarvesterError], bool]:
        """Whether a failure is waited for. The first one ends the task, and AWS writes of that."""
        reported_before = self._reported_before(store)
        return lambda error: reported_before(error) is True

    def _reported_before(self, store: Store) -> Callable[[HarvesterError], bool | None]:
        """Whether a task ended with this failure lately; None if the store, which has the answer, fails."""

        def reported_before(error: HarvesterError) -> bool | None:
            from harvester.monitoring.sent_notices import Notices, gist

            notices = Notices(store, CollectionKeys(self.collection_id))
            same = f"ended: {gist(' '.join([error.message, *error.problems]))}"
            try:
                reported = notices.lately(same)
                if not reported:
                    notices.add(same)
            except HarvesterError as away:
                log.warning("Cannot read which failures were reported before: %s", away)
                return None
            return reported

        return reported_before

    def run(
        self,
        harvest: Callable[[Stop], Outcome],
        store: Store,
        *,
        tell: Callable[[HarvesterError], None],
    ) -> int:
        """Harvest, and again after a failure that is waited for; the exit code.

        A harvest that fails stops all its parts, so each has a stop of its own, which hears that of the task.
        With a store that fails, too, the task cannot know whether it is the first to fail so: it calls `tell`
        once, tries again for an hour, and then ends.
        """
        if self.shared:
            # Before it is started again, it is checked whether it was stopped meanwhile.
            return int(harvest(self.stop).exit_code)
        waits_for = self._hour_of(self._reported_before(store), tell)
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        while True:
            began = self.clock.elapsed()
            failure = self._try(harvest, waits_for)
            if isinstance(failure, Exit):
                return int(failure)
            if self.clock.elapsed() - began > backoff.upcoming:
                # It collected meanwhile, so a long pause would miss more than a new start costs.
                backoff.reset()
            pause = backoff.pause()
            log.warning("Trying again in %.0f minutes: %s", pause / 60, failure)
            if self.clock.wait(self.stop, pause):
                return int(Exit.TERMINATED)

    def _hour_of(
        self,
        reported_before: Callable[[HarvesterError], bool | None],
        tell: Callable[[HarvesterError], None],
    ) -> Callable[[HarvesterError], bool]:
        """If the store cannot say whether a failure was reported, wait for it, but not without limit."""
        since: float | None = None

        def waits_for(error: HarvesterError) -> bool:
            nonlocal since
            reported = reported_before(error)
            if reported is not None:
                since = None
                return reported
            if since is None:
                since = self.clock.elapsed()
                tell(error)
            return self.clock.elapsed() - since < _LONGEST_PAUSE

        return waits_for

    def _try(
        self, harvest: Callable[[Stop], Outcome], waits_for: Callable[[HarvesterError], bool]
    ) -> HarvesterError | Exit:
        """The failure that is waited for, or the exit code; what is raised is not waited for either."""
        try:
            with self.stop.part() as stop:
                outcome = harvest(stop)
        except Exception as error:
            failure = error if isinstance(error, HarvesterError) else HarvesterError(unexpected(error))
            if self.stop.requested or failure.exit_code not in _MET_AGAIN:
                raise
            # Another harvest of the collection needs no notice.
            if failure.exit_code != Exit.LOCKED and not waits_for(failure):
                raise
            return failure
        failure = HarvesterError(outcome.reason or outcome.state, exit_code=outcome.exit_code)
        waited_for = outcome.exit_code == Exit.ERROR and not self.stop.requested and waits_for(failure)
        return failure if waited_for else outcome.exit_code

    def end(self) -> None:
        """Delete the service, and with it this task; where that is not allowed, `filter-stop` has to."""
        from harvester.aws.service import Aws

        try:
            Aws().ecs("delete_service", cluster=self.cluster, service=self.name, force=True)
        except HarvesterError as error:
            hint = (
                f"`collection filter-stop {self.collection_id}` ends this task, which costs money until then"
            )
            log.warning("The service could not be deleted: %s; %s.", error.message.rstrip("."), hint)


def service_of_ecs(collection_id: str, stop: Stop) -> StreamService | None:
    """From TWARC_CLOUD_SERVICE, `cluster/service`; None if this process is no service's task."""
    cluster, _, name = os.environ.get("TWARC_CLOUD_SERVICE", "").rpartition("/")
    shared = bool(os.environ.get("TWARC_CLOUD_SERVICE_SINCE"))
    return StreamService(cluster, name, collection_id, stop, shared=shared) if cluster and name else None
