"""What lines of stored records hold, as far as it is counted or passed on: how many posts, and which."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from harvester.documents.foreign import loaded

# Such as `id`, `author_id` and `edit_history_tweet_ids`.
_NAME_OF_IDS = re.compile(r"(^|_)ids?$")


@dataclass(frozen=True)
class Records:
    """What some whole lines hold; `ids` only where they were asked for."""

    lines: int
    posts: int
    ids: list[str] = field(default_factory=list)


class Post(NamedTuple):
    """One post of a stored line, in a line of its own, which has no line end.

    `author` is the author's id, `published` when it was published, `received` when it came; each is "" where
    the line does not say. `is_plain` says that the times are as they stand in the value, and that it holds
    nothing that enrichment adds.
    """

    id: str
    value: bytes
    author: str = ""
    published: str = ""
    received: str = ""
    is_plain: bool = False

    def __repr__(self) -> str:
        """A text without the post, which does not belong in logs."""
        return f"Post({self.id!r})"


class BrokenLine(ValueError):
    """The line of this number, from 1 on, is no record; `why` ends a sentence about it."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number, self.why = number, why


def one_post_a_line(block: bytes, *, ids: bool) -> Records:
    """Of records that are one post each, with its `id`."""
    found = [object_of(line, number) for number, line in enumerate(block.splitlines(), 1)]
    return Records(len(found), len(found), [str(each.get("id")) for each in found] if ids else [])


def only_post(line: bytes) -> list[Post]:
    """Of a record that is one post, with its `id`."""
    return [Post(str(object_of(line, 1).get("id")), line)]


def object_of(line: bytes, number: int) -> dict[str, Any]:
    """The JSON object in a line; raises BrokenLine if there is none."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            # Half of a surrogate pair is JSON to others, and so is a number of any length.
            value = loaded(line, constants=True)
        except ValueError as error:
            raise BrokenLine(number, f"is not JSON: {error}") from None
        except RecursionError:
            raise BrokenLine(number, "is not JSON that can be read: it is nested too deeply") from None
    if not isinstance(value, dict):
        raise BrokenLine(number, f"is not a JSON object: {line[:60]!r}")
    return value


def readable(line: bytes) -> bytes:
    """The object in a line with a mark in place of each half of a surrogate pair, and with ids as text.

    Raises BrokenLine.
    """
    record = object_of(line, 1)
    try:
        return json.dumps(_whole(record)).encode()
    except RecursionError:
        raise BrokenLine(1, "is not JSON that can be read: it is nested too deeply") from None


def _whole(value: Any, name: str = "") -> Any:
    """The same with a mark in place of each half of a pair; a number of this name may be an id."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_whole(each): _whole(inner, each) for each, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner, name) for inner in value]
    return str(value) if type(value) is int and _NAME_OF_IDS.search(name) else value
