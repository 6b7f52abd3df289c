"""Lines are those that `bytes.split` and `bytes.count` find."""

from hypothesis import given
from hypothesis import strategies as st

from harvester.documents.lines import count_lines, split_lines

_TEXTS = st.lists(st.sampled_from([b"\n", b"\r\n", b"\r", b"a", b"\x0b", b"\x85"])).map(b"".join)


@given(data=_TEXTS, at=st.integers(0, 5))
def test_lines_are_those_that_split_and_count_find(data: bytes, at: int) -> None:
    *lines, rest = data[at:].split(b"\n")
    assert split_lines(data, at) == ([line + b"\n" for line in lines], rest)
    assert count_lines(data) == data.count(b"\n")
