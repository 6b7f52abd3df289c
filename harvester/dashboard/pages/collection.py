"""One collection: its facts, posts by day with states and gaps, tables in tabs, and buttons."""

import math
from dataclasses import replace
from typing import Any

import orjson
from flask import Flask, Response, redirect, request

from harvester.clock import timestamp
from harvester.collection import history
from harvester.collection.kinds import is_crawl, is_stream
from harvester.collection.secrets import without_secrets
from harvester.compute import Scheduled
from harvester.compute.listing import row_of
from harvester.dashboard.app import Page, Pages
from harvester.dashboard.days import chart_of, span_of
from harvester.dashboard.histories import History
from harvester.dashboard.overview import next_time, state_word
from harvester.dashboard.rendering import dollars
from harvester.dashboard.tables import Table
from harvester.dashboard.tabs import CRAWL, SETTINGS, TABS, Subject
from harvester.documents import HarvestSummary, Tree, text_in
from harvester.errors import HarvesterError, NotFound
from harvester.harvest import catalog
from harvester.store.keys import CollectionKeys

_STREAM = (("filter-start", "Start the stream"), ("filter-start-dry-run", "What would it cost?"))
_FINITE = (("once", "Harvest once"), ("once-dry-run", "What would it cost?"))


def add(app: Flask, pages: Pages) -> None:
    @app.get("/c/<collection_id>")
    def collection(collection_id: str) -> Response:
        form = "json" if collection_id.endswith(".json") and not _is_there(pages, collection_id) else ""
        page = _page(pages, collection_id.removesuffix(".json") if form else collection_id)
        if not form:
            page.values["action"] = pages.actions.to_show(page.values["id"])
        return pages.answer(page, form)

    @app.get(f"/c/<collection_id>/<any({', '.join(TABS)}):tab>.<any(json, csv):form>")
    def table(collection_id: str, tab: str, form: str) -> Response:
        found = TABS[tab][1](subject_of(pages, CollectionKeys(collection_id)))
        return pages.answer(Page("", "", data=found.plain, rows=found.plain), form)

    @app.get("/c/<collection_id>/settings.json")
    def settings(collection_id: str) -> Response:
        tree = history.current(pages.place.store, CollectionKeys(collection_id))
        return pages.answer(Page("", "", data=without_secrets(tree)), "json")

    @app.post("/c/<collection_id>/do/<name>")
    def do(collection_id: str, name: str) -> Response:
        keys = CollectionKeys(collection_id)
        history.read(pages.place.store, keys)
        pages.actions.run(name, keys.id, request.form)
        return redirect(f"/c/{keys.id}", 303)  # type: ignore[return-value]


def _is_there(pages: Pages, collection_id: str) -> bool:
    try:
        history.read(pages.place.store, CollectionKeys(collection_id))
    except NotFound:
        return False
    return True


def subject_of(pages: Pages, keys: CollectionKeys) -> Subject:
    place = pages.place
    tree = history.current(place.store, keys)
    found = pages.overview.histories.of(keys)
    return Subject(place.store, place.settings, keys, tree, found, place.shown)


def _page(pages: Pages, collection_id: str) -> Page:
    keys = CollectionKeys(collection_id)
    tree, problem = _description(pages, keys)
    found = pages.overview.histories.of(keys)
    subject = Subject(pages.place.store, pages.place.settings, keys, tree, found, pages.place.shown)
    facts = {**facts_of(pages, keys, tree, found), "problem": problem}
    tab = request.args.get("tab", CRAWL if is_crawl(tree) else "harvests")
    content = _content(subject, tab)
    days = pages.overview.figures(keys, found).days
    values = {
        "id": keys.id,
        "facts": facts,
        **chart_of(days, keys.id, brush=True),
        "first_day": days[0].name if days else "",
        "last_day": days[-1].name if days else "",
        "tabs": _tabs(tree),
        "tab": tab if content else SETTINGS,
        "tab_title": TABS[tab][0] if content else "Settings",
        "content": content,
        "settings": "" if content else _as_text(without_secrets(tree)),
        "buttons": _buttons(tree, facts),
        "schedulable": bool(tree) and not is_stream(tree),
        "events": f"/events?collection={keys.id}",
    }
    data = {**facts, "days": [each.__dict__ for each in days], tab: content.plain if content else None}
    return Page("collection.html", keys.id, values, data=data)


def _tabs(tree: Tree) -> list[tuple[str, str]]:
    """The names of the tabs and their titles."""
    found = [(name, title) for name, (title, _) in TABS.items() if name != CRAWL or is_crawl(tree)]
    return [*found, (SETTINGS, "Settings")]


def _description(pages: Pages, keys: CollectionKeys) -> tuple[Tree, str]:
    """The collection, and what is wrong with it; one that cannot be read is shown as an empty one."""
    try:
        return history.current(pages.place.store, keys), ""
    except NotFound:
        raise
    except HarvesterError as error:
        return {}, " ".join(filter(None, [error.message, *error.problems, error.hint]))


def _content(subject: Subject, tab: str) -> Table | None:
    """The table of a tab; None for the settings."""
    if tab not in TABS:
        return None
    found = TABS[tab][1](subject)
    number = request.args.get("page", 1, type=int)
    return replace(found, number=min(max(number, 1), found.pages))


