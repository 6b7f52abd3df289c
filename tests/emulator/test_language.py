"""Queries and rules mean what the network says they mean, or are refused."""

import json
from dataclasses import dataclass

import pytest

from emulator.language import Bounds, Matcher, QueryError, facts_of, parsed, satisfied

PLACE = {
    "id": "abc1",
    "name": "Manhattan",
    "full_name": "Manhattan, NY",
    "country_code": "US",
    "geo": {"bbox": [-74.026675, 40.683935, -73.910408, 40.877483]},
}
POST = {
    "id": "100",
    "author_id": "7",
    "lang": "en",
    "conversation_id": "90",
    "in_reply_to_user_id": "9",
    "text": "Some cats don't like New York! #Cats @someone $TWTR https://t.co/x 😀 coca-cola",
    "entities": {
        "hashtags": [{"tag": "Cats"}],
        "cashtags": [{"tag": "TWTR"}],
        "mentions": [{"username": "someone"}],
        "urls": [{"url": "https://t.co/x", "expanded_url": "https://example.org/dogs/page"}],
    },
    "referenced_tweets": [{"type": "replied_to", "id": "90"}, {"type": "quoted", "id": "80"}],
    "attachments": {"media_keys": ["3_1"]},
    "geo": {"place_id": "abc1"},
    "context_annotations": [{"domain": {"id": "65"}, "entity": {"id": "847", "name": "Pets"}}],
    "public_metrics": {"like_count": 5, "reply_count": 1, "retweet_count": 2},
}
QUOTED = {"id": "80", "author_id": "8", "text": "the quoted elephant"}


@dataclass(frozen=True)
class Post:
    facts: object
    id: int = 100
    author: int = 7
    verified: bool = True


SUBJECT = Post(
    facts_of(
        POST, place=PLACE, media=[{"type": "photo"}], referenced={"80": QUOTED}, names={"9": "reply_target"}
    )
)


def holds(query, *, deep=False, post=SUBJECT):
    return Matcher(parsed(query), deep=deep, named=lambda name: {"ann": 7, "7": 7}.get(name.lower()))(post)


@pytest.mark.parametrize(
    "query",
    [
        "cats",
        "CATS",
        "don't",
        '"new york"',
        '"cats york"~3',
        "coca-cola",
        "cola",
        "😀",
        "#cats",
        "@SomeOne",
        "$twtr",
        "from:ann",
        "from:7",
        "to:reply_target",
        "to:9",
        "cats lang:en",
        "cats is:reply",
        "cats is:quote",
        "cats has:links",
        "cats has:images",
        "cats has:media",
        "cats has:hashtags",
        "cats has:cashtags",
        "cats has:mentions",
        "cats has:geo",
        "cats -dog",
        "dog OR cats",
        "dog OR (cats york)",
        "(dog OR cats) (york OR paris)",
        "cats -(dog emu)",
        'url:"example.org"',
        "url:dogs",
        "place:manhattan",
        'place:"Manhattan, NY"',
        "place_country:us",
        "bounding_box:[-74.1 40.6 -73.9 40.9]",
        "point_radius:[-73.97 40.78 12mi]",
        "point_radius:[-73.97 40.78 20km]",
        "conversation_id:90",
        "in_reply_to_tweet_id:90",
        "quotes_of_tweet_id:80",
        "context:65.847",
        'entity:"Pets"',
        "cats is:verified",
        "cats -is:retweet",
        "cats min_likes:5",
        "cats sample:100",
        "cats -is:nullcast",
    ],
)
def test_a_post_matches(query):
    assert holds(query)


