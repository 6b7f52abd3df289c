"""Pages of timelines and searches follow the documents."""

import json

import pytest

import emulator
from tests.support.raw_client import EVERYTHING, all_ids, ask, chain

NOON = "2026-06-15T12:00:00Z"


@pytest.fixture(scope="module")
def world():
    with emulator.running(users=6, posts_per_user=130, clock=NOON, limits=False) as running:
        yield running


def someone(world, number=0):
    return world.control.users()[number]["id"]


def test_a_chain_of_pages_holds_every_post_once_newest_first(world):
    user = someone(world)
    ids = all_ids(chain(world.url, f"/2/users/{user}/tweets", {"max_results": 50}))
    assert ids == world.control.timeline(user)
    assert len(set(ids)) == 130
    assert ids == sorted(ids, key=int, reverse=True)


def test_the_last_page_has_no_next_token_and_the_first_no_previous_one(world):
    pages = chain(world.url, f"/2/users/{someone(world)}/tweets", {"max_results": 100})
    assert [len(page.ids) for page in pages] == [100, 30]
    assert "previous_token" not in pages[0].json["meta"]
    assert "next_token" not in pages[1].json["meta"]


def test_the_previous_token_leads_back_to_the_same_page(world):
    user = someone(world)
    first, second = chain(world.url, f"/2/users/{user}/tweets", {"max_results": 100})
    back = ask(
        world.url,
        f"/2/users/{user}/tweets",
        {"max_results": 100, "pagination_token": second.json["meta"]["previous_token"]},
    )
    assert back.ids == first.ids


def test_since_id_and_until_id_are_exclusive(world):
    user = someone(world)
    newest = world.control.timeline(user)
    page = ask(
        world.url,
        f"/2/users/{user}/tweets",
        {"since_id": newest[20], "until_id": newest[10], "max_results": 100},
    )
    assert page.ids == newest[11:20]


def test_start_time_is_inclusive_and_end_time_exclusive(world):
    user = someone(world)
    posts = ask(
        world.url, f"/2/users/{user}/tweets", {"max_results": 100, "tweet.fields": "created_at"}
    ).json["data"]
    start, end = posts[9]["created_at"], posts[4]["created_at"]
    page = ask(
        world.url, f"/2/users/{user}/tweets", {"max_results": 100, "start_time": start, "end_time": end}
    )
    assert page.ids == [post["id"] for post in posts[5:10]]


def test_ids_carry_the_time_of_creation(world):
    page = ask(
        world.url, f"/2/users/{someone(world)}/tweets", {"tweet.fields": "created_at", "max_results": 5}
    )
    for post in page.json["data"]:
        ms = (int(post["id"]) >> 22) + 1288834974657
        assert post["created_at"].endswith(f"{ms % 1000:03d}Z")


def test_posts_published_while_pages_are_read_do_not_shift_them():
    with emulator.running(users=1, posts_per_user=120, clock=NOON) as world:
        user = someone(world)
        before = world.control.timeline(user)
        first = ask(world.url, f"/2/users/{user}/tweets", {"max_results": 100})
        new = world.control.publish(user, count=7)
        second = ask(
            world.url,
            f"/2/users/{user}/tweets",
            {"max_results": 100, "pagination_token": first.json["meta"]["next_token"]},
        )
        assert first.ids + second.ids == before
        later = ask(world.url, f"/2/users/{user}/tweets", {"since_id": before[0], "max_results": 100})
        assert later.ids == new[::-1]


def test_a_token_of_another_request_is_a_400(world):
    token = ask(world.url, f"/2/users/{someone(world)}/tweets").json["meta"]["next_token"]
    other = ask(world.url, f"/2/users/{someone(world, 1)}/tweets", {"pagination_token": token})
    with_since = ask(
        world.url, f"/2/users/{someone(world)}/tweets", {"pagination_token": token, "since_id": "5"}
    )
    garbled = ask(world.url, f"/2/users/{someone(world)}/tweets", {"pagination_token": "abc"})
    assert [other.status, with_since.status, garbled.status] == [400, 400, 400]
    assert "pagination_token" in garbled.json["errors"][0]["message"]


