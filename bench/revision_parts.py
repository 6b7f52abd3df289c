"""What `bench.revisions` measures of one checkout, or of a program beside it: figures by name.

Each part starts its servers, yields what measures a checkout or a peer once, and ends them.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench import download, harvests, pages, revision_s3, sizes, start, steady, throughput, verify, watched
from bench.harvests import Checkout
from bench.measured import Cost, cost
from bench.revision_s3 import Figures, Measure, Tool, checkout
from tests.support.certificates import loopback_certificate
from tests.support.servers import seaweedfs

BARE, TWARC2, S5CMD = "bare", "twarc2", "s5cmd"


@dataclass(frozen=True)
class Part:
    """`peers` are measured beside the checkouts; `once` says that further rounds would show the same."""

    opened: Callable[[], AbstractContextManager[Measure]]
    peers: tuple[str, ...] = ()
    once: bool = False


def _figures(spent: Cost, posts: int) -> Figures:
    return {"us": spent.cpu / posts * 1e6, "wall": spent.seconds, "peak": spent.peak}


@contextmanager
def _stream() -> Iterator[Measure]:
    with tempfile.TemporaryDirectory() as name:
        steady.samples(Path(name) / "posts")

        def measure(tool: Tool) -> Figures:
            # Enough that a start is little of it, also where that takes as long as 4,000 posts.
            posts = 75_000 if tool == TWARC2 else 150_000
            # A server for each, as it keeps sending to who has left until it notices.
            with steady.stream_server(Path(name) / "posts", 0) as base:
                return _job(throughput.Job("stream", posts, base), tool)

        yield measure


def _of_pages(name: str) -> Callable[[], AbstractContextManager[Measure]]:
    @contextmanager
    def opened() -> Iterator[Measure]:
        with pages.JOBS[name](posts=32_000) as job:
            yield lambda tool: _job(job, tool)

    return opened


def _job(job: throughput.Job, tool: Tool) -> Figures:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spent, posts = job.harvest(folder, tool) if isinstance(tool, Checkout) else getattr(job, tool)(folder)
    if posts < job.posts:
        raise SystemExit(f"{tool} got {posts} of {job.posts} posts of {job.name}")
    return _figures(spent, posts)


def _steadily(
    rate: int, *, secure: bool, seconds: float = 8.0
) -> Callable[[], AbstractContextManager[Measure]]:
    """Into a folder without TLS, or into S3 with it."""

    @contextmanager
    def opened() -> Iterator[Measure]:
        with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
            folder = Path(name)
            steady.samples(folder / "posts")
            s3 = servers.enter_context(seaweedfs(folder / "s3"))
            s3.client().create_bucket(Bucket=steady.BUCKET)
            certificate = loopback_certificate(folder) if secure else None
            stage = steady.Stage(folder / "posts", certificate or (), s3)

            def measure(tool: Tool) -> Figures:
                ours = isinstance(tool, Checkout)
                peer = ("S3" if secure else "folder") if ours else BARE
                of = tool if isinstance(tool, Checkout) else harvests.HERE
                with tempfile.TemporaryDirectory() as name:
                    here = Path(name)
                    spent = steady.cost_of_a_post(
                        peer, replace(stage, of=of), here, rate=rate, seconds=seconds
                    )
                    if not ours or secure:
                        return {"us": spent}
                    stored = harvests.record(here, steady.ID)
                    return {"us": spent, "bytes": stored["file_bytes"] / stored["tweets"]}

            yield measure

    return opened


@contextmanager
def _at_once() -> Iterator[Measure]:
    def measure(tool: Tool) -> Figures:
        found = pages.at_once(32, users=60, of=checkout(tool))
        return _figures(found.spent, found.posts)

    yield measure


def _users(number: int) -> Callable[[], AbstractContextManager[Measure]]:
    @contextmanager
    def opened() -> Iterator[Measure]:
        def measure(tool: Tool) -> Figures:
            spent = sizes.overhead(users=number, of=checkout(tool)).spent
            return {"cpu": spent.cpu, "peak": spent.peak}

        yield measure

    return opened


@contextmanager
def _starts() -> Iterator[Measure]:
    def measure(tool: Tool) -> Figures:
        of = checkout(tool)
        with tempfile.TemporaryDirectory() as name, seaweedfs(Path(name) / "s3") as server:
            folder = Path(name)
            start.prepare(server, of)
            harvests.write(folder, "one", type="search", search={"query": "cat"})
            on_s3 = {**server.environment, "TWARC_CLOUD_BUCKET": start.BUCKET}

            def cpu(*words: str, on: dict[str, str]) -> float:
                return cost(of.person(*words), folder=folder, environment=on).cpu

            return {
                "help": cpu("--help", on={}),
                "list": cpu("collection", "list", on={}),
                "list on S3": cpu("collection", "list", on=on_s3),
                "harvest": watched.start(None, of)[0],
                "harvest on S3": watched.start((server, start.BUCKET), of)[0],
            }

    yield measure


@contextmanager
def _download() -> Iterator[Measure]:
    small, large = 2_000, 20
    with tempfile.TemporaryDirectory() as name, seaweedfs(Path(name) / "s3") as server:
        download.fill(server, Path(name), small=small, large=large, large_bytes=10_000_000)

        def measure(tool: Tool) -> Figures:
            command = download.theirs(server) if tool == S5CMD else download.ours(checkout(tool))
            spent = download.copied(command, Path(name) / "copy", server, files=small + large)
            return {"wall": spent.seconds, "cpu": spent.cpu}

        yield measure


@contextmanager
def _verify() -> Iterator[Measure]:
    with tempfile.TemporaryDirectory() as name:
        stored = {kind: Path(name) / kind for kind in verify.KINDS}
        raw = {kind: verify.stored(folder, kind, 256) for kind, folder in stored.items()}

        def measure(tool: Tool) -> Figures:
            command = checkout(tool).person(*verify.COMMAND)
            return {
                kind: raw[kind] / 1e6 / cost(command, folder=folder, environment={}).cpu
                for kind, folder in stored.items()
            }

        yield measure


PARTS = {
    "stream": Part(_stream, (BARE, TWARC2)),
    "search": Part(_of_pages("search"), (BARE, TWARC2)),
    "timelines": Part(_of_pages("timelines"), (BARE, TWARC2)),
    "steady-300": Part(_steadily(300, secure=False), (BARE,)),
    "steady-300-tls-s3": Part(_steadily(300, secure=True), (BARE,)),
    "steady-50": Part(_steadily(50, secure=False), (BARE,)),
    "pages": Part(_at_once),
    "users": Part(_users(100_000)),
    "million": Part(_users(1_000_000), once=True),
    "idle": Part(revision_s3.requests(0, minutes=30), once=True),
    "busy": Part(revision_s3.requests(300, minutes=30), once=True),
    "stream-start": Part(revision_s3.stream_start, once=True),
    "starts": Part(_starts),
    "s3": Part(revision_s3.instead_of_folder),
    "download": Part(_download, (S5CMD,)),
    "verify": Part(_verify),
}
