"""A stream of 300 posts a second into S3 (SeaweedFS), with a quarter of a core and 512 MB as of a small task.

CPU is limited by a control group, memory by RLIMIT_DATA, which counts also what is never touched.
"""

import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import orjson

from bench.idle import ASKED
from bench.quota import quota
from bench.steady import BUCKET, await_flow, cpu_clock, in_bucket, running, samples, sent_by, stream_server
from harvester.networks.x.post_ids import published
from tests.support.servers import S3Server, seaweedfs

RATE = 300
SHARE, MEMORY = 0.25, 512 << 20
_LOOK_SECONDS = 2.0
_ID = "hour"
# Numbers, and what a test of the server is named.
_VARYING = re.compile(r"-(?:[0-9a-f]{32}|\d+)")


@dataclass
class Found:
    """Of the time measured. `cpu` is a share of one core; a lag is that of the post that waited longest.

    `throttled` is None where the quota could not be set.
    """

    seconds: float = 0.0
    posts: int = 0
    cpu: float = 0.0
    throttled: float | None = None
    peak: float = 0.0
    lags: list[float] = field(default_factory=list)
    files: int = 0
    stored_bytes: int = 0
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)


def measure(*, seconds: float) -> Found:
    """Run it for so long, behind its start."""
    with (
        tempfile.TemporaryDirectory() as name,
        seaweedfs(Path(name) / "s3") as s3,
        quota(SHARE) as limit,
    ):
        folder, found = Path(name), Found()
        samples(folder / "posts")
        s3.client().create_bucket(Bucket=BUCKET)
        with stream_server(folder / "posts", RATE) as base:
            command, environment = in_bucket(s3, _ID, base)
            with running([*command, "--debug"], folder, environment, memory=MEMORY) as pid:
                if limit:
                    limit.add(pid)
                await_flow(base)
                _watch(found, pid, base, folder, seconds=seconds)
        found.throttled = limit.throttled() if limit else None
        _count(found, s3, folder / "log")
    return found


def _watch(found: Found, pid: int, base: str, folder: Path, *, seconds: float) -> None:
    begun, cpu, sent = time.monotonic(), cpu_clock(pid), sent_by(base)
    synced: dict[str, str] = {}
    while (passed := time.monotonic() - begun) < seconds:
        time.sleep(min(_LOOK_SECONDS, seconds - passed))
        synced.update(_syncs(folder))
    found.seconds = time.monotonic() - begun
    found.cpu = (cpu_clock(pid) - cpu) / found.seconds
    found.posts = sent_by(base) - sent
    found.peak = _peak(pid)
    found.lags = sorted(_lags(synced))


def _syncs(folder: Path) -> Iterator[tuple[str, str]]:
    """When the lines of the present journal were written, and the last post of each."""
    for journal in folder.rglob("journal-*.jsonl"):
        try:
            lines = journal.read_bytes().split(b"\n")[1:-1]
        except FileNotFoundError:
            # A new one has begun.
            continue
        for entry in map(orjson.loads, lines):
            ids = [each["last_id"] for each in entry.get("learnt", ()) if each["last_id"]]
            if ids:
                yield entry["synced"], ids[-1]


def _lags(synced: dict[str, str]) -> Iterator[float]:
    """Of each sync how long the first post behind the sync before it had waited."""
    before = None
    for at, last_id in sorted(synced.items()):
        moment = datetime.fromisoformat(at)
        if before and (moment - before[0]).total_seconds() < _LOOK_SECONDS:
            yield (moment - before[1]).total_seconds()
        created = published(last_id)
        before = (moment, created) if created else None


def _peak(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _count(found: Found, s3: S3Server, log: Path) -> None:
    """What was asked of S3, start and end included, and what lies there."""
    asked = ASKED.findall(log.read_text(encoding="utf-8"))
    found.requests = Counter((operation, _VARYING.sub("-N", name)) for operation, name in asked)
    pages = s3.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"collections/{_ID}/")
    for entry in (entry for page in pages for entry in page["Contents"]):
        if "/tweets-" in entry["Key"]:
            found.files += 1
            found.stored_bytes += entry["Size"]
