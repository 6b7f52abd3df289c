"""One browser, and one dashboard of a made-up world, for all tests of pages."""

import os
import site
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harvester.dashboard.server import served
from harvester.ledger.cache import cache_of
from harvester.search.indexing import update
from harvester.store.folder import FolderStore
from harvester.store.reading import reader
from tests.dashboard.browser.ready import FOLDER, chromium, lacking
from tests.support.dashboard_visit import a_place
from tests.support.dashboard_world import COLLECTIONS, WorldClock, made_up


@dataclass
class Watched:
    """A tab whose console, errors, dialogs and requests are noted."""

    page: Any
    address: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", self._dismiss)
        self.page.on("request", self._look)

    def _dismiss(self, dialog: Any) -> None:
        self.complaints.append("a dialog")
        dialog.dismiss()

    def _look(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:")):
            self.complaints.append(f"a request to {request.url}")

    def open(self, path: str) -> Any:
        """The page, which is loaded."""
        answer = self.page.goto(self.address + path)
        assert answer.status == 200, (path, answer.status)
        return self.page


@pytest.fixture(scope="session")
def chrome() -> Iterator[Any]:
    if os.environ.get("BROWSER_TEST") != "1":
        pytest.skip("tests in a browser run with `make browser-test`")
    if missing := lacking():
        pytest.skip(f"not here: {'; '.join(missing)}; `make browser-test` installs what it can")
    for packages in FOLDER.glob("lib/python3.*/site-packages"):
        site.addsitedir(str(packages))
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if sys.platform == "linux" and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=sandbox)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def dashboard(chrome: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[Any]]]:
    """The address, and the cookies that the link gives."""
    folder: Path = tmp_path_factory.mktemp("dashboard")
    with opened(chrome, folder, made_up(folder / "collections"), COLLECTIONS) as found:
        yield found


@contextmanager
def opened(
    chrome: Any, folder: Path, store: FolderStore, collections: Sequence[str]
) -> Iterator[tuple[str, list[Any]]]:
    """The same for the collections of a world, with their index."""
    update(cache_of(store.name), reader(store), collections, whole_store=True)
    place = a_place(folder, store, clock=WorldClock(), label="s3://museum")
    with served(place, port=0) as link:
        context = chrome.new_context()
        context.new_page().goto(link)
        cookies = context.cookies()
        context.close()
        yield link.partition("/?")[0], cookies


@pytest.fixture
def tab(chrome: Any, dashboard: tuple[str, list[Any]], request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A tab, with the options of the mark `looks`, which has nothing to complain about at the end."""
    mark = request.node.get_closest_marker("looks")
    options = {"viewport": {"width": 1200, "height": 900}, **(mark.kwargs if mark else {})}
    address, cookies = dashboard
    context = chrome.new_context(**options)
    context.add_cookies(cookies)
    watched = Watched(context.new_page(), address)
    yield watched
    context.close()
    assert watched.complaints == []
