"""A field that X no longer accepts is left out and named; the harvest goes on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twarc import expansions
from twarc.version import user_agent, version

import emulator
from harvester.clock import Stop
from harvester.errors import Exit
from harvester.networks.x import Keys, XClient, XError, twarc_lists
from harvester.networks.x.checks import accepted_fields
from harvester.networks.x.errors import ApiCode, Problem
from harvester.networks.x.fields import POSTS, TWEETS, Fields
from tests.support.harvest_stage import staged, until
from tests.support.model_x import BASE, Desk, ModelX, desk
from tests.support.scripted_x import HandClock, Reply, Request, scripted, streamed

_DOCUMENT = Path(__file__).parents[4] / "shared" / "data" / "x-openapi.json"
_ASKED: dict[str, str] = Fields().for_posts(dict)
_ALL = [(parameter, name) for parameter, names in _ASKED.items() for name in names.split(",")]


def _x(parameter: str, value: str, allowed: list[str]) -> tuple[str, list[str]]:
    return f"The `{parameter}` query parameter value [{value}] is not one of [{','.join(allowed)}]", [value]


def _schema(_: str, value: str, allowed: list[str]) -> tuple[str, list[str]]:
    at = len(allowed)
    return f"invalid value '{value}' at index {at}: value must be one of: [{' '.join(allowed)}]", [value]


def _bare(parameter: str, value: str, allowed: list[str]) -> tuple[str, list[str]]:
    return f"Something is wrong with the parameter `{parameter}`", [",".join([*allowed, value])]


_FORMS = {"x": _x, "schema": _schema, "bare": _bare}


def _refusal(form: Any, parameter: str, value: str, asked: list[str]) -> Reply:
    allowed = [name for name in asked if name != value]
    message, given_values = form(parameter, value, allowed)
    return _bad_request(parameter, given_values, message)


def _bad_request(parameter: str, values: list[str], message: str) -> Reply:
    error = {"parameters": {parameter: values}, "message": message}
    kind = "https://api.twitter.com/2/problems/invalid-request"
    detail = "One or more parameters to your request was invalid."
    return Reply(400, {"errors": [error], "title": "Invalid Request", "detail": detail, "type": kind})


def _refusing(gone: set[tuple[str, str]], form: Any) -> Any:
    """X without these names: the first one that is asked for is refused."""

    def spoil(request: Request, _: int, right: Any) -> Any:
        for parameter in _ASKED.keys() | {POSTS}:
            asked = request.params.get(parameter, "").split(",")
            for name in asked:
                if (parameter, name) in gone:
                    return _refusal(form, parameter, name, asked)
        return right

    return spoil


def _without_tweet_fields(request: Request, _: int, right: Any) -> Any:
    if TWEETS not in request.params:
        return right
    message = f"The query parameter [{TWEETS}] is not one of [post.fields,expansions,user.fields]"
    return _bad_request(TWEETS, [""], message)


@pytest.fixture(scope="module")
def one() -> Iterator[Desk]:
    with desk() as opened:
        yield opened


@pytest.mark.parametrize("kind", ["user_timeline", "search"])
@pytest.mark.parametrize("form", _FORMS.values(), ids=_FORMS)
@pytest.mark.parametrize(
    "gone",
    [("expansions", "entities.mentions.username"), ("user.fields", "pinned_tweet_id"), (TWEETS, "geo")],
    ids=lambda gone: gone[0],
)
def test_a_name_that_is_gone_is_left_out_and_told_once(
    one: Desk, kind: str, form: Any, gone: tuple[str, str]
) -> None:
    one.begin(kind, ModelX([BASE + n for n in range(8)]))
    harvested = one.harvest(spoil=_refusing({gone}, form))
    assert sorted(harvested.ids) == one.model.ids and harvested.error is None
    parameter, name = gone
    if form is _bare:
        assert one.refused == [parameter]
    else:
        assert one.refused == [f"{parameter}: {name}"]
        last = harvested.requests[-1].params
        others = [(each, value) for each, value in _ALL if (each, value) != gone]
        assert all(value in last[each].split(",") for each, value in others)


def test_tweet_fields_turn_to_post_fields(one: Desk) -> None:
    one.begin("search", ModelX([BASE + n for n in range(8)]))
    harvested = one.harvest(spoil=_without_tweet_fields)
    assert sorted(harvested.ids) == one.model.ids and one.refused == [TWEETS]
    assert [TWEETS in request.params for request in harvested.requests] == [True] + [False] * 4
    names = harvested.requests[-1].params[POSTS].split(",")
    assert {"note_post", "referenced_posts", "created_at"} <= set(names) and "note_tweet" not in names


def test_a_stream_is_connected_in_spite_of_it() -> None:
    record = b'{"data":{"id":"1","text":"x"}}\r\n'

    def script(request: Request) -> Any:
        refused = _without_tweet_fields(request, 0, None)
        gone = {("expansions", "referenced_tweets.id"), (POSTS, "geo")}
        return refused or _refusing(gone, _x)(request, 0, None) or streamed(record)

    with scripted(script) as server:
        x = XClient(Keys(bearer_token="t"), base_url=server.url, clock=HandClock(), stop=Stop())
        connection = x.stream()
        assert connection.read().ids == ["1"]
        connection.close()
    assert set(x.fields.refused) == {TWEETS, "expansions: referenced_tweets.id", f"{POSTS}: geo"}
    assert "referenced_tweets.id" not in server.requests[-1].params["expansions"].split(",")


@settings(max_examples=40)
@given(
    gone=st.sets(st.sampled_from([*_ALL, *((POSTS, name) for name in _ASKED[TWEETS].split(","))])),
    form=st.sampled_from([_x, _schema]),
    tweets=st.booleans(),
)
def test_whatever_names_are_gone_the_others_are_asked_for(
    gone: set[tuple[str, str]], form: Any, tweets: bool
) -> None:
    def ask(sent: dict[str, str]) -> dict[str, str]:
        request = Request("GET", "", {name: value for name, value in sent.items() if value}, {}, b"")
        found = (None if tweets else _without_tweet_fields(request, 0, None)) or _refusing(gone, form)(
            request, 0, None
        )
        if found:
            problem = Problem(ApiCode.BAD_REQUEST, status=400, raw=found.body)
            raise XError(problem, asked="it")
        return sent

    fields = Fields()
    accepted = fields.for_posts(ask)
    assert len(set(fields.refused)) == len(fields.refused)
    for parameter, name in _ALL:
        if (parameter, name) not in gone and (parameter != TWEETS or tweets):
            assert name in accepted[parameter].split(",")
    before = list(fields.refused)
    assert fields.for_posts(ask) == accepted and fields.refused == before


def test_a_refusal_that_another_thread_met_first_is_asked_again_and_told_once() -> None:
    fields, meets = Fields(), iter([True])

    def ask(sent: dict[str, str]) -> dict[str, str]:
        asked = sent[TWEETS].split(",")
        if "geo" not in asked:
            return sent
        if next(meets, False):
            fields.for_posts(ask)
        raise XError(
            Problem(ApiCode.BAD_REQUEST, status=400, raw=_refusal(_x, TWEETS, "geo", asked).body),
            asked="it",
        )

    assert "geo" not in fields.for_posts(ask)[TWEETS].split(",")
    assert fields.refused == [f"{TWEETS}: geo"]


def test_a_request_that_is_wrong_for_another_reason_is_told(one: Desk) -> None:
    one.begin("search", ModelX([BASE]))
    refused = one.harvest(spoil=lambda *_: _bad_request("query", ["x"], "the query is wrong: geo"))
    assert isinstance(refused.error, XError) and "the query is wrong" in str(refused.error)
    assert len(refused.requests) == 1 and one.refused == []


@pytest.mark.parametrize("kind", ["user_timeline", "search", "filter"])
def test_a_harvest_says_what_was_left_out(tmp_path: Path, kind: str) -> None:
    with staged(tmp_path, users=2, posts_per_user=20, refuse_tweet_fields=True) as stage:
        if kind == "user_timeline":
            stage.add("it", type=kind, users={user: {} for user in stage.accounts})
        elif kind == "search":
            stage.control.publish(stage.accounts[0], count=20, text="a flood")
            stage.add("it", type=kind, search={"query": "flood"})
        else:
            stage.add("it", type=kind, filter={"track": "flood", "max_records": 20})
        with stage.harvesting("it") as going:
            if kind == "filter":
                until(stage.connected)
                stage.control.publish(stage.accounts[0], count=20, text="a flood")
            until(lambda: going.ended)
        ended = going.end
        assert (ended.outcome.state, ended.outcome.exit_code) == ("complete", Exit.OK)
        assert len(ended.ids) == (40 if kind == "user_timeline" else 20)
        assert ended.summary["refused_fields"] == [TWEETS]
        assert [event["detail"] for event in ended.events if event["event"] == "field refused"] == [TWEETS]
        assert "edit_history_post_ids" in str(ended.lines[0]["data"])


@pytest.mark.parametrize("retired", [False, True])
def test_doctor_compares_what_is_asked_with_what_x_accepts(retired: bool) -> None:
    with emulator.running(users=1, refuse_tweet_fields=retired) as emulated:
        keys = Keys(bearer_token=emulator.CREDENTIALS["bearer_token"])
        check = accepted_fields(
            lambda: XClient(keys, base_url=emulated.url, clock=HandClock(), stop=Stop(), patience=1.0)
        )
        assert emulated.truth()["billed"]["posts"] == emulated.truth()["billed"]["users"] == 0
    assert (check.check, check.ok) == ("fields", not retired)
    assert (f"X no longer accepts {TWEETS}" in check.detail) == retired


def test_doctor_finds_keys_that_x_refuses() -> None:
    with emulator.running(users=1) as emulated:
        keys = Keys(bearer_token="wrongkey")
        check = accepted_fields(
            lambda: XClient(keys, base_url=emulated.url, clock=HandClock(), stop=Stop(), patience=1.0)
        )
    assert (check.check, check.ok) == ("keys at X", False)
    assert "does not accept the keys" in check.detail and check.hint


def test_doctor_says_when_x_could_not_be_asked() -> None:
    check = accepted_fields(
        lambda: XClient(
            Keys(bearer_token="t"), base_url="http://127.0.0.1:9", clock=HandClock(), stop=Stop(), patience=0
        )
    )
    assert check.ok and "cannot ask X" in check.detail


def _declared() -> dict[str, dict[str, list[str]]]:
    """By path of the model the names of parameters that X's document declares, each with its values."""
    document = json.loads(_DOCUMENT.read_bytes())
    found: dict[str, dict[str, list[str]]] = {}
    for ours, theirs in (("/2/users/7/tweets", "/2/users/{id}/tweets"), ("/2/tweets/search/recent",) * 2):
        parts = [
            document["components"]["parameters"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
            for part in document["paths"][theirs]["get"]["parameters"]
        ]
        found[ours] = {part["name"]: part["schema"].get("items", {}).get("enum", []) for part in parts}
    return found


def test_twarc_requests_these_fields_by_this_name() -> None:
    names = ("EXPANSIONS", "TWEET_FIELDS", "USER_FIELDS", "MEDIA_FIELDS", "POLL_FIELDS", "PLACE_FIELDS")
    for name in names:
        assert getattr(twarc_lists, name) == getattr(expansions, name)
    assert (twarc_lists.version, twarc_lists.user_agent) == (version, user_agent)


@pytest.mark.skipif(not _DOCUMENT.is_file(), reason="X's OpenAPI document is not on this machine")
@pytest.mark.parametrize("kind", ["user_timeline", "search"])
def test_an_x_that_keeps_to_its_own_document_gives_all_posts(one: Desk, kind: str) -> None:
    declared = _declared()

    def strict(request: Request, _: int, right: Any) -> Any:
        known = declared.get(request.path, {})
        for parameter in _ASKED.keys() | {POSTS} if known else set():
            if parameter in request.params and parameter not in known:
                message = f"The query parameter [{parameter}] is not one of [{','.join(known)}]"
                return _bad_request(parameter, [""], message)
            for name in filter(None, request.params.get(parameter, "").split(",")):
                if name not in known[parameter]:
                    return _bad_request(parameter, [name], _x(parameter, name, known[parameter])[0])
        return right

    one.begin(kind, ModelX([BASE + n for n in range(8)]))
    harvested = one.harvest(spoil=strict)
    assert sorted(harvested.ids) == one.model.ids and harvested.error is None
    last = {name: set(names.split(",")) for name, names in harvested.requests[-1].params.items()}
    assert {"referenced_posts", "author_id", "edit_history_post_ids"} <= last["expansions"]
    assert {"note_post", "context_annotations", "created_at"} <= last[POSTS]
