"""Harvests run as processes of this machine."""

import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

from harvester.clock import Clock, Stop, SystemClock, timestamp
from harvester.compute import (
    DIED,
    GAVE_UP,
    ONCE,
    RESTARTING,
    RUNNING,
    SERVICE,
    STARTING,
    STOPPING,
    Ended,
    Scheduled,
    Task,
    already_running,
    already_started,
)
from harvester.compute.local import logs
from harvester.compute.local.dead_lock import remove_lock_of
from harvester.compute.local.processes import Slot, read_note, write_note
from harvester.compute.local.schedule_file import ScheduleFile
from harvester.compute.local.wait_for_start import end_before_begin, ended_at_once
from harvester.compute.schedules.expression import Schedule
from harvester.compute.status_client import asked
from harvester.documents import HarvestSummary, Tree
from harvester.errors import Conflict, Exit, HarvesterError
from harvester.harvest import catalog
from harvester.store import Store
from harvester.store.keys import CollectionKeys

# How long a harvest that has ended may take to be gone.
_EXITS_WITHIN = 10.0
_PAUSE = 0.1

# A harvest that ended so did what it was there for.
SUCCESS_CODES = {Exit.OK, Exit.PARTIAL, Exit.INTERRUPTED, Exit.TERMINATED}

Command = Callable[[str], Sequence[str]]