def test_a_timeline_ends_after_3200_posts_and_after_800_without_replies():
    with emulator.running(users=1, posts_per_user=3300, clock=NOON) as world:
        user = someone(world)
        assert len(all_ids(chain(world.url, f"/2/users/{user}/tweets", {"max_results": 100}))) == 3200
        assert len(world.control.timeline(user)) == 3200
        without = all_ids(
            chain(world.url, f"/2/users/{user}/tweets", {"max_results": 100, "exclude": "replies"})
        )
        assert len(without) == 800


def test_excluded_kinds_are_left_out(world):
    params = {**EVERYTHING, "max_results": 100, "exclude": "replies,retweets"}
    kinds = {
        reference["type"]
        for number in range(6)
        for page in chain(world.url, f"/2/users/{someone(world, number)}/tweets", params)
        for post in page.json["data"]
        for reference in post.get("referenced_tweets", [])
    }
    assert kinds == {"quoted"}


def test_without_fields_only_the_default_ones_come(world):
    page = ask(world.url, f"/2/users/{someone(world)}/tweets", {"max_results": 5})
    assert set(page.json["data"][0]) == {"id", "text", "edit_history_tweet_ids"}
    assert "includes" not in page.json


def test_fields_come_as_asked_for_and_in_the_vocabulary_asked_for(world):
    user = someone(world)
    tweets = ask(world.url, f"/2/users/{user}/tweets", {"tweet.fields": "created_at,lang"}).json["data"]
    assert set(tweets[0]) == {"id", "text", "edit_history_tweet_ids", "created_at", "lang"}
    expansions = "author_id,referenced_posts"
    posts = ask(
        world.url,
        f"/2/users/{user}/tweets",
        {"post.fields": "created_at,public_metrics", "expansions": expansions, "max_results": 100},
    ).json
    assert {"edit_history_post_ids", "author_id"} <= set(posts["data"][0])
    assert "repost_count" in posts["data"][0]["public_metrics"]
    assert "posts" in posts["includes"] and "tweets" not in posts["includes"]
    assert "edit_history_tweet_ids" not in json.dumps(posts)


def test_expansions_bring_what_posts_refer_to(world):
    page = ask(world.url, f"/2/users/{someone(world)}/tweets", {**EVERYTHING, "max_results": 100}).json
    users = {user["id"] for user in page["includes"]["users"]}
    tweets = {tweet["id"] for tweet in page["includes"]["tweets"]}
    referred = {ref["id"] for post in page["data"] for ref in post.get("referenced_tweets", [])}
    assert {post["author_id"] for post in page["data"]} <= users
    assert referred and referred == tweets
    keys = {key for post in page["data"] for key in post.get("attachments", {}).get("media_keys", [])}
    assert keys == {media["media_key"] for media in page["includes"].get("media", [])}


def test_text_entities_are_where_they_say(world):
    page = ask(world.url, f"/2/users/{someone(world)}/tweets", {**EVERYTHING, "max_results": 100}).json
    seen = 0
    for post in page["data"]:
        for tag in post.get("entities", {}).get("hashtags", []):
            assert post["text"][tag["start"] : tag["end"]] == f"#{tag['tag']}"
            seen += 1
        for mention in post.get("entities", {}).get("mentions", []):
            assert post["text"][mention["start"] : mention["end"]] == f"@{mention['username']}"
    assert seen


def test_a_search_finds_exactly_the_matching_posts(world):
    found = all_ids(
        chain(world.url, "/2/tweets/search/recent", {"query": "library -is:retweet", "max_results": 100})
    )
    assert found and found == world.control.search("library -is:retweet")
    texts = {
        p["id"]: p["text"].lower()
        for n in range(6)
        for page in chain(world.url, f"/2/users/{someone(world, n)}/tweets", {"max_results": 100})
        for p in page.json["data"]
    }
    assert all("library" in texts[post_id] for post_id in found)


