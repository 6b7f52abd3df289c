"""However a stream is cut into pieces, its records come out the same, and nothing else comes out as one."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.x.gunzip import Gzip
from harvester.x.lines import BrokenStream, Chunks, Lines, LineSplitter

_FROM = b'{"url":"u"}'
_REAL = Path(__file__).parents[2] / "shared" / "data" / "real-v2" / "streaming_output_with_error.jsonl"


def _record(number: int, text: str = "a\n\r\té") -> bytes:
    return json.dumps({"data": {"id": str(number), "text": text}, "matching_rules": []}).encode()


_BYTES = b"\r\n".join(
    [
        _record(1),
        b"",
        _record(2),
        b'{"errors":[{"title":"operational-disconnect","disconnect_type":"SlowReader"}]}',
        b"",
        b"",
        '{"data":{"id":"3","text":"洪水"},"errors":[{"title":"x"}]}'.encode(),
        b"",
    ]
)


def _cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(at), len(data)]
    return [data[start:end] for start, end in zip(edges, edges[1:], strict=False)]


def _split(pieces: list[bytes]) -> Lines:
    splitter, total = LineSplitter(), Lines()
    for piece in pieces:
        lines = splitter.split(piece, _FROM)
        total.records += lines.records
        total.ids += lines.ids
        total.others += lines.others
        total.keep_alives += lines.keep_alives
    assert splitter.partial == b""
    return total


@given(st.lists(st.integers(min_value=0, max_value=len(_BYTES))))
def test_any_cutting_of_the_same_bytes_gives_the_same_lines(at: list[int]) -> None:
    lines = _split(_cut(_BYTES, at))

    assert lines.ids == ["1", "2", "3"]
    assert lines.records[0] == _record(1)[:-1] + b',"__twarc":{"url":"u"}}\n'
    assert lines.keep_alives == 3
    assert [event["event"] for event in lines.others] == ["disconnect"]


@given(st.lists(st.integers(min_value=0, max_value=400)), st.lists(st.integers(min_value=1, max_value=50)))
def test_any_cutting_of_chunks_gives_the_same_payload(at: list[int], sizes: list[int]) -> None:
    body, left = b"", _BYTES
    for size in [*sizes, len(_BYTES)]:
        piece, left = left[:size], left[size:]
        if piece:
            body += b"%x;note=1\r\n%s\r\n" % (len(piece), piece)
    body += b"0\r\n\r\n"
    chunks = Chunks()

    found = b"".join(
        chunks.payload(piece) for piece in _cut(body, [place for place in at if place < len(body)])
    )

    assert found == _BYTES
    assert chunks.ended


def test_a_gzip_stream_gives_what_came_so_far() -> None:
    whole = gzip.compress(_BYTES * 100)
    codec = Gzip()

    found = b"".join(codec.payload(whole[at : at + 7]) for at in range(0, len(whole), 7))

    assert found == _BYTES * 100


@pytest.mark.parametrize("codec", [Gzip(), Chunks()], ids=["gzip", "chunks"])
def test_bytes_out_of_step_end_the_connection(codec: Gzip | Chunks) -> None:
    with pytest.raises(BrokenStream):
        codec.payload(b"no such thing\r\n")


NOT_RECORDS = {
    "not JSON": (b'{"data":{"id":"1"', "unparsable"),
    "not UTF-8": (b'{"data":{"id":"1","text":"\xff"}}', "unparsable"),
    "an error": (b'{"errors":[{"title":"x"}]}', "error"),
    "a disconnect": (
        b'{"errors":[{"type":"https://api.x.com/2/problems/operational-disconnect"}]}',
        "disconnect",
    ),
    "a disconnect of v1.1": (b'{"disconnect":{"code":4,"reason":"stall"}}', "disconnect"),
    "a limit": (b'{"limit":{"track":5}}', "limit"),
    "data without an id": (b'{"data":{"text":"x"}}', "message"),
    "a list": (b"[1]", "message"),
}


@pytest.mark.parametrize(("line", "event"), NOT_RECORDS.values(), ids=NOT_RECORDS)
def test_what_is_no_record_is_an_event(line: bytes, event: str) -> None:
    lines = LineSplitter().split(line + b"\r\n", _FROM)

    assert (lines.records, lines.ids) == ([], [])
    assert [told["event"] for told in lines.others] == [event]


RECORDS = {
    "data not first": b'{"matching_rules":[],"data":{"id":"5"}}',
    "blanks around": b'  {"data": {"id":"5"} }  ',
    "half a surrogate pair": b'{"data":{"id":"5","text":"\\ud83d"}}',
    "over two lines": b'{"data":\n{"id":"5"}}',
}


@pytest.mark.parametrize("line", RECORDS.values(), ids=RECORDS)
def test_an_unusual_record_is_still_one_and_becomes_one_line(line: bytes) -> None:
    lines = LineSplitter().split(line + b"\r\n", _FROM)

    (record,) = lines.records
    assert lines.ids == ["5"]
    assert record.count(b"\n") == 1 and record.endswith(b"\n")
    assert {**json.loads(line), "__twarc": {"url": "u"}} == json.loads(record)


def test_a_line_without_an_end_does_not_fill_the_memory() -> None:
    splitter = LineSplitter()

    with pytest.raises(BrokenStream):
        for _ in range(20):
            splitter.split(b"x" * (1 << 20), _FROM)


@pytest.mark.skipif(not _REAL.is_file(), reason="the real payloads are not on this machine")
def test_a_real_stream_with_an_error_in_it_keeps_its_records_and_tells_the_error() -> None:
    raw = _REAL.read_bytes().splitlines()

    lines = _split([line + b"\r\n" for line in raw])

    told = [event["event"] for event in lines.others]
    assert len(raw) == len(lines.ids) + len(told) > len(told) > 0
    assert [json.loads(record)["data"]["id"] for record in lines.records] == lines.ids
    assert set(told) <= {"unparsable", "disconnect", "error"}
