"""A page keeps its bytes and gives up its ids, and what is not a whole page is never taken for one."""

import json
from pathlib import Path
from typing import Any

import pytest

from harvester.networks.x.errors import ApiCode
from harvester.networks.x.included import included_name
from harvester.networks.x.page import (
    NotAPage,
    line_of,
    posts_in,
    posts_page,
    provenance_of,
    relations_page,
    users_page,
)
from tests.support.scripted_x import EMPTY, PAGE

_FROM = provenance_of("https://api.twitter.com/2/x", "2.14.0", "2026-11-23T07:00:00+00:00")
_META: dict[str, Any] = json.loads(json.dumps(PAGE["meta"]))
_REAL = Path(__file__).parents[4] / "shared" / "data" / "real-v2"


def test_the_line_is_the_body_byte_for_byte_with_the_provenance_behind_it() -> None:
    body = '{"data":[{"id":"9007199254740993","text":"é \\n \\u00e9","x":1.10}],  "meta":{}}'.encode()

    page = posts_page(body, _FROM)

    assert page.line == body[:-1] + b',"__twarc":' + _FROM + b"}\n"


def test_a_body_over_several_lines_becomes_one_line_of_the_same_value() -> None:
    body = json.dumps(PAGE, indent=2).replace("\n", "\r\n").encode() + b"\r\n"

    line = posts_page(body, _FROM).line

    found = json.loads(line)
    assert line.count(b"\n") == 1 and b"\r" not in line
    assert found.pop("__twarc")["version"] == "2.14.0"
    assert found == PAGE


def test_ids_are_compared_as_numbers_and_taken_from_the_posts() -> None:
    body = json.dumps({"data": [{"id": "99"}, {"id": "100"}], "meta": {"newest_id": "99"}}).encode()

    page = posts_page(body, _FROM)

    assert (page.posts, page.newest_id, page.oldest_id, page.next_token) == (2, "100", "99", None)


def test_ids_that_are_numbers_are_known_as_text() -> None:
    body = json.dumps(
        {"data": [{"id": 99}, {"id": 100}], "includes": {"users": [{"id": 7, "username": "u"}]}}
    )

    page = posts_page(body.encode(), _FROM)

    assert (page.posts, page.newest_id, page.oldest_id) == (2, "100", "99")
    assert relations_page(body.encode(), _FROM).ids == ("99", "100")
    assert included_name(page.line, "7") == "u"


def test_an_empty_page_with_a_token_goes_on_and_stores_nothing() -> None:
    page = posts_page(b'{"meta":{"result_count":0,"next_token":"t"}}', _FROM)

    assert (page.outcome, page.posts, page.line, page.next_token) == (ApiCode.OK, 0, b"", "t")


NOT_PAGES = {
    "cut": json.dumps(PAGE).encode()[:-9],
    "a web page": b"<html>502</html>",
    "nothing": b"",
    "not an object": b"[]",
    "neither data nor meta": b"{}",
    "a post without an id": b'{"data":[{"text":"x"}],"meta":{}}',
    "not UTF-8": b'{"data":[{"id":"1","text":"\xff"}],"meta":{}}',
    "an id that is no number": b'{"data":[{"id":"x"}],"meta":{}}',
    "an empty id beside another": b'{"data":[{"id":"1"},{"id":""}],"meta":{}}',
    "an id wider than 64 bits": b'{"data":[{"id":"9223372036854775808"}],"meta":{}}',
    "an inner failure": b'{"errors":[{"parameter":"id","type":"x/internal-error","detail":"no"}]}',
    "errors that name nothing": b'{"errors":[{"title":"Service Unavailable"}],"meta":{"result_count":0}}',
    "UTF-16": json.dumps(PAGE).encode("utf-16-le"),
    "UTF-32 with its mark": json.dumps(PAGE).encode("utf-32"),
    "brackets": b"[" * 100_000,
    "brackets beside the data": b'{"data":[{"id":"1"}],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number that is none, beside half a pair": b'{"data":[{"id":"1","text":"\\ud83d","n":NaN}],"meta":{}}',
}


@pytest.mark.parametrize("body", NOT_PAGES.values(), ids=NOT_PAGES)
def test_what_is_no_whole_page_is_refused(body: bytes) -> None:
    with pytest.raises(NotAPage):
        posts_page(body, _FROM)


@pytest.mark.parametrize("shift", range(4))
def test_a_long_text_is_proven_whatever_character_a_piece_of_it_ends_in(shift: int) -> None:
    text = "x" * shift + "\U0001f600" * 20_000
    body = f'{{"data":[{{"id":"1","text":"{text}"}}],"meta":{{}}}}'.encode()

    assert posts_page(body, _FROM).posts == 1
    for broken in (body.replace(b'\x80"}', b'"}'), body[:40_000] + body[40_001:]):
        assert broken != body
        with pytest.raises(NotAPage):
            posts_page(broken, _FROM)


def test_half_a_surrogate_pair_is_json_and_kept() -> None:
    body = b'{"data":[{"id":"1","text":"\\ud83d"}],"meta":{}}'

    assert posts_page(body, _FROM).line.startswith(body[:-1])


def test_a_byte_order_mark_is_not_stored() -> None:
    body = json.dumps(PAGE).encode()

    assert posts_page(b"\xef\xbb\xbf" + body, _FROM) == posts_page(body, _FROM)