@pytest.mark.parametrize(
    "query",
    [
        "cat",
        '"york new"',
        '"some york"~1',
        "elephant",
        "#cat",
        "@some",
        "$goog",
        "from:bob",
        "from:somebody_else",
        "to:bob",
        "cats lang:de",
        "cats is:retweet",
        "cats has:videos",
        "cats dog",
        "dog OR emu",
        "cats -york",
        "url:paris",
        "place:paris",
        "place_country:DE",
        "bounding_box:[-74.0 40.7 -73.9 40.9]",
        "point_radius:[-73.97 40.78 3mi]",
        "conversation_id:91",
        "retweets_of:ann",
        "context:65.1",
        "entity:Cars",
        "cats min_likes:6",
        "cats sample:0",
        "cats is:nullcast",
        "cats -(dog OR york)",
    ],
)
def test_a_post_does_not_match(query):
    assert not holds(query)


def test_a_stream_looks_into_quoted_posts_and_a_search_does_not():
    assert holds("elephant", deep=True)
    assert not holds("elephant")


def test_a_search_for_words_finds_no_retweets_and_a_stream_does():
    retweet = Post(
        facts_of(
            {**POST, "referenced_tweets": [{"type": "retweeted", "id": "80"}]}, referenced={"80": QUOTED}
        )
    )
    assert holds("cats is:retweet", deep=True, post=retweet)
    assert not holds("cats", post=retweet)
    assert holds("from:ann", post=retweet)


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("cats filter:links", "Reference to invalid operator 'filter'"),
        ("since:2020-01-01 cat", "Reference to invalid operator 'since'"),
        ("cats has:polls", "Reference to invalid operator 'has:polls'"),
        ("cats is:funny", "Reference to invalid operator 'is:funny'"),
        ("https://example.org", "Reference to invalid operator 'https'"),
        ("lang:en", "is/has/lang cannot be used as a standalone operator"),
        ("cat OR has:links", "is/has/lang cannot be used as a standalone operator"),
        ("-cat", "Rules must contain at least one positive"),
        ("(cat", "missing ')'"),
        ("cat)", "missing EOF at ')' (at position 4)"),
        ("cat OR", "no viable alternative"),
        ("OR cat", "missing EOF at 'OR'"),
        ("", "no viable alternative"),
        ('"cat', "no viable alternative at character '\"' (at position 1)"),
        ("'new york'", "no viable alternative at character ''' (at position 1)"),
        ("cat and dog", "Ambiguous use of and as a keyword"),
        ("cat or dog", "Ambiguous use of or as a keyword"),
        ("bounding_box:[1 2 3]", "Invalid value"),
        ("bounding_box:[10 10 -10 20]", "Invalid value"),
        ("bounding_box:[-10 0 10 20]", "larger than 25mi"),
        ("point_radius:[0 0 30mi]", "larger than 25mi"),
        ("bounding_box:1", "no viable alternative"),
        ("conversation_id:abc", "Invalid value"),
    ],
)
def test_what_the_language_does_not_know_is_refused(query, complaint):
    with pytest.raises(QueryError) as refused:
        parsed(query)
    assert complaint in str(refused.value)
    assert refused.value.message.startswith("There were errors processing your request: ")


def test_the_size_of_areas_can_be_unlimited():
    assert parsed("bounding_box:[-10 0 10 20]", Bounds(0)).numbers == (-10, 0, 10, 20)


def test_only_accounts_named_everywhere_bound_a_search():
    named = {"ann": 7, "bob": 8}.get
    authors = {
        query: Matcher(parsed(query), deep=False, named=named).authors()
        for query in (
            "from:ann",
            "from:ann OR from:bob",
            "from:ann cat",
            "from:ann OR cat",
            "cat -from:ann",
            "from:nobody",
        )
    }
    assert list(authors.values()) == [{7}, {7, 8}, {7}, None, None, set()]


def test_wishes_for_every_branch_of_a_rule():
    tree = parsed('(cat OR "new york" OR #emu) lang:fr -dog')
    wishes = [json.dumps(satisfied(tree, branch=number)) for number in range(3)]
    assert wishes == [
        '{"words": ["cat"], "lang": "fr"}',
        '{"words": ["new york"], "lang": "fr"}',
        '{"hashtags": ["emu"], "lang": "fr"}',
    ]
