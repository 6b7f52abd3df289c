"""A stored line as single posts: one is passed on byte for byte, those of a page each with what is theirs."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.networks.records import BrokenLine
from harvester.networks.x.posts import posts
from harvester.networks.x.records import records

_TWARC = {
    "url": "https://api.x.com/2/tweets",
    "version": "2.14.0",
    "retrieved_at": "2026-11-23T09:05:08+00:00",
}


def _page(**more: Any) -> bytes:
    return orjson.dumps(
        {
            "data": [
                {"id": "1", "author_id": "10", "created_at": "2026-11-23T09:05:07.000Z", "text": "a"},
                {"id": "2", "author_id": "11", "referenced_tweets": [{"type": "quoted", "id": "7"}]},
                {"id": "3", "author_id": "10", "attachments": {"media_keys": ["3_9"]}},
            ],
            "includes": {
                "users": [{"id": "10"}, {"id": "11"}, {"id": "12"}, {"id": "13"}],
                "tweets": [{"id": "7", "author_id": "12"}, {"id": "8", "author_id": "13"}],
                "media": [{"media_key": "3_9", "type": "photo"}],
            },
            "__twarc": _TWARC,
            **more,
        }
    )


def test_a_line_of_a_stream_is_passed_on_byte_for_byte() -> None:
    line = b'{ "data": {"id":"20","author_id":"12","created_at":"2026-11-23T09:05:07.000Z"} , "x":1}'
    (post,) = posts(line + b"\n")
    assert post.value == line
    assert (post.id, post.author, post.published) == ("20", "12", "2026-11-23T09:05:07.000Z")
    assert post.received == ""


def test_each_post_of_a_page_has_what_it_refers_to_and_no_more() -> None:
    found = [(post, orjson.loads(post.value)) for post in posts(_page())]
    assert [post.id for post, _ in found] == ["1", "2", "3"]
    assert {post.received for post, _ in found} == {_TWARC["retrieved_at"]}
    assert all(tree["__twarc"] == _TWARC for _, tree in found)
    assert [tree["data"]["id"] for _, tree in found] == ["1", "2", "3"]
    assert found[0][1]["includes"] == {"users": [{"id": "10"}]}
    # The author of the quoted post is there through that post.
    assert found[1][1]["includes"] == {
        "users": [{"id": "11"}, {"id": "12"}],
        "tweets": [{"id": "7", "author_id": "12"}],
    }
    assert found[2][1]["includes"] == {
        "users": [{"id": "10"}],
        "media": [{"media_key": "3_9", "type": "photo"}],
    }


def test_a_page_without_posts_has_none() -> None:
    assert posts(b'{"meta":{"result_count":0}}') == []
    assert posts(b'{"errors":[{"title":"gone"}],"data":null}') == []


def test_a_post_of_2019_is_a_line() -> None:
    (post,) = posts(b'{"id":99,"id_str":"1199786642468413448","user":{"id_str":"5"},"text":"of 2019"}\n')
    assert (post.id, post.author) == ("1199786642468413448", "5")
    assert post.published.startswith("2019-11-27T")


def test_half_of_a_surrogate_pair_is_no_reason_to_stop() -> None:
    line = b'{"data":{"id":"5","author_id":"1","text":"\\ud83d"}}'
    (post,) = posts(line)
    assert (post.id, post.value) == ("5", line)
    first, second = posts(b'{"data":[{"id":"5","text":"\\ud83d"},{"id":"6"}]}')
    assert (first.id, second.id) == ("5", "6")
    assert orjson.loads(first.value)["data"]["text"] == "?"


@pytest.mark.parametrize("line", [b'{"data":[1]}', b"[]", b'{"data":', b"\xff", b'{"data":{"text":"x"}}'])
def test_what_is_no_record_is_named(line: bytes) -> None:
    with pytest.raises(BrokenLine):
        posts(line)


@given(st.lists(st.from_regex(r"[1-9][0-9]{0,18}", fullmatch=True), max_size=6), st.booleans())
def test_a_line_has_as_many_posts_as_are_counted(ids: list[str], one: bool) -> None:  # noqa: FBT001
    data: Any = [{"id": each, "text": "t"} for each in ids]
    line = orjson.dumps({"data": data[0] if one and data else data})
    assert [post.id for post in posts(line)] == records(line + b"\n", ids=True).ids
