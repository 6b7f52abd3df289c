"""Compares revisions of this project in one run, with the servers and measures of today.

    python -m bench.revisions BEFORE AFTER

Each REVISION is checked out for the run; `.` is the files as they are. All take turns in each round.
"""

import argparse
import contextlib
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.checkouts import checked_out, name_of
from bench.revision_parts import BARE, PARTS, S5CMD, TWARC2
from bench.revision_s3 import Figures, Tool

Rounds = list[dict[str, Figures]]


@dataclass(frozen=True)
class Goal:
    """What the last revision has to keep: a limit, or one in parts of the first revision's figure."""

    limit: float
    is_least: bool = False
    of_first: bool = False

    def __str__(self) -> str:
        return f"{'>=' if self.is_least else '<='} {self.limit:.3g}{' of before' if self.of_first else ''}"

    def is_kept(self, first: float, last: float) -> bool:
        limit = self.limit * first if self.of_first else self.limit
        return last >= limit if self.is_least else last <= limit


@dataclass(frozen=True)
class Row:
    """One figure of a part; where it has a peer, as times the peer's, or of its own in the peer's."""

    part: str
    figure: str
    what: str
    goal: Goal | None = None
    peer: str = ""
    inverse: bool = False
    # A cost of CPU, memory or start that a mere rebuilding leaves as it is.
    lasting: bool = False

    def value(self, found: dict[str, Figures], tool: str) -> float:
        own = found[tool][self.figure]
        if not self.peer:
            return own
        peer = found[self.peer][self.figure]
        return peer / own if self.inverse else own / peer


def _job(part: str, words: str, *, twarc2: float, bare: float) -> Iterator[Row]:
    yield Row(part, "us", f"{words}, us of CPU a post", lasting=True)
    yield Row(part, "us", f"{words}, CPU in times the bare loop", Goal(bare), BARE)
    yield Row(
        part, "us", f"{words}, twarc2's CPU in times ours", Goal(twarc2, is_least=True), TWARC2, inverse=True
    )
    yield Row(part, "peak", f"{words}, peak MB", lasting=True)


