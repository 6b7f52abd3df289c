"""Whatever X answers: what is stored is JSON, what goes wrong has a type, and the next harvest gets the rest.

LAW_EXAMPLES sets how many are tried, LAW_FIRST the first seed; each kind of collection takes its part.
"""

import gzip
import json
import os
from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import Any

import orjson
import pytest

from harvester.errors import HarvesterError
from harvester.networks import Stopped
from harvester.networks.x.post_ids import created
from tests.support.model_x import BASE, TOKEN, USER, Desk, Harvested, ModelX, desk
from tests.support.mutations import ERRORS, mutated, refusal, with_numbers_as_ids
from tests.support.scripted_x import Reply, Request, streamed

_EXAMPLES = int(os.environ.get("LAW_EXAMPLES", "160"))
_FIRST = int(os.environ.get("LAW_FIRST", "0"))
_KINDS = ("user_timeline", "search", "archive", "filter")


@pytest.fixture(scope="module")
def one() -> Iterator[Desk]:
    with desk() as opened:
        yield opened


def _refused(constant: str) -> None:
    raise ValueError(constant)


def _require_sound(harvested: Harvested, tree: dict[str, Any]) -> None:
    """All that is kept can be read again, and what ended the harvest is no accident."""
    for line in harvested.lines:
        assert line.endswith(b"}\n") and line.count(b"\n") == 1
        # A number of 5,000 digits is JSON, though not every reader's.
        found = json.loads(line.decode(), parse_constant=_refused, parse_int=str)
        assert found["data"] and found["__twarc"]["retrieved_at"]
    for line in harvested.users.splitlines():
        assert isinstance(json.loads(line), dict)
    orjson.dumps([harvested.events, harvested.changes, tree])
    assert harvested.error is None or isinstance(harvested.error, HarvesterError | Stopped)
    if isinstance(harvested.error, HarvesterError):
        orjson.dumps([harvested.error.message, harvested.error.problems, harvested.error.hint])


def _is_explained(post: int, gaps: list[dict[str, Any]]) -> bool:
    at = created(str(post))
    return any(datetime.fromisoformat(gap["from"]) <= at <= datetime.fromisoformat(gap["to"]) for gap in gaps)


def _spoil(random: Random, *, keeps_tokens: bool) -> Any:
    """Answers one request wrongly, or those from one on, or each with a chance."""
    first, how = random.randrange(5), random.choice(("once", "from", "chance"))
    limited: list[int] = []

    def spoil(_: Request, number: int, right: Any) -> Any:
        hit = {"once": number == first, "from": number >= first, "chance": random.random() < 0.3}[how]
        if not hit:
            return right
        # What comes over a stream that is open is no answer, and has a law of its own.
        made = refusal(random) if callable(right) else mutated(right, random)
        # A harvest waits for a rate window, and a stream for any connection, without an end.
        limited.append(made.status == 429 or callable(right))
        if sum(limited) > 2 or _is_of_another_x(right, made, once=how == "once" and not keeps_tokens):
            return right
        return made

    return spoil


