"""A segment is whole up to every synced byte, wherever the rest was cut."""

import gzip
import os
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import HarvesterError
from harvester.harvest.segment import Segment, completed, finished
from tests.support.examples import examples
from tests.support.made_up_posts import made_up_posts
from tests.support.stores import Place, on_a_small_disk


def _lines(draw: Random) -> bytes:
    size = draw.choice((0, 1, 30, 3000, 70_000))
    return b"".join(b'{"id":"%d","text":"%s"}\n' % (draw.getrandbits(60), b"x" * draw.randrange(40))
                    for _ in range(size // 40 + 1))  # fmt: skip


@settings(max_examples=examples(500))
@given(st.integers(0, 1 << 32))
def test_what_was_synced_is_whole_wherever_the_rest_is_cut(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    draw, path = Random(seed), tmp_path_factory.mktemp("segment") / "tweets.jsonl.gz"
    segment, written, synced, posts = Segment(path), b"", b"", 0
    size = segment.sync()
    for _ in range(draw.randrange(8)):
        lines = _lines(draw)
        segment.write(lines, posts=lines.count(b"\n"))
        written += lines
        segment.thorough = draw.random() < 0.5
        if draw.random() < 0.5:
            size, synced, posts = segment.sync(), written, segment.posts
    if draw.random() < 0.3:
        segment.close()
    else:
        segment.abandon()
    with path.open("r+b") as file:
        file.truncate(draw.randint(size, path.stat().st_size))
        if draw.random() < 0.3:
            file.seek(0, os.SEEK_END)
            file.write(draw.randbytes(draw.randrange(100)))
    whole = completed(path, size=size, posts=posts)
    assert gzip.decompress(path.read_bytes()) == synced
    assert whole.posts == synced.count(b"\n")
    assert whole == finished(path, posts=posts)
    assert completed(path, size=size, posts=posts) == whole
    shutil.rmtree(path.parent)


@pytest.mark.parametrize(
    "batches", [[], [b""], [b'{"a":1}\n'], [b'{"a":1}\n' * 50_000, b"", b'{"b":"\xc3\xa4"}\n']]
)
def test_a_closed_segment_is_what_was_written(tmp_path: Path, batches: list[bytes]) -> None:
    segment = Segment(tmp_path / "tweets.jsonl.gz")
    for lines in batches:
        segment.write(lines, posts=lines.count(b"\n"))
        segment.sync()
    closed = segment.close()
    assert gzip.decompress(segment.path.read_bytes()) == b"".join(batches)
    assert closed == finished(segment.path, posts=sum(lines.count(b"\n") for lines in batches))
    assert (closed.name, closed.size) == ("tweets.jsonl.gz", segment.path.stat().st_size)
    assert subprocess.run(["gzip", "-t", segment.path]).returncode == 0


def test_what_is_compressed_thoroughly_is_smaller_from_the_next_sync_on(tmp_path: Path) -> None:
    segment, sizes, written = Segment(tmp_path / "tweets.jsonl.gz"), [0], b""
    for thorough in (True, False, True):
        lines = b"".join(made_up_posts(2000))
        segment.write(lines, posts=2000)
        segment.thorough = thorough
        sizes.append(segment.sync())
        written += lines
    quick, thorough_, again = (after - before for before, after in pairwise(sizes))
    assert thorough_ < 0.995 * quick
    assert abs(again - quick) < 0.01 * quick
    segment.close()
    assert gzip.decompress(segment.path.read_bytes()) == written


@pytest.mark.parametrize("ended", ["closed", "completed"])
def test_the_hashes_are_those_of_the_real_tools(tmp_path: Path, ended: str) -> None:
    segment = Segment(tmp_path / "tweets.jsonl.gz")
    segment.write(b'{"a":1}\n' * 1000, posts=1000)
    size = segment.sync()
    if ended == "closed":
        file = segment.close()
    else:
        segment.abandon()
        file = completed(segment.path, size=size, posts=1000)
    for tool, digest in (("sha1sum", file.sha1), ("sha256sum", file.sha256)):
        told = subprocess.run([tool, segment.path], capture_output=True, text=True, check=True).stdout
        assert told.split()[0] == digest
    assert gzip.decompress(segment.path.read_bytes()) == b'{"a":1}\n' * 1000


def test_a_sync_puts_all_lines_into_the_file(tmp_path: Path) -> None:
    segment = Segment(tmp_path / "a.gz")
    segment.write(b"one\n", posts=1)
    assert segment.sync() == segment.size == segment.path.stat().st_size
    with segment.path.open("rb") as file, gzip.GzipFile(fileobj=file) as lines:
        assert lines.read1() == b"one\n"
    segment.abandon()


def test_no_segment_is_written_over(tmp_path: Path) -> None:
    Segment(tmp_path / "a.gz").close()
    with pytest.raises(FileExistsError):
        Segment(tmp_path / "a.gz")


def test_a_file_that_is_too_short_is_told_and_left(tmp_path: Path) -> None:
    segment = Segment(tmp_path / "a.gz")
    segment.write(b"one\n" * 100, posts=100)
    size = segment.sync()
    segment.abandon()
    with segment.path.open("r+b") as file:
        file.truncate(size - 1)
    with pytest.raises(HarvesterError, match=f"a.gz has {size - 1} bytes, and {size} had been written"):
        completed(segment.path, size=size, posts=100)
    assert segment.path.stat().st_size == size - 1


def test_what_a_store_holds_of_the_file_does_not_change(tmp_path: Path) -> None:
    segment = Segment(tmp_path / "a.gz")
    segment.write(b"one\n", posts=1)
    size = segment.sync()
    segment.write(b"two\n", posts=1)
    segment.close()
    stored = tmp_path / "stored"
    stored.hardlink_to(segment.path)
    before = stored.read_bytes()
    completed(segment.path, size=size, posts=1)
    assert stored.read_bytes() == before
    assert gzip.decompress(segment.path.read_bytes()) == b"one\n"


def test_a_full_disk_costs_nothing_that_was_synced(tmp_path: Path) -> None:
    place = Place("folder", str(tmp_path / "store"))
    written, kept = on_a_small_disk(tmp_path / "disk", place, "segment", tmp_path / "disk")
    assert int(written) > 1
    assert kept == written


@given(seed=st.integers(0, 2**32))
@settings(max_examples=examples(300))
def test_a_damaged_file_is_told_and_left_or_becomes_one_that_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    draw, path = Random(seed), tmp_path_factory.mktemp("segment") / "tweets.jsonl.gz"
    segment = Segment(path, thorough=draw.random() < 0.5)
    sizes = []
    for _ in range(3):
        segment.write(_lines(draw), posts=1)
        sizes.append(segment.sync())
    segment.abandon()
    damaged, size = bytearray(path.read_bytes()), draw.choice([*sizes, draw.randrange(sizes[-1] + 1)])
    for _ in range(draw.randrange(3)):
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
    path.write_bytes(damaged)
    try:
        completed(path, size=size, posts=3)
    except HarvesterError as error:
        assert "damaged" in error.message
        assert path.read_bytes() == damaged
    else:
        gzip.decompress(path.read_bytes())
    shutil.rmtree(path.parent)
