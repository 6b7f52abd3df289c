"""What a command costs before it does anything, on a folder and on S3: CPU and memory of the process."""

import base64
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import harvests, watched
from bench.measured import cost
from harvester.store.by_boto3 import Boto3Requests
from harvester.store.client import Client
from tests.support.servers import S3Server, seaweedfs

BUCKET = "posts"
_DESCRIBED = {"type": "search", "search": {"query": "cat"}}
_ALONE: tuple[tuple[str, ...], ...] = (("--help",), ("collection", "once", "--help"))
_PLACED = (
    ("collection", "list"),
    ("collection", "verify", "one"),
    ("collection-config", "check", "one"),
    ("harvest", "list"),
    ("harvest", "last", "one"),
)


@dataclass(frozen=True)
class Start:
    """The medians of one command in one kind of store; `peak` in MB."""

    command: str
    store: str
    cpu: float
    peak: float


def measure(*, rounds: int) -> Iterator[Start]:
    """Each command in turn, and at last a harvester until its first request to X."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        harvests.write(folder, "one", **_DESCRIBED)
        server = servers.enter_context(seaweedfs(folder / "s3"))
        prepare(server)
        on_s3 = {**server.environment, "TWARC_CLOUD_BUCKET": BUCKET}
        for command in _ALONE:
            yield _medians(command, "", folder, {}, rounds)
        for command in _PLACED:
            yield _medians(command, "folder", folder, {}, rounds)
            yield _medians(command, "S3", folder, on_s3, rounds)
        if watched.LINUX:
            for store, bucket in (("folder", None), ("S3", (server, BUCKET))):
                found = [watched.start(bucket) for _ in range(rounds)]
                cpu, peak = (statistics.median(each) for each in zip(*found, strict=True))
                yield Start("a harvest, to its first request", store, cpu, peak)


@dataclass(frozen=True)
class Asked:
    """Milliseconds of CPU of one small request, by this project and by boto3."""

    operation: str
    own: float
    boto3: float


def requests(*, times: int) -> Iterator[Asked]:
    """Each request of a harvest, repeated with each of the two clients."""
    with tempfile.TemporaryDirectory() as name, seaweedfs(Path(name) / "s3") as server:
        prepare(server)
        clients = (server.requests(BUCKET), Boto3Requests(BUCKET, server.client(), lambda: None))
        for operation, parameters in _asked().items():
            own, boto3 = (_each(client, operation, parameters, times) for client in clients)
            yield Asked(operation, own, boto3)


def _asked() -> dict[str, dict[str, Any]]:
    data = b"x" * 300
    written = {
        "Body": data,
        "ChecksumSHA256": base64.b64encode(hashlib.sha256(data).digest()).decode(),
        "Metadata": {"sha256": hashlib.sha256(data).hexdigest(), "write": "0" * 32},
    }
    return {
        "get_object": {"Key": "collections/one/collection.json", "ChecksumMode": "ENABLED"},
        "put_object": {"Key": "collections/one/lock.json", **written},
        "list_objects_v2": {"Prefix": "collections/"},
    }


def _each(client: Client, operation: str, parameters: dict[str, Any], times: int) -> float:
    def ask() -> None:
        answer = client(operation, **parameters)
        if "Body" in answer:
            answer["Body"].read()

    ask()
    before = time.process_time()
    for _ in range(times):
        ask()
    return (time.process_time() - before) / times * 1000


def prepare(server: S3Server, of: harvests.Checkout = harvests.HERE) -> None:
    """A bucket with one collection, to which this revision has written before."""
    s3 = server.client()
    s3.create_bucket(Bucket=BUCKET)
    described = json.dumps({"id": "one", **_DESCRIBED}).encode()
    s3.put_object(Bucket=BUCKET, Key="collections/one/collection.json", Body=described)
    with tempfile.TemporaryDirectory() as folder:
        found = {**server.environment, "TWARC_CLOUD_BUCKET": BUCKET}
        cost(of.person("doctor"), folder=Path(folder), environment=found, allowed=(0, 1))


def _medians(
    words: tuple[str, ...], store: str, folder: Path, environment: Mapping[str, str], rounds: int
) -> Start:
    # A harvest that was never started has no outcome to show.
    found = [
        cost(harvests.HERE.person(*words), folder=folder, environment=environment, allowed=(0, 1))
        for _ in range(rounds)
    ]
    return Start(
        " ".join(words),
        store,
        statistics.median(one.cpu for one in found),
        statistics.median(one.peak for one in found),
    )