def test_retweets_are_not_found_by_words(world):
    params = {**EVERYTHING, "max_results": 100, "query": "archive OR library OR winter OR musée OR archivo"}
    found = [
        post for page in chain(world.url, "/2/tweets/search/recent", params) for post in page.json["data"]
    ]
    assert found
    assert not [p for p in found if any(r["type"] == "retweeted" for r in p.get("referenced_tweets", []))]


def test_recent_search_reaches_seven_days_back_and_the_archive_all_the_way():
    with emulator.running(users=3, posts_per_user=100, clock=NOON, span_days=30, limits=False) as world:
        recent = all_ids(chain(world.url, "/2/tweets/search/recent", {"query": "the", "max_results": 100}))
        since = {"query": "the", "max_results": 100, "start_time": "2006-03-21T00:00:00Z"}
        everything = all_ids(chain(world.url, "/2/tweets/search/all", since))
        assert 0 < len(recent) < len(everything)
        assert everything == world.control.search("the", archive=True)
        assert recent == world.control.search("the")


def test_a_since_id_from_before_the_week_is_refused_with_the_oldest_allowed(world):
    reply = ask(world.url, "/2/tweets/search/recent", {"query": "the", "since_id": "1"})
    assert reply.status == 400 and reply.tail == "invalid-request"
    error = reply.json["errors"][0]
    assert error["parameters"] == {"since_id": ["1"]}
    assert error["message"].startswith("'since_id' must be a tweet id created after 2026-06-08T12:00Z.")
    oldest = error["message"].rsplit(" ", 1)[1]
    assert ask(world.url, "/2/tweets/search/recent", {"query": "the", "since_id": oldest}).status == 200
    assert ask(world.url, f"/2/users/{someone(world)}/tweets", {"since_id": "1"}).status == 200


@pytest.mark.parametrize(
    ("path", "params", "complaint"),
    [
        ("/2/users/12/tweets", {"max_results": "4"}, "value [4] is not between 5 and 100"),
        ("/2/users/12/tweets", {"bogus": "1"}, "The query parameter [bogus] is not one of ["),
        (
            "/2/users/12/tweets",
            {"expansions": "bogus"},
            "The `expansions` query parameter value [bogus] is not one of [",
        ),
        ("/2/users/12/tweets", {"tweet.fields": "bogus"}, "The `tweet.fields` query parameter value [bogus]"),
        (
            "/2/users/12/tweets",
            {"since_id": "1", "start_time": "2026-06-14T00:00:00Z"},
            "Invalid use of 'since_id' or 'until_id' in conjunction with 'start_time' or 'end_time'.",
        ),
        ("/2/users/12x/tweets", {}, "The `id` query parameter value [12x] is not valid"),
        ("/2/users", {"ids": "12,ab"}, "The `ids` query parameter value [ab]"),
        ("/2/users", {"ids": ",".join(map(str, range(1, 102)))}, "[101] is not between 1 and 100"),
        ("/2/users", {}, "The `ids` query parameter can not be empty"),
        ("/2/tweets/search/recent", {}, "The `query` query parameter can not be empty"),
        ("/2/tweets/search/recent", {"query": "x" * 513}, "512"),
        ("/2/tweets/search/all", {"query": "x " * 513}, "1024"),
        ("/2/tweets/search/recent", {"query": "cats filter:links"}, "Reference to invalid operator 'filter'"),
        (
            "/2/tweets/search/recent",
            {"query": "is:retweet"},
            "is/has/lang cannot be used as a standalone operator",
        ),
        (
            "/2/tweets/search/recent",
            {"query": "cat", "start_time": "2026-06-01T00:00:00Z"},
            "must be on or after",
        ),
    ],
)
def test_what_is_wrong_with_a_request_is_said_in_the_words_of_the_network(world, path, params, complaint):
    reply = ask(world.url, path, params)
    assert reply.status == 400
    assert reply.json["title"] == "Invalid Request" and reply.tail == "invalid-request"
    assert complaint in " ".join(error["message"] for error in reply.json["errors"])
    assert "x-rate-limit-remaining" in reply.headers


