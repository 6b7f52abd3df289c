"""One harvest: its summary, files with their digests, what was billed, events, user changes and the log."""

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import orjson
from flask import Flask, Response

from harvester.clock import Stop
from harvester.dashboard import tables
from harvester.dashboard.app import Page, Pages
from harvester.dashboard.tables import Column, Table
from harvester.documents import HarvestSummary, Tree, text_in
from harvester.errors import HarvesterError, NotFound
from harvester.harvest import catalog
from harvester.harvest.manifest import ALGORITHMS, parsed
from harvester.store import Store
from harvester.store.keys import CollectionKeys, HarvestKeys

_EVENTS, _CHANGES, _LOG_LINES = 200, 1000, 300


def add(app: Flask, pages: Pages) -> None:
    @app.get("/c/<collection_id>/<any(h, r):kind>/<digits>")
    def harvest(collection_id: str, kind: str, digits: str) -> Response:
        form = "json" if digits.endswith(".json") else ""
        keys = CollectionKeys(collection_id)
        keys = keys.repairs if kind == "r" else keys
        return pages.answer(_page(pages, keys, digits.removesuffix(".json")), form)

    @app.get("/c/<collection_id>/<any(h, r):kind>/<digits>/files.csv")
    def files(collection_id: str, kind: str, digits: str) -> Response:
        keys = CollectionKeys(collection_id)
        keys = keys.repairs if kind == "r" else keys
        found = _files(pages.place.store, _keys_of(keys, digits))
        return pages.answer(Page("", "", rows=found.plain), "csv")


def _keys_of(keys: CollectionKeys, digits: str) -> HarvestKeys:
    try:
        return keys.harvest(datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC))
    except ValueError:
        raise NotFound(f"{digits} is not the time of a harvest.", hint="See the list of harvests.") from None


def _page(pages: Pages, keys: CollectionKeys, digits: str) -> Page:
    here = _keys_of(keys, digits)
    history = pages.overview.histories.of(CollectionKeys(keys.id))
    every = [*history.harvests, *history.repairs]
    summary = next((each for each in every if each.get("folder") == here.folder), None)
    if summary is None:
        raise NotFound(
            f"There is no harvest of {keys.id} that began at {digits}.", hint="See the list of harvests."
        )
    is_newest = bool(history.harvests) and summary is history.harvests[0]
    store = pages.place.store
    changes = catalog.user_changes(store, summary)
    files = _files(store, here)
    log, no_log = _log(pages, keys.id) if is_newest else (None, "")
    values = {
        "id": keys.id,
        "digits": digits,
        "summary": summary,
        "detail": " ".join(str(each) for each in (summary.get("reason"), summary.get("hint")) if each),
        "billed": _billed(summary),
        "files": files,
        "events_shown": _events(store, here),
        "changes": _changes(changes or []),
        "log": log,
        "no_log": no_log,
        "folder": pages.place.shown(here.folder),
        "all": orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode(),
    }
    data = {**summary, "user_changes": changes, "record_files": files.plain}
    return Page("harvest.html", f"{keys.id}, harvest of {digits}", values, data=data)


def _billed(summary: HarvestSummary) -> Table:
    billed = summary.get("billed") or {}
    by_endpoint = billed.get("by_endpoint")
    rows = [
        {"endpoint": name, **{each: figures.get(each) for each in ("posts", "users", "requests")}}
        for name, figures in (by_endpoint.items() if isinstance(by_endpoint, dict) else ())
        if isinstance(figures, dict)
    ]
    columns = (
        Column("endpoint", "Endpoint"),
        Column("posts", "Posts", tables.NUMBER),
        Column("users", "Users", tables.NUMBER),
        Column("requests", "Requests", tables.NUMBER),
    )
    usd = billed.get("usd")
    words = (
        f"${usd:,.2f} at the prices of {billed.get('prices_as_of')}" if isinstance(usd, int | float) else ""
    )
    return Table(columns, rows, words + _lost(billed), empty="Nothing was billed.")


def _lost(billed: Mapping[str, Any]) -> str:
    lost = billed.get("unanswered")
    usd = lost.get("usd") if isinstance(lost, dict) else None
    return f", of which ${usd:,.2f} at most for lost answers" if isinstance(usd, int | float) and usd else ""


def _files(store: Store, here: HarvestKeys) -> Table:
    """The files with the digests of both manifests; empty for a file that neither lists."""
    sizes = {entry.key.removeprefix(here.folder): entry.size for entry in store.entries(here.folder)}
    digests = {algorithm: _manifest(store, here, algorithm) for algorithm in ALGORITHMS}
    names = sorted({*sizes, *(name for listed in digests.values() for name in listed)})
    rows = [
        {
            "name": name,
            "size": sizes.get(name),
            **{algorithm: listed.get(name, "") for algorithm, listed in digests.items()},
        }
        for name in names
    ]
    columns = (
        Column("name", "File"),
        Column("size", "Size", tables.BYTES),
        *(Column(algorithm, algorithm.upper(), tables.DETAIL) for algorithm in digests),
    )
    return Table(columns, rows, empty="No files.")


def _manifest(store: Store, here: HarvestKeys, algorithm: str) -> dict[str, str]:
    try:
        data = store.read(here.manifest(algorithm)).data
    except NotFound:
        return {}
    try:
        return parsed(data.decode("utf-8", "backslashreplace"))
    except ValueError:
        # `collection verify` says what is wrong with it.
        return {}


def _events(store: Store, here: HarvestKeys) -> list[str]:
    """The last lines of events.jsonl, unchanged."""
    with suppress(NotFound):
        lines = store.read(here.events).data.splitlines()
        return [line.decode("utf-8", "backslashreplace") for line in lines[-_EVENTS:]]
    return []


def _changes(changes: list[Tree]) -> Table:
    rows = [
        {
            "user_id": text_in(change, "user_id"),
            "screen_name": text_in(change, "screen_name"),
            "change": text_in(change, "change") + (", deleted" if change.get("deleted") else ""),
            "error": text_in(change, "error"),
        }
        for change in islice(changes, _CHANGES)
    ]
    columns = (
        Column("user_id", "Id"),
        Column("screen_name", "Name"),
        Column("change", "Change"),
        Column("error", "Error", tables.DETAIL),
    )
    return Table(columns, rows, empty="No user changes.", size=_CHANGES)


def _log(pages: Pages, collection_id: str) -> tuple[list[str], str]:
    """The end of the log, where this machine or the cluster has one; and why there is none."""
    stop = Stop()

    def lines() -> Iterator[str]:
        yield from pages.place.compute.log(collection_id, lines=_LOG_LINES, follow=False, stop=stop)

    try:
        return list(deque(lines(), maxlen=_LOG_LINES)), ""
    except HarvesterError as error:
        return [], f"{error.message} {error.hint}".strip()
