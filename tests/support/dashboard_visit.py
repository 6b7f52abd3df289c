"""A visit to the dashboard of a folder: the application with its guard, and a client that has the cookie."""

import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from harvester.clock import Stop
from harvester.compute.local.compute import LocalCompute
from harvester.dashboard.app import dashboard_app
from harvester.dashboard.guard import Guard
from harvester.dashboard.place import Place
from harvester.dashboard.server import ROUTES
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.keys import ROOT

PORT = 8123
ORIGIN = f"http://127.0.0.1:{PORT}"


def a_place(folder: Path, store: Store | None = None, **changes: Any) -> Place:
    """The dashboard's place in a folder; nothing harvests there."""
    store = store or FolderStore(folder / "collections")

    def command(names: Sequence[str], values: Sequence[str]) -> list[str]:
        return ["echo", "It said:", *names, "--", *values]

    compute = LocalCompute(
        store,
        folder / "collections-runs",
        harvest=lambda collection_id: ["false", collection_id],
        supervise=lambda collection_id: ["false", collection_id],
    )
    place = Place(
        store=store,
        compute=compute,
        settings=Settings(),
        label=f"Folder: {folder / 'collections'}",
        shown=lambda key: f"{folder}/collections/{key.removeprefix(ROOT)}",
        checks=tuple,
        work_root=lambda keys: folder / "temp" / "local" / keys.id,
        command=command,
    )
    return replace(place, **changes)


class Visit:
    """Asks for pages as the browser does that opened the link."""

    def __init__(self, place: Place) -> None:
        self.guard = Guard(read_only=place.read_only)
        self.guard.open_at(PORT)
        self.app: Flask = dashboard_app(place, self.guard, *ROUTES, stop=Stop())
        self.client: FlaskClient = self.app.test_client()
        assert self.get(f"/?token={self.guard.token}").status_code == 303

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, base_url=ORIGIN, **options)

    def page(self, path: str, *, status: int = 200) -> str:
        """The HTML of a page, which is well formed and holds no style or script of its own."""
        answer = self.get(path)
        assert answer.status_code == status, (path, answer.status, answer.text)
        assert answer.mimetype == "text/html"
        require_plain(answer.text)
        return answer.text

    def json(self, path: str) -> Any:
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status)
        return answer.json

    def post(self, path: str, *, origin: str = ORIGIN, **fields: str) -> TestResponse:
        given = {"form_token": self.guard.form_token, **fields}
        return self.client.post(path, base_url=ORIGIN, data=given, headers={"Origin": origin})


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or "style" in given or any(name.startswith("on") for name in given):
            self.problems.append(f"<{tag}> has a style or a script of its own")
        if tag == "script" and given.get("src") != "/static/page.js":
            self.problems.append("a script that is not ours")
        if tag in ("img", "iframe", "object", "embed"):
            self.problems.append(f"<{tag}>")
        if re.match(r"\s*(?!data:,)(javascript|data|vbscript):", given.get("href") or "", re.IGNORECASE):
            self.problems.append(f"a link to {given['href']}")
        if tag not in ("meta", "link", "input", "br", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()


def require_plain(html: str) -> None:
    """Fails where text of others became an element, or an element is not closed."""
    elements = _Elements()
    elements.feed(html)
    assert not elements.problems and not elements.open, (elements.problems, elements.open)
