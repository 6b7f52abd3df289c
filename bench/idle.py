"""What a stream that brings nothing asks of S3 in an hour, each request with its reason."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.servers import KEYS, emulator
from bench.watched import wait_for_stream
from harvester.compute import cost
from tests.support.servers import S3Server, seaweedfs

DOOR = Path(__file__).resolve().parents[1] / "tweet_harvester.py"
BUCKET = "idle"
# A line of --debug: "... DEBUG AWS s3 PutObject /bucket/key => 200".
ASKED = re.compile(r" AWS s3 (\w+) /\S*?([^/\s]*) => \d+$", re.MULTILINE)
_REASONS = {
    (
        "PutObject",
        "lock.json",
    ): "the lock is renewed, after three quarters of `lock_seconds`; it also brings a stop request",
    ("GetObject", "stop.json"): "did another program ask for a stop? each `stop_poll_seconds`",
    ("PutObject", "checkpoint.json"): "what a successor would go on from, each `checkpoint_seconds`",
    ("PutObject", "harvest.json"): "the account that `harvest running` shows, each `checkpoint_seconds`",
    ("PutObject", "events.jsonl-N"): "what happened since the last checkpoint, if anything did",
    ("HeadBucket", BUCKET): "the store's clock, where no answer told it for a minute",
}


@dataclass(frozen=True)
class Asked:
    """One kind of request. `usd` is for a month of them."""

    operation: str
    name: str
    an_hour: float
    usd: float
    reason: str


def measure(*, seconds: float) -> Iterator[Asked]:
    """The kinds of requests of an idle stream, the most frequent first."""
    # A part of a growing file is named for where it begins.
    found = Counter((operation, re.sub(r"-\d+$", "-N", name)) for operation, name in _asked(seconds))
    for (operation, name), times in found.most_common():
        an_hour = times * 3600 / seconds
        kind = "read" if operation in ("GetObject", "HeadObject", "HeadBucket") else "put"
        usd = an_hour * cost.MONTH_HOURS * float(cost.prices()["figures"][kind]["usd"])
        yield Asked(operation, name, an_hour, usd, _REASONS.get((operation, name), "no reason is known"))


def start_and_end() -> tuple[int, int]:
    """The requests of a stream's start, until it is connected, and of its end; those of a second harvest."""
    with tempfile.TemporaryDirectory() as folder, seaweedfs(Path(folder) / "s3") as server:
        _prepare(server)
        for number in (1, 2):
            log = Path(folder) / f"log-{number}"
            with emulator("--keepalive", "10") as base:
                process = _started(Path(folder), server, base, log)
                try:
                    wait_for_stream(base)
                    begun = len(ASKED.findall(log.read_text(encoding="utf-8")))
                finally:
                    process.send_signal(signal.SIGTERM)
                    process.wait(timeout=60)
        return begun, len(ASKED.findall(log.read_text(encoding="utf-8"))) - begun


def _asked(seconds: float) -> list[tuple[str, str]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        seaweedfs(Path(folder) / "s3") as server,
        emulator("--keepalive", "10") as base,
    ):
        _prepare(server)
        log = Path(folder) / "log"
        process = _started(Path(folder), server, base, log)
        try:
            wait_for_stream(base)
            begun = log.stat().st_size
            time.sleep(seconds)
            return ASKED.findall(log.read_text(encoding="utf-8")[begun:])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _prepare(server: S3Server) -> None:
    s3 = server.client()
    s3.create_bucket(Bucket=BUCKET)
    described = {"id": "idle", "type": "filter", "filter": {"track": "nothing"}}
    s3.put_object(Bucket=BUCKET, Key="collections/idle/collection.json", Body=json.dumps(described).encode())


def _started(folder: Path, server: S3Server, base: str, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(DOOR), "aws", "harvester", BUCKET, "idle", "--debug"]
    environment = {**os.environ, **KEYS, **server.environment, "X_API_URL": base}
    with log.open("wb") as file:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=file, stderr=file, stdin=subprocess.DEVNULL
        )
