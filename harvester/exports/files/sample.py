"""`files sample`: some posts, or the posts of some users, chosen by chance and always the same ones.

The posts with the lowest hashes of id and seed are chosen. The order of the files and the machine do
not matter, and the sample of a whole can be drawn from the samples of its parts.
"""

import hashlib
import heapq
from collections.abc import Iterable, Iterator

from harvester.exports.json_lines import line_of
from harvester.exports.output import output
from harvester.exports.posts import Post, Posts
from harvester.exports.written import Written, written


def sample(posts: Posts, to: str, *, size: int, seed: str, of_users: bool) -> Written:
    """Write one post per line, in the order of the files, each once."""
    chosen = _chosen(_ids(posts.read(), of_users=of_users), size, seed)
    number = 0
    done: set[str] = set()
    with output(to) as file:
        for post in posts.read(trees=True):
            wanted = (post.row.author_id if of_users else post.row.id) in chosen
            if wanted and post.row.id not in done:
                done.add(post.row.id)
                file.write(line_of(post.tree) + b"\n")
                number += 1
    users = (f"Of {len(chosen):,} users.",) if of_users else ()
    return written(number, file, notes=users)


def _ids(posts: Iterable[Post], *, of_users: bool) -> Iterator[str]:
    found = (post.row.author_id if of_users else post.row.id for post in posts)
    return (each for each in found if each)


def _chosen(ids: Iterable[str], size: int, seed: str) -> set[str]:
    """The ids whose hashes come first; no more of them than are chosen are in memory."""
    heap: list[tuple[int, str]] = []
    inside: set[str] = set()
    for each in ids:
        if each in inside:
            continue
        rank = -int.from_bytes(hashlib.sha256(f"{seed}:{each}".encode("utf-8", "replace")).digest())
        if len(heap) < size:
            heapq.heappush(heap, (rank, each))
        elif heap and rank > heap[0][0]:
            inside.discard(heapq.heapreplace(heap, (rank, each))[1])
        else:
            continue
        inside.add(each)
    return inside
