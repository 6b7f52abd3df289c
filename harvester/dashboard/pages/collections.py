"""Collections: all of a place with their states, filtered by state or words."""

from flask import Flask, Response, request

from harvester.dashboard.app import Page, Pages
from harvester.dashboard.charts.spark import spark
from harvester.dashboard.states import sign
from harvester.documents import Tree


def add(app: Flask, pages: Pages) -> None:
    @app.get("/")
    def collections() -> Response:
        return pages.answer(_page(pages))

    @app.get("/collections.<any(json, csv):form>")
    def collections_as(form: str) -> Response:
        return pages.answer(_page(pages), form)


def _page(pages: Pages) -> Page:
    everything = pages.overview.rows()
    wanted = {name: request.args.get(name, "") for name in ("state", "label")}
    rows = [row for row in everything if _is_wanted(row, wanted)]
    shown = [{**row, "spark": _spark(row)} for row in rows]
    filters = ", ".join(f"{name} {value}" for name, value in wanted.items() if value)
    values = {"rows": shown, "sums": sums(everything), "filters": filters, "events": "/events"}
    values["problems"] = pages.overview.problems
    return Page("collections.html", "Collections", values, data=rows, rows=rows)


def sums(rows: list[Tree]) -> Tree:
    """The sums over all collections."""
    names = ("posts", "file_bytes", "gaps", "month_x", "month_aws")
    return {
        "collections": len(rows),
        "running": sum(row["state"] == "running" for row in rows),
        "bad": sum(sign(row["state"]) == "bad" for row in rows),
        **{name: sum(row[name] or 0 for row in rows) for name in names},
    }


def _is_wanted(row: Tree, wanted: dict[str, str]) -> bool:
    words = f"{row['id']} {row['title']} {row['kind']}".lower()
    return wanted["state"] in ("", row["state"]) and wanted["label"].lower() in words


def _spark(row: Tree) -> str:
    total = sum(row["last_30_days"])
    return spark(row["last_30_days"], label=f"{total:,} posts in 30 days")
