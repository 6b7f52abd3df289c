"""Which copies of posts that are stored more than once are left out; each takes 8 bytes of memory."""

from array import array
from collections.abc import Iterable
from itertools import groupby

from harvester.networks.rows import PostRow
from harvester.reading.external_sort import Sorter

KEEP, FIRST, NEWEST = "keep", "first", "newest"
CHOICES = (KEEP, FIRST, NEWEST)


def left_out(posts: Iterable[PostRow], which: str) -> "array[int]":
    """The ascending positions of posts that are left out; the first or newest copy of each is kept."""
    with Sorter() as sorter:
        for position, post in enumerate(posts):
            sorter.add(post.id.encode("utf-8", "replace"), _stamp(post, position, which))
        found = array("Q")
        for _, same in groupby(sorter, lambda pair: pair[0]):
            positions = [int.from_bytes(stamp[-8:]) for _, stamp in same]
            found.extend(positions[1:] if which == FIRST else positions[:-1])
    return array("Q", sorted(found))


def _stamp(post: PostRow, position: int, which: str) -> bytes:
    """The first in this order is the one that came first, and the last the newest."""
    time = b"" if which == FIRST else post.retrieved_at.encode().ljust(24)
    return time + position.to_bytes(8)