def test_tweet_fields_can_be_refused():
    with emulator.running(users=1, posts_per_user=5, refuse_tweet_fields=True) as world:
        user = someone(world)
        assert ask(world.url, f"/2/users/{user}/tweets", {"tweet.fields": "lang"}).status == 400
        assert ask(world.url, f"/2/users/{user}/tweets", {"post.fields": "lang"}).status == 200


def test_posts_are_looked_up_by_id(world):
    some = world.control.timeline(someone(world))[:3]
    reply = ask(world.url, "/2/tweets", {"ids": ",".join([*some, "77"])})
    assert reply.ids == some
    assert [error["resource_id"] for error in reply.json["errors"]] == ["77"]


def test_counts_add_up_to_what_a_search_finds(world):
    for granularity in ("minute", "hour", "day"):
        counts = ask(
            world.url, "/2/tweets/counts/recent", {"query": "library", "granularity": granularity}
        ).json
        total = sum(bucket["tweet_count"] for bucket in counts["data"])
        assert total == counts["meta"]["total_tweet_count"] == len(world.control.search("library"))


def test_counts_have_whole_hours_and_come_in_pages_of_31_days():
    with emulator.running(users=2, posts_per_user=100, clock=NOON, span_days=80, limits=False) as world:
        recent = ask(world.url, "/2/tweets/counts/recent", {"query": "the"}).json["data"]
        assert all(bucket["start"].endswith(":00:00.000Z") for bucket in recent[1:])
        params = {"query": "the", "granularity": "day", "start_time": "2026-03-20T00:00:00Z"}
        pages = chain(world.url, "/2/tweets/counts/all", params)
        days = [bucket["start"] for page in pages[::-1] for bucket in page.json["data"]]
        assert len(pages) == 3 and days == sorted(set(days))
        total = sum(page.json["meta"]["total_tweet_count"] for page in pages)
        assert total == len(world.control.search("the", archive=True))


def test_an_archive_search_without_a_start_reaches_30_days_back_as_the_real_one():
    options = {"users": 2, "posts_per_user": 100, "clock": NOON, "span_days": 80, "limits": False}
    with emulator.running(**options) as world:
        month = all_ids(chain(world.url, "/2/tweets/search/all", {"query": "the", "max_results": 500}))
        params = {"query": "the", "max_results": 500, "start_time": "2006-03-21T00:00:00Z"}
        assert 0 < len(month) < len(all_ids(chain(world.url, "/2/tweets/search/all", params)))


def test_the_entities_of_a_published_post_are_those_of_its_text():
    with emulator.running(users=1, posts_per_user=0, clock=NOON) as world:
        world.control.publish(someone(world), text="see #rare @ann $TWTR https://example.org/x")
        for query in ("#rare", "@ann", "$twtr", "see has:links", 'url:"example.org"'):
            assert len(ask(world.url, "/2/tweets/search/recent", {"query": query}).ids) == 1, query


def test_the_same_seed_and_clock_make_the_same_world():
    made = []
    for seed in (1, 1, 2):
        with emulator.running(users=2, posts_per_user=8, clock=NOON, seed=seed) as world:
            made.append(ask(world.url, f"/2/users/{someone(world)}/tweets", EVERYTHING).raw)
    assert made[0] == made[1] != made[2]


def test_emulators_with_the_same_options_have_the_same_posts_and_see_nothing_of_each_other():
    pages = []
    for fields in ("id", "id,lang", "id"):
        with emulator.running(users=2, clock=NOON) as running:
            user = someone(running)
            pages.append(ask(running.url, f"/2/users/{user}/tweets", {"tweet.fields": fields}).json["data"])
            running.control.publish(user, text="only here")
    assert pages[0] == pages[2]
    assert [("lang" in each[0], "only here" in str(each)) for each in pages] == [
        (False, False), (True, False), (False, False),
    ]  # fmt: skip
