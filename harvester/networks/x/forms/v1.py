"""Tweets of X's API 1.1, plain and extended, as the versions of 2019 and before stored them."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from harvester.networks.rows import AccountRow, PostRow, Rows
from harvester.networks.x.forms.objects import Id, Number, Point, Rule, Text, Truth, Url, Urls
from harvester.networks.x.forms.times import iso
from harvester.networks.x.forms.values import count, place_of, post_key, published_at, tags_of

_MARKUP = re.compile(r"<[^>]*>")


class _Tag(msgspec.Struct, gc=False):
    text: Text = None


class _Named(msgspec.Struct, gc=False):
    id: Id = None
    id_str: Text = None
    screen_name: Text = None


class _Media(_Named, gc=False):
    type: Text = None


class _Entities(msgspec.Struct, gc=False):
    hashtags: list[_Tag] | None = None
    symbols: list[_Tag] | None = None
    user_mentions: list[_Named] | None = None
    urls: list[Url] | None = None
    media: list[_Media] | None = None


class _Extended(msgspec.Struct, gc=False):
    full_text: Text = None
    entities: _Entities | None = None
    extended_entities: _Entities | None = None


class _UserEntities(msgspec.Struct, gc=False):
    url: Urls | None = None


class _User(_Named, gc=False):
    name: Text = None
    created_at: Text = None
    description: Text = None
    location: Text = None
    url: Text = None
    entities: _UserEntities | None = None
    verified: Truth = None
    protected: Truth = None
    followers_count: Number = None
    friends_count: Number = None
    statuses_count: Number = None
    listed_count: Number = None
    favourites_count: Number = None
    media_count: Number = None


class _Place(msgspec.Struct, gc=False):
    id: Text = None
    full_name: Text = None
    name: Text = None
    country_code: Text = None


class _Tweet(msgspec.Struct, gc=False):
    id: Id = None
    id_str: Text = None
    created_at: Text = None
    text: Text = None
    full_text: Text = None
    extended_tweet: _Extended | None = None
    source: Text = None
    lang: Text = None
    user: _User | None = None
    screen_name: Text = None
    in_reply_to_status_id: Id = None
    in_reply_to_status_id_str: Text = None
    in_reply_to_user_id: Id = None
    in_reply_to_user_id_str: Text = None
    quoted_status_id: Id = None
    quoted_status_id_str: Text = None
    retweeted_status: "_Tweet | None" = None
    quoted_status: "_Tweet | None" = None
    entities: _Entities | None = None
    extended_entities: _Entities | None = None
    coordinates: Point | None = None
    place: _Place | None = None
    favorite_count: Number = None
    retweet_count: Number = None
    reply_count: Number = None
    quote_count: Number = None
    possibly_sensitive: Truth = None
    withheld_in_countries: list[str] | None = None
    matching_rules: list[Rule] | None = None


_tweet = msgspec.json.Decoder(_Tweet)
_user = msgspec.json.Decoder(_User)


def rows(line: bytes) -> Rows:
    """What a line holds: its tweet and then those inside it, or an account."""
    tweet = _tweet.decode(line)
    if tweet.screen_name is not None and tweet.user is None:
        return Rows((), (_account(_user.decode(line)),))
    if not _id(tweet):
        raise ValueError("a tweet without an id")
    inner = {_id(each): each for each in _inner(tweet) if _id(each)}
    inner.pop(_id(tweet), None)
    users = {_id(each.user): each.user for each in (*inner.values(), tweet) if each.user and _id(each.user)}
    posts = [_row(tweet, included=False), *(_row(each, included=True) for each in inner.values())]
    return Rows(tuple(posts), tuple(map(_account, users.values())))


def _inner(tweet: _Tweet) -> Iterator[_Tweet]:
    for each in (tweet.retweeted_status, tweet.quoted_status):
        if each:
            yield each
            yield from _inner(each)


def _row(tweet: _Tweet, *, included: bool) -> PostRow:
    extended = tweet.extended_tweet or _Extended()
    user, post_id = tweet.user or _User(), _id(tweet)
    created_at = iso(tweet.created_at) or published_at(post_id)
    return PostRow(
        id=post_id,
        key=post_key(post_id, created_at),
        created_at=created_at,
        author_id=_id(user),
        username=user.screen_name or "",
        text=extended.full_text or tweet.full_text or tweet.text or "",
        lang=tweet.lang or "",
        source=_MARKUP.sub("", tweet.source or ""),
        **_references(tweet),
        reply_to_user_id=_either(tweet.in_reply_to_user_id_str, tweet.in_reply_to_user_id),
        likes=count(tweet.favorite_count),
        reposts=count(tweet.retweet_count),
        replies=count(tweet.reply_count),
        quotes=count(tweet.quote_count),
        possibly_sensitive=tweet.possibly_sensitive,
        withheld=tweet.withheld_in_countries or [],
        **_found(tweet, extended),
        **_place(tweet),
        matching_rules=tags_of(tweet.matching_rules),
        included=included,
    )


def _found(tweet: _Tweet, extended: _Extended) -> dict[str, Any]:
    """What the text names."""
    entities = extended.entities or tweet.entities or _Entities()
    mentions, media = entities.user_mentions or (), _media(tweet, extended, entities)
    return {
        "hashtags": [tag.text or "" for tag in entities.hashtags or ()],
        "cashtags": [tag.text or "" for tag in entities.symbols or ()],
        "mentions": [_id(each) for each in mentions],
        "mention_names": [each.screen_name or "" for each in mentions],
        "urls": [each.expanded_url or each.url or "" for each in entities.urls or ()],
        "media_keys": [_id(each) for each in media],
        "media_types": [each.type or "" for each in media],
    }


def _place(tweet: _Tweet) -> dict[str, Any]:
    place = tweet.place or _Place()
    lat, lon = place_of(tweet.coordinates.coordinates if tweet.coordinates else None)
    return {
        "lat": lat,
        "lon": lon,
        "place_id": place.id or "",
        "place_name": place.full_name or place.name or "",
        "country_code": place.country_code or "",
    }


def _media(tweet: _Tweet, extended: _Extended, entities: _Entities) -> list[_Media]:
    """The whole list is in the extended entities; the plain ones have the first only."""
    for found in (extended.extended_entities, tweet.extended_entities, entities):
        if found and found.media:
            return found.media
    return []


def _references(tweet: _Tweet) -> dict[str, Any]:
    reposted = _id(tweet.retweeted_status) if tweet.retweeted_status else ""
    replied_to = _either(tweet.in_reply_to_status_id_str, tweet.in_reply_to_status_id)
    quoted = _either(tweet.quoted_status_id_str, tweet.quoted_status_id)
    # A repost of a quote names the quoted one as its own.
    quoted = "" if reposted else quoted
    kind = "repost" if reposted else "reply" if replied_to else "quote" if quoted else "post"
    return {"kind": kind, "reposted_id": reposted, "replied_to_id": replied_to, "quoted_id": quoted}


def _account(user: _User) -> AccountRow:
    links = user.entities and user.entities.url and user.entities.url.urls
    return AccountRow(
        id=_id(user),
        username=user.screen_name or "",
        name=user.name or "",
        created_at=iso(user.created_at),
        description=user.description or "",
        location=user.location or "",
        url=(links[0].expanded_url if links else "") or user.url or "",
        verified_type="verified" if user.verified else "",
        protected=user.protected,
        followers=count(user.followers_count),
        following=count(user.friends_count),
        posts=count(user.statuses_count),
        listed=count(user.listed_count),
        likes=count(user.favourites_count),
        media=count(user.media_count),
    )


def _id(named: "_Named | _Tweet") -> str:
    return _either(named.id_str, named.id)


def _either(text: Text, number: Id) -> str:
    """The id as text, because programs may have rounded numbers of more than 15 digits in the line."""
    return text or ("" if number is None else str(number))
