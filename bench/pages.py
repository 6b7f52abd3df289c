"""Search and timelines from a server that only sends: what is left is the client; and the memory of pages."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from bench import harvests
from bench.measured import cost
from bench.page_server import record, served
from bench.servers import KEYS
from bench.sizes import Size
from bench.throughput import Figure, Job, Opened, compared

_A_PAGE = 100
# Pages of 246 KB.
_SMALLER_PAGE = 59
_DEPTH = 3200


@cache
def _recorded(*, pages: int, posts: int) -> tempfile.TemporaryDirectory[str]:
    """The folder of a chain of pages, removed when this process ends."""
    folder = tempfile.TemporaryDirectory()
    record(Path(folder.name), pages=pages, posts=posts)
    return folder


@contextmanager
def _search(*, posts: int) -> Iterator[Job]:
    with served(Path(_recorded(pages=posts // _A_PAGE, posts=_A_PAGE).name)) as base:
        yield Job("search", posts, base)


@contextmanager
def _timelines(*, posts: int) -> Iterator[Job]:
    users = max(1, posts // _DEPTH)
    with served(Path(_recorded(pages=_DEPTH // _A_PAGE, posts=_A_PAGE).name)) as base:
        yield Job("timelines", users * _DEPTH, base, _ids(users))


JOBS: dict[str, Opened] = {"search": _search, "timelines": _timelines}


def measure(*, rounds: int) -> Iterator[Figure]:
    """As `throughput`, of a search and of ten timelines to their ends; twarc2 gets a third of the posts."""
    yield from compared(JOBS, rounds=rounds, posts=10 * _DEPTH, slow_posts=3 * _DEPTH)


def by_concurrency(*, users: int) -> Iterator[Size]:
    """Timelines with pages of a quarter of a megabyte, at 20 ms a request."""
    for concurrency in (1, 8, 32):
        yield at_once(concurrency, users=users)


def at_once(concurrency: int, *, users: int, of: harvests.Checkout = harvests.HERE) -> Size:
    folder = Path(_recorded(pages=_DEPTH // _A_PAGE, posts=_SMALLER_PAGE).name)
    with tempfile.TemporaryDirectory() as here, served(folder, latency=0.02) as base:
        harvests.write(Path(here), "sized", **harvests.timelines(_ids(users), screen_name="known"))
        environment = {**KEYS, "X_API_URL": base, "TWARC_CLOUD_CONCURRENCY": str(concurrency)}
        spent = cost(of.harvest("sized"), folder=Path(here), environment=environment)
        posts = harvests.record(Path(here), "sized")["tweets"]
        return Size(f"timelines at once, of {users} users", concurrency, spent, posts)


def _ids(users: int) -> tuple[str, ...]:
    return tuple(str(10**9 + number) for number in range(users))
