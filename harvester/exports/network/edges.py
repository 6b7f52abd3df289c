"""Who is connected with whom in a post: an edge for each mention, repost, reply, quote and hashtag."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from harvester.networks.rows import PostRow

MENTION, REPOST, REPLY, QUOTE = "mention", "repost", "reply", "quote"
TOGETHER, USED = "hashtag-cooccurrence", "user-hashtag"
KINDS = (MENTION, REPOST, REPLY, QUOTE, TOGETHER, USED)
# A post with more hashtags is a list of tags, whose pairs would outnumber those of all others.
_MOST_TAGS = 50

# From a node to a node. Accounts are nodes by their ids, `@name` where only that is known; hashtags are
# `#tag` in small letters.
Ends = tuple[str, str]


def edges(post: PostRow, authors: Mapping[str, str], kinds: frozenset[str]) -> Iterator[tuple[Ends, str]]:
    """The connections in a post; `authors` are those of the posts included with it, by id."""
    writer = post.author_id
    if writer:
        for kind, target in _users(post, authors):
            if target and kind in kinds:
                yield (writer, target), kind
    if USED in kinds or TOGETHER in kinds:
        yield from _of_tags(sorted({f"#{tag.lower()}" for tag in post.hashtags if tag}), writer, kinds)


def _of_tags(tags: Sequence[str], writer: str, kinds: frozenset[str]) -> Iterator[tuple[Ends, str]]:
    if USED in kinds and writer:
        yield from (((writer, tag), USED) for tag in tags)
    if TOGETHER in kinds and len(tags) <= _MOST_TAGS:
        yield from ((pair, TOGETHER) for pair in combinations(tags, 2))


def _users(post: PostRow, authors: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    mentioned = [_user(*each) for each in zip(post.mentions, post.mention_names, strict=True)]
    if post.reposted_id:
        # `RT @name: ...` begins with the reposted account, which is not a mention.
        reposted = mentioned[:1] if post.text.startswith("RT @") else []
        mentioned = mentioned[len(reposted) :]
        yield REPOST, authors.get(post.reposted_id, "") or "".join(reposted)
    for user in mentioned:
        yield MENTION, user
    if post.quoted_id:
        yield QUOTE, authors.get(post.quoted_id, "")
    if post.replied_to_id or post.reply_to_user_id:
        yield REPLY, post.reply_to_user_id or authors.get(post.replied_to_id, "")


def _user(user_id: str, name: str) -> str:
    return user_id or (f"@{name.lower()}" if name else "")
