"""`export jsonl`: one post a line with all that belongs to it, or the lines as they are stored."""

from collections.abc import Iterable, Mapping
from typing import Any

from harvester.exports.json_lines import line_of
from harvester.exports.output import output
from harvester.exports.posts import Posts
from harvester.exports.written import Written, written


def write(posts: Posts, to: str, options: Mapping[str, Any]) -> Written:
    """Write the lines."""
    raw = bool(options.get("raw"))
    lines: Iterable[bytes] = posts.raw() if raw else map(line_of, posts.trees())
    number = 0
    with output(to) as file:
        for line in lines:
            file.write(line + b"\n")
            number += 1
    return written(number, file, what="line" if raw else "post")
