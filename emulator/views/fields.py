"""Selects the fields of an object that a request sees, in one of two vocabularies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from emulator.world.wording import names

POST_ONLY = ("article_title",)
TWEET_FIELDS = names(
    "article attachments author_id card_uri community_id context_annotations conversation_id created_at "
    "display_text_range edit_controls edit_history_tweet_ids entities geo id in_reply_to_user_id lang "
    "matched_media_notes media_metadata non_public_metrics note_request_suggestions note_tweet "
    "organic_metrics "
    "paid_partnership possibly_sensitive promoted_metrics public_metrics referenced_tweets "
    "reply_settings scopes "
    "source suggested_source_links suggested_source_links_with_counts text withheld"
)
# tweet name -> post name, for fields, expansions, includes and metrics alike.
POST_NAMES = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "referenced_tweets": "referenced_posts",
    "referenced_tweets.id": "referenced_posts",
    "note_tweet": "note_post",
    "pinned_tweet_id": "pinned_post_id",
    "most_recent_tweet_id": "most_recent_post_id",
    "tweets": "posts",
    "retweet_count": "repost_count",
    "tweet_count": "post_count",
    "total_tweet_count": "total_post_count",
}
TWEET_NAMES = {post: tweet for tweet, post in POST_NAMES.items() if tweet != "referenced_tweets"}
POST_FIELDS = frozenset(POST_NAMES.get(name, name) for name in TWEET_FIELDS) | {*POST_ONLY}
USER_FIELDS = names(
    "affiliation confirmed_email connection_status created_at description entities id "
    "is_identity_verified location "
    "most_recent_tweet_id name parody pinned_tweet_id profile_banner_url profile_image_url protected "
    "public_metrics "
    "receives_your_dm subscribes_to_you subscription subscription_type url username verified "
    "verified_followers_count verified_type withheld most_recent_post_id pinned_post_id"
)
MEDIA_FIELDS = names(
    "alt_text duration_ms height media_key non_public_metrics organic_metrics preview_image_url "
    "promoted_metrics "
    "public_metrics type url variants width"
)
POLL_FIELDS = names("duration_minutes end_datetime id options voting_status")
PLACE_FIELDS = names("contained_within country country_code full_name geo id name place_type")
TWEET_EXPANSIONS = names(
    "article.cover_media article.media_entities attachments.media_keys attachments.media_source_tweet "
    "attachments.poll_ids author_id edit_history_tweet_ids entities.mentions.username geo.place_id "
    "in_reply_to_user_id entities.note.mentions.username referenced_tweets.id "
    "referenced_tweets.id.attachments.media_keys referenced_tweets.id.author_id"
)
EXPANSIONS = TWEET_EXPANSIONS | {
    "edit_history_post_ids",
    "referenced_posts",
    "username",
    "referenced_posts.author_id",
    "referenced_posts.attachments.media_keys",
}
USER_EXPANSIONS = frozenset(
    ["affiliation", "most_recent_tweet_id", "pinned_tweet_id", "most_recent_post_id", "pinned_post_id"]
)

ALWAYS = {
    "post": ("id", "text", "edit_history_tweet_ids"),
    "user": ("id", "name", "username"),
    "media": ("media_key", "type"),
    "poll": ("id", "options"),
    "place": ("id", "full_name"),
}
# The field that carries the id an expansion follows comes along with it.
CARRIER = {
    "author_id": "author_id",
    "in_reply_to_user_id": "in_reply_to_user_id",
    "referenced_tweets.id": "referenced_tweets",
    "referenced_tweets.id.author_id": "referenced_tweets",
    "referenced_tweets.id.attachments.media_keys": "referenced_tweets",
    "attachments.media_keys": "attachments",
    "attachments.poll_ids": "attachments",
    "attachments.media_source_tweet": "attachments",
    "geo.place_id": "geo",
    "entities.mentions.username": "entities",
    "pinned_tweet_id": "pinned_tweet_id",
    "most_recent_tweet_id": "most_recent_tweet_id",
}
KNOWN = {
    "post": TWEET_FIELDS,
    "user": USER_FIELDS,
    "media": MEDIA_FIELDS,
    "poll": POLL_FIELDS,
    "place": PLACE_FIELDS,
}


SHAPING = (
    "tweet.fields",
    "post.fields",
    "user.fields",
    "media.fields",
    "poll.fields",
    "place.fields",
    "expansions",
)


@dataclass(frozen=True, eq=False)
class View:
    """Fields by kind of object, expansions (both in tweet names), and whether the answer uses post names.

    One is equal only to itself, since what is kept by view is looked up for each post of a page.
    """

    fields: frozenset[tuple[str, frozenset[str]]]
    expansions: frozenset[str]
    post_names: bool = False

    def of(self, kind: str) -> frozenset[str]:
        return next(names for name, names in self.fields if name == kind)

    def shown(self, kind: str, thing: Mapping[str, Any], *, loaded: bool = False) -> dict[str, Any]:
        """The object as this request sees it; a loaded one keeps what no vocabulary knows."""
        wanted = self.of(kind)
        extra = loaded and len(wanted) > len(ALWAYS[kind])
        seen = {
            name: value
            for name, value in thing.items()
            if name in wanted or (extra and name not in KNOWN[kind])
        }
        return renamed(seen) if self.post_names else seen

    def name(self, tweet_name: str) -> str:
        return POST_NAMES.get(tweet_name, tweet_name) if self.post_names else tweet_name


def renamed(thing: Mapping[str, Any]) -> dict[str, Any]:
    """The object in post names, one level deep, which is where the names differ."""
    return {
        POST_NAMES.get(name, name): (
            {POST_NAMES.get(key, key): count for key, count in value.items()}
            if name == "public_metrics"
            else value
        )
        for name, value in thing.items()
    }


def view_of(params: Mapping[str, str]) -> View:
    """The view a request's parameters ask for; they have been checked before."""
    return made_view(tuple((name, params[name]) for name in SHAPING if name in params))


@lru_cache(maxsize=512)
def made_view(given: tuple[tuple[str, str], ...]) -> View:
    # The same object for the same parameters, by which what is kept for them is found.
    params = dict(given)
    post_names = "post.fields" in params
    asked = {
        "post": words(params, "post.fields" if post_names else "tweet.fields"),
        **{kind: words(params, f"{kind}.fields") for kind in ("user", "media", "poll", "place")},
    }
    expansions = {TWEET_NAMES.get(name, name) for name in words(params, "expansions")}
    if "referenced_posts.author_id" in expansions:
        expansions |= {"referenced_tweets.id", "referenced_tweets.id.author_id"}
    carried = {CARRIER[name] for name in expansions if name in CARRIER}
    fields = frozenset(
        (
            kind,
            frozenset(
                [
                    *ALWAYS[kind],
                    *(TWEET_NAMES.get(name, name) for name in names),
                    *(carried if kind in ("post", "user") else ()),
                ]
            ),
        )
        for kind, names in asked.items()
    )
    return View(fields, frozenset(expansions), post_names)


def words(params: Mapping[str, str], name: str) -> list[str]:
    return [word for word in params.get(name, "").split(",") if word]


def all_fields(kinds: Iterable[str] = tuple(KNOWN)) -> View:
    """Everything there is, as a client with full field lists sees it."""
    return view_of(
        {
            **{f"{'tweet' if kind == 'post' else kind}.fields": ",".join(KNOWN[kind]) for kind in kinds},
            "expansions": ",".join(TWEET_EXPANSIONS),
        }
    )
