"""A collection of many small and some large objects on one S3 server, copied by this project and by others.

This project checks every file by its manifest or its version and writes it durably; the others do not.
"""

import hashlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import harvests
from bench.measured import Cost, cost
from bench.peers import program
from tests.support.servers import S3Server, seaweedfs

_BUCKET, _ID = "bench", "bench"
_HARVEST = "harvests/2026/11/23/09/00/00"


@dataclass(frozen=True)
class Figure:
    """The medians of all rounds of one program."""

    name: str
    seconds: float
    cpu: float
    peak: float


def measure(*, rounds: int, small: int, large: int, large_bytes: int) -> Iterator[Figure]:
    """Rounds over all programs, so that what else the machine does falls on all alike."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with seaweedfs(folder / "server") as server:
            fill(server, folder, small=small, large=large, large_bytes=large_bytes)
            commands = _commands(server)
            found: dict[str, list[Cost]] = {each: [] for each in commands}
            for _ in range(rounds):
                for each, command in commands.items():
                    found[each].append(copied(command, folder / "copy", server, files=small + large))
    for each, costs in found.items():
        middle = [
            statistics.median(getattr(one, part) for one in costs) for part in ("seconds", "cpu", "peak")
        ]
        yield Figure(each, *middle)


def fill(server: S3Server, folder: Path, *, small: int, large: int, large_bytes: int) -> None:
    """Changesets, and a harvest with its manifest; stored by s5cmd."""
    chance = random.Random(1)
    root = folder / "source" / "collections" / _ID
    changesets, harvest = root / "changesets", root / _HARVEST
    changesets.mkdir(parents=True)
    harvest.mkdir(parents=True)
    for number in range(small - 1):
        path = changesets / f"change-20261123090000-{number:08d}.json"
        path.write_bytes(chance.randbytes(chance.randint(500, 4000)))
    lines = []
    for number in range(large):
        data = chance.randbytes(large_bytes)
        path = harvest / f"tweets-20261123090000-{number:06d}.jsonl.gz"
        path.write_bytes(data)
        lines.append(f"{hashlib.sha256(data).hexdigest()}  {path.name}\n")
    (harvest / "manifest-sha256.txt").write_text("".join(lines))
    server.client().create_bucket(Bucket=_BUCKET)
    store = [*_s5cmd(server), "cp", f"{folder}/source/*", f"s3://{_BUCKET}/"]
    subprocess.run(store, check=True, env=server.environment)
    shutil.rmtree(folder / "source")


def _s5cmd(server: S3Server) -> list[str]:
    return [program("s5cmd"), "--log", "error", "--endpoint-url", server.endpoint]


def ours(of: harvests.Checkout) -> list[str]:
    return of.person("collection", "download", _ID, "--bucket", _BUCKET)


def theirs(server: S3Server) -> list[str]:
    return [*_s5cmd(server), "cp", f"s3://{_BUCKET}/*", "s5cmd/"]


def _commands(server: S3Server) -> dict[str, list[str]]:
    prefix = f"collections/{_ID}/"
    boto3 = [sys.executable, str(harvests.HERE.root / "bench" / "boto3_at.py"), _BUCKET, prefix, "boto3"]
    aws = [program("aws"), "s3", "sync", "--quiet", f"s3://{_BUCKET}/", "aws"]
    return {
        "this project": ours(harvests.HERE),
        "s5cmd": theirs(server),
        "boto3, 24 at once": boto3,
        "aws s3 sync": aws,
    }


def copied(command: list[str], folder: Path, server: S3Server, *, files: int) -> Cost:
    """What the copy cost, which is removed."""
    folder.mkdir()
    spent = cost(command, folder=folder, environment=server.environment, pin=False)
    found = sum(1 for path in folder.rglob("*") if path.is_file() and ".downloaded" not in str(path))
    # Beside the copy lie what the command printed and said.
    if found - 2 < files:
        raise SystemExit(f"{command[0]} copied {found - 2} of {files} files")
    shutil.rmtree(folder)
    return spent
