"""`export ids`: the ids of posts or of accounts, sorted, each once."""

from collections.abc import Iterator, Mapping
from typing import Any

from harvester.exports.output import output
from harvester.exports.posts import Posts
from harvester.exports.written import Written, written
from harvester.reading.external_sort import Sorter

POSTS, USERS = "posts", "users"


def write(posts: Posts, to: str, options: Mapping[str, Any]) -> Written:
    """Write an id a line, those of numbers in their order."""
    of_users = options.get("of") == USERS
    with Sorter(unique=True) as sorter:
        for found in _authors(posts) if of_users else (post.row.id for post in posts.read()):
            sorter.add(sort_key(found))
        number = 0
        with output(to) as file:
            for key, _ in sorter:
                file.write(key[_LENGTH:] + b"\n")
                number += 1
    return written(number, file, what="user" if of_users else "post")


def _authors(posts: Posts) -> Iterator[str]:
    return (post.row.author_id for post in posts.read() if post.row.author_id)


_LENGTH = 2


def sort_key(text: str) -> bytes:
    """Numbers of fewer digits come first."""
    data = text.encode("utf-8", "replace")
    return min(len(data), 0xFFFF).to_bytes(_LENGTH) + data
