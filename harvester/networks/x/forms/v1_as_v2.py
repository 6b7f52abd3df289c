"""A tweet of API 1.1 with the members of a flattened post of API v2, for tables that know those."""

import json
from typing import Any

from harvester.networks.rows import AccountRow, PostRow
from harvester.networks.x.forms import rows


def as_v2(tweet: dict[str, Any]) -> dict[str, Any]:
    """A tweet of API 1.1 with the members of a flattened post, as far as it has them."""
    found = rows(json.dumps(tweet).encode())
    if not found.posts:
        return {}
    post = found.posts[0]
    authors = {account.id: account for account in found.accounts}
    others = {each.id: each for each in found.posts}
    kinds = (("replied_to", post.replied_to_id), ("retweeted", post.reposted_id), ("quoted", post.quoted_id))
    references = [
        {"type": kind, "id": each, **(_post_v2(others[each], authors) if each in others else {})}
        for kind, each in kinds
        if each
    ]
    return {**_post_v2(post, authors), "referenced_tweets": references}


def _post_v2(post: PostRow, authors: dict[str, AccountRow]) -> dict[str, Any]:
    mentions = zip(post.mentions, post.mention_names, strict=True)
    return {
        "id": post.id,
        "created_at": post.created_at,
        "text": post.text,
        "lang": post.lang or None,
        "source": post.source or None,
        "author_id": post.author_id,
        "author": _author_v2(authors[post.author_id]) if post.author_id in authors else {},
        "in_reply_to_user_id": post.reply_to_user_id or None,
        "possibly_sensitive": post.possibly_sensitive,
        "public_metrics": {
            "retweet_count": post.reposts,
            "reply_count": post.replies,
            "like_count": post.likes,
            "quote_count": post.quotes,
        },
        "entities": {
            "hashtags": [{"tag": tag} for tag in post.hashtags],
            "cashtags": [{"tag": tag} for tag in post.cashtags],
            "mentions": [{"id": each, "username": name} for each, name in mentions],
            "urls": [{"expanded_url": url} for url in post.urls],
        },
        "attachments": {"media_keys": post.media_keys},
        "geo": _geo_v2(post),
        "withheld": {"country_codes": post.withheld or None},
    }


def _geo_v2(post: PostRow) -> dict[str, Any]:
    point = {} if post.lat is None else {"type": "Point", "coordinates": [post.lon, post.lat]}
    return {
        "place_id": post.place_id or None,
        "id": post.place_id or None,
        "full_name": post.place_name or None,
        "country_code": post.country_code or None,
        "coordinates": point,
    }


def _author_v2(account: AccountRow) -> dict[str, Any]:
    return {
        "id": account.id,
        "username": account.username,
        "name": account.name,
        "created_at": account.created_at,
        "description": account.description,
        "location": account.location or None,
        "url": account.url or None,
        "protected": account.protected,
        "verified": bool(account.verified_type),
        "public_metrics": {
            "followers_count": account.followers,
            "following_count": account.following,
            "tweet_count": account.posts,
            "listed_count": account.listed,
        },
    }
