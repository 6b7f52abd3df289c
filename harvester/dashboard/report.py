"""A collection as one file for the record: no script, no external resources, reproducible bytes."""

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from harvester.clock import moment
from harvester.collection import history
from harvester.collection.kinds import is_crawl
from harvester.compute import cost
from harvester.dashboard import tables, tabs
from harvester.dashboard.days import chart_of, days_of, span_of
from harvester.dashboard.histories import Histories, History
from harvester.dashboard.rendering import STATIC, rendered
from harvester.dashboard.tables import Column, Table
from harvester.dashboard.tabs import Subject
from harvester.documents import HarvestSummary, Tree, text_in
from harvester.errors import NotFound
from harvester.harvest.manifest import ALGORITHMS
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import REPORTS, CollectionKeys, manifest_name

_AT_ONCE = 16
_EVERY = 1_000_000


def report(store: Store, settings: Settings, keys: CollectionKeys, *, names: bool, costs: bool) -> str:
    """The HTML. Account names and costs are included only if requested."""
    tree = history.current(store, keys)
    found = Histories(store).of(keys)
    subject = Subject(store, settings, keys, tree, found, str)
    until = _until(found)
    days = days_of(found.harvests, found.gaps, until=until.date()) if until else []
    spent = [cost.of_harvest(each, settings) for each in (*found.harvests, *found.repairs)] if costs else []
    values = {
        "id": keys.id,
        "title": text_in(tree, "title"),
        "description": text_in(tree, "description"),
        "kind": text_in(tree, "type"),
        "as_of": until.isoformat() if until else "",
        "state_word": str(found.last["state"]) if found.last else "never harvested",
        "posts": found.posts,
        "edges": found.edges if is_crawl(tree) else None,
        "files": found.files,
        "file_bytes": found.file_bytes,
        "gaps": len(found.open_gaps),
        "x": sum(each.x for each in spent),
        "aws": sum(each.task + each.requests for each in spent),
        "costs": costs,
        **chart_of(days, keys.id),
        "style": (STATIC / "style.css").read_text(encoding="utf-8"),
        "harvests": _whole(_without_links(tabs.harvests(subject), costs=costs)),
        "gap_table": _whole(tabs.gaps(subject)),
        "users": _whole(tabs.users(subject)) if names else _states(subject),
        "manifests": _manifests(store, found),
    }
    return rendered("report.html", values)


def report_key(keys: CollectionKeys) -> str:
    return f"{REPORTS}{keys.id}/index.html"


def _until(found: History) -> datetime | None:
    """The end of the last harvest, which is the only date of the report."""
    spans = [span for each in (*found.harvests, *found.repairs) if (span := span_of(each))]
    return max((end for _, end in spans), default=None)


def _whole(table: Table) -> Table:
    return Table(table.columns, table.rows, table.summary, table.empty, _EVERY)


def _without_links(table: Table, *, costs: bool) -> Table:
    rows = [{name: value for name, value in row.items() if name != "href"} for row in table.rows]
    columns = tuple(column for column in table.columns if costs or column.form != tables.DOLLARS)
    return Table(columns, rows, table.summary, table.empty)


def _states(subject: Subject) -> Table:
    """The number of accounts in each state, without their names."""
    count = Counter(row["state"] for row in tabs.users(subject).rows)
    columns = (Column("state", "State", tables.STATE), Column("accounts", "Accounts", tables.NUMBER))
    rows = [{"state": state, "accounts": number} for state, number in sorted(count.items())]
    return Table(columns, rows, empty="This collection has no users.", size=_EVERY)


def _manifests(store: Store, found: History) -> Table:
    """The digest of each manifest, which has those of all files, to compare copies with."""

    def row(summary: HarvestSummary) -> Tree:
        digests = {name: _digest(store, f"{summary['folder']}{manifest_name(name)}") for name in ALGORITHMS}
        return {"harvest": _moment_of(summary), **digests}

    summaries = [each for each in (*found.harvests, *found.repairs) if each.get("folder")]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        rows = list(pool.map(row, summaries))
    columns = (
        Column("harvest", "Harvest", tables.TIME),
        *(Column(name, f"SHA-256 of manifest-{name}.txt", tables.DETAIL) for name in ALGORITHMS),
    )
    return Table(columns, rows, empty="No manifests.", size=_EVERY)


def _moment_of(summary: HarvestSummary) -> str:
    """When the harvest began; if it does not say, the name of its folder, which is the same time."""
    began = text_in(summary, "harvest_timestamp")
    try:
        return moment(began).isoformat()
    except ValueError:
        return str(summary["folder"])


def _digest(store: Store, key: str) -> str:
    try:
        return hashlib.sha256(store.read(key).data).hexdigest()
    except NotFound:
        return ""
