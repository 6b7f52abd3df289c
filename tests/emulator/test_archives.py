"""Archives loaded into the emulator come back unchanged, wherever they are asked for."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import emulator
from emulator.api.parameters import DIGITS
from tests.support.raw_client import EVERYTHING, Listener, add_rules, ask, chain

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
V2 = DATA / "real-v2"
V1 = DATA / "real-v1"
POST_FILES = (
    "2sets",
    "cotweet",
    "edited",
    "many_urls",
    "media_tweet",
    "mentions_tweet",
    "noflat",
    "streaming_output_with_error",
    "two_tweets",
)

real = pytest.mark.skipif(not V2.is_dir(), reason="../shared/data/real-v2 is not here")

PAGE: dict[str, Any] = {
    "data": [
        {
            "id": "1394735776701816833",
            "author_id": "11",
            "text": "RT @ann: #rare",
            "created_at": "2021-05-18T19:24:56.000Z",
            "referenced_tweets": [{"type": "retweeted", "id": "1391677057810288641"}],
            "unheard_of_field": {"kept": True},
            "entities": {"mentions": [{"start": 3, "end": 7, "username": "ann"}]},
        },
        {
            "id": "1394735776701816900",
            "author_id": "12",
            "text": "own words",
            "created_at": "2021-05-18T19:24:57.000Z",
        },
    ],
    "includes": {
        "users": [{"id": "11", "username": "Bob", "name": "B"}, {"id": "12", "username": "ann", "name": "A"}],
        "tweets": [{"id": "1391677057810288641", "author_id": "12", "text": "#rare"}],
    },
}


def pages_of(path):
    for line in path.read_text().splitlines():
        try:
            page = json.loads(line)
        except json.JSONDecodeError:
            continue
        yield {**page, "data": page["data"] if isinstance(page["data"], list) else [page["data"]]}


def by_id(things, key="id"):
    return {thing[key]: thing for thing in things}


def asked_back(world, ids):
    found = []
    for at in range(0, len(ids), 100):
        found.append(ask(world.url, "/2/tweets", {**EVERYTHING, "ids": ",".join(ids[at : at + 100])}).json)
    return found


@real
@pytest.mark.parametrize("name", POST_FILES)
def test_real_posts_come_back_as_the_same_values_with_their_includes(name):
    path = V2 / f"{name}.jsonl"
    pages = list(pages_of(path))
    with emulator.running(load=str(path), limits=False) as world:
        for page in pages:
            want = by_id(page["data"])
            got = asked_back(world, list(want))
            assert by_id(post for part in got for post in part["data"]) == want
            for kind, key in (("users", "id"), ("media", "media_key"), ("places", "id"), ("polls", "id")):
                found = by_id((thing for part in got for thing in part["includes"].get(kind, [])), key)
                for thing in page["includes"].get(kind, []):
                    assert found[thing[key]]


@real
def test_real_posts_stand_in_their_authors_timelines_and_in_the_archive():
    path = V2 / "noflat.jsonl"
    posts = [post for page in pages_of(path) for post in page["data"]]
    with emulator.running(load=str(path), limits=False) as world:
        author = posts[0]["author_id"]
        own = {post["id"] for post in posts if post["author_id"] == author}
        assert set(ask(world.url, f"/2/users/{author}/tweets").ids) == own
        assert ask(world.url, "/2/tweets/search/recent", {"query": "obama"}).ids == []
        words = [
            post
            for post in posts
            if " obama " in f" {post['text'].lower()} "
            and not any(r["type"] == "retweeted" for r in post.get("referenced_tweets", []))
        ]
        since = {"query": "obama", "max_results": 500, "start_time": "2006-03-21T00:00:00Z"}
        found = ask(world.url, "/2/tweets/search/all", since).ids
        assert words and {post["id"] for post in words} <= set(found)


@real
def test_a_clock_set_near_real_posts_makes_them_recent():
    with emulator.running(load=str(V2 / "noflat.jsonl"), clock="2021-04-09T00:00:00Z") as world:
        assert len(
            ask(world.url, "/2/tweets/search/recent", {"query": "obama -is:retweet", "max_results": 100}).ids
        )


@real
def test_the_includes_that_can_be_expanded_are_those_that_were_recorded():
    page = next(pages_of(V2 / "2sets.jsonl"))
    with emulator.running(load=str(V2 / "2sets.jsonl"), limits=False) as world:
        got = asked_back(world, [post["id"] for post in page["data"]])[0]["includes"]
    assert {user["id"] for user in page["includes"]["users"]} <= {user["id"] for user in got["users"]}
    assert {tweet["id"] for tweet in page["includes"]["tweets"]} <= {tweet["id"] for tweet in got["tweets"]}


@real
def test_real_accounts_are_looked_up_unchanged():
    accounts = [user for page in pages_of(V2 / "users.jsonl") for user in page["data"]]
    want = by_id(accounts)
    with emulator.running(load=str(V2 / "users.jsonl")) as world:
        got = ask(
            world.url,
            "/2/users",
            {"user.fields": EVERYTHING["user.fields"], "ids": ",".join(list(want)[:90])},
        )
        for user in got.json["data"]:
            assert user == {**want[user["id"]], "protected": user["protected"]}


@real
def test_loaded_posts_are_replayed_into_a_stream_in_their_order():
    path = V2 / "streaming_output_with_error.jsonl"
    posts = [post for page in pages_of(path) for post in page["data"]]
    with emulator.running(load=str(path), replay=True) as world:
        values = sorted({f"from:{post['author_id']}" for post in posts})
        add_rules(world.url, " OR ".join(values))
        with Listener(world.url, EVERYTHING) as listener:
            records = listener.records(len(posts))
    assert [record["data"] for record in records] == posts


@real
@pytest.mark.parametrize(
    "name",
    [
        "track_tweet.json",
        "locations_tweet.json",
        "extended_tweets/classic_hidden.json",
        "extended_tweets/extended_hidden.json",
    ],
)
def test_tweets_of_the_old_api_become_posts_with_the_same_id(name):
    old = json.loads((V1 / name).read_text())
    with emulator.running(load=str(V1 / name)) as world:
        reply = ask(world.url, "/2/tweets", {**EVERYTHING, "ids": old["id_str"]}).json
    post, includes = reply["data"][0], reply["includes"]
    assert (post["id"], post["author_id"]) == (old["id_str"], old["user"]["id_str"])
    assert includes["users"][0]["username"] == old["user"]["screen_name"]
    whole = old.get("extended_tweet", old)
    assert post["text"] == whole.get("full_text", whole.get("text"))
    if old.get("place"):
        assert includes["places"][0]["full_name"] == old["place"]["full_name"]


def test_pages_flattened_posts_and_compressed_files_load_alike(tmp_path):
    page = tmp_path / "page.jsonl"
    page.write_text(json.dumps(PAGE) + '\n{"cut')
    packed = tmp_path / "page.jsonl.gz"
    packed.write_bytes(gzip.compress(page.read_bytes()))
    users, tweets = by_id(PAGE["includes"]["users"]), by_id(PAGE["includes"]["tweets"])
    flat = tmp_path / "flat.jsonl"
    flat.write_text(
        "\n".join(
            json.dumps(
                {
                    **post,
                    "author": users[post["author_id"]],
                    "__twarc": {"version": "2"},
                    "referenced_tweets": [
                        {**ref, **tweets[ref["id"]]} for ref in post.get("referenced_tweets", [])
                    ],
                }
            )
            for post in PAGE["data"]
        )
    )
    answers = []
    for path in (page, packed, flat):
        with emulator.running(load=[path], limits=False) as world:
            reply = ask(
                world.url, "/2/tweets", {**EVERYTHING, "ids": "1394735776701816833,1394735776701816900"}
            )
            answers.append(
                (
                    by_id(reply.json["data"]),
                    by_id(reply.json["includes"]["users"]),
                    by_id(reply.json["includes"]["tweets"]),
                )
            )
    assert answers[0] == answers[1] == (by_id(PAGE["data"]), users, tweets)
    without = {**answers[2][0], "1394735776701816900": PAGE["data"][1]}
    assert (without, *answers[2][1:]) == answers[0]


def test_generated_accounts_stand_beside_loaded_ones_only_when_asked_for(tmp_path):
    page = tmp_path / "page.jsonl"
    page.write_text(json.dumps(PAGE))
    with emulator.running(load=page) as world:
        assert world.control.users() == []
        assert world.truth()["posts"]["total"] == 2
    with emulator.running(load=page, users=3, posts_per_user=4) as world:
        assert len(world.control.users()) == 3
        assert world.truth()["posts"]["total"] == 14


def test_a_reference_that_was_not_recorded_is_a_partial_error(tmp_path):
    page = tmp_path / "page.jsonl"
    page.write_text(json.dumps({**PAGE, "includes": {"users": PAGE["includes"]["users"]}}))
    with emulator.running(load=page) as world:
        reply = ask(world.url, "/2/users/11/tweets", EVERYTHING).json
    assert (
        reply["errors"][0]["detail"]
        == "Could not find tweet with referenced_tweets.id: [1391677057810288641]."
    )


def test_published_posts_join_a_loaded_timeline(tmp_path):
    page = tmp_path / "page.jsonl"
    page.write_text(json.dumps(PAGE))
    with emulator.running(load=page) as world:
        new = world.control.publish(12, text="brand new")
        pages = chain(world.url, "/2/users/12/tweets", {"max_results": 5})
        assert pages[0].ids == [*new, "1394735776701816900"]
        assert all(DIGITS.match(post_id) for post_id in new)
