"""`export per-user`: a file for each account, in the layout of Twittomatic: `22/22013880.twt.gz`."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from harvester.exports.ids import sort_key
from harvester.exports.json_lines import line_of
from harvester.exports.output import folder, output
from harvester.exports.posts import Posts
from harvester.exports.sorted_by_time import time_key
from harvester.exports.written import Written
from harvester.reading.external_sort import Pair, Sorter
from harvester.text import counted

# Names may come from any network; none may lead out of its folder.
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def write(posts: Posts, to: str, _: Mapping[str, Any]) -> Written:
    """Write the folder; in each file one post a line, newest first, members by name."""
    number = files = size = unknown = 0
    with Sorter() as sorter, folder(to, known_by=["*/*.twt.gz"]) as made:
        for post in posts.read(trees=True):
            if not post.row.author_id:
                unknown += 1
                continue
            key = sort_key(post.row.author_id) + b"\0" + _newest_first(post.row.key)
            sorter.add(key, line_of(post.tree, by_name=True))
        for author, of_author in _by_author(sorter):
            path = made / place(author)
            with output(str(path)) as file:
                for _key, line in of_author:
                    file.write(line + b"\n")
                    number += 1
            files += 1
            size += (file.within or file).bytes
    notes = (f"{counted(unknown, 'post')} without an author left out.",) if unknown else ()
    return Written(number, size, files=files, notes=notes, figures={"files": files})


def place(author: str, ending: str = ".twt.gz") -> Path:
    """Below the first two digits of its id."""
    name = "".join(letter if letter in _ALLOWED else f"%{ord(letter):x}" for letter in author)
    return Path(name[:2]) / f"{name}{ending}"


def _newest_first(key: int) -> bytes:
    return time_key(-1 - key)


_OF_TIME = len(time_key(0))


def _by_author(sorter: Sorter) -> Iterator[tuple[str, Iterator[Pair]]]:
    for key, pairs in groupby(sorter, lambda pair: pair[0][: -_OF_TIME - 1]):
        yield key[2:].decode("utf-8", "replace"), pairs
