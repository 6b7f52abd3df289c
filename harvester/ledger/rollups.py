"""The number of posts by day and by tag, kept as sums, so that they need no search in the index.

A post that is in several files counts once for each; `search.asking` counts each once.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from harvester.ledger.database import Ledger

SECONDS_A_DAY = 86_400
# The sums of all collections.
_ALL = 0
_1970 = date(1970, 1, 1)


def add(ledger: Ledger, collection: int, days: Mapping[int, int], tags: Mapping[str, int]) -> None:
    """Add what a file holds, within a transaction."""
    for table, column, found in (("days", "day", days), ("tags", "tag", tags)):
        rows = [(number, *each) for number in (_ALL, collection) for each in found.items()]
        ledger.run_many(
            f"insert into {table} values (?, ?, ?) "
            f"on conflict(collection, {column}) do update set posts = posts + excluded.posts",
            rows,
        )


def forget(ledger: Ledger, collection: int | None) -> None:
    """Take away what a collection holds, within a transaction."""
    for table, column in (("days", "day"), ("tags", "tag")):
        ledger.run(
            f"update {table} set posts = {table}.posts - own.posts from {table} own "
            f"where {table}.collection = ? and own.collection = ? and own.{column} = {table}.{column}",
            *(_ALL, collection),
        )
        ledger.run(f"delete from {table} where collection = ? or posts <= 0", collection)


def days(ledger: Ledger, collection: str = "") -> list[tuple[str, int]]:
    """Posts by day, as 2026-11-23, in order; of one collection or of all."""
    found = ledger.rows(
        "select day, posts from days where collection = ? order by day", _number(ledger, collection)
    )
    return [(day_name(day), posts) for day, posts in found]


def top_tags(ledger: Ledger, collection: str = "", *, limit: int = 10) -> list[tuple[str, int]]:
    """The tags of most posts, most first."""
    return [
        (tag, posts)
        for tag, posts in ledger.rows(
            "select tag, posts from tags where collection = ? order by posts desc, tag limit ?",
            *(_number(ledger, collection), limit),
        )
    ]


def _number(ledger: Ledger, collection: str) -> int:
    if not collection:
        return _ALL
    found = ledger.value("select number from collections where id = ?", collection)
    return -1 if found is None else int(found)


def day_name(day: int) -> str:
    """2026-11-23 of the days since 1970."""
    return (_1970 + timedelta(days=day)).isoformat()
