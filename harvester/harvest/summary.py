"""A harvest's progress in one line: posts, files, users and dollars."""

from harvester.documents import HarvestRecord
from harvester.text import counted, size


def dollars(record: HarvestRecord) -> float:
    return float((record.get("billed") or {}).get("usd") or 0)


def progress_words(account: HarvestRecord) -> str:
    """How far a running harvest is: `collecting: 1,200 tweets, 1 file (75K), 3 users, $6.00`."""
    counts = account.get("counts") or {}
    users = counts.get("users_done", 0) + counts.get("users_unavailable", 0)
    parts = [
        counted(account["tweets"], "tweet"),
        f"{counted(account['files'], 'file')} ({size(account['file_bytes'])})",
        *([counted(users, "user")] if users else []),
        *([f"${dollars(account):.2f}"] if dollars(account) else []),
    ]
    return f"{account.get('activity') or account['state']}: {', '.join(parts)}"
