"""With `vary` the emulator says the same in other forms, and each kind of form comes."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import emulator
from emulator.variety import MAY_LACK, Variety
from harvester.clock import Stop
from harvester.networks.x import Keys, XClient
from tests.support.harvest_stage import staged
from tests.support.scripted_x import HandClock

_CLOCK = "2026-06-15T12:00:00Z"
_BEARER = {"Authorization": f"Bearer {emulator.CREDENTIALS['bearer_token']}"}
_ALL = {name for names in MAY_LACK.values() for name in names} | {"data"}


def _answers(vary: int | None) -> Iterator[tuple[bytes, list[tuple[str, str]]]]:
    """Raw bodies and headers of the same questions."""
    with emulator.running(users=3, posts_per_user=9, clock=_CLOCK, seed=3, vary=vary) as emulated:
        user = emulated.control.users()[0]["id"]
        fields = "tweet.fields=created_at,lang,public_metrics&expansions=author_id"
        for path in (
            *(f"/2/users/{user}/tweets?max_results=5&{fields}",) * 20,
            *(f"/2/users/{user}/tweets?since_id=9000000000000000000",) * 8,
            *(f"/2/users?ids={user}", f"/2/users?ids={user}1", "/2/users?ids=x"),
        ):
            connection = http.client.HTTPConnection(urlsplit(emulated.url).netloc)
            connection.request("GET", path, headers=_BEARER)
            response = connection.getresponse()
            yield response.read(), response.getheaders()
            connection.close()


def _is_within(less: Any, whole: Any) -> bool:
    """Whether nothing else is said; members that may be lacking may be."""
    if isinstance(less, dict) and isinstance(whole, dict):
        lacking = whole.keys() - less.keys()
        return lacking <= _ALL and all(
            _is_within(value, whole.get(name, [] if name == "data" else None)) for name, value in less.items()
        )
    if isinstance(less, list) and isinstance(whole, list):
        return len(less) == len(whole) and all(map(_is_within, less, whole))
    return bool(less == whole)


def test_every_answer_says_the_same_and_every_form_comes() -> None:
    plain, varied = list(_answers(None)), list(_answers(7))
    for (less, _), (whole, _) in zip(varied, plain, strict=True):
        assert _is_within(json.loads(less), json.loads(whole))
    bodies = [body for body, _ in varied]
    names = [{name for name, _ in headers} for _, headers in varied]
    assert any(body.startswith((b" ", b"\n", b"\r", b"\t")) for body in bodies)
    assert any(b"\r\n " in body for body in bodies) and any(b"\n" not in body for body in bodies)
    assert any(b'"data"' in body and b"[]" in body for body in bodies)
    assert any(b'"data"' not in body for body in bodies)
    assert any("x-rate-limit-limit" in each for each in names)
    assert any("X-RATE-LIMIT-LIMIT" in each for each in names)
    assert any("x-rate-limit-limit" not in {name.lower() for name in each} for each in names)
    assert {any(name.lower() == "content-length" for name in each) for each in names} == {True, False}
    order = {tuple(json.loads(body)) for body in bodies}
    assert len(order) > 3


def test_records_of_a_stream_vary_and_are_the_same() -> None:
    records: list[dict[str, Any]] = [
        {"data": {"id": str(n), "text": "é\n", "lang": "en"}, "matching_rules": []} for n in range(40)
    ]
    sent = b"".join(json.dumps(record).encode() + b"\r\n" for record in records) + b"\r\n"
    variety = Variety(5)
    varied = b"".join(variety.pieces(variety.lines(sent)))
    assert varied.count(b"\r\n") < varied.count(b"\n")
    found, left = [], varied.decode().strip()
    while left:
        record, end = json.JSONDecoder().raw_decode(left)
        found.append(record)
        left = left[end:].strip()
    assert any(line.startswith(b"  ") for line in varied.split(b"\n")) and b"}{" in varied
    assert [each["data"]["id"] for each in found] == [each["data"]["id"] for each in records]


def test_the_same_seed_makes_the_same_forms() -> None:
    assert [body for body, _ in _answers(7)] == [body for body, _ in _answers(7)]


@pytest.mark.parametrize("kind", ["user_timeline", "archive"])
def test_posts_of_2006_with_small_ids_are_collected_once(tmp_path: Path, kind: str) -> None:
    """Before November 2010 ids were numbers in a row, and tell no time."""
    posts: list[dict[str, Any]] = [
        {"id": str(20 + 3 * n), "text": "just setting up", "author_id": "12", "edit_history_tweet_ids": []}
        for n in range(230)
    ]
    page = {"data": posts, "includes": {"users": [{"id": "12", "username": "jack", "name": "jack"}]}}
    archive = tmp_path / "2006.jsonl"
    archive.write_text(json.dumps(page) + "\n")
    with staged(tmp_path, load=[str(archive)], archive_days=0, vary=2) as stage:
        if kind == "archive":
            stage.add("old", type="search", search={"query": "setting", "archive": True})
        else:
            stage.add("old", type="user_timeline", users={"12": {}})
        ended = stage.harvest("old")
        assert ended.outcome.state == "complete", ended.outcome
        assert stage.lost_and_doubled("old", [post["id"] for post in posts]) == (0, 0)
        assert stage.harvest("old").ids == []
        found = stage.collection("old")
        chain = found["search"] if kind == "archive" else found["users"]["12"]
        assert chain["since_id"] == str(20 + 3 * 229)


def test_the_client_reads_all_forms_of_an_account() -> None:
    with emulator.running(users=30, vary=4) as emulated:
        keys = Keys(bearer_token=emulator.CREDENTIALS["bearer_token"])
        x = XClient(keys, base_url=emulated.url, clock=HandClock(), stop=Stop())
        ids = [user["id"] for user in emulated.control.users(count=30)]
        for _ in range(20):
            assert [user["id"] for user in x.users(ids).users] == ids
