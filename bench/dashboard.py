"""What the dashboard costs: its start, each page, and a page that stays open."""

import gzip
import http.client
import json
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from bench.harvests import HERE, write
from tests.support.servers import S3Server, seaweedfs

_BUCKET = "posts"
_COLLECTIONS, _HARVESTS = 20, 50
_NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
_PAGES = ("/", "/c/c00", "/c/c00?tab=cost", "/costs", "/health")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Figure:
    what: str
    figure: str


def measure(*, seconds: float) -> Iterator[Figure]:
    """With 20 collections of 50 harvests each, in a folder and in a bucket of SeaweedFS on this machine."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(_COLLECTIONS):
            _collection(folder, f"c{number:02d}")
        yield from _of_place(folder, "folder", [], {}, seconds)
        with seaweedfs(folder / "s3") as server:
            _upload(server, folder / "collections")
            where = ["--bucket", _BUCKET]
            environment = {**server.environment, "XDG_CACHE_HOME": str(folder / "cache")}
            yield from _of_place(folder, "bucket", where, environment, seconds)
            begun = time.monotonic()
            with _dashboard(folder, where, environment) as (process, _, _):
                yield _started("bucket, started again", process, begun)


def _collection(folder: Path, name: str) -> None:
    write(folder, name, type="search", search={"query": "cat"})
    for number in range(_HARVESTS):
        began = _NOW - timedelta(days=number)
        here = folder / "collections" / name / "harvests" / f"{began:%Y/%m/%d/%H/%M/%S}"
        here.mkdir(parents=True)
        summary = {
            "harvest_timestamp": began.isoformat(),
            "harvest_end_timestamp": (began + timedelta(minutes=5)).isoformat(),
            "state": "complete",
            "tweets": 1000 + number,
            "files": 1,
            "file_bytes": 600_000,
            "gaps": [],
            "billed": {"usd": 5.0, "posts": 1000},
        }
        (here / "harvest.json").write_text(json.dumps(summary))
    pointer = {"harvest_id": _NOW.isoformat(), "state": "complete"}
    (folder / "collections" / name / "last_harvest.json").write_text(json.dumps(pointer))


def _upload(server: S3Server, collections: Path) -> None:
    client = server.client()
    client.create_bucket(Bucket=_BUCKET)
    for path in collections.rglob("*.json"):
        key = f"collections/{path.relative_to(collections).as_posix()}"
        client.put_object(Bucket=_BUCKET, Key=key, Body=path.read_bytes())


def _of_place(
    folder: Path, place: str, where: Sequence[str], environment: Mapping[str, str], seconds: float
) -> Iterator[Figure]:
    begun = time.monotonic()
    with _dashboard(folder, where, environment) as (process, host, cookie):
        yield _started(place, process, begun)
        for path in _PAGES:
            times, size, packed = _page(host, cookie, path)
            figure = f"{times * 1000:.0f} ms, {size / 1000:.0f} KB, {packed / 1000:.1f} KB gzipped"
            yield Figure(f"{place}: {path}", figure)
        stream = http.client.HTTPConnection(host)
        stream.request("GET", "/events", headers={"Cookie": cookie})
        stream.getresponse()
        before = _cpu(process.pid)
        time.sleep(seconds)
        share = (_cpu(process.pid) - before) / seconds
        yield Figure(f"{place}: one page open", f"{share:.2%} of a core, {_memory(process.pid):.0f} MB")
        stream.close()


def _started(place: str, process: subprocess.Popen[str], begun: float) -> Figure:
    spent = f"{time.monotonic() - begun:.2f} s, {_cpu(process.pid):.2f} of CPU"
    return Figure(f"{place}: start to first page", spent)


@contextmanager
def _dashboard(
    folder: Path, where: Sequence[str], environment: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The process, its address, and the cookie, once it has answered with its first page."""
    command = HERE.person("dashboard", "--no-open", *where)
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    try:
        assert process.stdout
        link = next(line for line in process.stdout if line.startswith("http"))
        address = urlsplit(link.strip())
        connection = http.client.HTTPConnection(address.netloc)
        connection.request("GET", f"/?{address.query}")
        cookie = connection.getresponse().headers["Set-Cookie"].partition(";")[0]
        _page(address.netloc, cookie, "/", times=1)
        yield process, address.netloc, cookie
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def _page(host: str, cookie: str, path: str, *, times: int = 5) -> tuple[float, int, int]:
    """The median of seconds, and the bytes, uncompressed and compressed."""
    found, data = [], b""
    for _ in range(times):
        begun = time.monotonic()
        connection = http.client.HTTPConnection(host)
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status == 200, (path, answer.status)
        found.append(time.monotonic() - begun)
    return statistics.median(found), len(data), len(gzip.compress(data, 6))


def _cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000
