"""`make bench` measures for minutes, `make bench-full` for half an hour; a table is printed at the end."""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench import (
    busy,
    closing,
    dashboard,
    download,
    exports,
    hour,
    idle,
    matching,
    pages,
    search,
    sinks,
    sizes,
    start,
    steady,
    tables,
    throughput,
    verify,
    watched,
)

_LIMIT = 512 << 20
_TABLE = Path(__file__).with_name("results.md")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer rounds, smaller numbers")
    parser.add_argument("--only", choices=sorted((*_PARTS, _HOUR)), help="one part only")
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long `--only hour` runs")
    parser.add_argument("--write", action="store_true", help=f"write the tables to {_TABLE.name}, too")
    chosen = parser.parse_args()
    # What is measured was compiled before, as on machines where it runs for the second time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Nor are the certificates of this machine read, which nothing on loopback needs.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        os.environ.pop(name, None)
    lines = [f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {_how(chosen)}."]
    for name, part in _PARTS.items():
        if chosen.only in (None, name):
            sys.stderr.write(f"measuring {name} ...\n")
            lines += ["", *part(chosen.short)]
    if chosen.only == _HOUR:
        lines += ["", *_hour(chosen.seconds)]
    lines += ["", _load()]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    if chosen.write:
        _TABLE.write_text(text)


def _how(chosen: argparse.Namespace) -> str:
    return "one round (--short)" if chosen.short else "medians of three rounds"


def _load() -> str:
    """Above the number of cores, posts/s tell of the machine; CPU seconds still tell of the tools."""
    return f"Load of the machine in the last 15 minutes: {os.getloadavg()[2]:.1f} on {os.cpu_count()} cores."


def _throughput(short: bool) -> Iterator[str]:
    rounds, posts, slow = (1, 100_000, 20_000) if short else (3, 300_000, 100_000)
    yield from _compared(list(throughput.measure(rounds=rounds, posts=posts, slow_posts=slow)))


def _pages(short: bool) -> Iterator[str]:
    yield from _compared(list(pages.measure(rounds=1 if short else 3)))
    yield ""
    yield from _sized([*pages.by_concurrency(users=20 if short else 100)])


def _compared(figures: list[throughput.Figure]) -> Iterator[str]:
    yield "| job | tool | posts/s | CPU s per million | peak MB | times twarc2 | in CPU | CPU, times bare |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for one in figures:
        of_job = {other.peer: other for other in figures if other.job == one.job}
        speed = one.posts_per_second / of_job["twarc2"].posts_per_second
        less = of_job["twarc2"].cpu_per_million / one.cpu_per_million
        share = one.cpu_per_million / of_job["bare"].cpu_per_million
        yield (
            f"| {one.job} | {_NAMES[one.peer]} | {one.posts_per_second:,.0f} | {one.cpu_per_million:.0f} "
            f"| {one.peak:.0f} | {speed:.1f} | {less:.1f} | {share:.1f} |"
        )


_NAMES = {"harvest": "this project", "twarc2": "twarc2, gzip", "bare": "bare loop"}


def _sizes(short: bool) -> Iterator[str]:
    numbers = (1_000, 10_000) if short else (1_000, 10_000, 100_000)
    posts = 100_000 if short else 1_000_000
    found = [*sizes.curve(numbers), sizes.waiting(users=2_000)]
    found += [sizes.search(posts=posts, memory=_LIMIT), sizes.stream(posts=posts, memory=_LIMIT)]
    if not short:
        found.append(sizes.overhead(users=1_000_000, memory=_LIMIT))
    yield from _sized(found)


def _sized(found: list[sizes.Size]) -> Iterator[str]:
    yield "| what | number | seconds | CPU s | peak MB | posts |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for one in found:
        cost = one.spent
        figures = f"{cost.seconds:.1f} | {cost.cpu:.2f} | {cost.peak:.0f} | {one.posts:,}"
        yield f"| {one.what} | {one.number:,} | {figures} |"


def _sinks(short: bool) -> Iterator[str]:
    found = list(sinks.measure(posts=60_000 if short else 300_000))
    yield "| what | posts | posts/s | of archive only | CPU s per million | peak MB |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for one in found:
        share = f"{one.rate / found[0].rate:.0%}"
        yield (f"| {one.what} | {one.posts:,} | {one.rate:,.0f} | {share} | {one.cpu:.0f} | {one.peak:.0f} |")


def _tables(short: bool) -> Iterator[str]:
    yield "| what | posts | posts a CPU second | CPU s | peak MB | bytes a post |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for one in tables.measure(posts=100_000 if short else 1_000_000):
        spent = one.spent
        size = f"{one.bytes_a_post:.0f}" if one.bytes_a_post else ""
        figures = f"{one.rate:,.0f} | {spent.cpu:.2f} | {spent.peak:.0f} | {size}"
        yield f"| {one.what} | {one.posts:,} | {figures} |"


def _closing(short: bool) -> Iterator[str]:
    yield "| what | known, and found | s | CPU s | peak MB |"
    yield "| --- | --- | --- | --- | --- |"
    for one in closing.measure(accounts=1_000_000 if short else 10_000_000):
        spent = one.spent
        yield f"| {one.what} | {one.accounts:,} | {spent.seconds:.1f} | {spent.cpu:.1f} | {spent.peak:.0f} |"


def _watched(short: bool) -> Iterator[str]:
    if not watched.LINUX:
        yield "(start and idle stream are measured on Linux only)"
        return
    share, memory = watched.idle_stream(seconds=20 if short else 120)
    yield "| what | figure |"
    yield "| --- | --- |"
    yield f"| start to first request | {min(watched.start()[0] for _ in range(3)):.2f} s of CPU |"
    yield f"| idle stream | {share:.2f} % of a core, {memory:.0f} MB |"


def _start(short: bool) -> Iterator[str]:
    yield "| command | on | CPU s | peak MB |"
    yield "| --- | --- | --- | --- |"
    for one in start.measure(rounds=1 if short else 5):
        yield f"| {one.command} | {one.store} | {one.cpu:.2f} | {one.peak:.0f} |"
    yield ""
    yield "| small request to S3 | ms of CPU | by boto3 |"
    yield "| --- | --- | --- |"
    for asked in start.requests(times=100 if short else 500):
        yield f"| {asked.operation} | {asked.own:.2f} | {asked.boto3:.2f} |"


def _idle(short: bool) -> Iterator[str]:
    yield "| request | of | an hour | $ a month | reason |"
    yield "| --- | --- | --- | --- | --- |"
    found = list(idle.measure(minutes=30 if short else 60))
    for one in found:
        yield f"| {one.operation} | {one.name} | {one.an_hour:,.0f} | {one.usd:.2f} | {one.reason} |"
    yield f"| all | | {sum(one.an_hour for one in found):,.0f} | {sum(one.usd for one in found):.2f} | |"
    yield ""
    begun, ended = idle.start_and_end()
    yield f"Requests of a start, until the stream is connected: {begun}; of the end: {ended}."


def _steady(short: bool) -> Iterator[str]:
    if not watched.LINUX:
        yield "(a steady stream is measured on Linux only)"
        return
    yield "| posts a second | connection | tool | CPU us a post | times bare |"
    yield "| --- | --- | --- | --- | --- |"
    bare = 0.0
    for one in steady.measure(rounds=1 if short else 3, seconds=5 if short else 60):
        bare = one.cpu if one.peer == "bare" else bare
        tool = "bare loop" if one.peer == "bare" else f"this project, {one.peer}"
        where = "TLS" if one.secure else "plain"
        yield f"| {one.rate} | {where} | {tool} | {one.cpu:.0f} | {one.cpu / bare:.2f} |"


def _busy(short: bool) -> Iterator[str]:
    yield "| posts a second | request | of | an hour | $ a month | reason |"
    yield "| --- | --- | --- | --- | --- | --- |"
    sums = []
    for rate in (50, 300):
        found = busy.measure(rate, minutes=30 if short else 60)
        for one in found.requests:
            figures = f"{one.an_hour:,.0f} | {one.usd:.2f}"
            yield f"| {rate} | {one.operation} | {one.name} | {figures} | {one.reason} |"
        an_hour, usd = (sum(getattr(one, what) for one in found.requests) for what in ("an_hour", "usd"))
        yield f"| {rate} | all | | {an_hour:,.0f} | {usd:.2f} | |"
        sums.append(
            f"At {rate} posts a second, {found.posts:,} posts: {found.sent / found.stored:.2f} bytes "
            f"were sent for each that is stored ({found.stored / found.posts:.0f} a post)."
        )
    yield ""
    yield from sums


def _hour(seconds: float) -> Iterator[str]:
    if not watched.LINUX:
        yield "(a stream with a quota is measured on Linux only)"
        return
    found = hour.measure(seconds=seconds)
    used = "could not be set"
    if found.throttled is not None:
        used = f"was used up in {found.throttled:.1%} of its periods"
    lags = [found.lags[int(part * (len(found.lags) - 1))] for part in (0.5, 0.99, 1)]
    yield "| what | figure |"
    yield "| --- | --- |"
    yield f"| seconds, posts | {found.seconds:,.0f}, {found.posts:,} |"
    yield f"| CPU | {found.cpu:.1%} of a core; the quota of {hour.SHARE:.0%} {used} |"
    yield f"| from a post to its sync, the longest of each: median, p99, most | {_seconds(lags)} |"
    yield f"| peak memory | {found.peak:.0f} MB |"
    yield f"| files, bytes | {found.files}, {found.stored_bytes:,} |"
    for (operation, name), times in found.requests.most_common():
        yield f"| {operation} {name} | {times:,} |"


def _seconds(figures: list[float]) -> str:
    return ", ".join(f"{each:.2f} s" for each in figures)


def _download(short: bool) -> Iterator[str]:
    rounds, small, large_bytes = (1, 2_000, 10_000_000) if short else (3, 20_000, 50_000_000)
    yield f"{small:,} small objects and 20 of {large_bytes // 1_000_000} MB:"
    yield ""
    yield "| program | seconds | CPU s | peak MB | times s5cmd |"
    yield "| --- | --- | --- | --- | --- |"
    figures = list(download.measure(rounds=rounds, small=small, large=20, large_bytes=large_bytes))
    fastest = next(one for one in figures if one.name == "s5cmd")
    for one in figures:
        share = one.seconds / fastest.seconds
        yield f"| {one.name} | {one.seconds:.1f} | {one.cpu:.1f} | {one.peak:.0f} | {share:.2f} |"


def _verify(short: bool) -> Iterator[str]:
    yield "| records | MB, uncompressed | CPU s | MB a CPU second | peak MB |"
    yield "| --- | --- | --- | --- | --- |"
    for kind, raw, spent in verify.measure(megabytes=256 if short else 1024):
        size, speed = raw / 1e6, raw / 1e6 / spent.cpu
        yield f"| {kind} | {size:,.0f} | {spent.cpu:.2f} | {speed:.0f} | {spent.peak:.0f} |"


def _exports(short: bool) -> Iterator[str]:
    yield "| job | tool | posts | posts a CPU second | times the other tool | peak MB |"
    yield "| --- | --- | --- | --- | --- | --- |"
    found = list(exports.measure(posts=100_000 if short else 1_000_000, slow_posts=20_000))
    for one in found:
        others = [each for each in found if each.job == one.job and each is not one]
        ratio = f"{one.rate / others[0].rate:.1f}" if others else ""
        yield (
            f"| {one.job} | {one.tool} | {one.posts:,} | {one.rate:,.0f} | {ratio} | {one.spent.peak:.0f} |"
        )


def _matching(short: bool) -> Iterator[str]:
    yield "| rules | posts/s | us a post | to decode it | times that | in packs | rules a post | peak MB |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for one, spent in matching.measure(rounds=5 if short else 15):
        times = one.among_all / one.decode
        yield (
            f"| {one.rules:,} | {1e6 / one.among_all:,.0f} | {one.among_all:.1f} | {one.decode:.1f} "
            f"| {times:.1f} | {one.in_packs:.1f} | {one.matched:.2f} | {spent.peak:.0f} |"
        )


def _dashboard(short: bool) -> Iterator[str]:
    if not watched.LINUX:
        yield "(the dashboard is measured on Linux only)"
        return
    yield "| dashboard | figure |"
    yield "| --- | --- |"
    for one in dashboard.measure(seconds=20 if short else 120):
        yield f"| {one.what} | {one.figure} |"


def _search(short: bool) -> Iterator[str]:
    yield "| index | posts | posts per CPU second | bytes a post | peak MB |"
    yield "| --- | --- | --- | --- | --- |"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for made in search.builds(folder, 100_000 if short else 1_000_000):
            speed = made.posts / made.spent.cpu
            what = "search index" if made.what == "build" else "the same rows in SQLite's FTS5"
            yield f"| {what} | {made.posts:,} | {speed:,.0f} | {made.bytes:.0f} | {made.spent.peak:.0f} |"
        yield ""
        yield "| query, with four facets | posts found | CPU ms | with FTS5 | times |"
        yield "| --- | --- | --- | --- | --- |"
        for page in search.pages(folder):
            times = page.fts5 / page.ours
            yield f"| {page.query} | {page.hits:,} | {page.ours:.1f} | {page.fts5:.1f} | {times:.1f} |"
    harvests = 100 if short else 1_000
    yield ""
    seconds = search.again(harvests=harvests)
    yield f"To find that nothing is new in {harvests:,} harvests took {seconds:.2f} s."


# Only when it is asked for.
_HOUR = "hour"
_PARTS = {
    "throughput": _throughput,
    "pages": _pages,
    "sizes": _sizes,
    "watched": _watched,
    "start": _start,
    "idle": _idle,
    "steady": _steady,
    "busy": _busy,
    "matching": _matching,
    "download": _download,
    "verify": _verify,
    "sinks": _sinks,
    "dashboard": _dashboard,
    "exports": _exports,
    "search": _search,
    "tables": _tables,
    "closing": _closing,
}

if __name__ == "__main__":
    main()