class LocalCompute:
    """Processes, their logs and their schedules, noted in `folder`.

    `harvest` and `supervise` make the command lines for a collection.
    """

    def __init__(
        self, store: Store, folder: Path, *, harvest: Command, supervise: Command, clock: Clock | None = None
    ) -> None:
        self.store, self.folder = store, folder
        self._harvest, self._supervise = harvest, supervise
        self._clock = clock or SystemClock()
        self._never = Stop()
        self._started: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
        self.schedule_file = ScheduleFile(folder)

    @property
    def name(self) -> str:
        return "this machine"

    def once(self, collection_id: str) -> None:
        log, keys = self.new_log(collection_id), CollectionKeys(collection_id)
        marked = catalog.mark(self.store, keys)
        process = self.start(collection_id, log=log)
        begun = partial(self._has_begun, collection_id)
        code = end_before_begin(self._clock, begun=begun, ended=process.poll) or 0
        if code not in SUCCESS_CODES and not catalog.has_ended_well(self.store, keys, marked):
            raise ended_at_once(collection_id, Ended(code, said=logs.last_words(log)), log)

    def _has_begun(self, collection_id: str) -> bool:
        return bool((self.live(collection_id) or {}).get("harvest_timestamp"))

    def start(self, collection_id: str, *, log: Path) -> subprocess.Popen[bytes]:
        """Start a harvest without waiting for anything."""
        slot = self._slot(collection_id, ONCE)
        self.forget_dead_lock(collection_id)
        folder, token = self._folder(collection_id), secrets.token_urlsafe(32)
        # Each run has a file of its own for its address, so that a start that is refused takes none away.
        address = folder / f"address-{secrets.token_hex(8)}"
        try:
            process = slot.start(
                [*self._harvest(collection_id), "--port", "0", "--address-file", str(address)],
                log=log,
                note={
                    "token": token,
                    "address": str(address),
                    "started": timestamp(self._clock.now()),
                },
                environment={"TWARC_CLOUD_TOKEN": token},
            )
        except Conflict:
            raise already_running(collection_id) from None
        self._started[collection_id] = process, log
        for other in folder.glob("address-*"):
            if other != address:
                other.unlink(missing_ok=True)
        return process

    def ended(self, collection_id: str) -> Ended | None:
        process, log = self._started.get(collection_id) or (None, Path())
        if process and not self._slot(collection_id, ONCE).is_alive:
            # The lock goes with the process's files, a moment before its exit code is known.
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_EXITS_WITHIN)
        code = process.poll() if process else None
        return None if code is None else Ended(int(Exit.of(code)), said=logs.last_words(log))

    def forget_dead_lock(self, collection_id: str) -> None:
        """Remove the lock of a harvest that this machine knows to be dead, instead of waiting for its end."""
        slot = self._slot(collection_id, ONCE)
        process = slot.note.get("process")
        if process is not None and not slot.is_alive:
            remove_lock_of(self.store, CollectionKeys(collection_id).lock, process)

    def task(self, collection_id: str) -> Task | None:
        slot = self._slot(collection_id, ONCE)
        service = self._slot(collection_id, SERVICE)
        state = self.service_state(collection_id)
        if not state:
            return self._task(collection_id, ONCE, slot) if slot.is_alive else None
        detail = str(state.get("detail", ""))
        if state.get("state") == GAVE_UP:
            return Task(collection_id, SERVICE, GAVE_UP, str(state.get("since", "")), detail)
        if not service.is_alive:
            detail = "its supervisor died, perhaps with the machine: `collection filter-start` restarts it"
            return Task(collection_id, SERVICE, DIED, str(state.get("since", "")), detail)
        if slot.is_alive:
            return self._task(collection_id, SERVICE, slot)
        return Task(collection_id, SERVICE, RESTARTING, str(state.get("since", "")), detail)

    def settled(self, collection_id: str) -> Task | None:
        keys = CollectionKeys(collection_id)
        deadline = self._clock.elapsed() + _EXITS_WITHIN
        while self._exits(keys) and self._clock.elapsed() < deadline:
            self._clock.wait(self._never, _PAUSE)
        return self.task(collection_id)

    def _exits(self, keys: CollectionKeys) -> bool:
        """Whether processes live that neither collect nor wait to: they exit, or have only just begun."""
        if self.service_state(keys.id).get("state") in (RESTARTING, STOPPING):
            return False
        return self._is_running(keys.id) and not catalog.live_lock(self.store, keys)

    def _task(self, collection_id: str, kind: str, slot: Slot) -> Task:
        note = slot.note
        status = RUNNING if Path(note.get("address", "")).is_file() else STARTING
        return Task(collection_id, kind, status, note.get("started", ""))

    def tasks(self) -> list[Task]:
        if not self.folder.is_dir():
            return []
        names = sorted(path.name for path in self.folder.iterdir() if path.is_dir())
        return [task for name in names if (task := self.task(name))]

    def live(self, collection_id: str) -> HarvestSummary | None:
        return cast("HarvestSummary | None", self._asked(collection_id, "GET", "/status"))

    def ask_to_stop(self, collection_id: str) -> bool:
        """Through the port; by SIGTERM where a harvest has only begun, which has no port and no lock yet."""
        if self._asked(collection_id, "POST", "/stop") is not None:
            return True
        # Nor does a store that is away pass on a request.
        with suppress(HarvesterError):
            if catalog.live_lock(self.store, CollectionKeys(collection_id)):
                return False
        return self._slot(collection_id, ONCE).signal(signal.SIGTERM)

    def _asked(self, collection_id: str, method: str, path: str) -> Tree | None:
        slot = self._slot(collection_id, ONCE)
        note = slot.note
        try:
            url = Path(note["address"]).read_text().strip()
        except (KeyError, OSError):
            return None
        if not url.startswith("http://127.0.0.1:") or not slot.is_alive:
            return None
        return asked(url, str(note.get("token", "")), method, path)

    def new_log(self, collection_id: str) -> Path:
        return logs.new(self._folder(collection_id), self._clock.now())

    def log(self, collection_id: str, *, lines: int, follow: bool, stop: Stop) -> Iterator[str]:
        newest = logs.require_newest(self._folder(collection_id), collection_id, self.name)
        return logs.tail(
            newest, lines=lines, is_running=lambda: follow and self._is_running(collection_id), stop=stop
        )

    def start_service(self, *collection_ids: str) -> None:
        for each in collection_ids:
            log = self.begin_service(each)
            failed = partial(self._failed_start, each, log)
            if end := end_before_begin(self._clock, begun=partial(self._is_begun, each), ended=failed):
                # Who typed this hears of it, and expects no stream that begins some time later.
                with suppress(HarvesterError):
                    self.stop_service(each, within=_EXITS_WITHIN)
                raise ended_at_once(each, end, log)

    def _failed_start(self, collection_id: str, log: Path) -> Ended | None:
        """How the first harvest of a service ended, or its supervisor, if it has failed."""
        is_alive = self._slot(collection_id, SERVICE).is_alive
        state = self.service_state(collection_id)
        if "exit_code" in state:
            return Ended(state["exit_code"], said=state["said"])
        return Ended(int(Exit.ERROR), said=logs.last_words(log)) if state and not is_alive else None

    def _is_begun(self, collection_id: str) -> bool:
        """Whether the harvest of a service has begun, or was over before that was seen."""
        return self._has_begun(collection_id) or not self.service_state(collection_id)

    def begin_service(self, collection_id: str) -> Path:
        """Start its supervisor, and wait for nothing; the log of both."""
        if self._is_running(collection_id):
            raise already_started(collection_id)
        log = self.new_log(collection_id)
        self.note_service(collection_id, RUNNING, "")
        try:
            self._slot(collection_id, SERVICE).start(
                self._supervise(collection_id), log=log, note={}, environment={}
            )
        except Conflict:
            raise already_started(collection_id) from None
        return log

    def service_state(self, collection_id: str) -> dict[str, Any]:
        """What the supervisor noted; empty when no service is wanted."""
        return read_note(self._service_path(collection_id))

    def note_service(self, collection_id: str, state: str, detail: str, end: Ended | None = None) -> None:
        """`end` is how its harvest ended, where it failed."""
        note = {"state": state, "detail": detail, "since": timestamp(self._clock.now())}
        failure = {"exit_code": end.code, "said": end.said} if end else {}
        write_note(self._service_path(collection_id), {**note, **failure})

    def forget_service(self, collection_id: str) -> None:
        self._service_path(collection_id).unlink(missing_ok=True)

    def orphans(self) -> list[str]:
        """Streams that are wanted, and of which nothing runs: they died, perhaps with the machine."""
        found = (task.collection_id for task in self.tasks() if task.status == DIED)
        idle = (name for name in found if not self._is_running(name))
        return [name for name in idle if self.service_state(name).get("state") in (RUNNING, RESTARTING)]

    def stop_service(self, collection_id: str, *, within: float) -> None:
        # A supervisor that starts dead streams again leaves this one.
        self.note_service(collection_id, STOPPING, "")
        service, slot = self._slot(collection_id, SERVICE), self._slot(collection_id, ONCE)
        deadline = self._clock.elapsed() + within
        supervisor_asked = harvest_asked = False
        while self._is_running(collection_id):
            # One that has only just begun may not be noted yet.
            if service.is_alive:
                supervisor_asked = supervisor_asked or service.signal(signal.SIGTERM)
            elif not harvest_asked:
                # The supervisor died before: nothing else tells its harvest.
                harvest_asked = slot.signal(signal.SIGTERM)
            if self._clock.elapsed() > deadline:
                raise HarvesterError(
                    f"The harvest of {collection_id} did not end within {within:.0f} s.",
                    hint="The stop is requested and it may still end; see `harvest log`, then try again.",
                )
            self._clock.wait(self._never, _PAUSE)
        self.forget_service(collection_id)
        self.forget_dead_lock(collection_id)

    def _is_running(self, collection_id: str) -> bool:
        return any(self._slot(collection_id, kind).is_alive for kind in (ONCE, SERVICE))

    def require_startable(self, *collection_ids: str, by_schedule: bool = False) -> None:
        """Nothing that a harvest needs here is missing before it starts."""

    def schedule(self, collection_id: str, schedule: Schedule, *, paused: bool = False) -> Scheduled:
        return self.schedule_file.put(collection_id, schedule, self._clock.now(), paused=paused)

    def unschedule(self, collection_id: str) -> bool:
        return self.schedule_file.take_out(collection_id)

    def schedules(self) -> list[Scheduled]:
        return self.schedule_file.all()

    def _folder(self, collection_id: str) -> Path:
        # CollectionKeys refuses what is not an id, and so what would lead out of the folder.
        return self.folder / CollectionKeys(collection_id).id

    def _service_path(self, collection_id: str) -> Path:
        return self._folder(collection_id) / "supervised.json"

    def _slot(self, collection_id: str, kind: str) -> Slot:
        return Slot(self._folder(collection_id), "harvest" if kind == ONCE else "supervisor")
