"""The same post is the same row in whatever form it is stored, and what is broken is one error."""

import json
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.exports.json_lines import line_of
from harvester.networks.records import BrokenLine
from harvester.networks.registry import usual
from harvester.networks.rows import PostRow, Rows
from harvester.networks.x.network import X
from harvester.networks.x.records import records
from tests.support import record_forms
from tests.support.mutations import with_numbers_as_ids
from tests.support.record_forms import written

real = pytest.mark.skipif(not record_forms.REAL.is_dir(), reason="../shared/data is not here")


def _rows(record: Any) -> Rows:
    return usual().rows(written(record))


def test_a_page_holds_its_posts_and_then_those_that_came_along() -> None:
    quote, repost, original = _rows(record_forms.page()).posts
    assert quote == PostRow(
        id="1577000000000000009",
        key=1577000000000000009,
        created_at="2022-10-03T18:20:00.000Z",
        author_id="12",
        username="jack",
        text="Ä #flood $TWTR @biz https://t.co/y",
        lang="de",
        source="Twitter Web App",
        conversation_id="1577000000000000001",
        kind="quote",
        quoted_id="1577000000000000001",
        reply_to_user_id="13",
        likes=3,
        reposts=1,
        replies=2,
        quotes=4,
        bookmarks=5,
        impressions=6,
        possibly_sensitive=False,
        reply_settings="everyone",
        withheld=["DE"],
        hashtags=["flood"],
        cashtags=["TWTR"],
        # The mention has no id: it is that of the account of this name.
        mentions=["13"],
        mention_names=["biz"],
        urls=["https://flood.example/a"],
        media_keys=["3_7"],
        media_types=["photo"],
        lat=47.25,
        lon=9.75,
        place_id="p1",
        place_name="Dornbirn, Austria",
        country_code="AT",
        edit_history=["1577000000000000008", "1577000000000000009"],
        edits_remaining=4,
        retrieved_at="2026-11-23T09:00:01.000Z",
    )
    assert (repost.kind, repost.reposted_id, repost.included) == ("repost", "1577000000000000001", False)
    assert (original.id, original.username, original.included) == ("1577000000000000001", "biz", True)


def test_accounts_are_rows_with_the_time_at_which_they_were_seen() -> None:
    jack, biz = _rows(record_forms.page()).accounts
    assert (jack.id, jack.username, jack.url) == ("12", "jack", "https://jack.example")
    assert (jack.followers, jack.following, jack.posts, jack.listed) == (5, 6, 7, 8)
    assert (jack.likes, jack.media, jack.verified_type) == (9, 10, "blue")
    assert (biz.protected, biz.followers, biz.seen_at) == (True, None, "2026-11-23T09:00:01.000Z")


def test_a_stream_object_has_the_tags_of_its_rules() -> None:
    post, original = _rows(record_forms.stream_object()).posts
    of_page = _rows(record_forms.page()).posts[0]
    assert post == msgspec.structs.replace(of_page, matching_rules=["flood", "2"])
    assert original.matching_rules == []


def test_a_flattened_post_is_the_same_row() -> None:
    page = record_forms.page()
    quote, repost = (_rows(post) for post in record_forms.flattened(page))
    whole = _rows(page)
    assert (quote.posts[0], repost.posts[0]) == whole.posts[:2]
    assert quote.posts[1:] == repost.posts[1:] == whole.posts[2:]
    assert {account.id: account for account in quote.accounts} == {each.id: each for each in whole.accounts}


def test_a_tweet_of_api_1_1_is_a_row() -> None:
    rows = _rows(record_forms.plain_v1())
    (post,), (account,) = rows.posts, rows.accounts
    assert (post.id, post.key, post.created_at) == (
        "755822121331281920",
        755822121331281920,
        "2016-07-20T17:50:10.000Z",
    )
    assert (post.text, post.source, post.kind) == ("short #flood @biz", "Twitter for iPhone", "post")
    assert (post.hashtags, post.mentions, post.mention_names) == (["flood"], ["13"], ["biz"])
    assert (post.lat, post.lon, post.place_name, post.country_code) == (
        47.25,
        9.75,
        "Dornbirn, Austria",
        "AT",
    )
    assert (post.likes, post.reposts, post.quotes) == (3, 1, None)
    assert (account.following, account.posts, account.listed, account.likes) == (6, 7, None, 9)
    assert (account.verified_type, account.created_at) == ("verified", "2006-03-21T20:50:14.000Z")