def _is_of_another_x(right: Any, made: Reply, *, once: bool) -> bool:
    """Whether an X with fewer posts would answer so: a token or posts are gone, and nothing speaks of them.

    It cannot be told apart; only when it comes `once`, the same question, or the next, has another answer.
    """
    if once or not isinstance(right, dict) or "data" not in right or "meta" not in right:
        return False
    try:
        body = gzip.decompress(made.content) if made.content[:2] == b"\x1f\x8b" else made.content
        found = json.loads(body.removeprefix(b"\xef\xbb\xbf"), parse_int=_any_int)
        meta, posts = found.get("meta"), len(found["data"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError, EOFError):
        return False
    meta = meta if isinstance(meta, dict) else {}
    count = meta.get("result_count")
    lost_posts = posts < len(right["data"]) and not (isinstance(count, int) and count > posts)
    return lost_posts or bool(right["meta"].get("next_token") and not meta.get("next_token"))


def _any_int(text: str) -> int:
    return int(text) if len(text) < 100 else 0


def _where(params: dict[str, str]) -> str | None:
    return params.get("pagination_token") or params.get("next_token") or params.get("until_id")


def _tried(one: Desk, kind: str, seed: int) -> None:
    random = Random(f"{kind} {seed}")
    ids = sorted(random.sample(range(BASE, BASE + 10**15), random.randint(1, 9)))
    one.begin(kind, ModelX(ids, page=random.choice((1, 2, 3, 100))), known=False)
    harvests: list[Harvested] = []
    goes_on = kind != "filter" and random.random() < 0.3
    if goes_on:
        one.model.ids = ids[: random.randrange(len(ids) + 1)]
        harvests.append(one.harvest())
        one.model.ids = ids
    spoil = _spoil(random, keeps_tokens=goes_on and kind == "user_timeline")
    harvests.append(one.harvest(spoil=spoil, patience=20.0))
    _require_sound(harvests[-1], one.tree)
    harvests.append(one.harvest())
    _require_sound(harvests[-1], one.tree)
    assert harvests[-1].error is None, f"{harvests[-1].error!r} on an X that is well"
    if kind != "filter":
        stored = {post for harvested in harvests for post in harvested.ids}
        gaps = [gap for harvested in harvests for gap in harvested.gaps]
        lost = [post for post in ids if post not in stored and not _is_explained(post, gaps)]
        told = [[(each.path, _where(each.params)) for each in harvested.requests] for harvested in harvests]
        assert lost == [], f"{lost} of {ids} are lost: {told}"


@pytest.mark.parametrize("kind", _KINDS)
def test_whatever_x_answers_nothing_is_lost_without_a_word(one: Desk, kind: str) -> None:
    failed = []
    for seed in range(_FIRST, _FIRST + max(1, _EXAMPLES // len(_KINDS))):
        try:
            _tried(one, kind, seed)
        except Exception as error:  # noqa: BLE001 - told with its seed, and the next one is tried
            failed.append(f"{kind}, seed {seed}: {type(error).__name__} {error}")
            if len(failed) == 10:
                break
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("kind", [kind for kind in _KINDS if kind != "filter"])
def test_posts_that_are_given_in_another_order_are_stored_and_none_is_passed(one: Desk, kind: str) -> None:
    """A stray post among others, pages in another order, or none at all."""
    for seed in range(_FIRST, _FIRST + max(1, _EXAMPLES // 8)):
        random = Random(f"order {kind} {seed}")
        ids = sorted(random.sample(range(BASE, BASE + 10**15), random.randint(2, 12)))
        one.begin(kind, ModelX(ids, page=random.choice((1, 2, 3, 5))))
        moved = random.sample(ids, random.randint(1, random.choice((2, len(ids)))))
        one.model.places = {each: random.choice(ids) + random.randint(-1000, 1000) for each in moved}
        harvests = [one.harvest(), one.harvest()]
        stored = {post for harvested in harvests for post in harvested.ids}
        assert stored == set(ids), f"{kind}, seed {seed}: {sorted(set(ids) - stored)} are lost"
        assert max(len(harvested.requests) for harvested in harvests) < 40


def test_one_old_post_in_a_first_page_hides_no_other(one: Desk) -> None:
    one.begin("user_timeline", ModelX([7, *(BASE + n for n in range(0, 16, 2))], places={7: BASE + 13}))
    harvested = one.harvest()
    assert set(harvested.ids) == set(one.model.ids) and not harvested.events
    assert one.section["since_id"] == str(BASE + 14)


@pytest.mark.parametrize("kind", [kind for kind in _KINDS if kind != "filter"])
def test_no_post_of_the_future_has_those_before_it_passed(one: Desk, kind: str) -> None:
    for seed in range(_FIRST, _FIRST + max(1, _EXAMPLES // 20)):
        random = Random(f"future {kind} {seed}")
        ids = sorted(random.sample(range(BASE, BASE + 10**15), random.randint(1, 9)))
        future = random.sample(
            (2_200_000_000_000_000_000, (1 << 63) - 2, (1 << 63) - 1), random.randint(1, 3)
        )
        known = ids[: random.randrange(len(ids) + 1)]
        one.begin(kind, ModelX(known + future, page=random.choice((1, 2, 3, 100))))
        harvests = [one.harvest()]
        one.model.ids = ids + random.choice(([], future))
        harvests.append(one.harvest())
        stored = {post for harvested in harvests for post in harvested.ids}
        assert stored >= {*ids, *future}, f"{kind}, seed {seed}: {sorted(set(ids) - stored)} are lost"
        assert one.section.get("since_id") in (str(max(ids)), None)


@pytest.mark.parametrize("kind", _KINDS)
def test_a_token_that_an_answer_shows_is_in_no_error_and_no_event(one: Desk, kind: str) -> None:
    for status, error in ERRORS:
        if status == 429 and "period" not in error:
            continue

        def showing(request: Request, _: int, __: Any, status: int = status, error: Any = error) -> Reply:
            told = {"detail": request.headers["authorization"], "title": TOKEN, "message": f"token={TOKEN}"}
            listed = [{**each, **told} for each in error.get("errors", [{}])]
            return Reply(status, {**error, **told, "errors": listed})

        one.begin(kind, ModelX([BASE]))
        harvested = one.harvest(spoil=showing)
        _require_sound(harvested, one.tree)
        kept = json.dumps([harvested.events, harvested.changes, one.tree])
        assert TOKEN not in kept + repr(harvested.error) + str(harvested.error), (status, error)
        assert harvested.error is not None


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 30, "-" + "9" * 5000, "1e999"])
def test_a_number_that_no_reader_has_is_no_reason_to_do_without_the_rest(one: Desk, number: str) -> None:
    def spoil(request: Request, _: int, right: Any) -> Any:
        for each in right.get("data", ()):
            each["public_metrics"] = {"followers_count": "<n>"}
        return Reply(200, json.dumps(right).replace('"<n>"', number).encode())

    one.begin("user_timeline", ModelX([BASE, BASE + 1]), known=False)
    harvested = one.harvest(spoil=spoil)
    _require_sound(harvested, one.tree)
    assert (harvested.ids, harvested.error, len(harvested.requests)) == ([BASE + 1, BASE], None, 3)
    assert b'"username":"user7"' in harvested.users


@pytest.mark.parametrize("kind", [kind for kind in _KINDS if kind != "filter"])
def test_after_tokens_that_cannot_be_sent_the_rest_is_asked_for_by_its_ids(one: Desk, kind: str) -> None:
    def spoil(_: Request, __: int, right: Any) -> Any:
        if "next_token" in right["meta"]:
            right["meta"]["next_token"] = "t" * 100_000
        return right

    one.begin(kind, ModelX([BASE + n for n in range(8)]))
    harvested = one.harvest(spoil=spoil)
    assert (sorted(harvested.ids), harvested.error) == (one.model.ids, None)
    assert {event["event"] for event in harvested.events} == {"token unusable"}


@pytest.mark.parametrize("kind", _KINDS)
def test_posts_whose_ids_are_numbers_are_stored_as_they_came(one: Desk, kind: str) -> None:
    def spoil(_: Request, __: int, right: Any) -> Any:
        if not callable(right):
            return with_numbers_as_ids(right)
        return streamed(b'{"data":{"id":%d,"text":"x"},"matching_rules":[{"id":1}]}\r\n' % BASE)

    one.begin(kind, ModelX([BASE + n for n in range(5 if kind != "filter" else 1)]))
    harvested = one.harvest(spoil=spoil)
    assert (sorted(harvested.ids), harvested.error) == (one.model.ids, None)
    assert b'"id":"' not in b"".join(harvested.lines).replace(b" ", b"")
    if kind != "filter":
        assert (one.section["since_id"], harvested.gaps) == (str(BASE + 4), [])


def test_an_account_whose_id_is_a_number_is_known_by_its_text(one: Desk) -> None:
    def spoil(request: Request, _: int, right: Any) -> Any:
        if request.path.endswith("/users"):
            right["data"] = [{**each, "id": int(each["id"])} for each in right["data"]]
        return right

    one.begin("user_timeline", ModelX([BASE]), known=False)
    harvested = one.harvest(spoil=spoil)
    assert (harvested.ids, harvested.error) == ([BASE], None)
    assert json.loads(harvested.users)["id"] == USER and one.section["screen_name"] == "user7"


def test_an_account_that_was_not_asked_for_is_not_added_to_the_collection(one: Desk) -> None:
    def spoil(request: Request, _: int, right: Any) -> Any:
        if request.path.endswith("/users"):
            right["data"] += [{"id": "\ud83d", "username": "half"}, {"id": "8", "username": "stranger"}]
        return right

    one.begin("user_timeline", ModelX([BASE]), known=False)
    harvested = one.harvest(spoil=spoil)
    _require_sound(harvested, one.tree)
    assert list(one.tree["users"]) == [USER]
    assert [change["user_id"] for change in harvested.changes] == [USER]
    assert [json.loads(line)["username"] for line in harvested.users.splitlines()] == [
        "user7",
        "half",
        "stranger",
    ]
