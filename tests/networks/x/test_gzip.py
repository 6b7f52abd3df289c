"""A compressed answer takes no more memory than an answer can hold, and is opened whole or refused."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import DecodeError

from harvester.networks.x.http.gzip import ANSWER_BYTES, Gzip, opened
from harvester.networks.x.streaming.chunks import BrokenStream


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A few hundred KB that hold 256 MB of blanks."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    blanks = b" " * (1 << 20)
    return b"".join([*(packer.compress(blanks) for _ in range(256)), packer.flush()])


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=3), st.sampled_from(["gzip", "x-gzip", "GZIP"]))
def test_a_body_is_opened_whole_in_any_number_of_members(parts: list[bytes], encoding: str) -> None:
    assert opened(b"".join(map(gzip.compress, parts)), encoding) == b"".join(parts)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_body_that_is_cut_is_refused(text: bytes, data: st.DataObject) -> None:
    packed = gzip.compress(text)
    length = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(DecodeError):
        opened(packed[:length], "gzip")


@given(st.binary(max_size=300))
def test_any_bytes_are_opened_or_refused(body: bytes) -> None:
    try:
        opened(body, "gzip")
    except DecodeError:
        return


def test_a_body_that_holds_more_than_an_answer_can_is_refused_and_takes_no_more_memory(bomb: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError, match="more than 64 MiB"):
            opened(bomb, "gzip")
        assert tracemalloc.get_traced_memory()[1] < 3 * ANSWER_BYTES
    finally:
        tracemalloc.stop()


def test_many_small_members_hold_no_more_than_an_answer_can() -> None:
    member = gzip.compress(b" " * (8 << 20))
    with pytest.raises(DecodeError, match="more than 64 MiB"):
        opened(member * 9, "gzip")


def test_a_piece_of_a_stream_that_holds_too_much_breaks_the_stream(bomb: bytes) -> None:
    with pytest.raises(BrokenStream, match="more than 64 MiB"):
        Gzip().payload(bomb)