def _as_text(tree: Tree) -> str:
    return orjson.dumps(tree, option=orjson.OPT_INDENT_2).decode()


def facts_of(pages: Pages, keys: CollectionKeys, tree: Tree, found: History) -> Tree:
    """The facts about a collection above its tables."""
    place, overview = pages.place, pages.overview
    standing = row_of(place.store, keys, overview.tasks().get(keys.id))
    last = found.last
    running = running_summary(pages, keys) if standing and standing["status"] == "RUNNING" else None
    scheduled = overview.schedules().get(keys.id)
    now = place.clock.now()
    state = state_word(standing, last)
    figures = overview.figures(keys, found)
    return {
        "id": keys.id,
        "title": text_in(tree, "title"),
        "kind": text_in(tree, "type"),
        "state": state,
        "activity": activity(place.store, keys, running),
        "detail": _detail(standing, last, running),
        "posts": _with_live(found, running),
        "edges": found.edges if is_crawl(tree) else None,
        "files": found.files,
        "file_bytes": found.file_bytes,
        "gaps": len(found.open_gaps),
        "covered": _covered(found) if is_stream(tree) else "",
        "x": figures.x,
        "aws": figures.aws,
        "budget": _budget(tree),
        **_schedule(scheduled),
        "next_harvest": next_time(scheduled, now),
        "due": _due(scheduled, next_time(scheduled, now), timestamp(now)),
    }


def running_summary(pages: Pages, keys: CollectionKeys) -> HarvestSummary | None:
    """The figures of the running harvest: from the process itself, or its last ones in the store."""
    place = pages.place
    live = None if place.settings.cluster else place.compute.live(keys.id)
    return live or catalog.running(place.store, keys) or catalog.stale(place.store, keys)


def activity(store: Any, keys: CollectionKeys, running: HarvestSummary | None) -> str:
    """What the harvest is doing, and whether a stop was requested."""
    if running is None:
        return ""
    held = catalog.live_lock(store, keys) or {}
    asked = "stop asked for" if held.get("stop_asked") else ""
    return ", ".join(filter(None, [running.get("activity"), asked, running.get("heartbeat")]))


def _with_live(found: History, running: HarvestSummary | None) -> int:
    """The number of posts, including the latest figure of the running harvest."""
    if running is None:
        return found.posts
    began = running.get("harvest_timestamp")
    stored = next((each for each in found.harvests if each["harvest_timestamp"] == began), None)
    return found.posts + running["tweets"] - (stored["tweets"] if stored else 0)


def _detail(standing: Tree | None, last: HarvestSummary | None, running: HarvestSummary | None) -> str:
    if standing:
        return str(standing.get("detail") or (running or {}).get("reason") or "")
    words = [(last or {}).get("reason"), (last or {}).get("hint")]
    return " ".join(str(each) for each in words if each)


def _covered(found: History) -> str:
    """The share of the time since the first harvest that is in no open gap."""
    spans = [span for summary in found.harvests if (span := span_of(summary))]
    if not spans:
        return ""
    first, last = min(begun for begun, _ in spans), max(ended for _, ended in spans)
    whole = max((last - first).total_seconds(), 1.0)
    share = max(0.0, 1 - sum(gap.seconds for gap in found.open_gaps) / whole)
    # 99.95 is not 100.
    percent = math.floor(share * 1000) / 10
    return f"{percent:g} % of the time since {first:%Y-%m-%d} is without open gaps"


def _budget(tree: Tree) -> str:
    budget = tree.get("budget_usd")
    of = "crawl" if is_crawl(tree) else "harvest"
    return f"at most {dollars(budget)} a {of}" if isinstance(budget, int | float) and budget else ""


def _schedule(scheduled: Scheduled | None) -> Tree:
    if scheduled is None:
        return {"schedule": "", "expression": "", "timezone": "UTC", "paused": False}
    words = scheduled.schedule.expression
    return {
        "schedule": f"{words} (paused)" if scheduled.paused else words,
        "expression": words,
        "timezone": scheduled.schedule.timezone,
        "paused": scheduled.paused,
    }


def _due(scheduled: Scheduled | None, due: str | None, now: str) -> str:
    if scheduled is None:
        return "not scheduled"
    if scheduled.paused:
        return "paused"
    if not scheduled.scheduler_running:
        return "no scheduler is running"
    return "due since then" if due and due < now else "UTC"


def _buttons(tree: Tree, facts: Tree) -> list[tuple[str, str]]:
    """The available actions."""
    runs = facts["state"] in ("running", "starting", "restarting", "stopping", "gave up", "no capacity")
    stream = is_stream(tree)
    found: list[tuple[str, str]] = []
    if runs:
        found.append(("filter-stop", "Stop the stream") if stream else ("stop", "Stop the harvest"))
    elif tree:
        found += _STREAM if stream else _FINITE
    if facts["schedule"] and not facts["paused"]:
        found.append(("pause", "Pause the schedule"))
    if facts["schedule"]:
        found.append(("unschedule", "Remove the schedule"))
    return [*found, ("verify", "Verify the files")]
