"""Writes the edges of stored lists in the requested format."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

from harvester.clock import moment
from harvester.documents import object_in
from harvester.errors import Exit, HarvesterError, NotFound
from harvester.exports.edges.drawing import write_drawing
from harvester.exports.edges.graph import FollowGraph
from harvester.exports.edges.lists import DIRECTIONS, Lists, Wanted, require_some
from harvester.exports.edges.npz import write_npz
from harvester.exports.edges.per_user import write_per_user
from harvester.exports.edges.tables import write_csv, write_parquet
from harvester.exports.posts import Posts
from harvester.exports.written import Written
from harvester.networks.rows import AccountRow
from harvester.text import counted

CSV, PARQUET, NPZ, PER_USER = "csv", "parquet", "npz", "per-user"
_BINARY = (PARQUET, NPZ)


def write(posts: Posts, to: str, options: Mapping[str, Any]) -> Written:
    """Write who follows whom: a source follows its target."""
    form = str(options.get("format") or CSV)
    if form in _BINARY and to.endswith(".gz"):
        raise HarvesterError(
            f"{form} files are compressed inside, and {to} ends in .gz.",
            hint="Name a file without .gz with -o.",
            exit_code=Exit.USAGE,
        )
    marked = bool(options.get("incomplete"))
    with _lists(posts, options) as lists:
        require_some(lists, posts.whole.collections)
        made = _write(posts, lists, to, form, marked=marked, force=bool(options.get("force")))
        return _with_lists(made, lists)


def planned(posts: Posts, options: Mapping[str, Any]) -> tuple[int, str]:
    """The number of edges at most, and what they are called; nothing is written."""
    with _lists(posts, options) as lists:
        require_some(lists, posts.whole.collections)
        return sum(len(ids) for _, pages in lists for ids in pages), "edge"


def _lists(posts: Posts, options: Mapping[str, Any]) -> Lists:
    whole = posts.whole
    return Lists(whole.reader, whole.collections, wanted(options), posts.progress, posts.tell)


def wanted(options: Mapping[str, Any]) -> Wanted:
    """The lists that the options choose."""
    direction, harvest = options.get("direction"), options.get("harvest")
    try:
        began = moment(harvest).astimezone(UTC).replace(microsecond=0) if harvest else None
    except ValueError as error:
        raise HarvesterError(
            f"--harvest {harvest!r} is not a timestamp.",
            hint="`harvest history ID` shows the timestamps, e.g. 2026-11-01T12:00:00.",
            exit_code=Exit.USAGE,
        ) from error
    return Wanted(
        frozenset((str(direction),) if direction else DIRECTIONS),
        began,
        options.get("depth"),
        bool(options.get("incomplete")),
    )


def _write(posts: Posts, lists: Lists, to: str, form: str, *, marked: bool, force: bool) -> Written:
    if form == PARQUET:
        return write_parquet(lists, to, marked=marked)
    if form == PER_USER:
        return write_per_user(lists, to, marked=marked)
    with FollowGraph(lists) as graph:
        graph.read()
        if form == CSV:
            return write_csv(graph, to, marked=marked)
        if form == NPZ:
            return write_npz(graph, to, marked=marked)
        graph.add_names(_accounts(posts))
        return write_drawing(graph, to, form=form, marked=marked, force=force)


def _accounts(posts: Posts) -> Iterator[AccountRow]:
    """Those of the stored pages, and those whose names the collection has."""
    yield from posts.accounts()
    for keys in posts.whole.collections:
        try:
            users = object_in(posts.whole.reader.read(keys.collection).data).get("users")
        except NotFound:
            continue
        for user, known in (users if isinstance(users, dict) else {}).items():
            name = known.get("screen_name") if isinstance(known, dict) else None
            if name:
                yield AccountRow(id=user, username=str(name))


def _with_lists(made: Written, lists: Lists) -> Written:
    """With the number of lists by their outcome, and of those that do not count."""
    notes = [f"They are of {_words(lists.used)}."]
    if lists.left_out:
        hint = "" if lists.wanted.incomplete else "; --incomplete includes them"
        notes.append(f"Left out: {_words(lists.left_out)}{hint}.")
    figures = {**made.figures, "lists": dict(lists.used), "left_out": dict(lists.left_out)}
    return Written(
        made.number, made.bytes, made.sha256, made.what, made.files, (*notes, *made.notes), figures
    )


def _words(found: Counter[str]) -> str:
    each = ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(found.items()))
    return f"{counted(found.total(), 'list')} ({each})" if each else "no lists"
