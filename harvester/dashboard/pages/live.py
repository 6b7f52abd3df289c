"""Live figures of the pages, and the newest posts of a collection as they arrive."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Flask, Response, request

from harvester.dashboard import tables
from harvester.dashboard.app import Page, Pages
from harvester.dashboard.overview import Fresh
from harvester.dashboard.pages.collection import facts_of, running_summary
from harvester.dashboard.pages.collections import sums
from harvester.dashboard.states import sign
from harvester.dashboard.streams import News
from harvester.dashboard.tables import Column, Table
from harvester.documents import HarvestSummary, Tree, object_in
from harvester.documents.foreign import loaded
from harvester.errors import HarvesterError
from harvester.networks.registry import network_of
from harvester.store.keys import CollectionKeys
from harvester.text import counted, printable_lines, when

if TYPE_CHECKING:
    from harvester.networks.records import Post
    from harvester.sinks.archive.tail import Tail

# Seconds between two reads: each read of a bucket costs money, and a checkpoint is at most a minute old.
_BILLED, _FREE, _RUNNING = 15.0, 5.0, 1.0
_NEWEST = 20
_RATE_MINUTES = 10


def add(app: Flask, pages: Pages) -> None:
    every = _BILLED if pages.place.store.is_billed else _FREE
    # Pages that show the same data share one read.
    of_all = Fresh(lambda: _overview(pages), pages.place.clock, seconds=every / 2)

    @app.get("/events")
    def events() -> Response:
        if name := request.args.get("collection", ""):
            keys = CollectionKeys(name)
            runs = pages.overview.tasks().get(name) is not None
            pace = _RUNNING if runs and not pages.place.settings.cluster else every
            return pages.streams.answer(_or_nothing(lambda: _collection(pages, keys)), every=pace)
        return pages.streams.answer(_or_nothing(of_all), every=every)

    @app.get("/c/<collection_id>/live")
    def live(collection_id: str) -> Response:
        return pages.answer(_page(pages, CollectionKeys(collection_id)))

    @app.get("/c/<collection_id>/live/events")
    def posts(collection_id: str) -> Response:
        keys = CollectionKeys(collection_id)
        following = _Following(pages, keys, after=request.args.get("after", ""))
        return pages.streams.answer(_or_nothing(following.look), every=following.pause, close=following.close)


def _or_nothing(look: Callable[[], News]) -> Callable[[], News]:
    """Find nothing if the store is unavailable for a moment; the next read may succeed."""

    def found() -> News:
        try:
            return look()
        except HarvesterError as error:
            return News({"live": f"Not live: {printable_lines(error.message)}"})

    return found


def _overview(pages: Pages) -> News:
    rows = pages.overview.rows()
    every = sums(rows)
    texts = {f"posts-{row['id']}": f"{row['posts']:,}" for row in rows if row["posts"] is not None}
    texts |= {"sum-posts": f"{every['posts']:,}", "sum-collections": str(every["collections"])}
    return News(texts, {f"state-{row['id']}": (row["state"], sign(row["state"])) for row in rows})


def _collection(pages: Pages, keys: CollectionKeys) -> News:
    tree = pages.tree(keys)
    facts = facts_of(pages, keys, tree, pages.overview.histories.of(keys))
    texts = {"posts": f"{facts['posts']:,}", "activity": printable_lines(facts["activity"])}
    return News(texts, {"state": (printable_lines(facts["state"]), sign(facts["state"]))})


def _page(pages: Pages, keys: CollectionKeys) -> Page:
    tail = _tail(pages, keys)
    try:
        posts = tail.newest(_NEWEST)
    finally:
        tail.close()
    summary = running_summary(pages, keys)
    after = posts[-1].id if posts else ""
    values = {
        "id": keys.id,
        "posts": [post_of(post) for post in reversed(posts)],
        "summary": summary,
        "rules": _rules(summary),
        "lag": pages.place.settings.checkpoint_seconds if pages.place.store.is_billed else 1.0,
        "events": f"/c/{keys.id}/live/events?after={after}" if after.isalnum() or not after else "",
    }
    data = {"posts": values["posts"], "running": summary}
    return Page("live.html", f"{keys.id}, live", values, data=data)


def _tail(pages: Pages, keys: CollectionKeys) -> "Tail":
    from harvester.sinks.archive.tail import Tail

    tree = pages.tree(keys)
    return Tail(pages.place.store, keys, network_of(tree), work_root=pages.place.work_root(keys))


def post_of(post: "Post") -> dict[str, str]:
    """A post in two texts, when and by whom, and what it says; and the second of its publication."""
    found = _object(post.value)
    inner = found.get("data")
    data: Tree = inner if isinstance(inner, dict) else found
    text = str(data.get("full_text") or data.get("text") or "")
    head = f"{when(post.published)} @{_name(found, data, post.author)}".strip()
    return {
        "id": post.id,
        "at": post.published[:19],
        "head": printable_lines(head),
        "text": printable_lines(text),
    }


def _object(line: bytes) -> Tree:
    """The record; orjson refuses the halves of pairs that JSON may have."""
    if found := object_in(line):
        return found
    try:
        other = loaded(line)
    except ValueError:
        return {}
    return other if isinstance(other, dict) else {}


def _name(found: Tree, data: Tree, author: str) -> str:
    includes = found.get("includes")
    users = includes.get("users") if isinstance(includes, dict) else None
    known = [each for each in users if isinstance(each, dict)] if isinstance(users, list) else []
    user = next((each for each in known if each.get("id") == author), data.get("user"))
    user = user if isinstance(user, dict) else {}
    return str(user.get("username") or user.get("screen_name") or author)


def _rules(summary: HarvestSummary | None) -> Table:
    """Rules in force, with their posts, if the stream counts them."""
    counts = (summary or {}).get("rule_counts")
    rows = counts.get("rules") if isinstance(counts, dict) else None
    columns = (
        Column("id", "Rule"),
        Column("last_1m", "1 minute", tables.NUMBER),
        Column("last_15m", "15 minutes", tables.NUMBER),
        Column("last_60m", "1 hour", tables.NUMBER),
        Column("total", "Total", tables.NUMBER),
    )
    empty = 'Posts are counted by rule where the filter has `"count_rules": true`.'
    return Table(columns, rows if isinstance(rows, list) else [], empty=empty)


class _Following:
    """The posts of one open page after the last one that it shows."""

    def __init__(self, pages: Pages, keys: CollectionKeys, *, after: str) -> None:
        self._clock, self._tail = pages.place.clock, _tail(pages, keys)
        self._waiting = _behind(self._tail.newest(_NEWEST, since=self._since()), after)
        self._arrived = self._tail.received
        self.pause = max(self._tail.pause, _RUNNING)

    def look(self) -> News:
        come, since = self._tail.more(), self._since()
        found, self._waiting = [*self._waiting, *come], []
        # A record that does not say when it was received came now.
        now = self._clock.now().isoformat()
        arrived = (*self._arrived, *(post.received or now for post in come))
        self._arrived = [moment for moment in arrived if moment >= since]
        rate = f"{counted(len(self._arrived), 'post')} received in the last {_RATE_MINUTES} minutes."
        return News({"rate": rate}, posts=tuple(post_of(post) for post in found[-100:]))

    def _since(self) -> str:
        return f"{self._clock.now() - timedelta(minutes=_RATE_MINUTES):%Y-%m-%dT%H:%M:%S}"

    def close(self) -> None:
        self._tail.close()


def _behind(posts: "list[Post]", after: str) -> "list[Post]":
    """The posts after the last one that is shown; all if it is not among them."""
    ids = [post.id for post in posts]
    return posts[ids.index(after) + 1 :] if after in ids else posts
