"""How memory and overhead grow with the users of a collection and the posts of a harvest."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import harvests
from bench.measured import Cost, cost
from bench.servers import KEYS, emulator, user_ids

_WORD = "flood"
# Above any id that the emulator gives, so that there is nothing new.
_SINCE = "9000000000000000000"


@dataclass(frozen=True)
class Size:
    """What one harvest of a size cost."""

    what: str
    number: int
    spent: Cost
    posts: int


def overhead(*, users: int, memory: int = 0, of: harvests.Checkout = harvests.HERE) -> Size:
    """A harvest of many users of which all but one are done: nearly no requests, but all the rest."""
    with tempfile.TemporaryDirectory() as folder, emulator("--no-limits", "--users", "1") as base:
        known = user_ids(base)
        ids = [str(10**15 + number) for number in range(users - 1)]
        description = harvests.timelines([*ids, *known], screen_name="somebody", since_id=_SINCE)
        description["sweep"] = {"after": ids[-1], "started": "2026-11-23T00:00:00.000000+00:00"}
        what = "collection without requests"
        return _harvested(Path(folder), base, what, users, memory=memory, of=of, **description)


def timelines(*, users: int, posts_each: int, memory: int = 0) -> Size:
    """All users asked once."""
    options = ("--no-limits", "--users", str(users), "--posts-per-user", str(posts_each))
    with tempfile.TemporaryDirectory() as folder, emulator(*options) as base:
        since = {} if posts_each else {"since_id": _SINCE}
        description = harvests.timelines(user_ids(base), screen_name="somebody", **since)
        return _harvested(Path(folder), base, "users", users, memory=memory, **description)


def waiting(*, users: int) -> Size:
    """All users asked once, with 100 ms for each request."""
    options = ("--no-limits", "--users", str(users), "--posts-per-user", "1", "--latency", "100")
    with tempfile.TemporaryDirectory() as folder, emulator(*options) as base:
        description = harvests.timelines(user_ids(base), screen_name="somebody", since_id=_SINCE)
        return _harvested(Path(folder), base, "users at 100 ms", users, **description)


def search(*, posts: int, memory: int = 0) -> Size:
    options = ("--no-limits", "--users", "5", "--search-posts", str(posts), "--search-word", _WORD)
    with tempfile.TemporaryDirectory() as folder, emulator(*options) as base:
        description: dict[str, Any] = {"type": "search", "search": {"query": _WORD}}
        return _harvested(Path(folder), base, "posts of a search", posts, memory=memory, **description)


def stream(*, posts: int, memory: int = 0) -> Size:
    options = ("--no-limits", "--users", "5", "--stream-rate", "max", "--stream-posts", str(posts + 10_000))
    with tempfile.TemporaryDirectory() as folder, emulator(*options) as base:
        description: dict[str, Any] = {"type": "filter", "filter": {"track": _WORD, "max_records": posts}}
        return _harvested(Path(folder), base, "posts of a stream", posts, memory=memory, **description)


def curve(sizes: tuple[int, ...]) -> Iterator[Size]:
    for users in sizes:
        yield overhead(users=users)
    for users in sizes:
        yield timelines(users=users, posts_each=1, memory=512 << 20)


def _harvested(
    folder: Path,
    base: str,
    what: str,
    number: int,
    *,
    memory: int = 0,
    of: harvests.Checkout = harvests.HERE,
    **description: Any,
) -> Size:
    harvests.write(folder, "sized", **description)
    environment = {**KEYS, "X_API_URL": base}
    spent = cost(of.harvest("sized"), folder=folder, environment=environment, memory=memory)
    return Size(what, number, spent, harvests.record(folder, "sized")["tweets"])
