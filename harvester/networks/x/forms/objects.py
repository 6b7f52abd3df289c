"""The objects of X's API v2, as far as rows say it; any member may be null or absent."""

from typing import Annotated, TypeAlias

import msgspec

# Real answers have numbers as text in places.
Number: TypeAlias = int | float | str | None
Text: TypeAlias = str | None
Truth: TypeAlias = bool | None
Id: TypeAlias = str | int | None


class Tag(msgspec.Struct, gc=False):
    """A hashtag or a cashtag."""

    tag: Text = None


class Url(msgspec.Struct, gc=False):
    """A link in a text."""

    expanded_url: Text = None
    url: Text = None


class Urls(msgspec.Struct, gc=False):
    """The links of one text of an account."""

    urls: list[Url] | None = None


class UserEntities(msgspec.Struct, gc=False):
    """The entities in the texts of an account."""

    url: Urls | None = None


class UserMetrics(msgspec.Struct, gc=False):
    """The counts of an account."""

    followers_count: Number = None
    following_count: Number = None
    tweet_count: Number = None
    listed_count: Number = None
    like_count: Number = None
    media_count: Number = None


class User(msgspec.Struct, gc=False):
    """An account."""

    id: Id = None
    username: Text = None
    name: Text = None
    created_at: Text = None
    description: Text = None
    location: Text = None
    url: Text = None
    entities: UserEntities | None = None
    verified: Truth = None
    verified_type: Text = None
    protected: Truth = None
    public_metrics: UserMetrics | None = None


class Mention(User, gc=False):
    """An account that a text names; of a flattened post all that is known of it."""


class Entities(msgspec.Struct, gc=False):
    """The entities in the text of a post."""

    hashtags: list[Tag] | None = None
    cashtags: list[Tag] | None = None
    mentions: list[Mention] | None = None
    urls: list[Url] | None = None


class NoteTweet(msgspec.Struct, gc=False):
    """The whole of a long text."""

    text: Text = None
    entities: Entities | None = None


class Metrics(msgspec.Struct, gc=False):
    """The counts of a post."""

    like_count: Number = None
    retweet_count: Number = None
    reply_count: Number = None
    quote_count: Number = None
    bookmark_count: Number = None
    impression_count: Number = None


class Media(msgspec.Struct, gc=False):
    """A picture or a video."""

    media_key: Text = None
    type: Text = None


class Attachments(msgspec.Struct, gc=False):
    """The attachments of a post; `media` exists only if it is flattened."""

    media_keys: list[str] | None = None
    media: list[Media] | None = None


class Point(msgspec.Struct, gc=False):
    """Longitude and latitude."""

    coordinates: list[float] | None = None


class Place(msgspec.Struct, gc=False):
    """A named place."""

    id: Id = None
    full_name: Text = None
    name: Text = None
    country_code: Text = None


class Geo(Place, gc=False):
    """Where a post was written; of a flattened post also what is known of the place."""

    place_id: Text = None
    coordinates: Point | None = None


class Withheld(msgspec.Struct, gc=False):
    """In which countries it is not shown."""

    country_codes: list[str] | None = None


class EditControls(msgspec.Struct, gc=False):
    """Whether it may be changed."""

    edits_remaining: Number = None


class Reference(msgspec.Struct, gc=False):
    """Another post that a post is about."""

    type: Text = None
    id: Id = None


class Rule(msgspec.Struct, gc=False):
    """A rule of a stream."""

    id: Id = None
    tag: Text = None


class Provenance(msgspec.Struct, gc=False):
    """The data that twarc adds to an answer."""

    retrieved_at: Text = None


class Post(msgspec.Struct, gc=False):
    """A post; without a text and with a `username`, it is an account."""

    # A longer number is no whole one to others.
    id: str | Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
    text: Text = None
    author_id: Id = None
    created_at: Text = None
    lang: Text = None
    source: Text = None
    conversation_id: Id = None
    in_reply_to_user_id: Id = None
    possibly_sensitive: Truth = None
    reply_settings: Text = None
    entities: Entities | None = None
    note_tweet: NoteTweet | None = None
    public_metrics: Metrics | None = None
    attachments: Attachments | None = None
    geo: Geo | None = None
    withheld: Withheld | None = None
    edit_history_tweet_ids: list[str] | None = None
    edit_controls: EditControls | None = None
    username: Text = None


class PagePost(Post, gc=False):
    """A post of a page, which refers to what the page includes."""

    referenced_tweets: list[Reference] | None = None


class FlatPost(Post, gc=False):
    """A flattened post, which holds what it refers to. `type` says how another one refers to it."""

    type: Text = None
    author: User | None = None
    in_reply_to_user: User | None = None
    referenced_tweets: list["FlatPost"] | None = None
    matching_rules: list[Rule] | None = None
    twarc: Provenance | None = msgspec.field(name="__twarc", default=None)
