"""Health: the checks of `doctor`, schedules without a scheduler, and collections that need attention."""

from flask import Flask, Response, request

from harvester.dashboard import tables
from harvester.dashboard.app import Page, Pages
from harvester.dashboard.overview import Fresh
from harvester.dashboard.states import sign
from harvester.dashboard.tables import Column, Table
from harvester.documents import Tree
from harvester.ledger.database import Ledger
from harvester.networks.check import Check

# Checks send requests to X and AWS, and write a probe into the store, so they do not run at each view.
_FRESH = 300.0
_TO_LOOK_AT = ("bad", "poor")


def add(app: Flask, pages: Pages) -> None:
    def checked() -> list[Check]:
        # With --read-only no checks run, because some of them write.
        return [] if pages.place.read_only else list(pages.place.checks())

    checks = Fresh(checked, pages.place.clock, seconds=_FRESH)

    @app.get("/health")
    def health() -> Response:
        return pages.answer(_page(pages, checks, is_asked="checks" in request.args))

    @app.get("/health.<any(json, csv):form>")
    def health_as(form: str) -> Response:
        return pages.answer(_page(pages, checks, is_asked=True), form)


def _page(pages: Pages, checks: Fresh[list[Check]], *, is_asked: bool) -> Page:
    rows = pages.overview.rows()
    problems = [row for row in rows if sign(row["state"]) in _TO_LOOK_AT or row["gaps"] or row["problem"]]
    found = [_check(each) for each in checks()] if is_asked else []
    values = {
        "problems": _problems(problems),
        "checks": _checks(found),
        "is_asked": is_asked,
        "index": _index(pages),
        "bad": sum(row["result"] == "failed" for row in found),
    }
    return Page("health.html", "Health", values, data={"checks": found, "collections": problems}, rows=found)


def _index(pages: Pages) -> str:
    """The age of this machine's search index; "" without one."""
    with Ledger.reading(pages.place.cache) as ledger:
        return ledger.as_of


def _check(check: Check) -> Tree:
    result = "ok" if check.ok else "failed"
    return {"check": check.check, "result": result, "detail": check.detail, "hint": check.hint}


def _problems(rows: list[Tree]) -> Table:
    linked = [{**row, "href": f"/c/{row['id']}", "detail": row["problem"] or row["detail"]} for row in rows]
    columns = (
        Column("id", "Collection"),
        Column("state", "State", tables.STATE),
        Column("gaps", "Open gaps", tables.NUMBER),
        Column("last_harvest", "Last harvest", tables.TIME),
        Column("detail", "Detail", tables.DETAIL),
    )
    return Table(columns, linked, empty="No collection needs attention.", size=500)


def _checks(rows: list[Tree]) -> Table:
    columns = (
        Column("check", "Check"),
        Column("result", "Result", tables.STATE),
        Column("detail", "Detail", tables.DETAIL),
        Column("hint", "What to do", tables.DETAIL),
    )
    return Table(columns, rows, empty="No checks.", size=500)
