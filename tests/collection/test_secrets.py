"""What in a collection is secret is shown nowhere, under whatever name it stands."""

import json

import orjson
import pytest

from harvester.collection.changelog import changes
from harvester.collection.secrets import key_names, with_profile, without_keys, without_secrets
from harvester.networks.validation import problems
from harvester.networks.x.keys import NAMES

_SEARCH = {"id": "a", "type": "search", "search": {"query": "museum"}}
_VALUE = "never-shown"


def test_of_the_keys_only_the_profile_is_shown() -> None:
    tree = {**_SEARCH, "keys": {"profile": "museum", "consumer_secret": "s", "bearer_token": "b"}}
    assert without_secrets(tree) == {**_SEARCH, "keys": {"profile": "museum"}}
    assert tree["keys"] == {"profile": "museum", "consumer_secret": "s", "bearer_token": "b"}


@pytest.mark.parametrize("keys", [["s"], "s", None])
def test_keys_of_another_form_are_not_shown_at_all(keys: object) -> None:
    assert without_secrets({**_SEARCH, "keys": keys}) == _SEARCH


@pytest.mark.parametrize("section", ["keys", "credentials"])
@pytest.mark.parametrize("name", [*NAMES, "client_secret_of_tomorrow"])
def test_a_key_is_secret_under_any_name_in_either_section(section: str, name: str) -> None:
    tree = {**_SEARCH, section: {"profile": "museum", name: _VALUE}}
    changesets = [{"update": tree, "delete": []}, {"update": {section: {name: "another"}}, "delete": []}]
    assert key_names(tree) == [name]
    assert _VALUE not in json.dumps(without_secrets(tree))
    assert _VALUE not in without_keys(orjson.dumps(tree)).decode()
    assert _VALUE not in without_keys(orjson.dumps(changesets[0])).decode()
    shown = [str(change) for change in changes(changesets)]
    assert any(name in line for line in shown)
    assert not any(_VALUE in line or "another" in line for line in shown)


def test_a_collection_knows_the_keys_that_x_takes() -> None:
    assert problems({**_SEARCH, "keys": dict.fromkeys(("profile", *NAMES), "x")}) == []


def test_a_profile_takes_the_place_of_keys_and_leaves_their_place_in_the_file() -> None:
    tree = {"keys": {"bearer_token": _VALUE}, **_SEARCH, "credentials": {"consumer_key": _VALUE}}
    named = with_profile(tree, "museum")
    assert list(named.items()) == [("keys", {"profile": "museum"}), *_SEARCH.items()]
