"""What a first harvest may cost is reckoned from the numbers of posts that a paid look-up has told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.checks import collection
from harvester.networks.x import price
from harvester.settings import Settings
from tests.support.cli_session import Person, at_a_terminal

_DEPTH = 3200


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Person, emulator.Emulated]]:
    with at_a_terminal(tmp_path, monkeypatch, users=5, posts_per_user=3) as made:
        yield made


def _cost(users: dict[str, Any]) -> str:
    tree = {"id": "museums", "type": "user_timeline", "users": users}
    (found,) = [each.detail for each in collection.of_description(tree, Settings()) if each.check == "cost"]
    return found


def test_who_is_added_by_name_is_reckoned_with_by_the_posts_that_there_are(
    person: tuple[Person, emulator.Emulated],
) -> None:
    typing, emulated = person
    names = [user["username"] for user in emulated.control.users()]
    typing.write({"id": "museums", "type": "user_timeline", "users": {}})
    typing.output("collection-config", "screennames", *names)
    counts = [user["tweet_count"] for user in typing.file["users"].values()]
    assert len(counts) == 5
    most = price("users/:id/tweets", posts=sum(min(count, _DEPTH) for count in counts))
    assert f"at most ${most:,.2f} for what" in typing.output("collection-config", "check")
    typing.output("collection", "add")
    assert f"at most ${most:,.2f} for what" in typing.output("collection", "once", "museums", "--dry-run")
    typing.output("collection", "once", "museums", "--wait")
    assert "at most $0.00 for what" in typing.output("collection-config", "check", "museums")
    # Of who was harvested before only what is new is paid for, so that the number says nothing.
    user = emulated.control.users()[0]
    known = {user["id"]: {"screen_name": user["username"], "since_id": "9"}}
    typing.write({"id": "zoos", "type": "user_timeline", "users": known})
    typing.output("collection-config", "screennames", user["username"])
    assert typing.file["users"] == known


def test_who_was_not_looked_up_counts_with_the_depth_of_a_timeline() -> None:
    told = _cost({"1": {"tweet_count": 500}, "2": {}, "3": {"since_id": "9"}, "4": {"tweet_count": 90_000}})
    assert f"at most ${price('users/:id/tweets', posts=500 + 2 * _DEPTH):,.2f}" in told
    assert "1 of them estimated at 3,200 posts because not looked up" in told


def test_no_number_is_one_that_is_not_known() -> None:
    assert f"${price('users/:id/tweets', posts=_DEPTH):,.2f}" in _cost({"1": {"tweet_count": None}})


@pytest.mark.parametrize("count", ["many", -3, 1.5, {}])
def test_a_number_that_is_none_is_refused(count: Any) -> None:
    tree = {"id": "museums", "type": "user_timeline", "users": {"1": {"tweet_count": count}}}
    (found,) = collection.of_description(tree, Settings())
    assert (found.ok, f"users.1.tweet_count is {count!r}" in found.detail) == (False, True)
