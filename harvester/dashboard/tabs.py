"""The tables of a collection: harvests, gaps, users, changes, files, cost."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from harvester.collection import replay
from harvester.collection.changelog import changes
from harvester.collection.kinds import is_crawl
from harvester.compute import cost
from harvester.dashboard import tables
from harvester.dashboard.crawl import table as crawl_table
from harvester.dashboard.histories import History, edges_in
from harvester.dashboard.tables import Column, Table
from harvester.documents import HarvestSummary, Tree, text_in
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys, is_of_repairs
from harvester.text import counted, size

# Sightings after which an account is removed, unless the collection sets the number.
_USERS_SHOWN = 100
_POSTS, _EDGES = Column("tweets", "Posts", tables.NUMBER), Column("edges", "Edges", tables.NUMBER)


@dataclass(frozen=True)
class Subject:
    """A collection and its harvests, as its tables need them."""

    store: Store
    settings: Settings
    keys: CollectionKeys
    tree: Tree
    history: History
    shown: Callable[[str], str]


def _collected(subject: Subject) -> Column:
    """What the harvests of a collection bring: posts, or of a crawl edges."""
    return _EDGES if is_crawl(subject.tree) else _POSTS


def _amounts(summary: HarvestSummary, column: Column) -> Tree:
    return {column.name: edges_in(summary) if column is _EDGES else summary["tweets"]}


def harvests(subject: Subject) -> Table:
    amount = _collected(subject)
    found = subject.history.harvests
    left = Counter(gap.harvest for gap in subject.history.open_gaps)
    rows = [
        {
            "href": address(subject.keys.id, summary),
            "harvest": summary["harvest_timestamp"],
            "state": summary["state"],
            **_amounts(summary, amount),
            "files": summary["files"],
            "file_bytes": summary["file_bytes"],
            "gaps": left[summary["harvest_timestamp"]],
            "usd": cost.of_harvest(summary, subject.settings).x,
            "reason": summary.get("reason") or "",
        }
        for summary in found
    ]
    states = Counter(str(summary["state"]) for summary in found)
    return Table(
        (
            Column("harvest", "Harvest", tables.TIME),
            Column("state", "State", tables.STATE),
            amount,
            Column("files", "Files", tables.NUMBER),
            Column("file_bytes", "Size", tables.BYTES),
            Column("gaps", "Gaps", tables.NUMBER),
            Column("usd", "Billed", tables.DOLLARS),
            Column("reason", "Reason", tables.DETAIL),
        ),
        rows,
        summary=", ".join(f"{number:,} {state}" for state, number in states.most_common()),
        empty="No harvests yet.",
    )


def address(collection_id: str, summary: HarvestSummary) -> str:
    """The address of a harvest's page; if its folder is not known, that of the collection."""
    folder = text_in(summary, "folder")
    digits = "".join(folder.rstrip("/").split("/")[-6:])
    kind = "r" if is_of_repairs(folder) else "h"
    place = f"/c/{quote(collection_id)}"
    return f"{place}/{kind}/{digits}" if len(digits) == 14 and digits.isdigit() else place


def gaps(subject: Subject) -> Table:
    rows = [
        {
            "from": str(gap.event["from"]),
            "to": str(gap.event["to"]),
            "state": str(gap.repaired.get("state") or "repaired") if gap.repaired else "open",
            "minutes": round(gap.seconds / 60, 1),
            "reason": str(gap.event.get("reason") or ""),
            "user": str(gap.event.get("user_id") or ""),
            "harvest": gap.harvest,
        }
        for gap in reversed(subject.history.gaps)
    ]
    left = len(subject.history.open_gaps)
    return Table(
        (
            Column("from", "From", tables.TIME),
            Column("to", "To", tables.TIME),
            Column("state", "State", tables.STATE),
            Column("minutes", "Minutes", tables.NUMBER),
            Column("user", "User"),
            Column("harvest", "Harvest", tables.TIME),
            Column("reason", "Reason", tables.DETAIL),
        ),
        rows,
        summary=f"{left:,} of {counted(len(rows), 'gap')} open" if rows else "",
        empty="No gaps: nothing is known to have been missed. `collection verify` compares the files.",
    )


def users(subject: Subject) -> Table:
    described = subject.tree.get("users")
    rows = [
        _user(user_id, user if isinstance(user, dict) else {})
        for user_id, user in (described.items() if isinstance(described, dict) else ())
    ]
    states = Counter(row["state"] for row in rows)
    return Table(
        (
            Column("id", "Id"),
            Column("screen_name", "Name"),
            Column("state", "State", tables.STATE),
            Column("sightings", "Times in this state", tables.NUMBER),
            Column("tweet_count", "Posts at X", tables.NUMBER),
            Column("looked_up", "Looked up"),
        ),
        rows,
        summary=", ".join(f"{number:,} {state}" for state, number in states.most_common()),
        empty="This collection has no users.",
        size=_USERS_SHOWN,
    )


