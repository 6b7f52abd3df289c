"""Of a file that grows, lines are read up to the bytes that count, and none of what follows these."""

import gzip
import io
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.harvest.segment import Segment
from harvester.sinks.archive.lines import Lines, Unreadable

_ALL = 1 << 60


def _line(draw: Random) -> bytes:
    return b'{"text":"%s"}' % (b"%d " % draw.getrandbits(30) * draw.randrange(1, 400))


def test_what_is_written_and_does_not_count_yet_is_not_read(tmp_path: Path) -> None:
    draw, segment = Random(1), Segment(tmp_path / "tweets-20261123090507-000001.jsonl.gz")
    reader, sizes, written = Lines(segment.path.open("rb"), packed=True), [], []
    for number in range(30):
        segment.thorough = number % 3 == 0
        new = [_line(draw) for _ in range(draw.randrange(1, 9))]
        segment.write(b"".join(line + b"\n" for line in new), posts=len(new))
        sizes.append(segment.sync())
        written.append(new)
    for size, new in zip(sizes, written, strict=True):
        assert reader.read(upto=size, most=100, room=_ALL) == new
        assert reader.read(upto=size, most=100, room=_ALL) == []
        assert not reader.is_complete
    segment.close()
    assert reader.read(upto=_ALL, most=100, room=_ALL) == []
    assert reader.is_complete


@given(st.lists(st.binary(max_size=50).map(lambda line: line.replace(b"\n", b"")), max_size=40), st.data())
def test_a_file_is_read_alike_in_any_portions(found: list[bytes], data: st.DataObject) -> None:
    text = b"".join(line + b"\n" for line in found)
    cut = data.draw(st.integers(0, len(text)))
    # Members that follow each other are one file.
    reader = Lines(io.BytesIO(gzip.compress(text[:cut]) + gzip.compress(text[cut:])), packed=True)
    passed = data.draw(st.integers(0, len(found)))
    assert reader.skip(passed, upto=_ALL)
    read: list[bytes] = []
    while new := reader.read(
        upto=_ALL, most=data.draw(st.integers(1, 9)), room=data.draw(st.integers(0, 99))
    ):
        read += new
    assert read == found[passed:]
    assert reader.line == len(found)
    assert not reader.skip(len(found) + 1, upto=_ALL)


def test_a_line_without_an_end_is_no_reason_to_fill_memory() -> None:
    reader = Lines(io.BytesIO(gzip.compress(b"x" * (8 << 20))), packed=True, longest=1 << 20)
    with pytest.raises(Unreadable, match="has a line of more than"):
        reader.read(upto=_ALL, most=1, room=1)
