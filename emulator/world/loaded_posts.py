"""Posts that were loaded or published: kept as they came, and given back unchanged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from emulator.clock import HALF_HOUR_MS, iso_of_ms, ms_of_id
from emulator.language import Facts
from emulator.views.fields import View
from emulator.world.wording import entities_of


@dataclass(slots=True)
class StoredPost:
    """A post object in the tweet vocabulary; `facts` are what queries ask about it."""

    data: Mapping[str, Any]
    facts: Facts
    verified: bool = False
    _rendered: tuple[View, bytes] | None = field(default=None, repr=False)

    @property
    def id(self) -> int:
        return int(self.data["id"])

    @property
    def author(self) -> int:
        return int(self.data.get("author_id") or 0)

    @property
    def kinds(self) -> frozenset[str]:
        return self.facts.kinds

    def json(self, view: View) -> bytes:
        if self._rendered is None or self._rendered[0] != view:
            self._rendered = (view, orjson.dumps(view.shown("post", self.data, loaded=True)))
        return self._rendered[1]


@dataclass
class Things:
    """What pages carry in `includes`, by id; posts here are referred to but belong to no timeline."""

    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    tweets: dict[str, dict[str, Any]] = field(default_factory=dict)
    media: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[str, dict[str, Any]] = field(default_factory=dict)
    polls: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, includes: Mapping[str, Any]) -> None:
        for kind, key in KEYS.items():
            kept = getattr(self, kind)
            for thing in includes.get(kind) or includes.get(POST_KINDS.get(kind, ""), ()):
                kept[str(thing[key])] = thing

    def of(self, post: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The posts here that it refers to."""
        ids = (str(each["id"]) for each in post.get("referenced_tweets") or ())
        return {post_id: self.tweets[post_id] for post_id in ids if post_id in self.tweets}


KEYS = {"users": "id", "tweets": "id", "media": "media_key", "places": "id", "polls": "id"}
POST_KINDS = {"tweets": "posts"}


@dataclass(frozen=True)
class Links:
    """Ids a post object refers to, by the expansion that follows them."""

    mentions: tuple[str, ...] = ()
    reply_to: str = ""
    posts: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    polls: tuple[str, ...] = ()
    place: str = ""


def links(post: Mapping[str, Any]) -> Links:
    attachments = post.get("attachments") or {}
    return Links(
        mentions=tuple(mention_names(post)),
        reply_to=str(post.get("in_reply_to_user_id") or ""),
        posts=tuple(ref["id"] for ref in post.get("referenced_tweets") or ()),
        history=tuple(post.get("edit_history_tweet_ids") or ()),
        media=tuple(attachments.get("media_keys") or ()),
        polls=tuple(attachments.get("poll_ids") or ()),
        place=str((post.get("geo") or {}).get("place_id") or ""),
    )


def mention_names(post: Mapping[str, Any]) -> Iterator[str]:
    for mention in (post.get("entities") or {}).get("mentions") or ():
        yield str(mention.get("username") or mention.get("id") or "")


def fresh_post(post_id: int, *, author: int, text: str) -> dict[str, Any]:
    """A post without any reactions yet, created at the time its id carries."""
    ms = ms_of_id(post_id)
    counts = (
        "retweet_count",
        "reply_count",
        "like_count",
        "quote_count",
        "bookmark_count",
        "impression_count",
    )
    return {
        "id": str(post_id),
        "text": text or f"published post {post_id}",
        "author_id": str(author),
        "created_at": iso_of_ms(ms),
        "conversation_id": str(post_id),
        "edit_history_tweet_ids": [str(post_id)],
        "edit_controls": {
            "edits_remaining": 5,
            "is_edit_eligible": True,
            "editable_until": iso_of_ms(ms + HALF_HOUR_MS),
        },
        "lang": "en",
        "source": "Twitter Web App",
        "possibly_sensitive": False,
        "reply_settings": "everyone",
        "public_metrics": dict.fromkeys(counts, 0),
        **entities_of(text),
    }