def test_an_extended_tweet_has_its_whole_text_and_all_its_pictures() -> None:
    repost, original = _rows(record_forms.extended_v1()).posts
    assert (repost.kind, repost.reposted_id, repost.username) == ("repost", original.id, "biz")
    assert original.text == "the whole of a long text https://t.co/z"
    assert (original.media_keys, original.urls, original.included) == (
        ["7", "8"],
        ["https://z.example"],
        True,
    )


def test_a_long_post_has_its_whole_text() -> None:
    page = record_forms.page()
    page["data"][0]["note_tweet"] = {"text": "long", "entities": {"hashtags": [{"tag": "whole"}]}}
    post = _rows(page).posts[0]
    assert (post.text, post.hashtags) == ("long", ["whole"])


def test_answers_about_accounts_and_messages_hold_no_posts() -> None:
    user = record_forms.page()["includes"]["users"][0]
    rows = _rows({"data": [user]})
    assert (rows.posts, rows.accounts[0].followers) == ((), 5)
    assert _rows(user).accounts[0].username == "jack"
    assert _rows(record_forms.V1_USER).accounts[0].username == "jack"
    for message in ({"delete": {"status": {"id": 1}}}, {"errors": [{"title": "x"}]}, {"data": None}, {}):
        assert _rows(message) == Rows()


@pytest.mark.parametrize("absent", [None, "left out"])
def test_any_member_but_the_id_may_be_null_or_absent(absent: str | None) -> None:
    for record in map(json.loads, record_forms.made_up_lines()):
        post = record.get("data", record)
        post = post[0] if isinstance(post, list) else post
        for name in set(post) - {"id", "id_str", "text"}:
            kept = {key: value for key, value in post.items() if key != name}
            changed = kept if absent else {**post, name: None}
            whole = changed if post is record else {**record, "data": changed}
            assert _rows(whole).posts[0].text == _rows(record).posts[0].text


def test_ids_of_before_snowflakes_are_ordered_by_their_time() -> None:
    first, second = (
        _rows({"id": number, "text": "", "created_at": time}).posts[0]
        for number, time in (("99", "2008-01-01T00:00:00.000Z"), ("20", "2009-01-01T00:00:00.000Z"))
    )
    snowflake = _rows({"id": "29700859247", "text": "", "created_at": "2010-11-03T00:00:00.000Z"}).posts[0]
    assert first.key < second.key < snowflake.key < 1577000000000000009


def test_half_of_a_surrogate_pair_is_read_with_a_mark_in_its_place() -> None:
    page = record_forms.page()
    page["data"][0]["text"] = "half \ud83d of a pair"
    assert _rows(page).posts[0].text == "half ? of a pair"


@pytest.mark.parametrize("record", [record_forms.page(), record_forms.stream_object()])
def test_ids_that_are_numbers_are_the_same_posts(record: dict[str, Any]) -> None:
    numbers = with_numbers_as_ids(record)
    assert numbers != record
    line, other = written(record), written(numbers)
    assert usual().rows(other) == usual().rows(line)
    assert records(other, ids=True) == records(line, ids=True)
    assert usual().unseen(other) == usual().unseen(line)
    for one, two in zip(usual().posts(other), usual().posts(line), strict=True):
        assert (one.id, one.author, one.published, one.received) == (
            two.id,
            two.author,
            two.published,
            two.received,
        )
        assert usual().rows(one.value) == usual().rows(two.value)


