"""What a revision asks of S3, and what S3 costs it instead of a folder: parts of `bench.revisions`."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench import busy, idle, pages, sooner, steady, throughput, watched
from bench.harvests import Checkout
from bench.measured import cost
from bench.servers import KEYS, emulator
from tests.support.servers import S3Server, seaweedfs

_BUCKET = "posts"
Tool = Checkout | str
Figures = dict[str, float]
Measure = Callable[[Tool], Figures]


def checkout(tool: Tool) -> Checkout:
    """The tool of a part that has no peers."""
    assert isinstance(tool, Checkout)
    return tool


def requests(rate: int, *, minutes: float) -> Callable[[], AbstractContextManager[Measure]]:
    """An hour thirty times as short, as `bench.busy`: all that reaches S3."""

    @contextmanager
    def opened() -> Iterator[Measure]:
        def measure(tool: Tool) -> Figures:
            of = checkout(tool)
            options = ("--no-limits", "--users", "5", "--keepalive", "10")
            more = ("--stream-rate", str(rate * sooner.TIMES)) if rate else ()
            with (
                tempfile.TemporaryDirectory() as name,
                seaweedfs(Path(name) / "s3") as server,
                emulator(*options, *more) as base,
                busy.through(server) as (counted, sent),
            ):
                busy.prepare(server, busy.TRACK if rate else "nothing")
                command = of.harvest_in_bucket(idle.BUCKET, "busy")
                environment = {**KEYS, **counted.environment, **sooner.environment(of), "X_API_URL": base}
                with steady.running(command, Path(name), environment):
                    watched.wait_for_stream(base)
                    begun = sent.requests
                    sooner.spend(minutes, f"stream of {rate} posts a second")
                    asked_for = sent.requests - begun
                stored = busy.summary_of(server)["file_bytes"] if rate else 0
                found = {"an hour": asked_for * 60 / minutes}
                return {**found, "sent": sent.bytes / stored} if stored else found

        yield measure

    return opened


@contextmanager
def stream_start() -> Iterator[Measure]:
    """The requests to S3 of a stream that is started for the second time, until it asks X for posts."""

    def measure(tool: Tool) -> Figures:
        of = checkout(tool)
        with (
            tempfile.TemporaryDirectory() as name,
            seaweedfs(Path(name) / "s3") as server,
            busy.through(server) as (counted, sent),
        ):
            busy.prepare(server, "nothing")
            for _ in range(2):
                before = sent.requests
                with emulator("--keepalive", "10") as base:
                    environment = {**KEYS, **counted.environment, "X_API_URL": base}
                    command = of.harvest_in_bucket(idle.BUCKET, "busy")
                    with steady.running(command, Path(name), environment):
                        _await_stream(base)
                        requests = sent.requests - before
        return {"requests": requests}

    yield measure


def _await_stream(base: str) -> None:
    deadline = time.monotonic() + 60
    while not watched.is_streaming(base):
        if time.monotonic() > deadline:
            raise SystemExit("the stream was not opened")
        time.sleep(0.05)


@contextmanager
def instead_of_folder() -> Iterator[Measure]:
    """How many times the CPU and time of a folder ten timelines and a stream take with SeaweedFS."""
    with tempfile.TemporaryDirectory() as name, seaweedfs(Path(name) / "s3") as server:
        server.client().create_bucket(Bucket=_BUCKET)
        steady.samples(Path(name) / "posts")

        def measure(tool: Tool) -> Figures:
            of = checkout(tool)
            found: Figures = {}
            with steady.stream_server(Path(name) / "posts", 0) as base:
                _compare(found, throughput.Job("stream", 150_000, base), of, server)
            with pages.JOBS["timelines"](posts=64_000) as job:
                _compare(found, job, of, server)
            return found

        yield measure


def _compare(found: Figures, job: throughput.Job, of: Checkout, server: S3Server) -> None:
    with tempfile.TemporaryDirectory() as name:
        in_folder, _ = job.harvest(Path(name), of)
    with tempfile.TemporaryDirectory() as name:
        collection = f"{job.name}-{time.time_ns()}"
        server.client().put_object(
            Bucket=_BUCKET,
            Key=f"collections/{collection}/collection.json",
            Body=json.dumps({**job.described(), "id": collection}).encode(),
        )
        environment = {**KEYS, **server.environment, "X_API_URL": job.base}
        command = of.harvest_in_bucket(_BUCKET, collection)
        on_s3 = cost(command, folder=Path(name), environment=environment)
    found[f"{job.name} CPU"] = on_s3.cpu / in_folder.cpu
    found[f"{job.name} wall"] = on_s3.seconds / in_folder.seconds
