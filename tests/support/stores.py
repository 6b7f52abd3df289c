"""The kinds of store that keep one contract, as places that another process finds, too."""

import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harvester.clock import Stop
from harvester.errors import StoreAway
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.s3 import S3Store
from tests.support import fork_server
from tests.support.servers import Bucket

# moto looks at a condition and writes in two steps, so that under load both of two racers may win there.
ATOMIC = ("folder", "s3")

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Place:
    """Where a store is. `kind` is "folder", or a server whose endpoint and keys are in the environment."""

    kind: str
    where: str

    def store(self) -> Store:
        return FolderStore(Path(self.where)) if self.kind == "folder" else S3Store(self.where)


def placed(kind: str, request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty store of this kind, which the environment leads to."""
    if kind == "folder":
        return Place("folder", str(folder / "collections"))
    bucket: Bucket = request.getfixturevalue(_BUCKETS[kind])
    for name, value in bucket.server.environment.items():
        monkeypatch.setenv(name, value)
    return Place(kind, bucket.name)


_BUCKETS = {"moto": "moto_s3", "s3": "s3", "versitygw": "versity_s3"}


class HandClock:
    """A clock that a test moves; waiting on it takes no time and moves it, too."""

    def __init__(self, *, wrong_by: timedelta = timedelta()) -> None:
        self.seconds = 1000.0
        self.waits: list[float] = []
        self._wrong_by = wrong_by

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds) + self._wrong_by

    def elapsed(self) -> float:
        return self.seconds

    def wait(self, stop: Stop, seconds: float) -> bool:
        if not stop.requested:
            self.waits.append(seconds)
            self.seconds += seconds
        return stop.requested


def race(place: Place, program: str, *arguments: object, processes: int = 2) -> list[str]:
    """What the processes print that run a program of race_programs.py and begin at the same moment."""
    command = [
        sys.executable,
        "-m",
        "tests.support.race_programs",
        program,
        place.kind,
        place.where,
        *map(str, arguments),
    ]
    racers = [
        fork_server.start(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    limit = threading.Timer(300, _end, [racers])
    limit.start()
    try:
        for racer in racers:
            assert racer.stdout and racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin
            racer.stdin.write("go\n")
            racer.stdin.flush()
        printed = [_until_over(racer) for racer in racers]
        for racer in racers:
            racer.communicate(timeout=60)
        assert [racer.returncode for racer in racers] == [0] * processes
    finally:
        limit.cancel()
        _end(racers)
        for racer in racers:
            racer.communicate()
    return [line for lines in printed for line in lines]


def _end(racers: list[subprocess.Popen[str]]) -> None:
    for racer in racers:
        racer.kill()


def _until_over(racer: subprocess.Popen[str]) -> list[str]:
    """What it prints; all racers live until the last of them is through."""
    printed: list[str] = []
    assert racer.stdout
    while (line := racer.stdout.readline()) != "over\n":
        assert line, f"it ended before it was through, after {printed}"
        printed.append(line.rstrip("\n"))
    return printed


def on_a_small_disk(disk: Path, place: Place, program: str, *arguments: object) -> list[str]:
    """What a program of tests/support/race_programs.py prints while `disk` is one of 128 KiB."""
    if not shutil.which("unshare"):
        pytest.skip("no unshare to mount a small disk with")
    disk.mkdir()
    racer = shlex.join(
        [sys.executable, "-m", "tests.support.race_programs", program, place.kind, place.where]
    )
    words = shlex.join(map(str, arguments))
    script = (
        f"mount -t tmpfs -o size=128k none {shlex.quote(str(disk))} || exit 77; echo go | {racer} {words}"
    )
    result = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=_ROOT, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    if result.returncode == 77 or result.stderr.startswith("unshare"):
        pytest.skip(f"no small disk may be mounted here: {result.stderr}")
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()[1:-1]


class Wrapped:
    """A store that calls `asleep` before and `after` once it creates something; its clock is `ahead`."""

    def __init__(
        self,
        store: Store,
        *,
        asleep: Callable[[], object] = lambda: None,
        after: Callable[[], object] = lambda: None,
        ahead: timedelta = timedelta(),
    ) -> None:
        self.store, self.asleep, self.after, self.ahead = store, asleep, after, ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def create(self, key: str, data: bytes) -> str:
        self.asleep()
        version = self.store.create(key, data)
        self.after()
        return version

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        self.asleep()
        version = self.store.upload(key, path, sha256=sha256)
        self.after()
        return version

    def now(self) -> datetime:
        return self.store.now() + self.ahead


class LossyProxy:
    """Passes everything on to a server, but loses the answers to the next `lose` requests that write.

    Of an answer to a GET that is longer than `cut` bytes, no more than those are passed on.
    """

    def __init__(self, endpoint: str) -> None:
        address = urlsplit(endpoint)
        self._server = (address.hostname or "", address.port or 80)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._guard = threading.Lock()
        self.lose = self.lost = 0
        self.cut = 1 << 60
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        _hang_up(self._listening)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        server = socket.create_connection(self._server)
        writes = threading.Event()

        def answers() -> None:
            passed = 0
            with suppress(OSError):
                while data := server.recv(65536):
                    if writes.is_set() and not data.startswith(b"HTTP/1.1 100") and self._takes():
                        break
                    client.sendall(data[: self.cut - passed])
                    passed += len(data)
                    if passed > self.cut:
                        break
            _hang_up(client)
            _hang_up(server)

        threading.Thread(target=answers, daemon=True).start()
        with suppress(OSError):
            while data := client.recv(65536):
                if data.startswith((b"PUT ", b"DELETE ")):
                    writes.set()
                server.sendall(data)
        _hang_up(server)

    def _takes(self) -> bool:
        with self._guard:
            if self.lose <= self.lost:
                return False
            self.lost += 1
            return True


def _hang_up(connection: socket.socket) -> None:
    # Closing alone ends nothing while another thread still waits on it.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def lossy(endpoint: str) -> Iterator[LossyProxy]:
    proxy = LossyProxy(endpoint)
    try:
        yield proxy
    finally:
        proxy.close()


class Mute(Wrapped):
    """A store whose answers are lost, after the work is done, as often as `lose` says."""

    lose = 0

    def _lost(self, version: str) -> str:
        if self.lose:
            self.lose -= 1
            raise StoreAway("no answer")
        return version

    def create(self, key: str, data: bytes) -> str:
        return self._lost(self.store.create(key, data))

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        return self._lost(self.store.replace(key, data, version=version))
