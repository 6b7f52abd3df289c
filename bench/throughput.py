"""Stream, search and timelines: this project, twarc2 into gzip and the bare loop, in turns on one server."""

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import harvests
from bench.measured import Cost, cost
from bench.servers import KEYS, asked, emulator, user_ids

_WORD = "flood"
_PEERS = ("harvest", "twarc2", "bare")


@dataclass(frozen=True)
class Figure:
    """The median of all rounds of one job and peer."""

    job: str
    peer: str
    posts_per_second: float
    cpu_per_million: float
    peak: float


@dataclass(frozen=True)
class Job:
    """One server's setting, and how each peer gets the posts of it into the folder it is given."""

    name: str
    posts: int
    base: str
    ids: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """The collection of this job, without its id."""
        kinds = {
            "stream": {"type": "filter", "filter": {"track": _WORD, "max_records": self.posts}},
            "search": {"type": "search", "search": {"query": _WORD}},
            "timelines": harvests.timelines(self.ids, screen_name="known"),
        }
        return kinds[self.name]

    def harvest(self, folder: Path, of: harvests.Checkout = harvests.HERE) -> tuple[Cost, int]:
        harvests.write(folder, self.name, **self.described())
        environment = {**KEYS, "X_API_URL": self.base}
        spent = cost(of.harvest(self.name), folder=folder, environment=environment)
        return spent, harvests.record(folder, self.name)["tweets"]

    def twarc2(self, folder: Path) -> tuple[Cost, int]:
        (folder / "ids.txt").write_text("\n".join(self.ids) + "\n")
        words = {
            "stream": ["stream", "--limit", str(self.posts)],
            "search": ["search", "--hide-progress", _WORD],
            "timelines": ["timelines", "--hide-progress", "ids.txt"],
        }
        root = str(Path(__file__).resolve().parents[1])
        command = [sys.executable, "-m", "bench.twarc2_at", self.base, *words[self.name]]
        environment = {**KEYS, "PYTHONPATH": root, "HOME": str(folder)}
        spent = cost(command, ["gzip"], folder=folder, environment=environment)
        return spent, harvests.stored_posts(folder / "out")

    def bare(self, folder: Path) -> tuple[Cost, int]:
        (folder / "ids.txt").write_text("\n".join(self.ids) + "\n")
        argument = {"stream": str(self.posts), "search": _WORD, "timelines": "ids.txt"}[self.name]
        root = str(Path(__file__).resolve().parents[1])
        command = [sys.executable, "-m", "bench.bare", self.base, self.name, "bare.jsonl.gz", argument]
        spent = cost(command, folder=folder, environment={"PYTHONPATH": root})
        return spent, json.loads((folder / "out").read_text())["posts"]


Opened = Callable[..., AbstractContextManager[Job]]


@contextmanager
def _stream(*, posts: int) -> Iterator[Job]:
    # Twice as many as asked for, so that no client waits for the last ones.
    options = ("--no-limits", "--users", "5", "--stream-rate", "max", "--stream-posts", str(2 * posts))
    with emulator(*options, "--keepalive", "5") as base:
        asked(base, "/2/tweets/search/stream/rules", {"add": [{"value": _WORD, "tag": "bench"}]})
        yield Job("stream", posts, base)


@contextmanager
def _search(*, posts: int) -> Iterator[Job]:
    with emulator(
        "--no-limits", "--users", "5", "--search-posts", str(posts), "--search-word", _WORD
    ) as base:
        yield Job("search", posts, base)


@contextmanager
def _timelines(*, posts: int) -> Iterator[Job]:
    count = max(1, posts // 3200)
    each = min(3200, posts)
    with emulator("--no-limits", "--users", str(count), "--posts-per-user", str(each)) as base:
        ids = tuple(user_ids(base))
        yield Job("timelines", count * each, base, ids)


JOBS: dict[str, Opened] = {
    "stream": _stream,
    "search": _search,
    "timelines": _timelines,
}


def measure(*, rounds: int, posts: int, slow_posts: int) -> Iterator[Figure]:
    """All jobs on the emulator."""
    yield from compared(JOBS, rounds=rounds, posts=posts, slow_posts=slow_posts)


def compared(
    jobs: Mapping[str, Opened],
    *,
    rounds: int,
    posts: int,
    slow_posts: int,
) -> Iterator[Figure]:
    """Rounds over all peers, so that what else the machine does falls on all alike.

    twarc2 gets `slow_posts`: it is slower by an order of magnitude, and from there on its cost per post does
    not depend on how many there are.
    """
    for name, opened in jobs.items():
        found: dict[str, list[Figure]] = {peer: [] for peer in _PEERS}
        for _ in range(rounds):
            for peer in _PEERS:
                found[peer].append(
                    _figure(opened, name, peer, posts=slow_posts if peer == "twarc2" else posts)
                )
        for peer in _PEERS:
            yield _median(found[peer])


def _figure(opened: Opened, name: str, peer: str, *, posts: int) -> Figure:
    with tempfile.TemporaryDirectory() as folder, opened(posts=posts) as job:
        spent, got = getattr(job, peer)(Path(folder))
        if got < job.posts:
            raise SystemExit(f"{peer} got {got} of {job.posts} posts of {name}")
        return Figure(name, peer, got / spent.seconds, spent.cpu / got * 1e6, spent.peak)


def _median(figures: list[Figure]) -> Figure:
    middle = {
        field: statistics.median(getattr(figure, field) for figure in figures)
        for field in ("posts_per_second", "cpu_per_million", "peak")
    }
    return replace(figures[0], **middle)
