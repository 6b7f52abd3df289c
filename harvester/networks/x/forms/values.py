"""Posts and accounts of X's API v2 as rows."""

from collections.abc import Iterable, Mapping
from typing import Any

from harvester.networks.rows import AccountRow, PostRow, bounded, key_of
from harvester.networks.x.forms.objects import (
    Entities,
    Geo,
    Id,
    Media,
    Metrics,
    Number,
    Place,
    Post,
    Rule,
    User,
    UserMetrics,
)
from harvester.networks.x.forms.times import iso, written
from harvester.networks.x.post_ids import published

_KINDS = (("retweeted", "repost"), ("replied_to", "reply"), ("quoted", "quote"))
_FIRST_TIMED_ID = 1 << 36
_NOTHING: list[str] = []
_NO_METRICS, _NO_USER_METRICS = Metrics(), UserMetrics()


class Known:
    """The objects that posts refer to, by id; `names` are ids of accounts by name."""

    def __init__(
        self, users: Iterable[User] = (), media: Iterable[Media] = (), places: Iterable[Place] = ()
    ) -> None:
        self.users: dict[str, User] = {str(user.id): user for user in users}
        self.media = {each.media_key: each.type or "" for each in media}
        self.places = {str(place.id): place for place in places}
        self._names: dict[str, str] | None = None

    def id_of(self, username: str) -> str:
        """The id of an account by its name; empty if it is not known."""
        if self._names is None:
            self._names = {(user.username or "").lower(): key for key, user in self.users.items()}
        return self._names.get(username.lower(), "")


def post_key(post_id: str, created_at: str) -> int:
    """X's ids order its posts, but for those of before November 2010."""
    if post_id.isdecimal():
        number = int(post_id) if len(post_id) < 20 else -1
        if number >= _FIRST_TIMED_ID and bounded(number):
            return number
    return key_of(post_id, created_at)


def post_row(
    post: Post,
    references: Mapping[str | None, str],
    known: Known,
    *,
    rules: list[str],
    retrieved_at: str,
    included: bool,
) -> PostRow:
    """The row of a post whose `references` are the ids of other posts by the kind of reference."""
    post_id = str(post.id)
    created_at = iso(post.created_at) or published_at(post_id)
    author_id = _text(post.author_id)
    author = known.users.get(author_id)
    note = post.note_tweet
    entities = (note.entities if note and note.entities else None) or post.entities
    hashtags, cashtags, mentions, names, urls = _found(entities, known) if entities else _NO_ENTITIES
    metrics, geo, keys = post.public_metrics or _NO_METRICS, post.geo, _media_keys(post)
    return PostRow(
        id=post_id,
        key=post_key(post_id, created_at),
        created_at=created_at,
        author_id=author_id,
        username=(author.username or "") if author else "",
        text=(note.text if note and note.text else post.text) or "",
        lang=post.lang or "",
        source=post.source or "",
        conversation_id=_text(post.conversation_id),
        kind=next((kind for name, kind in _KINDS if name in references), "post") if references else "post",
        reposted_id=references.get("retweeted", ""),
        replied_to_id=references.get("replied_to", ""),
        quoted_id=references.get("quoted", ""),
        reply_to_user_id=_text(post.in_reply_to_user_id),
        likes=count(metrics.like_count),
        reposts=count(metrics.retweet_count),
        replies=count(metrics.reply_count),
        quotes=count(metrics.quote_count),
        bookmarks=count(metrics.bookmark_count),
        impressions=count(metrics.impression_count),
        possibly_sensitive=post.possibly_sensitive,
        reply_settings=post.reply_settings or "",
        withheld=(post.withheld.country_codes if post.withheld else None) or _NOTHING,
        hashtags=hashtags,
        cashtags=cashtags,
        mentions=mentions,
        mention_names=names,
        urls=urls,
        media_keys=keys,
        media_types=[known.media.get(key, "") for key in keys] if keys else _NOTHING,
        **(_place(geo, known) if geo else {}),
        matching_rules=rules,
        edit_history=post.edit_history_tweet_ids or _NOTHING,
        edits_remaining=count(post.edit_controls.edits_remaining) if post.edit_controls else None,
        included=included,
        retrieved_at=retrieved_at,
    )


def account_row(user: User, seen_at: str) -> AccountRow:
    """The row of an account."""
    metrics = user.public_metrics or _NO_USER_METRICS
    links = user.entities and user.entities.url and user.entities.url.urls
    kind = user.verified_type or ""
    return AccountRow(
        id=str(user.id),
        username=user.username or "",
        name=user.name or "",
        created_at=iso(user.created_at),
        description=user.description or "",
        location=user.location or "",
        url=(links[0].expanded_url if links else "") or user.url or "",
        verified_type="verified" if user.verified and kind in ("", "none") else kind,
        protected=user.protected,
        followers=count(metrics.followers_count),
        following=count(metrics.following_count),
        posts=count(metrics.tweet_count),
        listed=count(metrics.listed_count),
        likes=count(metrics.like_count),
        media=count(metrics.media_count),
        seen_at=seen_at,
    )


def tags_of(rules: Iterable[Rule] | None) -> list[str]:
    """The tags of rules; the id of one without a tag."""
    return [rule.tag or _text(rule.id) for rule in rules or ()]


def count(value: Number) -> int | None:
    """A number that may be written as text; None if there is none."""
    if value is None or type(value) is int:
        return value if value is None or -(1 << 63) <= value < (1 << 63) else None
    try:
        return count(int(value))
    except (ValueError, OverflowError):
        return None


def _text(value: Id) -> str:
    return "" if value is None else str(value)


def published_at(post_id: str) -> str:
    """When a post was published, by its id; empty if that does not tell."""
    found = published(post_id)
    return written(found) if found else ""


_Entities = tuple[list[str], list[str], list[str], list[str], list[str]]
_NO_ENTITIES: _Entities = ([], [], [], [], [])


def _found(entities: Entities, known: Known) -> _Entities:
    mentions = entities.mentions
    return (
        [each.tag or "" for each in entities.hashtags] if entities.hashtags else _NOTHING,
        [each.tag or "" for each in entities.cashtags] if entities.cashtags else _NOTHING,
        [_text(each.id) or known.id_of(each.username or "") for each in mentions] if mentions else _NOTHING,
        [each.username or "" for each in mentions] if mentions else _NOTHING,
        [each.expanded_url or each.url or "" for each in entities.urls] if entities.urls else _NOTHING,
    )


def _media_keys(post: Post) -> list[str]:
    return (post.attachments.media_keys if post.attachments else None) or _NOTHING


def _place(geo: Geo, known: Known) -> dict[str, Any]:
    place = known.places.get(geo.place_id or "") or geo
    lat, lon = place_of(geo.coordinates.coordinates if geo.coordinates else None)
    return {
        "lat": lat,
        "lon": lon,
        "place_id": _text(geo.place_id or geo.id),
        "place_name": place.full_name or place.name or "",
        "country_code": place.country_code or "",
    }


def place_of(point: list[float] | None) -> tuple[float | None, float | None]:
    """Latitude and longitude of a point that says longitude first."""
    return (point[1], point[0]) if point and len(point) > 1 else (None, None)
