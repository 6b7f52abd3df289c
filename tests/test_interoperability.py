"""Real payloads, harvested by the real commands, are read by the tools that read twarc's files."""

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import emulator

_ROOT = Path(__file__).resolve().parents[1]
_STREAM_WORDS = "brexit,kpop,Obama"
_READERS = {
    "flatten": [],
    "csv": ["--hide-progress", "--hide-stats"],
    "ids": [],
}


@pytest.fixture(scope="module")
def real_files() -> list[Path]:
    files = sorted((_ROOT.parent / "shared" / "data" / "real-v2").glob("*.jsonl"))
    if not files:
        pytest.skip("no real payloads lie beside this checkout")
    return files


@pytest.fixture(scope="module")
def harvested(real_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The records of each kind of collection, unpacked, by kind."""
    folder = tmp_path_factory.mktemp("harvested")
    with emulator.running(load=[str(path) for path in real_files], replay=True) as x:
        authors = {post["author_id"] for post in _posts(real_files)}
        replayed = _matching(real_files)
        collections: dict[str, dict[str, Any]] = {
            "user_timeline": {"users": {author: {} for author in authors}},
            "search": {"search": {"query": "brexit OR kpop OR Obama", "archive": True}},
            "filter": {"filter": {"track": _STREAM_WORDS, "max_records": len(replayed)}},
        }
        return {
            kind: _harvest(folder, x.url, {"id": kind, "type": kind, **section})
            for kind, section in collections.items()
        }


def _harvest(folder: Path, url: str, description: dict[str, Any]) -> Path:
    path = folder / "collections" / description["id"] / "collection.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(description))
    _run(
        [sys.executable, str(_ROOT / "tweet_harvester.py"), "local", "harvester", description["id"]],
        folder,
        X_API_URL=url,
    )
    unpacked = folder / f"{description['id']}.jsonl"
    with unpacked.open("wb") as file:
        for segment in sorted(path.parent.rglob("tweets-*.jsonl.gz")):
            file.write(gzip.decompress(segment.read_bytes()))
    return unpacked


def _run(command: list[str], folder: Path, **environment: str) -> None:
    keys = {"BEARER_TOKEN": emulator.CREDENTIALS["bearer_token"]}
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, **keys, **environment}, capture_output=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr.decode()


def _posts(paths: list[Path]) -> Iterator[dict[str, Any]]:
    """All posts in files of pages and stream objects; a line that is no JSON holds none."""
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            with suppress(json.JSONDecodeError):
                data = json.loads(line).get("data", [])
                yield from (post for post in (data if isinstance(data, list) else [data]) if "text" in post)


def _matching(paths: list[Path]) -> set[str]:
    with emulator.running(load=[str(path) for path in paths]) as x:
        return set(x.control.search("brexit OR kpop OR Obama", archive=True))


def _ids(path: Path) -> list[str]:
    return sorted(post["id"] for post in _posts([path]))


@pytest.mark.parametrize("kind", ["user_timeline", "search", "filter"])
@pytest.mark.parametrize("reader", _READERS)
def test_a_reader_finds_every_post(
    reader: str, kind: str, harvested: dict[str, Path], tmp_path: Path
) -> None:
    twarc2 = str(Path(sys.executable).with_name("twarc2"))
    out = tmp_path / "out"
    _run([twarc2, reader, *_READERS[reader], str(harvested[kind]), str(out)], tmp_path)
    stored = _ids(harvested[kind])
    assert stored
    assert sorted(_read(reader, out)) == stored


def _read(reader: str, out: Path) -> list[str]:
    if reader == "ids":
        return out.read_text().split()
    if reader == "flatten":
        return [json.loads(line)["id"] for line in out.read_text(encoding="utf-8").splitlines()]
    csv.field_size_limit(1 << 24)
    with out.open(encoding="utf-8", newline="") as file:
        return [row["id"] for row in csv.DictReader(file)]


def test_timelines_bring_every_real_post_as_it_was(
    real_files: list[Path], harvested: dict[str, Path]
) -> None:
    real = {post["id"]: post for post in _posts(real_files)}
    stored = {post["id"]: post for post in _posts([harvested["user_timeline"]])}
    assert set(stored) == set(real)
    assert {post_id for post_id, post in stored.items() if post["text"] != real[post_id]["text"]} == set()
