"""Search: posts by words, tag, account, time and place, with figures of all that were found; and one post."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from flask import Flask, Response, request

from harvester.dashboard.app import Page, Pages
from harvester.dashboard.charts.bars import bars
from harvester.dashboard.charts.donut import donut
from harvester.dashboard.charts.world import world
from harvester.dashboard.finder import Finder
from harvester.dashboard.inspector import Wanted, filled, marked, place, shifted, wanted
from harvester.dashboard.tables import NUMBER, TIME, Column, Table
from harvester.documents import Tree, object_in
from harvester.errors import Exit, HarvesterError, NotFound
from harvester.networks.rows import KINDS, PostRow
from harvester.reading import Line, lines, record_files
from harvester.search.answers import LANG, TAG, USER, Answer
from harvester.search.hits import METRICS, Hit, metrics_in_words
from harvester.store.keys import CollectionKeys
from harvester.store.reading import reader

_HAS = ("geo", "media", "link")


def add(app: Flask, pages: Pages) -> None:
    finder = Finder(pages.place, pages.overview)

    @app.get("/search")
    def search() -> Response:
        return pages.answer(_page(pages, finder))

    @app.get("/search.<any(json, csv):form>")
    def search_as(form: str) -> Response:
        return pages.answer(_page(pages, finder), form)

    @app.get("/post/<collection_id>/<post_id>")
    def post(collection_id: str, post_id: str) -> Response:
        form = "json" if post_id.endswith(".json") else ""
        page = _post(pages, finder, CollectionKeys(collection_id), post_id.removesuffix(".json"))
        return pages.answer(page, form)


def _page(pages: Pages, finder: Finder) -> Page:
    asked = wanted(request.args)
    answer, note, problem = None, "", ""
    if asked.collection:
        # Raises if there is none with this name.
        pages.tree(CollectionKeys(asked.collection))
    try:
        answer, note = finder.ask(
            asked.text, collection=asked.collection, sort=asked.sort, before=asked.before
        )
    except HarvesterError as error:
        if error.exit_code != Exit.USAGE:
            raise
        problem = f"{error.message} {error.hint}".strip()
    values = {
        "asked": asked,
        "fields": asked.fields,
        "ids": pages.overview.ids(),
        "kinds": KINDS,
        "has": _HAS,
        "answer": answer,
        "note": note,
        "problem": problem,
        **(_shown(asked, answer) if answer else {}),
    }
    document = answer.document() if answer else {"query": asked.text, "problem": problem or note}
    rows = [_row(hit) for hit in answer.hits] if answer else []
    return Page("search.html", "Search", values, data=document, rows=rows, status=400 if problem else 200)


def _shown(asked: Wanted, answer: Answer) -> Tree:
    days, are_days = filled(answer.facets.get("day", []))
    fields = asked.fields or {}
    since, until = fields.get("since", ""), fields.get("until", "")
    windows = {}
    for name, by in (("earlier", -1), ("later", 1)):
        if window := shifted(since, until, by=by):
            windows[name] = asked.address(since=window[0], until=window[1])
    tags = answer.facets.get(TAG, [])
    return {
        "chart": bars(days, label="Posts found, by day", brush=are_days, strip=False),
        "are_days": are_days,
        **{name: windows.get(name, "") for name in ("earlier", "later")},
        "donut": donut(tags, label="The most used tags; the list beside it has their numbers"),
        "tags": _links(asked, "tag", tags),
        "users": _links(asked, "user", answer.facets.get(USER, [])),
        "languages": _links(asked, "lang", answer.facets.get(LANG, [])),
        "map": world(
            answer.cells,
            label="Where the posts found are from",
            outline="/static/world.svg",
            near=place(fields.get("near", "")),
        ),
        "places": sum(count for *_, count in answer.cells),
        "hits": [_hit(hit, asked.q) for hit in answer.hits],
        "next": asked.address(before=answer.next) if answer.next else "",
        "newest": asked.address() if asked.before else "",
    }


def _links(asked: Wanted, field: str, found: list[tuple[str, int]]) -> list[tuple[str, int, str]]:
    return [(name, count, asked.address(**{field: name})) for name, count in found]


def _hit(hit: Hit, query: str) -> Tree:
    return {"hit": hit, "pieces": marked(hit.text, query), "metrics": metrics_in_words(hit.metrics)}


def _row(hit: Hit) -> Tree:
    """A hit as a row of CSV."""
    found = hit.document()
    author = found.pop("author")
    return {**found, "author_id": author["id"], "username": author["username"]}


def _post(pages: Pages, finder: Finder, keys: CollectionKeys, post_id: str) -> Page:
    pages.tree(keys)
    hit = finder.post(keys.id, post_id)
    if hit is None:
        raise NotFound(f"There is no post {post_id} in {keys.id}.", hint="Look for it on the page Search.")
    line = _line(pages, keys, hit)
    rows = {row.id: row for row in line.rows.posts} if line else {}
    row = rows.get(hit.id)
    sightings = _sightings(finder.sightings(keys.id, hit.id))
    values = {
        "hit": hit,
        "metrics": metrics_in_words(hit.metrics),
        "row": row,
        "inside": _inside(row, rows),
        "sightings": sightings,
        "raw": _raw(line, hit.id),
        "where": pages.place.shown(hit.file),
    }
    record = values["raw"] and object_in(str(values["raw"]))
    data = {**hit.document(), "sightings": sightings.plain, "record": record}
    return Page("post.html", f"Post {hit.id}", values, data=data)


def _sightings(rows: Sequence[PostRow]) -> Table:
    """The metrics of a post each time it was received, as far as the network sent them."""
    names = [name for name in METRICS if any(getattr(row, name) is not None for row in rows)]
    columns = [Column(name, name.capitalize(), NUMBER) for name in names]
    found = [{name: getattr(row, name) for name in ("retrieved_at", *names)} for row in rows]
    return Table((Column("retrieved_at", "Received", TIME), *columns), found)


def _line(pages: Pages, keys: CollectionKeys, hit: Hit) -> Line | None:
    """The line that contains the post; None if the file no longer exists."""
    read = reader(pages.place.store)
    file = next((each for each in record_files(read, keys) if each.key == hit.file), None)
    found = lines(read, file) if file else iter(())
    return next((line for line in found if line.number == hit.line), None)


def _inside(row: PostRow | None, rows: Mapping[str, PostRow]) -> list[tuple[str, PostRow]]:
    """The posts that it refers to, as they were received with it."""
    if row is None:
        return []
    about = (("reposted", row.reposted_id), ("quoted", row.quoted_id), ("replied to", row.replied_to_id))
    return [(word, rows[other]) for word, other in about if other in rows]


def _raw(line: Line | None, post_id: str) -> str:
    """The post as the network sent it: from a page, only this post."""
    if line is None:
        return ""
    record: Any = object_in(line.raw)
    data = record.get("data")
    if isinstance(data, list):
        record = next((each for each in data if isinstance(each, dict) and each.get("id") == post_id), record)
    return orjson.dumps(record, option=orjson.OPT_INDENT_2).decode()
