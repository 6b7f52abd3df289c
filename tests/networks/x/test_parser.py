"""However a stream is cut into pieces, its records come out the same, and nothing else comes out as one."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.networks.x.http.gzip import Gzip
from harvester.networks.x.streaming.chunks import BrokenStream, Chunks
from harvester.networks.x.streaming.parser import LineSplitter
from harvester.networks.x.streaming.read import StreamRead

_FROM = b'{"url":"u"}'
_REAL = Path(__file__).parents[4] / "shared" / "data" / "real-v2" / "streaming_output_with_error.jsonl"


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


def _split(pieces: list[bytes]) -> StreamRead:
    splitter, total = LineSplitter(), StreamRead()
    for piece in pieces:
        total.add(splitter.split(piece, _FROM))
    total.add(splitter.finish(_FROM))
    assert splitter.partial == b""
    return total


@given(st.lists(st.integers(min_value=0, max_value=len(_BYTES))))
def test_any_cutting_of_the_same_bytes_gives_the_same_lines(at: list[int]) -> None:
    lines = _split(_cut(_BYTES, at))

    assert lines.ids == ["1", "2", "3"]
    assert lines.lines[0] == _record(1)[:-1] + b',"__twarc":{"url":"u"}}\n'
    assert lines.keep_alives == 3
    assert [event["event"] for event in lines.events] == ["disconnect"]


_TEXTS = st.sampled_from(["", "x", "a\n\r\té", '"}{\\', "洪水 \u2028", "\ud83d", "\\", ',"data":{"id":"9"}'])
_DIVIDERS = st.sampled_from([b"\r\n", b"\n", b"\r", b"", b" ", b"\r\n\r\n", b"\n \n", b"\xef\xbb\xbf"])
_BROKEN = st.sampled_from(
    [
        b"<html>\n",
        b"no {braces} at all\r\n",
        b'{"data":{"id":"77","text":"cut\r\n',
        b'{"data":{"id":"77"\n',
        b'{"data":{"id":"77","x":NaN}}',
        b'{"data":{"id":"77","text":"\xff"}}\r\n',
        b'{"data":{"id":"77","x":[1,2}}',
        b'["data"]]\n',
    ]
)


@st.composite
def _written(draw: st.DrawFn, number: int) -> bytes:
    """A record as any server may lay it out: its members in any order, with any white space between parts."""
    data = {"text": draw(_TEXTS), "id": str(number), "entities": {"urls": [{"start": 1}, {}], "n": [[], 1.5]}}
    members = [("data", data), ("matching_rules", [{"id": "1"}]), ("includes", {"users": [{"id": "7"}]})]
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\r\n", " :\n"), (",\n", ":")]))
    indent = draw(st.sampled_from([None, None, 0, 2]))
    record = dict(draw(st.permutations(members)))
    return json.dumps(
        record, separators=separators, indent=indent, ensure_ascii="\ud83d" in data["text"]
    ).encode()


@st.composite
def _streams(draw: st.DrawFn, broken: bool = False) -> tuple[list[str], list[bytes], list[bytes]]:
    """The ids of what is sent, what is sent besides that, and the bytes in pieces."""
    ids, others, sent = [], [], b""
    for number in range(1, draw(st.integers(min_value=1, max_value=6))):
        ids.append(str(number))
        sent += draw(_written(number)) + draw(_DIVIDERS)
        if broken and draw(st.booleans()):
            others.append(draw(_BROKEN))
            sent += b"\r\n" + others[-1]
    edges = draw(st.lists(st.integers(min_value=0, max_value=len(sent)), max_size=12))
    if draw(st.booleans()):
        edges += range(0, len(sent), draw(st.integers(min_value=1, max_value=9)))
    return ids, others, _cut(sent, edges)


@given(_streams())
def test_as_many_records_come_out_as_went_in_however_they_are_divided(
    sent: tuple[list[str], list[bytes], list[bytes]],
) -> None:
    ids, _, pieces = sent

    lines = _split(pieces)

    assert lines.ids == [json.loads(record)["data"]["id"] for record in lines.lines] == ids
    assert all(record.count(b"\n") == 1 and record.endswith(b"}\n") for record in lines.lines)
    assert (lines.events, lines.unread) == ([], 0)


@pytest.mark.parametrize("divider", [b"\r\n", b"\n", b"\r", b"", b" ", b"\n \n", b"\xef\xbb\xbf"])
def test_what_divides_two_records_is_not_taken_for_a_part_of_one(divider: bytes) -> None:
    one, other = _record(1), _record(2)
    read = _split([one + divider, other + b"\r\n"])
    assert (read.ids, read.events, read.unread) == (["1", "2"], [], 0)


@given(_streams(broken=True))
def test_what_is_broken_takes_no_record_with_it_and_is_kept_to_its_last_byte(
    sent: tuple[list[str], list[bytes], list[bytes]],
) -> None:
    ids, others, pieces = sent

    lines = _split(pieces)

    assert lines.ids == ids
    kept = b"".join(_kept(event) for event in lines.events)
    assert _dense(kept) == _dense(b"".join(others))
    assert bool(lines.unread) == bool(others)


def _kept(event: dict[str, Any]) -> bytes:
    if "message" in event:
        return json.dumps(event["message"]).encode()
    return base64.b64decode(event["base64"]) if "base64" in event else event["text"].encode()


def _dense(data: bytes) -> bytes:
    return b"".join(data.replace(b"\xef\xbb\xbf", b"").split())


@given(st.binary(max_size=200), st.lists(st.integers(min_value=0, max_value=200)))
def test_no_byte_is_dropped_whatever_comes(data: bytes, at: list[int]) -> None:
    lines = _split(_cut(data, [place for place in at if place < len(data)]))

    assert lines.ids == []
    if not any("message" in event for event in lines.events):
        assert _dense(b"".join(_kept(event) for event in lines.events)) == _dense(data)


@pytest.mark.parametrize("ends", [b"", b"\r"])
def test_a_record_is_taken_before_the_next_one_comes(ends: bytes) -> None:
    lines = LineSplitter().split(_record(1) + ends, _FROM)

    assert lines.ids == ["1"]


def test_a_record_that_was_cut_is_told_when_the_next_one_comes() -> None:
    lines = LineSplitter().split(b'{"data":{"id":"1"\r\n' + _record(2) + b"\r\n", _FROM)

    assert (lines.ids, [event["event"] for event in lines.events]) == (["2"], ["unparsable"])


def test_half_a_record_at_the_end_is_kept_whole() -> None:
    half = _record(1, "x" * 5000)[:-9]
    splitter = LineSplitter()

    assert not splitter.split(half, _FROM).alive
    lines = splitter.finish(_FROM)

    assert lines.events == [{"event": "partial", "bytes": len(half), "text": half.decode()}]
    assert lines.unread == len(half)


def test_a_broken_chunk_takes_nothing_with_it_that_came_before() -> None:
    chunks = Chunks()

    with pytest.raises(BrokenStream) as caught:
        chunks.payload(b"2\r\nab\r\nno size\r\nrest")

    assert (caught.value.came, caught.value.rest) == (b"ab", b"no size\r\nrest")


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


_LINES = st.sampled_from(
    [
        *(_record(1), '{"data":{"id":"3","text":"洪水"}}'.encode(), b'{"data":{"id":"4"} \r }'),
        *(b"", b'{"errors":[{"title":"x"}]}', b"no JSON", b'{"data":\n{"id":"5"}}', b'{"data":{"id":"6"'),
    ]
)
_ENDS = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"", b"\r\n\r\n"])


@given(
    st.lists(st.tuples(_LINES, _ENDS), max_size=8),
    st.lists(st.integers(min_value=0, max_value=600)),
    st.booleans(),
)
def test_chunks_that_are_lines_are_read_as_all_others(
    written: list[tuple[bytes, bytes]], at: list[int], ended: bool
) -> None:
    contents = [line + end for line, end in written if line + end]
    body = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in contents) + b"0\r\n\r\n" * ended
    chunks, splitter, total = Chunks(), LineSplitter(), StreamRead()
    for piece in _cut(body, [place for place in at if place < len(body)]):
        head, lines, rest = chunks.apart(piece)
        total.add(splitter.split(chunks.payload(head), _FROM))
        if lines:
            total.add(splitter.take(lines, _FROM))
        total.add(splitter.split(chunks.payload(rest), _FROM))
    total.add(splitter.finish(_FROM))

    expected = _split([b"".join(contents)])
    assert total.ids == expected.ids
    # Blanks between the parts of a record depend on where LF and CR LF are mixed.
    assert [json.loads(line) for line in total.lines] == [json.loads(line) for line in expected.lines]
    assert all(line.count(b"\n") == 1 and b"\r" not in line for line in total.lines)
    assert _dense(b"".join(map(_kept, total.events))) == _dense(b"".join(map(_kept, expected.events)))
    assert chunks.ended == ended


def test_a_record_that_is_a_chunk_is_taken_as_it_is() -> None:
    records = [_record(number) + b"\r\n" for number in range(5)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(record), record) for record in records)
    chunks = Chunks()

    head, lines, rest = chunks.apart(body + b"5\r\nab")

    assert (head, lines, rest) == (b"", records, b"5\r\nab")
    chunks.payload(rest)
    assert chunks.apart(b"cde\r\n" + body) == (b"cde\r\n", lines, b"")


def test_a_gzip_stream_gives_what_came_so_far() -> None:
    whole = gzip.compress(_BYTES * 100)
    codec = Gzip()

    found = b"".join(codec.payload(whole[at : at + 7]) for at in range(0, len(whole), 7))

    assert found == _BYTES * 100


def test_a_gzip_stream_of_several_members_gives_all_of_them() -> None:
    whole = gzip.compress(b"one ") + gzip.compress(b"two ") + gzip.compress(b"three")
    codec = Gzip()

    assert b"".join(codec.payload(whole[at : at + 11]) for at in range(0, len(whole), 11)) == b"one two three"


@pytest.mark.parametrize("codec", [Gzip(), Chunks()], ids=["gzip", "chunks"])
def test_bytes_out_of_step_end_the_connection(codec: Gzip | Chunks) -> None:
    with pytest.raises(BrokenStream):
        codec.payload(b"no such thing\r\n")


NOT_RECORDS = {
    "cut": (b'{"data":{"id":"1"', "partial"),
    "cut within a string": (b'{"data":{"id":"1","text":"x', "unparsable"),
    "no JSON": (b"<html>", "unparsable"),
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
    "a number instead of an object": (b'{"errors":5,"disconnect":"x"}', "message"),
    "deeper than anybody reads": (
        b'{"data":{"id":"1","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        "unparsable",
    ),
    "an error that our JSON has no place for": (b'{"errors":[{"title":"\\ud83d","n":%d}]}' % 2**70, "error"),
}


@pytest.mark.parametrize(("line", "event"), NOT_RECORDS.values(), ids=NOT_RECORDS)
def test_what_is_no_record_is_an_event(line: bytes, event: str) -> None:
    lines = _split([line + b"\r\n"])

    assert (lines.lines, lines.ids) == ([], [])
    assert [told["event"] for told in lines.events] == [event]
    orjson.dumps(lines.events)


RECORDS = {
    "data not first": b'{"matching_rules":[],"data":{"id":"5"}}',
    "blanks around": b'  {"data": {"id":"5"} }  ',
    "half a surrogate pair": b'{"data":{"id":"5","text":"\\ud83d"}}',
    "over two lines": b'{"data":\n{"id":"5"}}',
}


@pytest.mark.parametrize("line", RECORDS.values(), ids=RECORDS)
def test_an_unusual_record_is_still_one_and_becomes_one_line(line: bytes) -> None:
    lines = LineSplitter().split(line + b"\r\n", _FROM)

    (record,) = lines.lines
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

    told = [event["event"] for event in lines.events]
    assert len(raw) == len(lines.ids) + len(told) > len(told) > 0
    assert [json.loads(record)["data"]["id"] for record in lines.lines] == lines.ids
    assert set(told) <= {"unparsable", "partial", "disconnect", "error"}
