"""Statistics: the figures of a collection's harvests by day, hour or minute, and how to replay them."""

from collections import deque
from datetime import timedelta

from flask import Flask, Response, request

from harvester.dashboard import tables
from harvester.dashboard.app import Page, Pages
from harvester.dashboard.charts.bars import Day, bars
from harvester.dashboard.inspector import filled
from harvester.dashboard.tables import Column, Table
from harvester.documents import Tree
from harvester.statistics.minute import BY
from harvester.statistics.stored import increases_of
from harvester.store.keys import CollectionKeys

# The number of newest intervals that are shown, and how far back figures are read for them.
_SHOWN = 400
_BACK = {"minute": timedelta(hours=12), "hour": timedelta(days=17), "day": timedelta(days=400)}
_FIRST = (
    *("tweets", "depth", "users_done", "users_left", "edges"),
    *("file_bytes", "requests", "usd", "gaps", "waiting_s", "rss_mb"),
)
_FORMS = {"tweets": tables.NUMBER, "file_bytes": tables.BYTES, "usd": tables.DOLLARS}
_HEADS = {
    "tweets": "Posts",
    "file_bytes": "Size",
    "usd": "Billed",
    "waiting_s": "Waiting, s",
    "rss_mb": "Memory, MB",
    "users_done": "Users done",
    "users_left": "Users left",
}


def add(app: Flask, pages: Pages) -> None:
    @app.get("/statistics")
    def statistics() -> Response:
        return pages.answer(_page(pages))

    @app.get("/statistics.<any(json, csv):form>")
    def statistics_as(form: str) -> Response:
        return pages.answer(_page(pages), form)


def _page(pages: Pages) -> Page:
    # The first is what the form shows chosen.
    collection_id = request.args.get("collection", "") or _first(pages)
    by = request.args.get("by", "day")
    by = by if by in BY else "day"
    rows: list[Tree] = []
    if collection_id:
        keys = CollectionKeys(collection_id)
        pages.tree(keys)
        rows = _rows(pages, keys, by)
    posts = [(row["interval"].removesuffix("T00:00:00Z"), _whole(row.get("tweets"))) for row in rows]
    # Days without figures are days without a harvest; shorter intervals are often empty and left out.
    days = filled(posts)[0] if by == "day" else [Day(*each) for each in posts]
    values = {
        "ids": pages.overview.ids(),
        "collection": collection_id,
        "by": by,
        "intervals": [*BY],
        "chart": bars(days, label=f"Posts of {collection_id} by {by}", strip=False),
        "figures": _table(rows, collection_id),
    }
    return Page("statistics.html", "Statistics", values, data=rows, rows=rows)


def _first(pages: Pages) -> str:
    """The first collection that can be read; "" where there is none."""
    return next((row["id"] for row in pages.overview.rows() if not row["problem"]), "")


def _rows(pages: Pages, keys: CollectionKeys, by: str) -> list[Tree]:
    """The newest intervals with figures."""
    since = pages.place.clock.now() - _BACK[by]
    found = increases_of(pages.place.store, keys, by=by, since=since)
    newest = deque(found, maxlen=_SHOWN)
    return [{"interval": interval, **figures} for interval, figures in newest]


def _whole(value: object) -> int:
    return max(0, int(value)) if isinstance(value, int | float) else 0


def _table(rows: list[Tree], collection_id: str) -> Table:
    known = {name for row in rows for name in row}
    names = [name for name in _FIRST if name in known]
    columns = [Column("interval", "From", tables.TIME)]
    columns += [
        Column(name, _HEADS.get(name, name.capitalize()), _FORMS.get(name, tables.NUMBER)) for name in names
    ]
    filled = [{**dict.fromkeys(names), **row} for row in reversed(rows)]
    empty = "No figures in this time." if collection_id else "There are no collections."
    return Table(tuple(columns), filled, empty=empty, size=_SHOWN)
