"""A stored line is read only as far as rules look at it, which is a third of it and takes half the time."""

from typing import Any, Required, TypedDict, cast

import msgspec
import orjson

from harvester.documents import Tree
from harvester.documents.foreign import loaded


class _Post(TypedDict, total=False):
    """What `facts` reads of a post of API v2."""

    id: Any
    author_id: Any
    in_reply_to_user_id: Any
    text: Any
    note_tweet: Any
    note_post: Any
    entities: Any
    geo: Any
    referenced_tweets: Any
    referenced_posts: Any


class _User(TypedDict, total=False):
    id: Any
    username: Any


class _Includes(TypedDict, total=False):
    users: list[_User]
    tweets: list[_Post]
    posts: list[_Post]
    places: Any


class _Record(TypedDict, total=False):
    data: Required[_Post]
    includes: _Includes
    matching_rules: Any


_reduced = msgspec.json.Decoder(_Record)
_NAMED, _BEHIND = b'"matching_rules":', b',"__twarc":'


def matching_rules_in(line: bytes) -> bytes:
    """The member of a stored record that names the rules which it matched; empty if it has none."""
    # Within a text its quotation marks would be escaped.
    at = line.rfind(_NAMED)
    return line[at : line.rfind(_BEHIND)] if at >= 0 else b""


def reduced(line: bytes) -> Tree:
    """A line of one post of API v2 without what no rule looks at; any other line as a whole."""
    try:
        return cast(Tree, _reduced.decode(line))
    except ValueError:
        return _whole(line)


def _whole(line: bytes) -> Tree:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        # Half of a surrogate pair.
        found = loaded(line, constants=True)
    return found if isinstance(found, dict) else {}
