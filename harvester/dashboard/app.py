"""The pages and their addresses: each as HTML, as JSON and, where it has a table, as CSV."""

import csv
import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import Flask, Response, abort, request, send_from_directory
from werkzeug.exceptions import HTTPException

from harvester.clock import Stop
from harvester.collection import history
from harvester.dashboard.actions import Actions
from harvester.dashboard.guard import Guard
from harvester.dashboard.overview import Overview
from harvester.dashboard.place import Place
from harvester.dashboard.rendering import STATIC, rendered
from harvester.dashboard.streams import Streams
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError, NotFound, StoreAway
from harvester.store.keys import CollectionKeys
from harvester.text import unexpected, when

log = logging.getLogger("twarc-cloud")

_FILES = ("style.css", "page.js", "world.svg")
NAVIGATION = (
    ("/", "Collections"),
    ("/search", "Search"),
    ("/accounts", "Accounts"),
    ("/statistics", "Statistics"),
    ("/costs", "Costs"),
    ("/health", "Health"),
)


@dataclass(frozen=True)
class Page:
    """The content of a page: `data` is its JSON, `rows` the table for CSV."""

    template: str
    title: str
    values: Tree = field(default_factory=dict)
    data: Any = None
    rows: Sequence[Tree] = ()
    status: int = 200


class Pages:
    """Renders pages for one run of the dashboard."""

    def __init__(self, place: Place, guard: Guard, stop: Stop) -> None:
        self.place, self.guard = place, guard
        self.streams = Streams(place.clock, stop)
        self.overview = Overview(place)
        self.actions = Actions(place)

    def answer(self, page: Page, form: str = "") -> Response:
        if form == "json":
            return Response(orjson.dumps(page.data, option=orjson.OPT_INDENT_2), mimetype="application/json")
        if form == "csv":
            return Response(_csv(page.rows), mimetype="text/csv; charset=utf-8")
        values = {
            "title": page.title,
            "place": self.place,
            "navigation": NAVIGATION,
            "path": request.path,
            "as_of": when(self.place.clock.now().isoformat()),
            "form_token": "" if self.place.read_only else self.guard.form_token,
            "reload": request.full_path.rstrip("?"),
            **page.values,
        }
        return Response(rendered(page.template, values), status=page.status, mimetype="text/html")

    def tree(self, keys: CollectionKeys) -> Tree:
        """The current state of a collection."""
        return history.current(self.place.store, keys)

    def problem(self, error: HarvesterError) -> Response:
        """If a page cannot be shown, show what is wrong and what to do."""
        found = {"message": error.message, "problems": list(error.problems), "hint": error.hint}
        return self.answer(Page("problem.html", "Cannot show this", found, status=_status(error)))


def dashboard_app(place: Place, guard: Guard, *routes: Callable[[Flask, Pages], None], stop: Stop) -> Flask:
    """The WSGI application; each of `routes` adds the addresses of some pages, and `stop` ends streams."""
    app = Flask(__name__, static_folder=None)
    pages = Pages(place, guard, stop)
    guard.protect(app)

    @app.get("/static/<name>")
    def static_file(name: str) -> Response:
        if name not in _FILES:
            abort(404)
        return send_from_directory(STATIC, name)

    @app.errorhandler(HarvesterError)
    def tell(error: HarvesterError) -> Response:
        return pages.problem(error)

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Response | tuple[str, int, dict[str, str]]:
        if error.code == 404:
            return pages.problem(NotFound(f"There is no page {request.path}."))
        words = error.description or error.name
        return f"{words}\n", error.code or 500, {"Content-Type": "text/plain; charset=utf-8"}

    @app.errorhandler(Exception)
    def report(error: Exception) -> tuple[str, int, dict[str, str]]:
        log.debug("Traceback:", exc_info=error)
        words = unexpected(error)
        log.error("%s: U%s. Run it again with --debug, and report the output.", request.path, words[1:])
        return f"U{words[1:]}; see the terminal.\n", 500, {"Content-Type": "text/plain; charset=utf-8"}

    for add in routes:
        add(app, pages)
    return app


def _status(error: HarvesterError) -> int:
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, StoreAway):
        return 503
    return 400 if error.exit_code == Exit.USAGE else 502


def _csv(rows: Sequence[Tree]) -> bytes:
    """The rows as a table; values other than text and numbers become JSON."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), extrasaction="ignore", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else value