@pytest.mark.parametrize(
    "line",
    [
        b'{"data": [{"text": "no id"}]}',
        b'{"data": [{"id": "1", "lang": {}}]}',
        b'{"data": "x"}',
        b'{"id_str": "", "text": "x"}',
        b'["x"]',
        b"7",
        b"",
        b'{"data": [',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"data":' * 5_000 + b"1" + b"}" * 5_000,
    ],
)
def test_what_is_no_record_is_one_error(line: bytes) -> None:
    with pytest.raises(BrokenLine):
        usual().rows(line)


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A line with some bytes, or one member at any depth, replaced by something else."""
    line = draw(st.sampled_from(_LINES))
    if draw(st.booleans()):
        start = draw(st.integers(0, len(line)))
        end = draw(st.integers(start, min(len(line), start + 9)))
        return line[:start] + draw(st.binary(max_size=6)) + line[end:]
    try:
        record = json.loads(line)
    except ValueError:
        return line
    places = list(_places(record))
    if places:
        holder, key = draw(st.sampled_from(places))
        holder[key] = draw(_VALUES)
    return written(record)


_LINES = [line for line in (*record_forms.made_up_lines(), *record_forms.real_lines()) if len(line) < 20_000]
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud83d"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


def _places(value: Any) -> Any:
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


@given(_mutated())
def test_a_mutated_line_is_rows_or_one_error(line: bytes) -> None:
    try:
        rows = usual().rows(line)
    except BrokenLine as error:
        assert error.why
        return
    for row in (*rows.posts, *rows.accounts):
        # Whatever took part of it is still of the type that other programs rely on.
        msgspec.convert(msgspec.to_builtins(row), type(row), strict=True)
    for post in rows.posts:
        assert len(post.mentions) == len(post.mention_names)
        assert len(post.media_keys) == len(post.media_types)


@given(_mutated())
@example(b'{"data":[{"id":"1","text":7}]}')
@example(b'{"data":{"id":"1","text":"x","of_others":"\x91"}}')
@example(b'{"data":{"id":1180591620717411303424,"text":"x"}}')
@example(b'{"id":"1","text":"x","lang":NaN}')
@example(b'{"id":"1","username":null}')
@example(b'{"id_str":"1","screen_name":"x"}')
def test_a_mutated_line_is_cells_and_json_where_it_is_rows_and_else_the_same_error(line: bytes) -> None:
    flat = usual().flat
    try:
        rows = usual().rows(line)
    except BrokenLine as error:
        with pytest.raises(BrokenLine) as refused:
            flat.posts(line)
        assert refused.value.why == error.why
        return
    posts, included = flat.posts(line)
    assert len(posts) == sum(not row.included for row in rows.posts)
    known = {str(post.get("id_str") or post.get("id")) for post in included}
    assert known >= {row.id for row in rows.posts if row.included}
    cells = flat.cells(flat.columns)
    for post in (*posts, *included):
        assert {type(cell) for cell in cells(post)} == {str}
        assert json.loads(line_of(post)) is not None


@real
def test_real_pages_and_their_flattened_posts_are_the_same_rows() -> None:
    compared = 0
    for line in record_forms.real_lines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if not isinstance(record, dict) or "data" not in record or not usual().rows(line).posts:
            continue
        whole = usual().rows(line)
        collected = [post for post in whole.posts if not post.included]
        flat = [_rows(post).posts[0] for post in record_forms.flattened(record) if "text" in post]
        assert flat == collected
        compared += len(flat)
    assert compared == 313


def test_a_page_of_accounts_has_accounts_and_no_posts() -> None:
    accounts = [{"id": str(number), "username": f"u{number}", "description": "text"} for number in (5, 6)]
    line = orjson.dumps({"data": accounts, "__twarc": {"retrieved_at": "2026-11-27T12:00:00+00:00"}})
    assert (records(line + b"\n", ids=True).posts, records(line + b"\n", ids=True).ids) == (0, [])
    assert X().posts(line) == [] and X().flat.posts(line) == ([], [])
    found = X().rows(line)
    assert found.posts == () and [account.id for account in found.accounts] == ["5", "6"]
    half = line.replace(b'"text"', b'"\\ud800"')
    assert records(half + b"\n", ids=True).posts == 0 and X().posts(half) == []
