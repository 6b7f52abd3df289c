"""Positions and messages are plain values that survive their way through JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.sinks import Message, Position
from harvester.sinks.cloud_events import Attributes

_COUNTS = st.integers(0, 2**40)


@given(st.text(min_size=1), st.text(), _COUNTS, _COUNTS)
def test_a_position_comes_back_from_its_tree(harvest: str, segment: str, line: int, events: int) -> None:
    position = Position(harvest, segment, line, events)
    assert Position.from_tree(position.to_tree()) == position


@pytest.mark.parametrize(
    "tree",
    [
        *(None, [], "x", {}, {"harvest": ""}, {"harvest": 7}, {"harvest": "h", "segment": None}),
        *({"harvest": "h", "line": -1}, {"harvest": "h", "line": "1"}, {"harvest": "h", "events": True}),
    ],
)
def test_what_is_no_position_is_none(tree: object) -> None:
    assert Position.from_tree(tree) is None


def test_a_message_says_what_it_is_in_the_words_of_cloud_events() -> None:
    at = Position("2026-11-23T09:05:07.000000+00:00", "tweets-20261123090507-000001.jsonl.gz", 3)
    post = Message("live/20", "20", "post", "20", "2026-11-23T09:05:08.000Z", b"{}", at)
    made = Attributes("/collections/live")
    assert dict(made.of(post)) == {
        "specversion": "1.0",
        "id": "live/20",
        "type": "social.twarc-cloud.post.v1",
        "source": "/collections/live",
        "subject": "20",
        "time": "2026-11-23T09:05:08.000Z",
    }
    gap = dict(made.of(Message("live/g/1", "live", "gap", "", "", b"{}", at)))
    assert [name for name, _ in Attributes("/s", prefix="ce_").of(post)][:2] == ["ce_specversion", "ce_id"]
    assert (gap["type"], "subject" in gap, "time" in gap) == ("social.twarc-cloud.gap.v1", False, False)
