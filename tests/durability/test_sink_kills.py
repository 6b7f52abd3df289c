"""Sinks that are killed at any moment lose nothing, and repeat only what has the same id."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import orjson
import pytest

from harvester.store.s3 import S3Store
from tests.sinks.histories import Site
from tests.sinks.receiver import Receiver, receiving
from tests.support import fork_server
from tests.support.servers import Bucket

_ROOT = Path(__file__).resolve().parents[2]
# `SINK_KILLS=1000` tries for a quarter of an hour.
_KILLS = int(os.environ.get("SINK_KILLS", "8"))
_WITHIN = 60.0


@dataclass
class _Sinks:
    """Processes of the two sinks of a site, and what came out of them."""

    site: Site
    receiver: Receiver
    where: list[str]
    environment: dict[str, str]
    folder: Path
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self, name: str, *more: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, str(_ROOT / "twarc_cloud.py"), "sink", "run", "s", "--sink", name]
        with (self.folder / "out").open("ab") as out, (self.folder / "log").open("ab") as log:
            return fork_server.start(
                [*command, *self.where, *more],
                cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=log,
            )  # fmt: skip

    def kill(self, draw: Random) -> None:
        """Start both, and kill each a moment later."""
        running = [self.start("stdout"), self.start("webhook")]
        for process in running:
            threading.Event().wait(draw.random() * 0.25)
            process.send_signal(signal.SIGKILL)
        for process in running:
            process.wait(_WITHIN)

    def finish(self, *, within: float) -> None:
        for process in [self.start("stdout", "--once"), self.start("webhook", "--once")]:
            try:
                assert process.wait(within) == 0, (self.folder / "log").read_text()[-2000:]
            finally:
                process.kill()

    def printed(self) -> list[str]:
        """The ids of the whole lines in the file; a process that was killed may have left a part of one."""
        found = []
        for line in (self.folder / "out").read_bytes().splitlines():
            try:
                found.append(str(orjson.loads(line)["data"]["id"]))
            except orjson.JSONDecodeError:
                continue
        return found


def _storm(sinks: _Sinks, *, seed: int, kills: int) -> None:
    draw = Random(seed)
    for number in range(kills):
        if number % 3 == 0:
            sinks.site.harvest([draw.randrange(400) for _ in range(5)], per_file=draw.randrange(50, 900))
        sinks.kill(draw)
    # Those that were killed left most of it; a webhook takes a second for a thousand posts.
    sinks.finish(within=_WITHIN + kills)
    stored = [str(each) for each in sinks.site.stored()]
    for came in (sinks.printed(), sinks.receiver.accepted):
        assert set(came) == set(stored)
        # What came again came from the position that was stored last, and is no more than what was since.
        assert max(Counter(came).values(), default=0) <= kills + 1
    ids = Counter(request.headers["webhook-id"] for request in sinks.receiver.requests)
    assert set(ids) == {f"s/{each}" for each in stored}


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_killed_sinks_lose_nothing(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        sinks = [{"type": "stdout"}, {"type": "webhook", "url": receiver.url}]
        environment = dict(os.environ)
        if kind == "s3":
            bucket: Bucket = request.getfixturevalue("s3")
            environment |= bucket.server.environment
            store = S3Store(bucket.name, client=bucket.server.requests(bucket.name))
            site = Site(tmp_path, store, sinks, work_name=bucket.name)
            where = ["--bucket", bucket.name]
        else:
            site, where = Site(tmp_path, sinks=sinks), ["--collections-path", "collections"]
        kills = _KILLS if kind == "folder" else _KILLS // 3
        _storm(_Sinks(site, receiver, where, environment, tmp_path), seed=len(kind), kills=kills)


def test_beside_a_harvest_all_is_delivered_while_it_runs(tmp_path: Path) -> None:
    with receiving() as receiver:
        site = Site(tmp_path, sinks=[{"type": "stdout"}, {"type": "webhook", "url": receiver.url}])
        where = ["--collections-path", "collections"]
        sinks = _Sinks(site, receiver, where, dict(os.environ), tmp_path)
        running = [sinks.start("stdout"), sinks.start("webhook")]
        came = threading.Event()

        def meanwhile() -> None:
            # What is on disk here is delivered before anything more is collected.
            for _ in range(int(_WITHIN / 0.02)):
                if len(receiver.accepted) == site.posts == len(sinks.printed()):
                    return
                came.wait(0.02)
            raise AssertionError(f"{len(receiver.accepted)} of {site.posts} posts came")

        try:
            site.harvest([50, 1, 300], per_file=40, meanwhile=meanwhile)
        finally:
            for process in running:
                process.terminate()
        assert [process.wait(_WITHIN) for process in running] == [0, 0]
        assert sorted(map(int, receiver.accepted)) == site.stored()
        assert [int(each) for each in sinks.printed()] == site.stored()


def test_a_pipe_that_is_closed_ends_it_quietly(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.harvest([2000])
    command = [sys.executable, str(_ROOT / "twarc_cloud.py"), "sink", "run", "s", "--to", "stdout", "--once"]
    process = fork_server.start(
        [*command, "--collections-path", "collections"],
        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout and process.stderr
    assert orjson.loads(process.stdout.readline())["data"]["id"] == "1"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(_WITHIN) == 0
