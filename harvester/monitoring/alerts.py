"""Reports each failure once, and each success, to Honeybadger, without delaying or changing the harvest."""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from harvester.collection.kinds import is_stream
from harvester.documents import Collection, HarvestSummary, Tree
from harvester.errors import Exit, HarvesterError, NotFound
from harvester.monitoring import heartbeat
from harvester.monitoring.within import delivered, line, within
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.text import counted, unexpected

# The harvester is imported only when something is reported, so that --help is quick.
if TYPE_CHECKING:
    from harvester.harvest.progress import Outcome

log = logging.getLogger("twarc-cloud")
_T = TypeVar("_T")

_KEY = "HONEYBADGER_API_KEY"
# Together with `within.py` at most twelve seconds, so that a failure is reported before a SIGKILL.
_KEY_WITHIN, _MEMORY_WITHIN = 5.0, 2.0
_STREAM_CHECKS_IN_EVERY = 900.0
_SINKS_LOOKED_AT_EVERY = 60.0
# The silence after which a sink's process is considered hanging, or ending again and again.
_SINK_SILENT_AFTER = 300.0
_GAVE_UP = "gave up"
_DIED = "it died without a message: killed, out of memory, or its machine is gone; its files are now stored"
_KINDS = {
    Exit.USAGE: "unusable settings",
    Exit.UNAUTHORIZED: "unauthorized",
    Exit.RETRY_LATER: "refused or away",
    Exit.NO_COLLECTION: "no collection",
    Exit.LOCKED: "locked",
}


