"""Records are counted alike with and without their ids, and a line that is none is named."""

import pytest

from harvester.networks.records import BrokenLine
from harvester.networks.x.records import records

_LINES = {
    b'{"data":[{"id":"1"},{"id":"2"}]}': ["1", "2"],
    b'{"data":{"id":"3"}}': ["3"],
    b'{"id_str":"4","text":"of 2019"}': ["4"],
    b'{"data":{"id":"5","text":"\\ud83d"}}': ["5"],
}


def test_posts_are_counted_alike_with_and_without_ids() -> None:
    block = b"".join(line + b"\n" for line in _LINES)
    found = records(block, ids=True)
    assert found.ids == [each for ids in _LINES.values() for each in ids]
    assert (found.lines, found.posts) == (4, 5)
    without = records(block, ids=False)
    assert (without.lines, without.posts, without.ids) == (4, 5, [])


@pytest.mark.parametrize("ids", [False, True])
@pytest.mark.parametrize(
    "line", [b'{"data":[1]}', b'{"data":[null,{"id":"3"}]}', b"[]", b'{"data":', b"\xff"]
)
def test_a_line_that_is_no_record_is_named(line: bytes, *, ids: bool) -> None:
    with pytest.raises(BrokenLine) as raised:
        records(b'{"data":{"id":"1"}}\n' + line + b"\n", ids=ids)
    assert raised.value.number == 2
