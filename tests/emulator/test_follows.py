"""Lists of followers: what profiles say of them, both directions, changes while they are read, the bill."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emulator
from emulator.world.graph import DAY, Graph, Shape
from tests.support.raw_client import ask

NOON = "2026-06-15T12:00:00Z"
SHAPES = st.builds(
    Shape,
    exponent=st.floats(0.6, 2.5),
    least=st.floats(0.5, 30),
    hubs=st.dictionaries(st.integers(0, 5), st.integers(0, 200), max_size=2),
    hidden=st.sampled_from([0.0, 0.05, 0.5]),
    churn=st.sampled_from([0.0, 0.02, 0.4]),
)


def graph_of(count: int, seed: int, shape: Shape) -> Graph:
    return Graph(count, seed=seed, shape=shape, epoch=1_000_000.0)


def pairs(graph: Graph, now: float, direction: str) -> Counter[tuple[int, int]]:
    """Every edge as (follower, followed), by one of the two directions."""
    found: Counter[tuple[int, int]] = Counter()
    for number in range(graph.count):
        for edge in getattr(graph, direction)(number, now):
            found[(edge.number, number) if direction == "followers" else (number, edge.number)] += 1
    return found


@settings(max_examples=60)
@given(st.integers(1, 90), st.integers(0, 9), SHAPES, st.floats(0, 12), st.data())
def test_both_directions_tell_the_same_edges_and_each_once(
    count: int, seed: int, shape: Shape, days: float, data: st.DataObject
) -> None:
    graph = graph_of(count, seed, shape)
    someone = st.integers(0, count - 1)
    for follower, followed in data.draw(st.lists(st.tuples(someone, someone), max_size=6)):
        if follower != followed:
            data.draw(st.sampled_from([graph.add, graph.remove]))(follower, followed)
    now = graph.epoch + days * DAY
    told = pairs(graph, now, "followers")
    assert told == pairs(graph, now, "following")
    assert set(told.values()) <= {1}
    assert all(follower != followed for follower, followed in told)
    if not shape.hidden:
        said = [graph.said(number, now) for number in range(count)]
        assert said == [sum(followed == number for _, followed in told) for number in range(count)]


@settings(max_examples=60)
@given(st.integers(2, 90), st.integers(0, 9), SHAPES, st.integers(1, 7))
def test_a_list_read_in_pieces_is_the_list(count: int, seed: int, shape: Shape, size: int) -> None:
    graph = graph_of(count, seed, shape)
    now = graph.epoch + 3 * DAY
    for direction in (graph.followers, graph.following):
        read, below = [], None
        while piece := [edge for edge, _ in zip(direction(0, now, below=below), range(size), strict=False)]:
            read += piece
            below = piece[-1].position
        assert read == list(direction(0, now))
        assert [edge.position for edge in read] == sorted((edge.position for edge in read), reverse=True)


def test_what_a_day_takes_away_and_brings_is_the_share_that_was_asked_for() -> None:
    graph = graph_of(5_000, 3, Shape(hubs={0: 2_000}, churn=0.1))
    before = {edge.number for edge in graph.followers(0, graph.epoch)}
    after = {edge.number for edge in graph.followers(0, graph.epoch + DAY)}
    assert 150 < len(before - after) < 250
    assert 150 < len(after - before) < 250


@pytest.mark.system
def test_a_million_followers_are_read_from_any_place_without_those_before() -> None:
    graph = graph_of(1_000_001, 1, Shape(hubs={0: 1_000_000}))
    assert graph.said(0, graph.epoch) == 1_000_000
    last = [edge.number for edge in graph.followers(0, graph.epoch, below=501)]
    assert len(set(last)) == 500


def read(url: str, path: str, *, size: int = 20, **more: Any) -> list[list[str]]:
    """The ids of each page of a list, up to one without a token."""
    pages, token = [], None
    while True:
        params = {"max_results": size, **more, **({"pagination_token": token} if token else {})}
        reply = ask(url, path, params).json
        pages.append([each["id"] for each in reply.get("data", [])])
        token = reply["meta"].get("next_token")
        if token is None:
            return pages


def test_profiles_say_how_long_the_lists_are_less_the_hidden() -> None:
    with emulator.running(users=400, posts_per_user=0, clock=NOON, hidden_share=0.1) as world:
        for account in world.control.users(count=12):
            told = ask(world.url, f"/2/users/{account['id']}", {"user.fields": "public_metrics"}).json["data"]
            said = told["public_metrics"]["followers_count"]
            listed = [
                user for page in read(world.url, f"/2/users/{account['id']}/followers") for user in page
            ]
            assert listed == world.control.followers(account["id"])
            assert 0.7 * said < len(listed) <= said
            follows = [
                user for page in read(world.url, f"/2/users/{account['id']}/following") for user in page
            ]
            assert follows == world.control.following(account["id"])


def test_a_list_that_grows_while_it_is_read_brings_some_again_and_skips_none() -> None:
    with emulator.running(users=300, posts_per_user=0, clock=NOON, hubs="0:100") as world:
        hub = world.control.users(count=1)[0]["id"]
        before = world.control.followers(hub)
        newcomer = next(user["id"] for user in world.control.users(count=300) if user["id"] not in before)
        first = ask(world.url, f"/2/users/{hub}/followers", {"max_results": 40}).json
        assert world.control.follow(hub, add=[newcomer], remove=[before[-1]])[0] == newcomer
        token = first["meta"]["next_token"]
        rest = ask(
            world.url, f"/2/users/{hub}/followers", {"max_results": 1000, "pagination_token": token}
        ).json
        one, other = ([each["id"] for each in page["data"]] for page in (first, rest))
        assert set(one) & set(other) and one + other != before
        assert list(dict.fromkeys(one + other)) == before[:-1]


@pytest.mark.parametrize(("state", "status"), [("protected", "not-authorized"), ("suspended", "")])
def test_the_list_of_an_account_that_cannot_be_seen_is_an_error_with_200(state: str, status: str) -> None:
    with emulator.running(users=30, posts_per_user=0, clock=NOON) as world:
        one, other = (user["id"] for user in world.control.users(count=2))
        world.control.user(one, state=state)
        reply = ask(world.url, f"/2/users/{one}/followers")
        assert reply.status == 200 and "data" not in reply.json and status in str(reply.json["errors"])
        listed = one in world.control.following(other) or one in world.control.followers(other)
        assert not (listed and state == "suspended")


def test_a_token_may_stick_and_a_page_may_be_empty_with_a_token() -> None:
    with emulator.running(users=300, posts_per_user=0, clock=NOON, hubs="0:100") as world:
        hub = world.control.users(count=1)[0]["id"]
        path = f"/2/users/{hub}/followers"
        world.control.faults(
            [
                {"on": "GET /2/users/*/followers", "when": {"nth": 2}, "do": "stuck-token"},
                {"on": "GET /2/users/*/followers", "when": {"nth": 4}, "do": "empty-page"},
            ]
        )
        pages = read(world.url, path, size=40)
        assert pages[1] == pages[2] and pages[3] == []
        assert list(dict.fromkeys(sum(pages, []))) == world.control.followers(hub)


def test_a_page_may_come_again_by_new_tokens_or_lack_accounts_that_it_counts() -> None:
    with emulator.running(users=300, posts_per_user=0, clock=NOON, hubs="0:100") as world:
        hub = world.control.users(count=1)[0]["id"]
        followers = "GET /2/users/*/followers"
        again = [{"on": followers, "when": {"nth": n}, "do": "same-page"} for n in (1, 2)]
        world.control.faults([*again, {"on": followers, "when": {"nth": 5}, "do": "miscount", "count": 2}])
        tokens: list[Any] = []
        bodies: list[Any] = []
        params: dict[str, Any] = {"max_results": 40}
        for _ in range(5):
            bodies.append(ask(world.url, f"/2/users/{hub}/followers", params).json)
            tokens.append(bodies[-1]["meta"].get("next_token"))
            params = {"max_results": 40, "pagination_token": tokens[-1]}
        assert bodies[0]["data"] == bodies[1]["data"] == bodies[2]["data"] != bodies[3]["data"]
        assert len(set(tokens)) == 5 and bodies[4]["meta"]["result_count"] == len(bodies[4]["data"]) + 2


def test_profiles_are_billed_once_a_utc_day_and_owned_lists_are_counted_apart() -> None:
    hub = "10000019"
    with emulator.running(
        users=300, posts_per_user=0, clock="2026-06-15T23:00:00Z", hubs="0:100", owner=int(hub)
    ) as world:
        path = f"/2/users/{hub}/followers"
        assert world.control.users(count=1)[0]["id"] == hub
        read(world.url, path)
        read(world.url, path)
        ask(world.url, "/2/users", {"ids": world.control.followers(hub)[0]})
        billed = world.truth()["billed"]
        assert (billed["users"], billed["users_once_a_day"], billed["users_owned"]) == (201, 100, 200)
        assert set(world.truth(detail=True)["served"]["followers"][hub].values()) == {2}
        world.control.advance(7200)
        read(world.url, path)
        assert world.truth()["billed"]["users_once_a_day"] == 200


def test_the_newest_post_of_each_follower_is_expanded() -> None:
    with emulator.running(users=60, posts_per_user=2, clock=NOON, hubs="0:20") as world:
        hub = world.control.users(count=1)[0]["id"]
        params = {"expansions": "most_recent_tweet_id", "tweet.fields": "lang", "max_results": 1000}
        reply = ask(world.url, f"/2/users/{hub}/followers", params).json
        newest = {user: world.control.timeline(user)[0] for user in world.control.followers(hub)}
        assert {each["id"]: each["most_recent_tweet_id"] for each in reply["data"]} == newest
        assert [post["id"] for post in reply["includes"]["tweets"]] == list(newest.values())
        assert all("lang" in post for post in reply["includes"]["tweets"])


@pytest.mark.parametrize(
    "options", [{"degrees": "uniform:3"}, {"hubs": "1"}, {"hidden_share": 1.0}, {"churn": -1.0}]
)
def test_a_graph_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError), emulator.running(users=3, posts_per_user=0, **options):
        pass
