"""`export sorted`: all posts in one file, oldest first."""

from collections.abc import Mapping
from typing import Any

from harvester.exports.json_lines import line_of
from harvester.exports.output import output
from harvester.exports.posts import Posts
from harvester.exports.written import Written, written
from harvester.reading.external_sort import Sorter

# Keys may be below zero, for posts of before the time from which they count.
_MIDDLE = 1 << 63


def write(posts: Posts, to: str, _: Mapping[str, Any]) -> Written:
    """Write a post a line, by the time of their publication."""
    number = 0
    with Sorter() as sorter, output(to) as file:
        for post in posts.read(trees=True):
            sorter.add(time_key(post.row.key), line_of(post.tree))
        for _key, line in sorter:
            file.write(line + b"\n")
            number += 1
    return written(number, file)


def time_key(key: int) -> bytes:
    """Bytes in the order of the keys."""
    return (key + _MIDDLE).to_bytes(9)