ROWS = [
    *_job("stream", "stream at full speed", twarc2=15, bare=1.3),
    *_job("search", "search", twarc2=14, bare=1.5),
    *_job("timelines", "timelines, 10 x 3,200", twarc2=14, bare=1.6),
    Row("steady-300", "us", "300 posts/s, us of CPU a post", lasting=True),
    Row("steady-300", "us", "300 posts/s, CPU in times the bare loop", Goal(0.45), BARE),
    Row("steady-300-tls-s3", "us", "300 posts/s, TLS, S3, us of CPU a post", lasting=True),
    Row("steady-300-tls-s3", "us", "300 posts/s, TLS, S3, CPU in times the bare loop", Goal(0.45), BARE),
    Row("steady-50", "us", "50 posts/s, us of CPU a post", lasting=True),
    Row("steady-50", "us", "50 posts/s, CPU in times the bare loop", Goal(1.1), BARE),
    Row("steady-300", "bytes", "bytes a stored post, 300 posts/s", Goal(680 / 805, of_first=True)),
    Row("pages", "peak", "timelines, 32 at once, pages of 246 KB, peak MB", Goal(110), lasting=True),
    Row("pages", "us", "timelines, 32 at once, us of CPU a post", lasting=True),
    Row("users", "peak", "100,000 users, peak MB", Goal(150), lasting=True),
    Row("users", "cpu", "100,000 users, s of CPU", lasting=True),
    Row("million", "peak", "1,000,000 users, peak MB", Goal(512), lasting=True),
    Row("million", "cpu", "1,000,000 users, s of CPU", lasting=True),
    Row("idle", "an hour", "idle stream, requests to S3 an hour", Goal(100)),
    Row("busy", "an hour", "300 posts/s, requests to S3 an hour"),
    Row("busy", "sent", "300 posts/s, bytes sent to S3 for each stored", Goal(1.1)),
    Row("stream-start", "requests", "start of a stream, requests to S3", Goal(12)),
    Row("starts", "harvest on S3", "harvester to its first request, S3, s of CPU", Goal(0.35), lasting=True),
    Row("starts", "harvest", "harvester to its first request, folder, s of CPU", Goal(0.22), lasting=True),
    Row("starts", "list on S3", "`collection list`, S3, s of CPU", Goal(0.20), lasting=True),
    Row("starts", "list", "`collection list`, folder, s of CPU", lasting=True),
    Row("starts", "help", "`--help`, s of CPU", Goal(0.10), lasting=True),
    Row("s3", "stream CPU", "stream, SeaweedFS instead of a folder, CPU", Goal(1.15)),
    Row("s3", "stream wall", "stream, SeaweedFS instead of a folder, wall", Goal(1.15)),
    Row("s3", "timelines CPU", "timelines, SeaweedFS instead of a folder, CPU", Goal(1.15)),
    Row("s3", "timelines wall", "timelines, SeaweedFS instead of a folder, wall", Goal(1.15)),
    Row("download", "wall", "download, wall in times s5cmd", Goal(1.2), S5CMD),
    Row("download", "cpu", "download, CPU in times s5cmd", None, S5CMD),
    Row("verify", "pages", "verify, pages, MB a CPU second", Goal(300, is_least=True), lasting=True),
    Row(
        "verify",
        "stream objects",
        "verify, stream objects, MB a CPU second",
        Goal(300, is_least=True),
        lasting=True,
    ),
]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.revisions", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("revisions", nargs="+", metavar="REVISION", help="a commit, a branch, or .")
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians are taken (default: 3)")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument(
        "--within", type=float, metavar="PERCENT", help="the goal: CPU, memory and starts are the same"
    )
    chosen = parser.parse_args(words)
    # What is measured was compiled before, and reads no certificates of this machine.
    for name in ("PYTHONDONTWRITEBYTECODE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        os.environ.pop(name, None)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as worktrees:
        checkouts = {
            name_of(revision): worktrees.enter_context(checked_out(revision, Path(folder)))
            for revision in chosen.revisions
        }
        print(f"| what | {' | '.join(checkouts)} | last / first | goal | |")
        print(f"| --- | {' | '.join('--:' for _ in checkouts)} | --: | --- | --- |", flush=True)
        for part in chosen.only or PARTS:
            peers = () if chosen.within is not None else PARTS[part].peers
            found = _measured(part, {**{peer: peer for peer in peers}, **checkouts}, chosen.rounds)
            for line in lines(part, found, list(checkouts), within=chosen.within):
                print(line, flush=True)
    print(
        f"\n{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, medians of {chosen.rounds} "
        f"rounds; load {load:.0f} before and {os.getloadavg()[0]:.0f} after, on {os.cpu_count()} cores."
    )


def _measured(name: str, tools: Mapping[str, Tool], count: int) -> Rounds:
    """Each round over all tools, every second one in reverse, as the machine has other things to do."""
    part, rounds = PARTS[name], []
    count = 1 if part.once else count
    started = time.monotonic()
    with part.opened() as measure:
        for number in range(count):
            turn = list(tools) if number % 2 == 0 else list(tools)[::-1]
            _say(f"{name}: round {number + 1} of {count} (load {os.getloadavg()[0]:.0f}) ...")
            rounds.append({tool: measure(tools[tool]) for tool in turn})
    _say(f"{name}: {time.monotonic() - started:.0f} s")
    return rounds


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def lines(part: str, rounds: Rounds, revisions: list[str], *, within: float | None) -> Iterator[str]:
    """The rows of a part that was measured; each ratio is the median of the rounds' ratios."""
    for row in ROWS:
        if row.part != part or (within is not None and not row.lasting):
            continue
        of_each = [[row.value(one, each) for one in rounds] for each in revisions]
        medians = [statistics.median(values) for values in of_each]
        ratio = statistics.median(last / first for first, last in zip(of_each[0], of_each[-1], strict=True))
        goal = verdict = ""
        if within is not None:
            goal, verdict = f"within {within:g} %", _verdict(abs(ratio - 1) * 100 <= within)
        elif row.goal:
            goal, verdict = str(row.goal), _verdict(row.goal.is_kept(medians[0], medians[-1]))
        yield f"| {row.what} | {' | '.join(map(_short, medians))} | {ratio:.2f} | {goal} | {verdict} |"


def _verdict(kept: bool) -> str:
    return "kept" if kept else "**missed**"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


if __name__ == "__main__":
    main()
