"""A stream of 250 posts a second with sinks to Kafka and standard output, in a quarter of a core and 512 MB.

`python -m bench.hour_sinks --seconds 3600`. The harvest and both sinks share the limits, set by control
groups; the server of the stream, S3 (SeaweedFS), the broker and what reads the output are outside.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE

from bench import harvests
from bench.frozen import _ids
from bench.hour import MEMORY, SHARE, _lags, _syncs
from bench.quota import Quota, quota
from bench.servers import KEYS
from bench.sinks import _TOPIC, _brokers, _kafka
from bench.steady import BUCKET, await_flow, samples, sent_by, stream_server
from harvester.sinks.status_file import statuses
from tests.support.servers import S3Server, seaweedfs

RATE = 250
_ID = "hour"
_LOOK_SECONDS = 2.0
_LOAD_EVERY = 60.0
# Of the harvest at its end, with what the sinks have left to deliver.
_ENDS_WITHIN = 300.0


@dataclass
class _Seen:
    """What the looks found, one each two seconds."""

    synced: dict[str, str] = field(default_factory=dict)
    # By sink: seconds and records behind.
    late: dict[str, list[float]] = field(default_factory=dict)
    behind: dict[str, list[int]] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.hour_sinks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    seconds = parser.parse_args().seconds
    with (
        tempfile.TemporaryDirectory() as name,
        seaweedfs(Path(name) / "s3") as s3,
        _brokers(Path(name)) as (broker, brokers),
    ):
        folder = Path(name) / "work"
        folder.mkdir()
        samples(folder / "posts")
        brokers.make(_TOPIC)
        _describe(s3, [{"type": "stdout"}, _kafka(brokers, _TOPIC)])
        with stream_server(folder / "posts", RATE) as base, quota(SHARE, memory=MEMORY) as limit:
            if limit is None:
                raise SystemExit("Control groups cannot be made here; run it as root.")
            with _harvest(folder, {**s3.environment, "X_API_URL": base}, limit) as printed:
                await_flow(base)
                for line in _watched(folder, base, limit, seconds):
                    _say(line)
            _say(f"the quota of {SHARE:.0%} was used up in {limit.throttled():.1%} of its periods")
        topic = Counter(name for name in _ids(brokers) if "/gap/" not in name)
        doubled = topic.total() - len(topic)
        _say(f"{_stored(s3):,} posts stored, {printed():,} lines printed")
        _say(f"{len(topic):,} posts in the topic of {broker}, {doubled:,} of them twice")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _describe(s3: S3Server, sinks: list[dict[str, object]]) -> None:
    client = s3.client()
    client.create_bucket(Bucket=BUCKET)
    tree = {"id": _ID, "type": "filter", "filter": {"track": "flood"}, "sinks": sinks}
    client.put_object(Bucket=BUCKET, Key=f"collections/{_ID}/collection.json", Body=json.dumps(tree).encode())


def _stored(s3: S3Server) -> int:
    client = s3.client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"collections/{_ID}/")
    keys = [entry["Key"] for page in pages for entry in page["Contents"]]
    (key,) = [key for key in keys if key.endswith("/harvest.json")]
    return int(json.load(client.get_object(Bucket=BUCKET, Key=key)["Body"])["tweets"])


@contextmanager
def _harvest(folder: Path, environment: dict[str, str], limit: Quota) -> Iterator[Callable[[], int]]:
    """The harvest with its sinks under the limits; how many lines were printed, once it has ended."""
    with (folder / "log").open("wb") as log:
        counter = subprocess.Popen(["grep", "-c", "^{"], stdin=PIPE, stdout=PIPE)
        process = subprocess.Popen(
            harvests.HERE.harvest_in_bucket(BUCKET, _ID), cwd=folder,
            env={**os.environ, **KEYS, **environment},
            stdin=DEVNULL, stdout=counter.stdin, stderr=log,
        )  # fmt: skip
    assert counter.stdin and counter.stdout
    counter.stdin.close()
    output = counter.stdout
    limit.add(process.pid)
    try:
        yield lambda: int(output.read())
        if process.poll() is not None:
            raise SystemExit(f"The harvest ended early:\n{(folder / 'log').read_text()[-2000:]}")
    finally:
        process.terminate()
        process.wait(_ENDS_WITHIN)


def _watched(folder: Path, base: str, limit: Quota, seconds: float) -> Iterator[str]:
    seen = _Seen()
    begun, cpu, sent = time.monotonic(), limit.cpu(), sent_by(base)
    while (passed := time.monotonic() - begun) < seconds:
        threading.Event().wait(min(_LOOK_SECONDS, seconds - passed))
        _look(seen, folder, limit)
        if passed >= _LOAD_EVERY * len(seen.load):
            seen.load.append(os.getloadavg()[0])
    took = time.monotonic() - begun
    used, posts = limit.cpu() - cpu, sent_by(base) - sent
    yield f"{posts:,} posts in {took:,.0f} s; load of the machine {_spread(seen.load, '.1f')}"
    yield f"CPU, with both sinks: {used / took:.1%} of a core, {used / posts * 1e6:.0f} us a post"
    yield f"memory of all their processes, MB: {_spread(seen.memory, '.0f')}"
    yield f"from a post to its sync, the longest of each, s: {_spread(list(_lags(seen.synced)), '.2f')}"
    for name, late in seen.late.items():
        records = _spread(seen.behind[name], ",.0f")
        yield f"{name} behind the archive, s: {_spread(late, '.1f')}; records: {records}"


def _look(seen: _Seen, folder: Path, limit: Quota) -> None:
    seen.synced.update(_syncs(folder))
    seen.memory.append(limit.memory())
    for status in [each for place in folder.glob(f"temp/*/{_ID}") for each in statuses(place)]:
        seen.late.setdefault(status["name"], []).append(status["lag_seconds"])
        seen.behind.setdefault(status["name"], []).append(status["lag_records"])


def _spread(found: list[float] | list[int], form: str) -> str:
    ordered = sorted(found)
    parts = [ordered[int(part * (len(ordered) - 1))] for part in (0.5, 0.99, 1)]
    return "median {}, p99 {}, most {}".format(*(format(part, form) for part in parts))


if __name__ == "__main__":
    main()
