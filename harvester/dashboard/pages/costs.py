"""Costs: what each collection cost in each month, at X and on AWS, and what this month may come to."""

from calendar import monthrange
from collections import defaultdict
from datetime import datetime

from flask import Flask, Response

from harvester.compute import cost
from harvester.dashboard import tables
from harvester.dashboard.app import Page, Pages
from harvester.dashboard.histories import History
from harvester.dashboard.tables import Column, Table
from harvester.documents import Tree, text_in
from harvester.errors import HarvesterError
from harvester.settings import Settings
from harvester.store.keys import CollectionKeys


def add(app: Flask, pages: Pages) -> None:
    @app.get("/costs")
    def costs() -> Response:
        return pages.answer(_page(pages))

    @app.get("/costs.<any(json, csv):form>")
    def costs_as(form: str) -> Response:
        return pages.answer(_page(pages), form)


def _page(pages: Pages) -> Page:
    now, rows, unread = pages.place.clock.now(), list[Tree](), list[str]()
    for collection_id in pages.overview.ids():
        try:
            history = pages.overview.histories.of(CollectionKeys(collection_id))
        except HarvesterError as error:
            unread.append(f"{collection_id}: {error.message}")
            continue
        rows += months(collection_id, history, pages.place.settings)
    rows.sort(key=lambda row: (row["month"], row["collection"]), reverse=True)
    month = f"{now:%Y-%m}"
    spent = sum(row["x"] + row["task"] + row["requests"] for row in rows if row["month"] == month)
    stored = sum(row["stored_month"] for row in rows)
    listed = cost.prices()
    values = {
        "months": _table(rows),
        "month": month,
        "spent": spent,
        "expected": expected(spent, now),
        "stored": stored,
        "budget": pages.place.settings.budget_usd,
        "unread": unread,
        "prices": f"AWS {listed['region']} of {listed['date']}",
    }
    return Page("costs.html", "Costs", values, data=rows, rows=rows)


def months(collection_id: str, history: History, settings: Settings) -> list[Tree]:
    """A row for each month in which harvests of a collection began."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for summary in (*history.harvests, *history.repairs):
        spent, month = cost.of_harvest(summary, settings), text_in(summary, "harvest_timestamp")[:7]
        for name in ("x", "task", "requests", "stored_month"):
            sums[month][name] += getattr(spent, name)
        sums[month]["tweets"] += summary["tweets"]
    return [
        {
            "month": month,
            "collection": collection_id,
            "tweets": int(found["tweets"]),
            **{name: found[name] for name in ("x", "task", "requests", "stored_month")},
            "total": found["x"] + found["task"] + found["requests"],
        }
        for month, found in sums.items()
    ]


def expected(spent: float, now: datetime) -> float:
    """The projected cost of the month at the current rate."""
    days = monthrange(now.year, now.month)[1]
    gone = now.day - 1 + now.hour / 24 + now.minute / 1440
    return spent * days / max(gone, 1 / 24)


def _table(rows: list[Tree]) -> Table:
    linked = [{**row, "href": f"/c/{row['collection']}?tab=cost"} for row in rows]
    columns = (
        Column("collection", "Collection"),
        Column("month", "Month"),
        Column("tweets", "Posts", tables.NUMBER),
        Column("x", "X", tables.DOLLARS),
        Column("task", "Tasks", tables.DOLLARS),
        Column("requests", "Requests", tables.DOLLARS),
        Column("total", "Total", tables.DOLLARS),
        Column("stored_month", "Storage, each month", tables.DOLLARS),
    )
    return Table(columns, linked, empty="No harvests yet, so no costs.", size=500)
