"""Closes a depth of a stored crawl: what its pages named becomes the next depth, which is written last.

It can be ended at any point and done again, also by several at once: the same pages give the same bytes.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson

from harvester.collection.kinds.kind import count
from harvester.documents import Tree, written
from harvester.errors import Conflict, HarvesterError
from harvester.errors.files import in_words
from harvester.graph import pages
from harvester.graph.closing import BY_COST, BY_PLACE, Closing, Frontier, Tell, Wanted
from harvester.graph.crawls import Crawl
from harvester.graph.findings import Reading
from harvester.graph.select import REJECTED, UNKNOWN, Selection
from harvester.harvest.owners import is_dead, this_process
from harvester.networks.registry import network_of
from harvester.reading.splitting import Unreadable, split, unpacked
from harvester.store import Store
from harvester.store.reading import reader

_OWNER = "owner.json"


def close(crawl: Crawl, depth: int, scratch: Path, *, tell: Tell, dry_run: bool = False) -> Tree:
    """Write the depth after this one; its figures. All lists of this depth have an outcome."""
    with scratch_folder(scratch) as folder:
        closing = Closing(folder, wanted(crawl, depth + 1), tell=tell)
        found = pages.findings(crawl, depth, reading_of(crawl), places=_places(crawl, depth))
        for number, findings in enumerate(found, 1):
            tell("reading pages", number)
            closing.find(findings)
        for known in known_ids(crawl, depth):
            closing.know(known)
        made = closing.frontier()
        figures = figures_of(crawl, depth + 1, made)
        if not dry_run:
            put(crawl, depth + 1, made, figures)
    return figures


def known_ids(crawl: Crawl, depth: int) -> Iterator[Iterable[bytes]]:
    """The ids that the next depth must not have: those of each depth, and the excluded ones."""
    for each in range(depth + 1):
        yield stored_ids(crawl.store, crawl.here.depth(each))
    if left_out := crawl.section.get("exclude"):
        yield (str(each).encode() for each in left_out)


def reading_of(crawl: Crawl) -> Reading:
    """How the accounts on the pages of a crawl are read."""
    select = crawl.section.get("select") or {}
    return Reading(Selection(select), crawl.directions, crawl.most_edges, keeps_values=bool(select))


def wanted(crawl: Crawl, depth: int) -> Wanted:
    """What the frontier of a depth is made of; the last one is only found, so that no limit holds for it."""
    section = crawl.section
    by = BY_PLACE if section.get("order") == "dfs" else section.get("by") or BY_COST
    most = count(section, "max_users")
    left = None
    if most and depth <= crawl.max_depth:
        before = sum(1 for _ in stored_ids(crawl.store, crawl.here.depth(0)))
        before += sum(int(crawl.figures(each).get("users") or 0) for each in range(1, depth))
        left = max(0, most - before)
    return Wanted(by, most_users=left, judged=bool(section.get("select")))


def stored_ids(store: Store, key: str) -> Iterator[bytes]:
    """The ids of a file of a depth, a piece at a time."""
    return (line.partition(b"\t")[0] for line in stored_lines(store, key))


def stored_lines(
    store: Store, key: str, *, hint: str = "`graph status` says how it is mended."
) -> Iterator[bytes]:
    """The lines of a file of a depth, a piece at a time."""
    try:
        # A file without lines is one empty piece.
        yield from filter(None, split(unpacked(reader(store).pieces(key))))
    except Unreadable as error:
        raise HarvesterError(f"{key} in {store.name} is damaged: {error}.", hint=hint) from None


def _places(crawl: Crawl, depth: int) -> Mapping[str, int] | None:
    """The places of the accounts of a depth in the order of their visits, if the next order needs them."""
    if crawl.section.get("order") != "dfs":
        return None
    key = crawl.here.order(depth) if depth else crawl.here.depth(0)
    return {each.decode(): place for place, each in enumerate(stored_ids(crawl.store, key))}


def figures_of(crawl: Crawl, depth: int, made: Frontier) -> Tree:
    """What is kept of a depth: a function of what was found, without times."""
    lists = network_of(crawl.tree).lists
    # The lists of an account may have different prices: the bound holds for each.
    most = max(lists.cost(direction, made.accounts) for direction in crawl.directions)
    return {
        "crawl": crawl.started,
        "depth": depth,
        "users": made.users,
        "directions": list(crawl.directions),
        "said": made.said,
        "accounts": made.accounts,
        "uncounted": made.uncounted,
        "usd_at_most": round(most, 2),
        "known_share": round(made.repeated, 4),
        "usd_less_overlap": round(most * (1 - round(made.repeated, 4)), 2),
        "entries": made.entries,
        "found": made.found,
        "known": made.known,
        "selected": made.selected,
        "left_out_by_max_users": made.selected - made.users,
        "rejected": dict(sorted(made.others[REJECTED].items())),
        "unknown": dict(sorted(made.others[UNKNOWN].items())),
        "select": crawl.section.get("select") or {},
    }


def put(crawl: Crawl, depth: int, made: Frontier, figures: Tree) -> None:
    """Store the files of a depth. With the last one, it is there; until then the others may be replaced."""
    store, here = crawl.store, crawl.here
    path_of_figures = made.ids.with_name("figures.json")
    path_of_figures.write_bytes(written(figures))
    files = [(here.figures(depth), path_of_figures), (here.order(depth), made.order)]
    if made.judged:
        files.append((here.judged(depth), made.judged))
    for key, path in files:
        try:
            store.upload(key, path, sha256=sha256_of(path))
        except Conflict:
            if depth in crawl.depths():
                raise _differs(crawl, depth) from None
            # Of one that was ended before the depth was there, and had other conditions.
            store.remove(key)
            store.upload(key, path, sha256=sha256_of(path))
    if not made.judged:
        # Of one that had conditions.
        store.remove(here.judged(depth))
    try:
        store.upload(here.depth(depth), made.ids, sha256=sha256_of(made.ids))
    except Conflict:
        raise _differs(crawl, depth) from None


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _differs(crawl: Crawl, depth: int) -> HarvesterError:
    return HarvesterError(
        f"Depth {depth} of the crawl of {crawl.keys.id} was written meanwhile, with other accounts.",
        hint=f"If its conditions were changed, `graph reselect {crawl.keys.id}` writes it anew.",
    )


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """An empty folder below `root`, which is removed; those that dead processes left are removed, too."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        for left in root.glob("closing-*"):
            _remove_left(left)
        with tempfile.TemporaryDirectory(prefix=f"closing-{os.getpid()}-", dir=root) as folder:
            (Path(folder) / _OWNER).write_bytes(orjson.dumps(this_process()))
            yield Path(folder)
    except OSError as error:
        raise in_words(error, root) from error


def _remove_left(folder: Path) -> None:
    try:
        owner = orjson.loads((folder / _OWNER).read_bytes())
    except (OSError, ValueError):
        return
    if isinstance(owner, dict) and is_dead(owner):
        shutil.rmtree(folder, ignore_errors=True)
