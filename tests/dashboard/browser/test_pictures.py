"""The pictures in the documentation show the current pages: `make pictures` makes them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.browser.conftest import opened
from tests.support.dashboard_world import COLLECTIONS, made_up

# Name, address, width and height, scheme.
_PICTURES = (
    ("collections", "/", 1100, 440, "light"),
    ("collection", "/c/storms", 1100, 860, "light"),
    ("collection-dark", "/c/museums", 1100, 620, "dark"),
    ("search", "/search?q=storm", 1100, 700, "light"),
    ("narrow", "/c/museums", 390, 760, "light"),
)
_MOST = 150_000


@pytest.fixture(scope="module")
def calm(chrome: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[Any]]]:
    """A world without anything strange."""
    folder: Path = tmp_path_factory.mktemp("calm")
    store = made_up(folder / "collections", with_strange=False)
    with opened(chrome, folder, store, COLLECTIONS[:-1]) as found:
        yield found


@pytest.mark.parametrize(("name", "path", "width", "height", "scheme"), _PICTURES)
def test_a_picture_is_made(
    chrome: Any,
    calm: tuple[str, list[Any]],
    tmp_path: Path,
    name: str,
    path: str,
    width: int,
    height: int,
    scheme: str,
) -> None:
    address, cookies = calm
    folder = Path(os.environ.get("PICTURES") or tmp_path)
    context = chrome.new_context(
        color_scheme=scheme, viewport={"width": width, "height": height}, reduced_motion="reduce"
    )
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(address + path)
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / f"{name}.png"
    page.screenshot(path=str(picture))
    context.close()
    assert 5_000 < picture.stat().st_size < _MOST