@dataclass
class Alerts:
    """Reports on one collection of a bucket or folder; the other fields are filled in as they get known."""

    collection_id: str
    bucket: str
    settings: Settings = field(default_factory=Settings)
    store: Store | None = None
    collection: Tree = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set, repr=False)
    reported: bool = False
    _refused: list[str] = field(default_factory=list)
    _moved: Tree = field(default_factory=dict)

    def uses(self, collection: Collection, secrets: Iterable[str]) -> None:
        """The collection of the harvest, and what must be in no notice."""
        self.collection = {
            name: collection.get(name) for name in ("type", "check_in", "network") if name in collection
        }
        self.secrets |= set(secrets)

    def ended(self, outcome: "Outcome", summary: HarvestSummary, *, dead: str = "") -> None:
        """Report how a harvest ended, a dead one that it finished, and lost fields."""
        from harvester.harvest.progress import COMPLETE, FAILED, INTERRUPTED, PARTIAL, Outcome

        self.reported = True
        if dead:
            self._notify(INTERRUPTED, Outcome(INTERRUPTED, _DIED, Exit.ERROR), dead)
        if outcome.state == FAILED or outcome.exit_code == Exit.RETRY_LATER:
            kind = "bug" if outcome.cause else _kind(outcome.exit_code)
            self._notify(kind, outcome, summary["harvest_timestamp"])
        elif outcome.state in (COMPLETE, PARTIAL):
            self.check_in()
            self._forget()
        self.fields_refused(summary)
        self.shard_moved(summary)

    def shard_moved(self, summary: HarvestSummary) -> None:
        """Report that a shard has other keys, once for each move."""
        from harvester.harvest.progress import Outcome

        moved = summary.get("shard_moved")
        if not moved or moved == self._moved:
            return
        self._moved = moved
        reason = f"The shard moved from profile {moved['from']} to {moved['to']}: {moved['why']}"
        hint = "Remove the rules of the app that is refused if it returns, and name another spare profile."
        outcome = Outcome(str(summary["state"]), reason, Exit.OK, hint)
        self._notify("shard moved", outcome, str(summary["harvest_timestamp"]))

    def fields_refused(self, summary: HarvestSummary) -> None:
        """Report what the network no longer accepts, once in the life of the collection."""
        from harvester.harvest.progress import Outcome
        from harvester.networks.registry import network_of

        refused = summary.get("refused_fields")
        if not refused or refused == self._refused:
            return
        self._refused = list(refused)
        title = network_of(self.collection).title
        reason = f"{title} no longer accepts {', '.join(refused)}; harvests continue without."
        hint = "Records no longer contain these; no action is needed. `doctor` checks the fields."
        outcome = Outcome(str(summary["state"]), reason, Exit.OK, hint)
        self._notify("refused fields", outcome, str(summary["harvest_timestamp"]), once=True)

    def failed(self, error: Exception) -> None:
        """Report what kept a harvest from beginning, or a bug."""
        from harvester.harvest.progress import FAILED, Outcome

        if isinstance(error, HarvesterError):
            reason = " ".join([error.message, *error.problems])
            self._notify(_kind(error.exit_code), Outcome(FAILED, reason, error.exit_code, error.hint))
        else:
            self._notify("bug", Outcome(FAILED, unexpected(error), Exit.ERROR, cause=error))

    def gave_up(self, reason: str) -> None:
        """Report that a stream is no longer collected."""
        from harvester.harvest.progress import FAILED, Outcome

        hint = f"`collection filter-start {self.collection_id}` restarts it."
        self._notify(_GAVE_UP, Outcome(FAILED, reason, Exit.ERROR, hint))

    def unheard(self, word: str, summary: HarvestSummary) -> None:
        """Report a stream that runs and is refused, or receives nothing."""
        from harvester.harvest.progress import RUNNING, Outcome

        reason = f"The stream is {word}: {summary.get('activity') or 'nothing is heard of it'}."
        hint = f"`harvest running {self.collection_id}` and `harvest log {self.collection_id}` show more."
        self._notify(
            f"stream {word}", Outcome(RUNNING, reason, Exit.RETRY_LATER, hint), summary["harvest_timestamp"]
        )

    def beats(
        self,
        over: threading.Event,
        summary: Callable[[], HarvestSummary],
        *,
        every: float = _STREAM_CHECKS_IN_EVERY,
    ) -> None:
        """A stream ends on request only, so it checks in while it is healthy; a missing check-in alarms."""

        def beat() -> None:
            from harvester.harvest.heartbeat_word import WELL

            if not is_stream(self.collection) or not (word := (now := summary()).get("heartbeat")):
                return
            if word in WELL:
                self.check_in()
                self.fields_refused(now)
                self.shard_moved(now)
            else:
                self.unheard(word, now)

        heartbeat.every(every, over, beat)

    def watch_sinks(
        self,
        over: threading.Event,
        statuses: Callable[[], Sequence[Tree]],
        *,
        every: float = _SINKS_LOOKED_AT_EVERY,
    ) -> None:
        """Report each sink that falls behind, once until it has caught up."""
        behind: set[str] = set()

        def look() -> None:
            found = {each["name"]: each for each in statuses() if _is_behind(each)}
            for name in found.keys() - behind:
                self.sink_behind(name, found[name])
            behind.clear()
            behind.update(found)

        heartbeat.every(every, over, look)

    def sink_behind(self, name: str, status: Tree) -> None:
        """Report a sink that does not deliver what its harvest stores."""
        from harvester.harvest.progress import RUNNING, Outcome

        posts, why = counted(status.get("lag_records", 0), "post"), status.get("last_error") or ""
        reason = f"The sink {name} is behind by {posts}, {status.get('lag_seconds', 0):.0f} s. {why}".strip()
        hint = f"`sink list {self.collection_id}` shows more; what is stored is delivered later."
        self._notify("sink behind", Outcome(RUNNING, reason, Exit.RETRY_LATER, hint))

    def check_in(self) -> None:
        """Check in, if the collection or the settings have an id for that."""
        identifier = str(self.collection.get("check_in") or self.settings.honeybadger_check_in)
        if not identifier:
            return
        from harvester.monitoring.honeybadger import check_in

        endpoint = os.environ.get("HONEYBADGER_ENDPOINT", "")
        delivered("check-in", lambda: check_in(identifier, endpoint))

    def _notify(self, name: str, outcome: "Outcome", harvest: str = "", *, once: bool = False) -> None:
        """Send one notice, unless one of the same was sent lately (or `once` ever) or there is no key."""
        key = self._key()
        if not key:
            return
        from harvester.monitoring.honeybadger import Failure, notify
        from harvester.monitoring.scrubber import Scrubber
        from harvester.monitoring.sent_notices import Notices, gist

        failure = Failure(
            name=name,
            collection=self.collection_id,
            bucket=self.bucket,
            harvest=harvest,
            state=outcome.state,
            reason=outcome.reason,
            hint=outcome.hint,
            exit_code=int(outcome.exit_code),
            cause=outcome.cause,
        )
        scrubber = Scrubber.of(os.environ, {key, *self.secrets})
        notices = Notices(self.store, CollectionKeys(self.collection_id)) if self.store else None
        same = scrubber.scrubbed(f"{name}: {gist(outcome.reason)}")
        if notices and self._remembered(lambda: (notices.ever if once else notices.lately)(same)):
            log.info("Honeybadger got the same notice recently; not sent again.")
        elif delivered("notice", lambda: notify(key, failure, scrubber)) and notices:
            self._remembered(lambda: (notices.add_for_good if once else notices.add)(same))

    def _key(self) -> str:
        """Empty if there is none, which is not a failure."""
        key = os.environ.get(_KEY, "")
        if key or not self.settings.parameter_path:
            return key
        from harvester.aws.parameters import parameter_store

        try:
            return within(_KEY_WITHIN, lambda: parameter_store(self.settings).read("honeybadger"))
        except NotFound:
            return ""
        except (HarvesterError, TimeoutError) as error:
            # To a role that may not read it, AWS also refuses what does not exist.
            level = logging.WARNING if _may_be_there(error) else logging.DEBUG
            log.log(level, "Cannot read Honeybadger's key: %s", line(error))
            return ""

    def _remembered(self, ask: Callable[[], _T]) -> _T | None:
        """None if the store does not answer in time; then a notice too many is better than none."""
        try:
            return within(_MEMORY_WITHIN, ask)
        except Exception as error:  # noqa: BLE001 - the harvest reports the store's own failure
            log.debug("Cannot read which notices were sent recently: %s", line(error))
            return None

    def _forget(self) -> None:
        from harvester.monitoring.sent_notices import Notices

        if self.store and (self.settings.parameter_path or os.environ.get(_KEY)):
            self._remembered(Notices(self.store, CollectionKeys(self.collection_id)).clear)


@contextmanager
def watching(
    collection_id: str, bucket: str, *, unless: tuple[type[Exception], ...] = ()
) -> Iterator[Alerts]:
    """Report what the block raises, unless it has reported it itself, or it is one of `unless`."""
    alerts = Alerts(collection_id, bucket)
    try:
        yield alerts
    except Exception as error:
        if not alerts.reported and not isinstance(error, unless):
            alerts.failed(error)
        raise


def _is_behind(status: Tree) -> bool:
    return bool(status.get("behind")) or status["age"] > _SINK_SILENT_AFTER


def _kind(exit_code: int) -> str:
    return _KINDS.get(Exit(exit_code), "failed")


def _may_be_there(error: Exception) -> bool:
    return not isinstance(error, HarvesterError) or error.exit_code == Exit.RETRY_LATER
