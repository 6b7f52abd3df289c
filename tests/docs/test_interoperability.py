"""What the real commands harvest is read by the tools that read twarc's files, on each Python."""

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.networks.x.keys import keys_from
from tests.support import fork_server

pytestmark = pytest.mark.system

_ROOT = Path(__file__).resolve().parents[2]
_TWARC2 = str(Path(sys.executable).with_name("twarc2"))
_WORDS = ("flood", "brexit", "kpop", "Obama")
_STREAMED = 200
csv.field_size_limit(1 << 24)
# Without them, twarc-csv drops each post whose author has these, as X sends them; docs/exports.md says so.
_EXTRA = ("author.public_metrics.like_count", "author.public_metrics.media_count")
_CSV = ["--hide-progress", "--hide-stats", "--allow-duplicates"]
_READERS = {
    "flatten": [],
    "csv": [*_CSV, "--extra-input-columns", ",".join(_EXTRA)],
    "ids": [],
}


@dataclass(frozen=True)
class Harvested:
    """The records of each kind of collection, unpacked, by kind, and the ids of the posts there were."""

    records: dict[str, Path]
    existed: dict[str, set[str]]


@pytest.fixture(scope="module")
def real_files() -> list[Path]:
    """Real payloads, where they lie beside this checkout; the emulator's own posts are there in any case."""
    return sorted((_ROOT.parent / "shared" / "data" / "real-v2").glob("*.jsonl"))


@pytest.fixture(scope="module")
def harvested(real_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Harvested:
    folder, query = tmp_path_factory.mktemp("harvested"), " OR ".join(_WORDS)
    options: dict[str, Any] = {"users": 3, "posts_per_user": 120, "search_posts": 250, "stream_rate": "200"}
    with emulator.running(**options, load=[str(path) for path in real_files], replay=bool(real_files)) as x:
        authors = [user["id"] for user in x.control.users()]
        authors += sorted({post["author_id"] for post in _posts(real_files)} - set(authors))
        found = set(x.control.search(query, archive=True))
        collections: dict[str, dict[str, Any]] = {
            "user_timeline": {"users": {author: {} for author in authors}},
            "search": {"search": {"query": query, "archive": True}},
            "filter": {"filter": {"track": ",".join(_WORDS), "max_records": len(found) + _STREAMED}},
        }
        records = {
            kind: _harvest(folder, x.url, {"id": kind, "type": kind, **section})
            for kind, section in collections.items()
        }
        told = x.control.stream()
        written = {post for post, times in zip(told["ids"], told["written"], strict=True) if times}
        timelines = {post for author in authors for post in x.control.timeline(author)}
        return Harvested(records, {"user_timeline": timelines, "search": found, "filter": written})


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
    ended = fork_server.run(command, cwd=folder, env={**os.environ, **keys, **environment}, timeout=120)
    assert ended.returncode == 0, ended.stderr.decode()


def _posts(paths: list[Path]) -> Iterator[dict[str, Any]]:
    """All posts in files of pages and stream objects; a line that is no JSON holds none."""
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            with suppress(json.JSONDecodeError):
                data = json.loads(line).get("data", [])
                yield from (post for post in (data if isinstance(data, list) else [data]) if "text" in post)


def _ids(path: Path) -> list[str]:
    return sorted(post["id"] for post in _posts([path]))


@pytest.mark.parametrize("kind", ["user_timeline", "search", "filter"])
def test_every_post_is_in_the_records(kind: str, harvested: Harvested) -> None:
    stored = _ids(harvested.records[kind])
    assert len(stored) >= _STREAMED
    # A stream that has all it was to bring leaves what was on its way.
    assert set(stored) <= harvested.existed[kind]
    assert kind == "filter" or set(stored) == harvested.existed[kind]


@pytest.mark.parametrize("reader", _READERS)
def test_a_reader_finds_every_post(reader: str, harvested: Harvested, tmp_path: Path) -> None:
    """Of all kinds of collections in one file: a process a reader."""
    records, out = tmp_path / "records.jsonl", tmp_path / "out"
    records.write_bytes(b"".join(path.read_bytes() for path in harvested.records.values()))
    _run([_TWARC2, reader, *_READERS[reader], str(records), str(out)], tmp_path)
    assert sorted(_read(reader, out)) == _ids(records)


def test_twarc_csv_drops_posts_with_exit_code_0_and_export_csv_none(
    harvested: Harvested, tmp_path: Path
) -> None:
    """As a user meets it."""
    records, theirs, ours = (tmp_path / name for name in ("records.jsonl", "theirs.csv", "ours.csv"))
    records.write_bytes(b"".join(path.read_bytes() for path in harvested.records.values()))
    _run([_TWARC2, "csv", *_CSV, str(records), str(theirs)], tmp_path)
    assert len(_read("csv", theirs)) < len(_ids(records)) / 2
    _run([_TWARC2, "csv", *_READERS["csv"], str(records), str(theirs)], tmp_path)
    kinds = list(harvested.records)
    exported = [str(_ROOT / "twarc_cloud.py"), "export", "csv", *kinds, "-o", str(ours)]
    _run([sys.executable, *exported], harvested.records[kinds[0]].parent)
    expected = [{name: cell for name, cell in row.items() if name not in _EXTRA} for row in _table(theirs)]
    assert _table(ours) == expected
    assert len(expected) == len(_ids(records))


def _table(path: Path) -> list[dict[str, str]]:
    """The rows in an order of their own; pandas writes a point where others of a column are missing."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{name: cell.removesuffix(".0") for name, cell in row.items()} for row in csv.DictReader(file)]
    return sorted(rows, key=lambda row: sorted(row.items()))


def test_twarc2_asks_for_keys_and_the_harvester_finds_them(tmp_path: Path) -> None:
    """The third command of the README, on a machine that has none yet."""
    typed = "\n".join(["of-the-app", "", ""]) + "\n"
    environment = {**os.environ, "HOME": str(tmp_path)}
    said = subprocess.run(
        [_TWARC2, "configure"], cwd=tmp_path, env=environment, input=typed, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr
    assert "Traceback" not in said.stderr
    assert keys_from({"HOME": str(tmp_path)}).bearer_token == "of-the-app"


def _read(reader: str, out: Path) -> list[str]:
    if reader == "ids":
        return out.read_text().split()
    if reader == "flatten":
        return [json.loads(line)["id"] for line in out.read_text(encoding="utf-8").splitlines()]
    with out.open(encoding="utf-8", newline="") as file:
        return [row["id"] for row in csv.DictReader(file)]


def test_timelines_bring_every_real_post_as_it_was(real_files: list[Path], harvested: Harvested) -> None:
    if not real_files:
        pytest.skip("no real payloads lie beside this checkout")
    real = {post["id"]: post for post in _posts(real_files)}
    stored = {post["id"]: post for post in _posts([harvested.records["user_timeline"]])}
    assert set(stored) >= set(real)
    assert {post_id for post_id, post in real.items() if post["text"] != stored[post_id]["text"]} == set()
