"""The index of `search` beside SQLite's FTS5: building it from stored records, its size, and a search page.

Run as a program it measures in a process of its own: `python -m bench.search build|fts5|pages FOLDER`.
"""

import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from bench import made_up_store
from bench.measured import Cost, cost
from harvester.ledger.cache import Cache, cache_of
from harvester.reading import lines, record_files
from harvester.search.answers import FACETS, Question
from harvester.search.asking import Search
from harvester.search.facts import facts_of
from harvester.search.hits import packed
from harvester.search.indexing import update
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.reading import Reader, reader

_ROOT = Path(__file__).resolve().parents[1]
# Of the words, by how often they occur.
_RARE, _FREQUENT = 400, 4
_HARVESTS = 1_000


@dataclass(frozen=True)
class Build:
    """Index a number of posts from gzipped records: bytes per post, and the resources of the process."""

    what: str
    posts: int
    bytes: float
    spent: Cost


@dataclass(frozen=True)
class Page:
    """Milliseconds of CPU for a page: 20 newest, count, posts by day, top ten tags, users and languages."""

    query: str
    hits: int
    ours: float
    fts5: float


def builds(folder: Path, posts: int) -> Iterator[Build]:
    """Both, of one store, which stays for `pages`."""
    made_up_store.write(folder / "store", posts)
    for what in ("build", "fts5"):
        command = [sys.executable, "-m", "bench.search", what, str(folder)]
        spent = cost(command, folder=folder, environment={"PYTHONPATH": str(_ROOT)})
        yield Build(what, posts, json.loads((folder / "out").read_bytes()) / posts, spent)


def pages(folder: Path) -> list[Page]:
    command = [sys.executable, "-m", "bench.search", "pages", str(folder)]
    cost(command, folder=folder, environment={"PYTHONPATH": str(_ROOT)})
    return [Page(**page) for page in json.loads((folder / "out").read_bytes())]


def again(*, harvests: int = _HARVESTS) -> float:
    """The seconds needed to find that a number of harvests has nothing new."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made_up_store.write(folder / "store", harvests * 100, per_file=100)
        _update(folder)
        begun = time.perf_counter()
        _update(folder)
        return time.perf_counter() - begun


def _place(folder: Path) -> tuple[Reader, Cache]:
    store = FolderStore(folder / "store")
    return reader(store), cache_of(store.name, str(folder / "cache"))


def _update(folder: Path) -> Cache:
    found, cache = _place(folder)
    update(cache, found, [made_up_store.COLLECTION], whole_store=True)
    return cache


def _build(folder: Path) -> int:
    cache = _update(folder)
    return sum(path.stat().st_size for path in cache.index.rglob("*"))


_FTS5 = """
create table posts(key integer primary key, day int, author text, lang text, row blob);
create virtual table words using fts5(text, content='', tokenize='ascii');
create table tags(tag text, key int);
"""


def _build_fts5(folder: Path) -> int:
    """The same words, tags and rows, in order of time, so that the newest are found without sorting."""
    found, _ = _place(folder)
    base = sqlite3.connect(folder / "fts5.db")
    base.executescript(f"pragma journal_mode = wal; pragma synchronous = off; {_FTS5}")
    for file in record_files(found, CollectionKeys(made_up_store.COLLECTION)):
        posts, words, tags = [], [], []
        for line in lines(found, file):
            for row in line.rows.posts:
                facts = facts_of(row, file.collection)
                stored = packed(row, at=facts.at, collection=1, file=1, line=line.number)
                posts.append((row.key, facts.at // 86_400, facts.author, facts.lang, stored))
                words.append((row.key, facts.words))
                tags += [(tag, row.key) for tag in facts.tags]
        base.executemany("insert or replace into posts values (?, ?, ?, ?, ?)", posts)
        base.executemany("insert into words(rowid, text) values (?, ?)", words)
        base.executemany("insert into tags values (?, ?)", tags)
        base.commit()
    base.executescript("create index tags_of on tags(key); create index with_tag on tags(tag, key);")
    base.execute("insert into words(words) values ('optimize')")
    base.commit()
    base.execute("pragma wal_checkpoint(truncate)")
    base.close()
    return (folder / "fts5.db").stat().st_size


def _pages(folder: Path) -> list[Page]:
    _, cache = _place(folder)
    search = Search(cache)
    base = sqlite3.connect(folder / "fts5.db")
    frequent, rare = (made_up_store.word(at) for at in (_FREQUENT, _RARE))
    made = []
    for query in (frequent, rare, f"{frequent} {rare}", f'"{made_up_store.word(0)} {frequent}"'):
        question = Question(query, facets=FACETS)
        ours, count = _median(partial(_our_page, search, question))
        theirs, other = _median(partial(_fts5_page, base, query))
        assert count == other, (query, count, other)
        made.append(Page(query, count, ours, theirs))
    return made


def _our_page(search: Search, question: Question) -> int:
    return search.ask(question).count


def _fts5_page(base: sqlite3.Connection, query: str) -> int:
    found = "select rowid from words where words match ?"
    base.execute(
        f"select row from posts where key in ({found} order by rowid desc limit 20)", (query,)
    ).fetchall()
    count = base.execute(f"select count(*) from ({found})", (query,)).fetchone()[0]
    for column in ("day", "author", "lang"):
        base.execute(
            f"select {column}, count(*) n from posts where key in ({found}) group by 1 order by n desc",
            (query,),
        ).fetchmany(365)
    base.execute(
        f"select tag, count(*) n from tags where key in ({found}) group by 1 order by n desc limit 10",
        (query,),
    ).fetchall()
    return int(count)


def _median(action: Callable[[], int], *, rounds: int = 7) -> tuple[float, int]:
    """Milliseconds of CPU."""
    taken, result = [], 0
    for _ in range(rounds):
        begun = time.process_time()
        result = action()
        taken.append(1e3 * (time.process_time() - begun))
    return statistics.median(taken), result


if __name__ == "__main__":
    where = Path(sys.argv[2])
    if sys.argv[1] == "pages":
        (where / "out").write_text(json.dumps([asdict(page) for page in _pages(where)]))
    else:
        built = {"build": _build, "fts5": _build_fts5}[sys.argv[1]](where)
        (where / "out").write_text(json.dumps(built))
