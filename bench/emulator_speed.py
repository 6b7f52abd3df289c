"""How many posts a second the emulator hands to one bare client: more than any harvester takes.

    python -m bench.emulator_speed [POSTS]

The emulator has one core, the client another. Posts have all fields and expansions, as twarc2 asks for them.
"""

import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlencode, urlsplit

from bench.measured import CORES
from bench.servers import KEYS, asked, emulator
from emulator.views.fields import KNOWN, TWEET_EXPANSIONS

WANTED = 20_000
EVERYTHING = {
    **{
        f"{'tweet' if kind == 'post' else kind}.fields": ",".join(sorted(names))
        for kind, names in KNOWN.items()
    },
    "expansions": ",".join(sorted(TWEET_EXPANSIONS)),
}
HEADERS = {"Authorization": f"Bearer {KEYS['BEARER_TOKEN']}"}
READ = 1 << 18


def pages(base: str, path: str, *, size: int, **params: str) -> Iterator[tuple[int, int]]:
    """Posts and bytes of each page of a chain, over one connection."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc)
    token = ""
    while True:
        query = {
            **EVERYTHING,
            **params,
            "max_results": str(size),
            **({"pagination_token": token} if token else {}),
        }
        connection.request("GET", f"{path}?{urlencode(query)}", headers=HEADERS)
        body = connection.getresponse().read()
        # Looking for two words instead of reading the JSON keeps the client out of the figure.
        meta = json.loads(body[body.rindex(b'"meta":') + len(b'"meta":') : -1])
        yield meta["result_count"], len(body)
        token = meta.get("next_token", "")
        if not token:
            return


def timelines(base: str, posts: int) -> tuple[int, int]:
    done = size = 0
    for account in asked(base, "/emulator/users?count=100")["generated"]:
        for count, length in pages(base, f"/2/users/{account['id']}/tweets", size=100):
            done, size = done + count, size + length
            if done >= posts:
                return done, size
    return done, size


def search(base: str, posts: int, *, archive: bool = False) -> tuple[int, int]:
    done = size = 0
    path = f"/2/tweets/search/{'all' if archive else 'recent'}"
    for count, length in pages(base, path, size=500 if archive else 100, query="flood"):
        done, size = done + count, size + length
        if done >= posts:
            break
    return done, size


def stream(base: str, posts: int) -> tuple[int, int]:
    asked(base, "/2/tweets/search/stream/rules", {"add": [{"value": "flood", "tag": "speed"}]})
    connection = http.client.HTTPConnection(urlsplit(base).netloc)
    connection.request("GET", f"/2/tweets/search/stream?{urlencode(EVERYTHING)}", headers=HEADERS)
    response = connection.getresponse()
    done = size = 0
    while done < posts:
        piece = response.read1(READ)
        if not piece:
            break
        done, size = done + piece.count(b"\n"), size + len(piece)
    connection.close()
    return done, size


def measured(name: str, work: Callable[[str, int], tuple[int, int]], base: str, posts: int) -> bool:
    work(base, 1)
    begun = time.perf_counter()
    done, size = work(base, posts)
    rate = done / (time.perf_counter() - begun)
    each = size / done
    print(f"{name:28} {rate:8,.0f} posts/s {each / 1000:6.1f} kB a post {rate * each / 1e6:7.0f} MB/s")
    return rate >= WANTED


def main() -> int:
    posts = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    if CORES and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {CORES[-1]})
    with emulator(
        "--users", "100", "--posts-per-user", "3200", "--search-posts", str(posts), "--no-limits"
    ) as base:
        fast = [
            measured("timelines, 100 a page", timelines, base, posts),
            measured("recent search, 100 a page", search, base, posts),
        ]
    with emulator(
        "--users", "0", "--stream-rate", "max", "--stream-posts", str(posts * 2), "--no-limits"
    ) as base:
        fast.append(measured("stream", stream, base, posts))
    print(f"{'all' if all(fast) else 'not all'} at least {WANTED:,} posts/s")
    return 0 if all(fast) else 1


if __name__ == "__main__":
    sys.exit(main())