def _user(user_id: str, user: Tree) -> Tree:
    """A user with the state in which the last harvests saw the account."""
    seen = user.get("sightings")
    found = {str(state): times for state, times in seen.items() if times} if isinstance(seen, dict) else {}
    state = max(found, key=lambda each: found[each] if isinstance(found[each], int) else 0, default="")
    times = found.get(state)
    return {
        "id": user_id,
        "screen_name": text_in(user, "screen_name"),
        "state": state or "active",
        "sightings": times if isinstance(times, int) else None,
        "tweet_count": user["tweet_count"] if isinstance(user.get("tweet_count"), int) else None,
        "looked_up": text_in(user, "looked_up"),
    }


def changes_of(subject: Subject) -> Table:
    made = changes(changeset for _, changeset in replay.changesets(subject.store, subject.keys))
    rows = [
        {
            "time": change.time,
            "by": "a harvest" if change.harvest else "a person",
            "change": str(change).rpartition(" on ")[0],
        }
        for change in made
    ]
    return Table(
        (
            Column("time", "Time", tables.TIME),
            Column("by", "By"),
            Column("change", "Change", tables.DETAIL),
        ),
        rows[::-1],
        empty="No changes.",
    )


def files(subject: Subject) -> Table:
    amount = _collected(subject)
    found = [*subject.history.harvests, *subject.history.repairs]
    rows = [
        {
            "href": address(subject.keys.id, summary),
            "harvest": summary["harvest_timestamp"],
            "files": summary["files"],
            "file_bytes": summary["file_bytes"],
            **_amounts(summary, amount),
            "folder": subject.shown(str(summary.get("folder") or subject.keys.folder)),
        }
        for summary in found
        if summary["files"]
    ]
    history = subject.history
    return Table(
        (
            Column("harvest", "Harvest", tables.TIME),
            Column("files", "Files", tables.NUMBER),
            Column("file_bytes", "Size", tables.BYTES),
            amount,
            Column("folder", "Folder", tables.DETAIL),
        ),
        rows,
        summary=f"{counted(history.files, 'file')}, {size(history.file_bytes)}" if rows else "",
        empty="No files yet.",
    )


def costs(subject: Subject) -> Table:
    amount = _collected(subject)
    found = [(one, False) for one in subject.history.harvests]
    found += [(one, True) for one in subject.history.repairs]
    rows = [_spent(subject, summary, is_repair=is_repair) for summary, is_repair in found]
    total = sum(row["total"] for row in rows)
    return Table(
        (
            Column("harvest", "Harvest", tables.TIME),
            Column("minutes", "Minutes", tables.NUMBER),
            amount,
            Column("x", "X", tables.DOLLARS),
            Column("task", "Task", tables.DOLLARS),
            Column("requests", "Requests", tables.DOLLARS),
            Column("stored_month", "Storage, a month", tables.DOLLARS),
            Column("total", "Total", tables.DOLLARS),
        ),
        rows,
        summary=f"${total:,.2f} for {counted(len(rows), 'harvest')}" if rows else "",
        empty="No harvests yet.",
    )


def _spent(subject: Subject, summary: HarvestSummary, *, is_repair: bool) -> Tree:
    spent = cost.of_harvest(summary, subject.settings)
    return {
        "href": address(subject.keys.id, summary),
        "harvest": summary["harvest_timestamp"],
        "is_repair": is_repair,
        "minutes": round(cost.hours(summary) * 60, 1),
        **_amounts(summary, _collected(subject)),
        "x": spent.x,
        "task": spent.task,
        "requests": spent.requests,
        "stored_month": spent.stored_month,
        "total": spent.total,
    }


def crawl(subject: Subject) -> Table:
    return crawl_table(subject.store, subject.keys, subject.tree, subject.history)


# Of crawls only.
CRAWL = "crawl"
TABS: Mapping[str, tuple[str, Callable[[Subject], Table]]] = {
    "harvests": ("Harvests", harvests),
    "gaps": ("Gaps", gaps),
    "users": ("Users", users),
    "changes": ("Changes", changes_of),
    "files": ("Files", files),
    "cost": ("Cost", costs),
    CRAWL: ("Crawl", crawl),
}
SETTINGS = "settings"
