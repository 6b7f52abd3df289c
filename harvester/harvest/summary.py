"""A harvest's progress in one line: posts, files, users and dollars."""

from harvester.documents import HarvestSummary
from harvester.text import counted, size


def dollars(summary: HarvestSummary) -> float:
    return float((summary.get("billed") or {}).get("usd") or 0)


def progress_words(summary: HarvestSummary) -> str:
    """How far a running harvest is: `collecting: 1,200 tweets, 1 file (75K), 3 users, $6.00`."""
    counts = summary.get("counts") or {}
    users = counts.get("users_done", 0) + counts.get("users_unavailable", 0)
    parts = [
        counted(summary["tweets"], "tweet"),
        f"{counted(summary['files'], 'file')} ({size(summary['file_bytes'])})",
        *([counted(users, "user")] if users else []),
        *([f"${dollars(summary):.2f}"] if dollars(summary) else []),
    ]
    return f"{summary.get('activity') or summary['state']}: {', '.join(parts)}"
