"""Accounts: by id, or by a name at a time, with names, states and collections, as they were seen."""

from collections.abc import Sequence

from flask import Flask, Response, request

from harvester.accounts import lookup
from harvester.accounts.lookup import Account
from harvester.dashboard import tables
from harvester.dashboard.app import Page, Pages
from harvester.dashboard.finder import NO_INDEX
from harvester.dashboard.tables import Column, Table
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.ledger.cache import Cache
from harvester.ledger.database import Ledger
from harvester.ledger.sightings import STATES
from harvester.ledger.spans import Span


def add(app: Flask, pages: Pages) -> None:
    cache = pages.place.cache

    @app.get("/accounts")
    def accounts() -> Response:
        return pages.answer(_page(pages, cache))

    @app.get("/accounts.<any(json, csv):form>")
    def accounts_as(form: str) -> Response:
        return pages.answer(_page(pages, cache), form)

    @app.get("/lookup")
    def known() -> Response:
        with Ledger.reading(cache) as ledger:
            return pages.answer(Page("", "", data=lookup.counts(ledger)), "json")

    @app.get("/lookup/id/<account_id>")
    def by_id(account_id: str) -> Response:
        with Ledger.reading(cache) as ledger:
            found = lookup.by_id(ledger, account_id)
        return _answer(pages, found.document() if found else None, f"No account {account_id} was seen.")

    @app.get("/lookup/screen_name/<name>")
    def by_name(name: str) -> Response:
        with Ledger.reading(cache) as ledger:
            found = lookup.by_name(ledger, name, at=request.args.get("at", ""))
        return _answer(
            pages, [each.document() for each in found], f"No account with the name {name} was seen."
        )


def _answer(pages: Pages, data: Tree | list[Tree] | None, otherwise: str) -> Response:
    response = pages.answer(Page("", "", data=data or {"error": otherwise}), "json")
    response.status_code = 200 if data else 404
    return response


def _page(pages: Pages, cache: Cache) -> Page:
    asked, at, state = (request.args.get(name, "").strip() for name in ("q", "at", "state"))
    found: Sequence[Account] = ()
    problem = ""
    with Ledger.reading(cache) as ledger:
        is_empty, counts = ledger.is_empty, lookup.counts(ledger)
        try:
            found = _found(ledger, asked, at, state)
        except HarvesterError as error:
            if error.exit_code != Exit.USAGE:
                raise
            problem = f"{error.message} {error.hint}".strip()
        as_of = ledger.as_of
    rows = [each.document() for each in found]
    values = {
        "asked": asked,
        "at": at,
        "state": state,
        "states": STATES,
        "counts": counts,
        "as_of_index": as_of,
        "problem": problem,
        "note": f"{NO_INDEX}: `{pages.place.program} search index` makes one." if is_empty else "",
        "is_asked": bool(asked or state) and not problem,
        "found": _table(found),
        "one": _of_one(found[0]) if len(found) == 1 else None,
    }
    return Page("accounts.html", "Accounts", values, data=rows, rows=rows, status=400 if problem else 200)


def _found(ledger: Ledger, asked: str, at: str, state: str) -> list[Account]:
    if state:
        return lookup.listed(ledger, state=state)
    if not asked:
        return []
    by_id = lookup.by_id(ledger, asked) if not asked.startswith("@") else None
    return ([by_id] if by_id else []) + lookup.by_name(ledger, asked, at=at)


def _table(found: Sequence[Account]) -> Table:
    rows = [
        {
            "href": f"/accounts?q={each.id}",
            "id": each.id,
            "username": each.username,
            "state": each.state,
            "names": len(each.names),
            "collections": ", ".join(each.collections),
        }
        for each in found
    ]
    columns = (
        Column("id", "Id"),
        Column("username", "Name"),
        Column("state", "State", tables.STATE),
        Column("names", "Names", tables.NUMBER),
        Column("collections", "Collections", tables.DETAIL),
    )
    return Table(columns, rows, empty="No such account was seen.", size=1000)


def _of_one(account: Account) -> Tree:
    """The details of the only account that was found."""
    profile = [
        (name, str(value)) for name, value in account.profile.items() if value not in (None, "", [], {})
    ]
    return {
        "account": account,
        "names": _spans(account.names, "Name"),
        "states": _spans(account.states, "State"),
        "profile": profile,
    }


def _spans(spans: Sequence[Span], head: str) -> Table:
    rows = [
        {"value": span.value, "first": span.first, "last": span.last, "source": span.source}
        for span in reversed(spans)
    ]
    columns = (
        Column("value", head),
        Column("first", "Seen from", tables.TIME),
        Column("last", "Seen until", tables.TIME),
        Column("source", "Source", tables.DETAIL),
    )
    return Table(columns, rows, empty="None was noted.", size=1000)
