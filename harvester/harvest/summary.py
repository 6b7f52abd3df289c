"""A harvest's progress in one line: posts, files, users and dollars."""

from collections.abc import Mapping
from typing import Any

from harvester.clock import moment
from harvester.documents import HarvestSummary
from harvester.networks.crawl import without_lists
from harvester.text import counted, in_dollars, size

_DONE = ("users_done", "users_unavailable", "users_failed")
# Seconds of the shortest harvest whose speed is set beside what the rate limit allows on average.
_WINDOW = 900


def dollars(summary: HarvestSummary) -> float:
    return float((summary.get("billed") or {}).get("usd") or 0)


def bill_words(summary: HarvestSummary) -> str:
    """What a harvest cost: `Billed: $6.00`, and how much of it for answers that did not arrive whole."""
    unanswered = (summary.get("billed") or {}).get("unanswered")
    usd = float(unanswered.get("usd") or 0) if isinstance(unanswered, dict) else 0.0
    more = f", of which {in_dollars(usd)} at most for lost answers" if usd else ""
    return f"Billed: ${dollars(summary):,.2f}{more}"


def progress_words(summary: HarvestSummary) -> str:
    """How far a running harvest is: `collecting: 1,200 tweets, 1 file (75K), 3 users, $6.00`."""
    counts = summary.get("counts") or {}
    users = counts.get("users_done", 0) + counts.get("users_unavailable", 0)
    crawls = isinstance(summary.get("crawl"), dict)
    parts = [
        counted(counts.get("edges", 0), "edge") if crawls else counted(summary["tweets"], "tweet"),
        f"{counted(summary['files'], 'file')} ({size(summary['file_bytes'])})",
        *([counted(users, "user")] if users else []),
        *([f"${dollars(summary):.2f}"] if dollars(summary) else []),
    ]
    return f"{summary.get('activity') or summary['state']}: {', '.join(parts)}"


def amount(summary: HarvestSummary) -> str:
    """How much there is so far: posts, or of a crawl its edges, users and speed."""
    crawl = summary.get("crawl")
    if not isinstance(crawl, dict):
        return f"Tweets: {summary['tweets']:,}"
    counts = summary.get("counts") or {}
    without = without_lists(counts)
    of_depth = f" of depth {crawl['depth']}" if crawl.get("depth") else ""
    return (
        f"Edges: {counts.get('edges', 0):,}{_speed(summary, counts.get('edges', 0))}. "
        f"Users{of_depth}: {users_done(counts):,} done"
        f"{f', {without}' if without else ''}, {users_left(crawl, counts):,} left"
    )


def users_left(crawl: Mapping[str, Any], counts: Mapping[str, Any]) -> int:
    """The number of users of a crawl's depth whose lists are still to be read."""
    return max(0, int(crawl.get("users", 0)) - users_done(counts))


def users_done(counts: Mapping[str, Any]) -> int:
    """The number of users of whom nothing is to be read any more."""
    return sum(counts.get(name, 0) for name in _DONE)


def _speed(summary: HarvestSummary, edges: int) -> str:
    try:
        begun, updated = moment(summary["harvest_timestamp"]), moment(summary["updated"])
    except (KeyError, TypeError, ValueError):
        return ""
    seconds = (updated - begun).total_seconds()
    if seconds < 1:
        return ""
    speed, allowed = edges / seconds, summary["crawl"].get("edges_a_second")
    # A window may be used up at once: a harvest shorter than it is faster than its average.
    limit = f"; X allows {allowed:,} on average" if allowed and seconds >= _WINDOW else ""
    return f" ({speed:,.0f} edges/s{limit})"
