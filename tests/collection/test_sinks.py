"""What stands against a collection's sinks is one clear sentence each, and no secret stands in it."""

from typing import Any

import pytest

from harvester.collection.sinks import name_of, sink_problems
from harvester.networks.validation import problems

FILTER = {"id": "a", "type": "filter", "filter": {"track": "cats"}}


def _one(entry: Any) -> str:
    found = list(sink_problems([entry]))
    assert len(found) == 1, found
    return found[0]


def test_a_collection_of_any_kind_may_have_sinks() -> None:
    assert problems({**FILTER, "sinks": [{"type": "stdout"}]}) == []
    assert problems({**FILTER, "sinks": []}) == []
    assert problems({"id": "a", "type": "user_timeline", "users": {}, "sinks": [{"type": "stdout"}]}) == []


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"type": "stdot"}, "sinks[1].type is 'stdot', which is not a type of sink. Did you mean 'stdout'?"),
        ({"name": "x"}, "sinks[1] has no type; use one of "),
        ({"type": "stdout", "nmae": "x"}, "Unknown key sinks[1].nmae. Did you mean sinks[1].name?"),
        ({"type": "stdout", "name": "a/b"}, "sinks[1].name is 'a/b'; use up to 50 letters"),
        ({"type": "stdout", "name": 7}, "sinks[1].name is 7;"),
        ({"type": "stdout", "from": "yesterday"}, "sinks[1].from is 'yesterday'; use "),
        ({"type": "stdout", "from": "2026-02-30"}, "sinks[1].from is '2026-02-30'; use "),
        ("stdout", "Sink 1 is not an object."),
        ({"type": ["stdout"]}, "sinks[1].type is ['stdout'], which is not a type of sink."),
    ],
)
def test_a_mistake_is_one_sentence_that_says_what_to_do(entry: Any, words: str) -> None:
    assert _one(entry).startswith(words)


@pytest.mark.parametrize("begin", ["start", "now", "2026-11-23", "2026-11-23T09:05:07Z"])
def test_a_sink_may_say_where_it_begins(begin: str) -> None:
    assert not list(sink_problems([{"type": "stdout", "from": begin}]))


def test_a_secret_in_its_place_is_not_repeated() -> None:
    words = _one({"type": "stdout", "secret": "hunter2"})
    assert "hunter2" not in words and "ssm:/path" in words and "env:NAME" in words
    assert not list(sink_problems([{"type": "stdout", "secret": "ssm:/twarc-cloud/hook"}]))
    assert not list(sink_problems([{"type": "stdout", "secret": "env:HOOK_SECRET"}]))


def test_two_sinks_have_two_names() -> None:
    twice = [{"type": "stdout"}, {"type": "stdout"}]
    assert list(sink_problems(twice)) == ["Two sinks are named 'stdout'; give one of them another name."]
    assert not list(sink_problems([{"type": "stdout"}, {"type": "stdout", "name": "other"}]))
    assert [name_of(entry) for entry in twice] == ["stdout", "stdout"]


def test_sinks_are_a_list() -> None:
    assert list(sink_problems({"type": "stdout"}))[0].startswith("sinks is not a list")


@pytest.mark.parametrize(
    "place", ["a..b", "-a.org", "a.org:0", "a.org:65536", f"{'a' * 64}.org", "a.org:", "[::1]"]
)
def test_an_address_without_a_host_or_port_is_refused(place: str) -> None:
    assert "is not an https:// address" in _one({"type": "webhook", "url": f"https://{place}/hook"})


@pytest.mark.parametrize("place", ["a.org:65535", "a-b.c_d.org.", "10.0.0.1:8443", "localhost"])
def test_an_address_with_a_host_and_perhaps_a_port_is_taken(place: str) -> None:
    assert not list(sink_problems([{"type": "webhook", "url": f"https://{place}/hook?a=b"}]))
