"""What a stream that brings nothing asks of S3 in an hour, each request with its reason.

Its intervals are shorter than usual (`sooner.py`), and so is the hour.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import sooner
from bench.servers import KEYS, emulator
from bench.watched import wait_for_stream
from harvester.compute import cost
from tests.support.servers import S3Server, seaweedfs

DOOR = Path(__file__).resolve().parents[1] / "tweet_harvester.py"
BUCKET = "idle"
# A line of --debug: "... DEBUG AWS s3 PutObject /bucket/key => 200".
ASKED = re.compile(r" AWS s3 (\w+) /\S*?([^/\s]*) => \d+$", re.MULTILINE)
_REASONS = {
    "PutObject lock.json": "the lock is renewed, after three quarters of `lock_seconds`",
    "GetObject stop.json": "did another program ask for a stop? each `stop_poll_seconds`",
    "GetObject collection.json": "was it changed by a command that died before it said so? each hour",
    "PutObject checkpoint.json": "what a successor would continue from, each tenth `checkpoint_seconds`, "
    "or each where records came; and before a file is closed",
    "PutObject harvest.json": "what `harvest running` shows, with every tenth checkpoint",
    "PutObject events.jsonl-N": "what happened since the last checkpoint, if anything did",
    "PutObject tweets-N-N.jsonl.gz-N": "records since the last checkpoint, as a part of the growing file",
    "PutObject tweets-N-N.jsonl.gz": "a file that is closed, each `seconds_per_file`, sent whole",
    "CreateMultipartUpload tweets-N-N.jsonl.gz": "a file that is closed is made of its parts",
    "UploadPartCopy tweets-N-N.jsonl.gz": "a part of it that is stored already is not sent again",
    "UploadPart tweets-N-N.jsonl.gz": "the rest of it is sent",
    "CompleteMultipartUpload tweets-N-N.jsonl.gz": "the file is there from then on",
    "PutObject manifest-sha1.txt": "a closed file is listed",
    "PutObject manifest-sha256.txt": "a closed file is listed",
    "DeleteObject tweets-N-N.jsonl.gz-N": "its parts are removed",
    "DeleteObjects": "its parts are removed",
    "ListObjectsV2": "which parts of a closed file are to be removed?",
    "GetObject x-N.json": "the lock was renewed late: is the app still this harvest's?",
    "GetObject lock.json": "the lock was renewed late: is the app still this harvest's?",
    f"HeadBucket {BUCKET}": "the store's clock, where no answer told it for a minute",
}


@dataclass(frozen=True)
class Asked:
    """One kind of request. `usd` is for a month of them."""

    operation: str
    name: str
    an_hour: float
    usd: float
    reason: str


def measure(*, minutes: float) -> Iterator[Asked]:
    """The kinds of requests of an idle stream, the most frequent first."""
    yield from by_kind(_asked(minutes), minutes)


def by_kind(found: Iterable[tuple[str, str]], minutes: float) -> Iterator[Asked]:
    """The requests of these minutes by kind, each with its reason, the most frequent first."""
    # A part of a growing file is named for where it begins, an app by a hash.
    kinds = Counter((operation, re.sub(r"\b(\d+|[0-9a-f]{16})\b", "N", name)) for operation, name in found)
    for (operation, name), times in kinds.most_common():
        an_hour = times * 60 / minutes
        kind = "read" if operation in ("GetObject", "HeadObject", "HeadBucket") else "put"
        free = operation.startswith(("Delete", "Abort"))
        price = 0.0 if free else float(cost.prices()["figures"][kind]["usd"])
        reason = _REASONS.get(f"{operation} {name}") or _REASONS.get(operation, "no reason is known")
        yield Asked(operation, name, an_hour, an_hour * cost.MONTH_HOURS * price, reason)


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


def _asked(minutes: float) -> list[tuple[str, str]]:
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
            sooner.spend(minutes, "idle stream")
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
    environment = {**os.environ, **KEYS, **server.environment, **sooner.environment(), "X_API_URL": base}
    with log.open("wb") as file:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=file, stderr=file, stdin=subprocess.DEVNULL
        )
