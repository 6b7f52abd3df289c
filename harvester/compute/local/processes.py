"""Processes that outlive the terminal, and whether each is still running.

A process holds a lock on a file for as long as it lives; the system ends that with it, however it ends. So no
process id that now belongs to another program is ever taken for it.
"""

import fcntl
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harvester.documents.foreign import loaded
from harvester.errors import Conflict, HarvesterError
from harvester.errors.files import explained, in_words, naming
from harvester.store.disk import sync, whole


class Slot:
    """Room for one process at a time: `<name>.lock`, and `<name>.json`, which only its owner may read."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name

    def start(
        self, command: Sequence[str], *, log: Path, note: Mapping[str, Any], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a process with nothing of this terminal; raises Conflict while another one lives."""
        with self.held() as lock:
            try:
                # So that no signal for this process goes to the id of the last one.
                self._path("json").unlink(missing_ok=True)
                with naming(log), log.open("ab") as output:
                    process = subprocess.Popen(
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=output,
                        env={**os.environ, **environment},
                        pass_fds=(lock,),
                        start_new_session=True,
                    )
                with _killed_on_error(process):
                    write_note(self._path("json"), {**note, "process": process.pid, "log": str(log)})
            except OSError as error:
                found = explained(error)
                raise HarvesterError(f"Cannot start a process: {found.message}", hint=found.hint) from error
        return process

    @contextmanager
    def held(self) -> Iterator[int]:
        """Taken by this process while the block runs, and by those that inherit the descriptor."""
        _make_private(self._folder)
        lock = os.open(self._path("lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take(lock)
            yield lock
        finally:
            os.close(lock)

    def _take(self, lock: int) -> None:
        """Lock it, or raise Conflict while a process lives; a reader is waited for."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            # One taker at a time, so that a lock which no process held is still free after the look.
            fcntl.flock(folder, fcntl.LOCK_EX)
            if self.is_alive:
                raise Conflict(
                    f"{self._path('lock')} is locked by a running process.",
                    hint="`harvest list` shows what runs here.",
                )
            fcntl.flock(lock, fcntl.LOCK_EX)
        finally:
            os.close(folder)

    @property
    def is_alive(self) -> bool:
        try:
            lock = os.open(self._path("lock"), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who look at once do not take each other for the process.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    @property
    def note(self) -> dict[str, Any]:
        """What was noted of the process that lives, or of the last one."""
        return read_note(self._path("json"))

    def signal(self, number: int) -> bool:
        """Send it to the process that lives; whether there is one."""
        process = self.note.get("process")
        if not isinstance(process, int) or not self.is_alive:
            return False
        with suppress(ProcessLookupError):
            os.kill(process, number)
        return True

    def _path(self, kind: str) -> Path:
        return self._folder / f"{self._name}.{kind}"


@contextmanager
def _killed_on_error(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """No process continues of which nothing is noted: no command could stop it."""
    try:
        yield
    except BaseException:
        process.kill()
        process.wait()
        raise


def read_note(path: Path) -> dict[str, Any]:
    """A small JSON object; empty when there is none, or none that can be read."""
    try:
        found = loaded(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_note(path: Path, note: Mapping[str, Any]) -> None:
    """Durable, as schedules are nowhere else; only its owner may read it."""
    _make_private(path.parent)
    with whole(path) as partial:
        partial.touch(0o600)
        partial.write_text(json.dumps(note, indent=2), encoding="utf-8")
    sync(path.parent)


@contextmanager
def changed(path: Path, read: Callable[[], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A note to change, while no other process can; if `read` raises, the file stays as it is."""
    _make_private(path.parent)
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Held by others for the moment of one small write only.
        fcntl.flock(lock, fcntl.LOCK_EX)
        note = read()
        yield note
        write_note(path, note)
    finally:
        os.close(lock)


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        hint = f"{folder} is for logs and the state of running harvests."
        raise in_words(error, folder, hint=hint) from error
