"""Records in every form in which posts of X are stored: made up and, where they are here, real ones."""

import copy
import json
from pathlib import Path
from typing import Any

from twarc.expansions import ensure_flattened

REAL = Path(__file__).parents[3] / "shared" / "data"
RETRIEVED = {
    "url": "https://api.twitter.com/2/tweets",
    "version": "2.14.0",
    "retrieved_at": "2026-11-23T09:00:01+00:00",
}
_USERS = [
    {
        "id": "12",
        "username": "jack",
        "name": "jack",
        "created_at": "2006-03-21T20:50:14.000Z",
        "description": "no state is the best state",
        "location": "",
        "url": "https://t.co/x",
        "entities": {"url": {"urls": [{"url": "https://t.co/x", "expanded_url": "https://jack.example"}]}},
        "verified": True,
        "verified_type": "blue",
        "protected": False,
        "public_metrics": {
            "followers_count": 5,
            "following_count": 6,
            "tweet_count": 7,
            "listed_count": 8,
            "like_count": 9,
            "media_count": 10,
        },
    },
    {"id": "13", "username": "biz", "name": "Biz", "protected": True},
]
_ORIGINAL = {
    "id": "1577000000000000001",
    "text": "Flood in #Vorarlberg https://t.co/y",
    "public_metrics": {"retweet_count": 1, "reply_count": 0, "like_count": 2, "quote_count": 1},
    "author_id": "13",
    "created_at": "2022-10-03T18:00:00.000Z",
    "conversation_id": "1577000000000000001",
    "edit_history_tweet_ids": ["1577000000000000001"],
}
_QUOTE = {
    "id": "1577000000000000009",
    "text": "\u00c4 #flood $TWTR @biz https://t.co/y",
    "author_id": "12",
    "created_at": "2022-10-03T18:20:00.000Z",
    "conversation_id": "1577000000000000001",
    "lang": "de",
    "source": "Twitter Web App",
    "in_reply_to_user_id": "13",
    "possibly_sensitive": False,
    "reply_settings": "everyone",
    "entities": {
        "hashtags": [{"start": 2, "end": 8, "tag": "flood"}],
        "cashtags": [{"start": 9, "end": 14, "tag": "TWTR"}],
        "mentions": [{"start": 15, "end": 19, "username": "biz"}],
        "urls": [
            {
                "url": "https://t.co/y",
                "expanded_url": "https://flood.example/a",
                "display_url": "flood.example",
            }
        ],
    },
    "public_metrics": {
        "retweet_count": 1,
        "reply_count": 2,
        "like_count": 3,
        "quote_count": 4,
        "bookmark_count": 5,
        "impression_count": 6,
    },
    "attachments": {"media_keys": ["3_7"]},
    "geo": {"place_id": "p1", "coordinates": {"type": "Point", "coordinates": [9.75, 47.25]}},
    "withheld": {"country_codes": ["DE"], "copyright": False},
    "referenced_tweets": [{"type": "quoted", "id": "1577000000000000001"}],
    "edit_history_tweet_ids": ["1577000000000000008", "1577000000000000009"],
    "edit_controls": {
        "edits_remaining": "4",
        "is_edit_eligible": True,
        "editable_until": "2022-10-03T18:50:00.000Z",
    },
}
_REPOST = {
    "id": "1577000000000000019",
    "text": "RT @biz: Flood",
    "public_metrics": {"retweet_count": 1, "reply_count": 0, "like_count": 0, "quote_count": 0},
    "author_id": "12",
    "created_at": "2022-10-03T18:30:00.000Z",
    "referenced_tweets": [{"type": "retweeted", "id": "1577000000000000001"}],
}
_INCLUDES = {
    "users": _USERS,
    "tweets": [_ORIGINAL],
    "media": [{"media_key": "3_7", "type": "photo", "url": "https://pbs.example/7.jpg"}],
    "places": [
        {"id": "p1", "full_name": "Dornbirn, Austria", "country_code": "AT", "geo": {"type": "Feature"}}
    ],
}
V1_USER = {
    "id": 12,
    "id_str": "12",
    "screen_name": "jack",
    "name": "jack",
    "created_at": "Tue Mar 21 20:50:14 +0000 2006",
    "description": None,
    "followers_count": 5,
    "friends_count": 6,
    "statuses_count": 7,
    "listed_count": None,
    "favourites_count": 9,
    "verified": True,
    "protected": False,
}


def page() -> dict[str, Any]:
    """A page of two posts: a quote with all that there may be, and a repost."""
    return copy.deepcopy(
        {"data": [_QUOTE, _REPOST], "includes": _INCLUDES, "meta": {"result_count": 2}, "__twarc": RETRIEVED}
    )


def stream_object() -> dict[str, Any]:
    """The quote as a stream brings it."""
    rules = [{"id": "1", "tag": "flood"}, {"id": "2"}]
    return copy.deepcopy(
        {"data": _QUOTE, "includes": _INCLUDES, "matching_rules": rules, "__twarc": RETRIEVED}
    )


def flattened(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The posts of a record as `twarc2 flatten` writes them."""
    found: list[dict[str, Any]] = ensure_flattened(copy.deepcopy(record))
    return found


def plain_v1(**members: Any) -> dict[str, Any]:
    """A tweet of API 1.1 as a timeline of old brings it."""
    return {
        "created_at": "Wed Jul 20 17:50:10 +0000 2016",
        "id": 755822121331281900,
        "id_str": "755822121331281920",
        "text": "short #flood @biz",
        "source": '<a href="http://twitter.com" rel="nofollow">Twitter for iPhone</a>',
        "user": V1_USER,
        "in_reply_to_status_id_str": None,
        "entities": {
            "hashtags": [{"text": "flood", "indices": [6, 12]}],
            "user_mentions": [{"id_str": "13", "screen_name": "biz"}],
            "urls": [],
            "symbols": [],
        },
        "coordinates": {"type": "Point", "coordinates": [9.75, 47.25]},
        "place": {"id": "p1", "full_name": "Dornbirn, Austria", "country_code": "AT"},
        "favorite_count": 3,
        "retweet_count": 1,
        "lang": "en",
        **members,
    }


def extended_v1() -> dict[str, Any]:
    """The same cut off, with the whole text beside it, reposted by another."""
    whole = {
        "full_text": "the whole of a long text https://t.co/z",
        "entities": {
            "hashtags": [],
            "urls": [{"url": "https://t.co/z", "expanded_url": "https://z.example"}],
        },
        "extended_entities": {"media": [{"id_str": "7", "type": "photo"}, {"id_str": "8", "type": "photo"}]},
    }
    original = plain_v1(truncated=True, extended_tweet=whole)
    user = {**V1_USER, "id": 13, "id_str": "13", "screen_name": "biz"}
    return plain_v1(id_str="755822121331281999", retweeted_status=original, user=user)


def written(record: Any) -> bytes:
    """A record as a line."""
    return json.dumps(record).encode()


def real_lines() -> list[bytes]:
    """The lines of the real payloads; none where they are not here."""
    found = [line for path in sorted(REAL.glob("real-v2/*.jsonl")) for line in path.read_bytes().splitlines()]
    return found + [path.read_bytes() for path in sorted(REAL.glob("real-v1/**/*.json"))]


def made_up_lines() -> list[bytes]:
    """One line of each form."""
    forms = [page(), stream_object(), *flattened(page()), plain_v1(), extended_v1()]
    return [written(each) for each in forms]
