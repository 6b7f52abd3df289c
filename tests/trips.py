"""The paths of four operations through the code: which files run, in which rooms, and which call-backs.

`python -m tests.trips` records them with `sys.setprofile`, for docs/design.md; `--files` lists the files too.
A call-back is a function that another module calls under a name of its own, as it was given it.
"""

import argparse
import inspect
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.collection import history
from harvester.harvest.lock import Lock
from harvester.harvest.manifest import Manifests
from harvester.networks.x.sources import filter, user_timeline
from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.support.cli_session import Person
from tests.support.harvest_stage import staged, until
from tests.support.moto_account import cloud_of
from tests.support.servers import Bucket, moto

_HARVESTER = f"{Path(__file__).resolve().parents[1] / 'harvester'}/"
_Function = Callable[..., Any]
# What is neither a function nor a method that a person wrote, or is resumed by whoever iterates over it.
_OTHERS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Trip:
    """What ran between the first call of `begins` and the first return of `ends`, in all threads."""

    def __init__(
        self, begins: Callable[..., Any] | None = None, ends: Callable[..., Any] | None = None
    ) -> None:
        self._begins, self._ends = _code(begins), _code(ends)
        self._is_under_way = begins is None
        self.files: set[str] = set()
        self.callbacks: set[str] = set()

    @property
    def rooms(self) -> set[str]:
        return {name.partition("/")[0] for name in self.files}

    @contextmanager
    def recorded(self) -> Iterator["Trip"]:
        threading.setprofile(self._see)
        sys.setprofile(self._see)
        try:
            yield self
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            self._is_under_way = False

    def _see(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call":
            self._is_under_way |= code is self._begins
            if self._is_under_way and code.co_flags & inspect.CO_OPTIMIZED:
                self._add(code, frame.f_back)
        elif event == "return" and code is self._ends and self._is_under_way:
            self._is_under_way, self._begins = False, None

    def _add(self, code: CodeType, caller: FrameType | None) -> None:
        if not (name := _file(code)):
            return
        self.files.add(name)
        if caller is None or _file(caller.f_code) in ("", name) or code.co_flags & _OTHERS:
            return
        is_called_so = code.co_name in (*caller.f_code.co_names, *caller.f_code.co_freevars)
        if not is_called_so and not code.co_name.startswith("__"):
            self.callbacks.add(f"{name}: {code.co_qualname}")


def _code(function: _Function | None) -> CodeType | None:
    return getattr(function, "__code__", None)


def _file(code: CodeType) -> str:
    """Its path below harvester/; empty where it is not there."""
    return code.co_filename.removeprefix(_HARVESTER) if code.co_filename.startswith(_HARVESTER) else ""


def page(folder: Path) -> Trip:
    trip = Trip(user_timeline.collect, Manifests.add)
    with staged(folder, users=1, posts_per_user=150) as stage:
        stage.add("it", type="user_timeline", users={stage.accounts[0]: {}})
        with trip.recorded():
            stage.harvest("it")
    return trip


def stream(folder: Path) -> Trip:
    trip = Trip(filter.collect, Manifests.add)
    with staged(folder, stream_rate="100") as stage:
        stage.add("it", type="filter", filter={"track": "flood", "max_records": 50})
        with trip.recorded():
            stage.harvest("it")
    return trip


def stop(folder: Path) -> Trip:
    trip = Trip(Stop.request, Lock.release)
    with staged(folder, stream_rate="100") as stage:
        stage.add("it", type="filter", filter={"track": "flood"})
        with trip.recorded(), stage.harvesting("it") as going:
            until(lambda: going.summary().get("tweets"))
            going.stop.request("SIGTERM")
            until(lambda: going.ended)
    return trip


def schedule(folder: Path) -> Trip:
    trip = Trip()
    with moto() as server, pytest.MonkeyPatch.context() as patch:
        bucket = Bucket("a-bucket", server)
        server.client().create_bucket(Bucket=bucket.name)
        more = {"schedule_group": bucket.name, "scheduler_role_arn": "arn:aws:iam::123456789012:role/start"}
        with cloud_of(bucket, patch, **more) as cloud:
            cloud.client("scheduler").create_schedule_group(Name=bucket.name)
            patch.chdir(folder)
            chosen = {name: value for name, value in vars(cloud.settings).items() if isinstance(value, str)}
            lines = (f"{name} = {value}\n" for name, value in chosen.items() if value and name != "x_api_url")
            (folder / "twarc_cloud.ini").write_text(f"[DEFAULT]\n{''.join(lines)}")
            described = {"type": "search", "search": {"query": "library"}, "keys": {"bearer_token": "token"}}
            history.add(S3Store(bucket.name), CollectionKeys("s"), {"id": "s", **described})
            with trip.recorded():
                Person(folder).output("collection", "schedule", "s", "rate(7 days)")
    return trip


TRIPS = {
    "a page, from the socket to the manifest": page,
    "a stream record, from the socket to the manifest": stream,
    "`collection schedule`, to EventBridge": schedule,
    "a stop, to the released lock": stop,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.trips", description=__doc__)
    parser.add_argument("--files", action="store_true", help="list the files, too")
    chosen = parser.parse_args()
    for name, record in TRIPS.items():
        with tempfile.TemporaryDirectory() as folder:
            trip = record(Path(folder))
        counts = f"files: {len(trip.files)}; rooms: {len(trip.rooms)}; call-backs: {len(trip.callbacks)}"
        sys.stdout.write(f"{name} ({counts})\n")
        for each in sorted(trip.files) if chosen.files else ():
            sys.stdout.write(f"  {each}\n")
        for each in sorted(trip.callbacks):
            sys.stdout.write(f"  called back: {each}\n")


if __name__ == "__main__":
    main()