@pytest.mark.parametrize(
    "more",
    [
        {"errors": None},
        {"errors": {"message": "x"}},
        {"errors": 7},
        {"includes": None},
        {"meta": {**_META, "result_count": "2"}},
        {"meta": {**_META, "newest_id": 12, "oldest_id": None}},
    ],
)
def test_members_that_no_post_depends_on_may_be_anything(more: dict[str, Any]) -> None:
    page = posts_page(json.dumps({**PAGE, **more}).encode(), _FROM)

    assert (page.outcome, page.posts, page.newest_id, page.next_token) == (ApiCode.OK, 2, "12", "t2")


@pytest.mark.parametrize(
    ("includes", "name"),
    [
        ({"users": [{"id": "7", "username": "seven"}]}, "seven"),
        ({"users": [{"id": "99"}, {"id": "7", "username": "seven"}]}, "seven"),
        ({"users": [None, 3, {"id": 7}, {"id": "7", "username": "seven", "name": "\ud83d"}]}, "seven"),
        ({"users": [{"id": "7"}]}, None),
        ({"users": [{"id": "7", "username": None}]}, None),
        ({"users": [{"id": "7", "username": "two words"}]}, None),
        ({"users": None}, None),
        (None, None),
        ([], None),
    ],
)
def test_a_name_is_found_whatever_stands_beside_it(includes: Any, name: str | None) -> None:
    line = posts_page(json.dumps({**PAGE, "includes": includes}).encode(), _FROM).line

    assert included_name(line, "7") == name


def test_a_number_that_python_does_not_read_ends_nothing() -> None:
    body = b'{"data":[{"id":"1","x":' + b"9" * 5000 + b'}],"includes":{"users":[{"id":"7"}]},"meta":{}}'

    assert included_name(posts_page(body, _FROM).line, "7") is None


@pytest.mark.parametrize(
    ("metrics", "posts"),
    [
        ({"tweet_count": 7}, 7),
        ({"post_count": 7}, 7),
        ({"tweet_count": None}, None),
        (None, None),
        ([], None),
    ],
)
def test_how_many_posts_an_account_has_is_known_in_both_vocabularies(metrics: Any, posts: int | None) -> None:
    assert posts_in({"id": "7", "public_metrics": metrics}) == posts


def test_what_a_page_says_that_it_holds_is_known() -> None:
    short = posts_page(b'{"data":[{"id":"1"}],"meta":{"result_count":3}}', _FROM)
    empty = posts_page(b'{"meta":{"result_count":0}}', _FROM)
    lost = posts_page(b'{"meta":{"result_count":100,"newest_id":"9"}}', _FROM)

    assert (short.missing, empty.missing, lost.missing) == (2, 0, 100)
    assert (empty.says_that_nothing_is_there, lost.says_that_nothing_is_there) == (True, False)
    assert lost.newest_id is None


def _error(**more: str) -> bytes:
    error = {
        "value": "7",
        "resource_id": "7",
        "parameter": "id",
        "type": "https://api.x.com/2/problems/resource-not-found",
    }
    return json.dumps({"errors": [{**error, **more}]}).encode()


def test_the_outcome_of_a_timeline_is_that_of_its_account() -> None:
    assert posts_page(_error(), _FROM).outcome == ApiCode.NOT_FOUND
    assert posts_page(_error(title="Forbidden"), _FROM).outcome == ApiCode.SUSPENDED
    assert relations_page(_error(title="Forbidden"), _FROM).outcome == ApiCode.SUSPENDED


def test_errors_about_included_things_leave_a_page_ok() -> None:
    body = {**PAGE, "errors": json.loads(_error(parameter="referenced_tweets.id"))["errors"]}
    only_included = {**EMPTY, "errors": [{**body["errors"][0], "parameter": "id", "section": "includes"}]}

    assert posts_page(json.dumps(body).encode(), _FROM).outcome == ApiCode.OK
    assert len(posts_page(json.dumps(body).encode(), _FROM).problems) == 1
    assert posts_page(json.dumps(only_included).encode(), _FROM).outcome == ApiCode.OK


def test_a_batch_of_users_keeps_the_found_and_names_the_missing() -> None:
    body = json.dumps(
        {"data": [{"id": "1", "username": "one"}], **json.loads(_error(parameter="ids"))}
    ).encode()

    page = users_page(body, _FROM)

    assert page.outcome == ApiCode.OK
    assert [user["username"] for user in page.users] == ["one"]
    assert [(problem.outcome, problem.resource_id) for problem in page.problems] == [(ApiCode.NOT_FOUND, "7")]


def _json(raw: bytes) -> dict[str, Any]:
    # One of the real files holds a line that was cut when it was written.
    try:
        return json.loads(raw)
    except ValueError:
        return {}


@pytest.mark.skipif(not _REAL.is_dir(), reason="the real payloads are not on this machine")
def test_real_pages_come_through_unchanged() -> None:
    pages = 0
    for path in sorted(_REAL.glob("*.jsonl")):
        for raw in path.read_bytes().splitlines():
            value = _json(raw)
            if not isinstance(value.get("data"), list) or "author_id" not in json.dumps(value["data"]):
                continue
            page = posts_page(raw, _FROM)
            stored = json.loads(line_of(raw, _FROM))
            assert page.posts == len(value["data"])
            assert page.newest_id == str(max(int(post["id"]) for post in value["data"]))
            assert {**stored, "__twarc": None} == {**value, "__twarc": None}
            pages += 1
    assert pages > 0
