"""What stored lines hold as flat rows, the same for every network: posts, and accounts as they were seen."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

import msgspec

from harvester.networks.records import Post

KINDS = ("post", "repost", "reply", "quote")
# The millisecond from which the keys of posts count, which is that of X's ids.
_EPOCH_MS = 1_288_834_974_657
_BITS = 22
_GREATEST = (1 << 63) - 1
# A key holds 69 years before and after; a time beyond them, such as one of the year 9999, is their end.
_LONGEST_MS = (_GREATEST >> _BITS) + 1


class PostRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One post. A text is "" and a number None if the line does not say it.

    `created_at` and `retrieved_at` are like 2026-11-01T12:00:00.000Z. Lists that describe the same things
    have the same length: `mentions` (ids) and `mention_names`, `media_keys` and `media_types`. `included`
    says that it came along with another post and was not collected itself.
    """

    id: str
    # Orders the posts of a network by time.
    key: int
    created_at: str = ""
    author_id: str = ""
    username: str = ""
    text: str = ""
    lang: str = ""
    source: str = ""
    conversation_id: str = ""
    # One of KINDS.
    kind: str = "post"
    reposted_id: str = ""
    replied_to_id: str = ""
    quoted_id: str = ""
    reply_to_user_id: str = ""
    likes: int | None = None
    reposts: int | None = None
    replies: int | None = None
    quotes: int | None = None
    bookmarks: int | None = None
    impressions: int | None = None
    possibly_sensitive: bool | None = None
    reply_settings: str = ""
    # The countries in which it is not shown.
    withheld: list[str] = []
    hashtags: list[str] = []
    cashtags: list[str] = []
    mentions: list[str] = []
    mention_names: list[str] = []
    # Where the links in the text lead.
    urls: list[str] = []
    media_keys: list[str] = []
    media_types: list[str] = []
    lat: float | None = None
    lon: float | None = None
    place_id: str = ""
    place_name: str = ""
    country_code: str = ""
    # The tags of the rules that it matched; the id of a rule without a tag.
    matching_rules: list[str] = []
    edit_history: list[str] = []
    edits_remaining: int | None = None
    included: bool = False
    retrieved_at: str = ""


class AccountRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An account as it was at `seen_at`. `verified_type` is "verified" where only that is known."""

    id: str
    username: str = ""
    name: str = ""
    created_at: str = ""
    description: str = ""
    location: str = ""
    url: str = ""
    verified_type: str = ""
    protected: bool | None = None
    followers: int | None = None
    following: int | None = None
    posts: int | None = None
    listed: int | None = None
    likes: int | None = None
    media: int | None = None
    seen_at: str = ""


class Rows(msgspec.Struct, frozen=True, gc=False):
    """What one line holds; included posts follow those that were collected."""

    posts: tuple[PostRow, ...] = ()
    accounts: tuple[AccountRow, ...] = ()


def rows_of(posts: Iterable[Post]) -> Rows:
    """Rows of posts of which only the fields that any network has are known."""
    return Rows(
        tuple(
            PostRow(
                id=post.id,
                key=key_of(post.id, post.published),
                created_at=post.published,
                author_id=post.author,
                retrieved_at=post.received,
            )
            for post in posts
        )
    )


def key_of(post_id: str, created_at: str) -> int:
    """A number that orders posts by time, for ids that do not: the time, then bits of the id's hash."""
    bits = int.from_bytes(hashlib.sha1(post_id.encode(), usedforsecurity=False).digest()[:4]) >> 10
    if not created_at:
        return bits
    since = _milliseconds(created_at) - _EPOCH_MS
    return max(-_LONGEST_MS, min(since, _LONGEST_MS - 1)) << _BITS | bits


def _milliseconds(created_at: str) -> int:
    try:
        return int(datetime.fromisoformat(created_at).timestamp() * 1000)
    except (ValueError, OverflowError):
        return _EPOCH_MS


def bounded(number: int) -> bool:
    """Whether it can be a key: columns of other programs hold 63 bits."""
    return 0 <= number <= _GREATEST
