"""The index is brought up to date with a store, file by file; a crash between any two steps costs only work.

A file is noted as begun, its posts are put into the index, the index is committed, and only then is the file
noted as done. The posts of a file that is begun and not done are removed, and the file is read again.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harvester.clock import Stop, Stopped, SystemClock, timestamp
from harvester.errors.files import in_words
from harvester.ledger import files, sightings
from harvester.ledger.accounts_seen import Gathering, of_description, of_side_file
from harvester.ledger.cache import Cache, one_writer
from harvester.ledger.database import Ledger, is_outdated, remove
from harvester.ledger.files import ReadFile
from harvester.ledger.plan import Plan, plan
from harvester.ledger.rollups import SECONDS_A_DAY
from harvester.networks.rows import PostRow
from harvester.reading import BadRecord, RecordFile, lines
from harvester.search.facts import facts_of
from harvester.search.index import is_there, version
from harvester.search.writing import IndexWriter
from harvester.store.keys import CollectionKeys
from harvester.store.reading import Reader

# Commits are rare, as each makes a segment.
_POSTS_A_COMMIT = 100_000

# Receives a text to show, and its numbers for programs.
Show = Callable[..., None]


@dataclass
class Indexed:
    """The result of a run; `notices` say why old files were read again, `damaged` what could not be read."""

    files: int = 0
    posts: int = 0
    notices: list[str] = field(default_factory=list)
    damaged: list[BadRecord] = field(default_factory=list)


def update(
    cache: Cache,
    reader: Reader,
    collections: Sequence[str],
    *,
    whole_store: bool,
    rebuild: bool = False,
    show: Show | None = None,
    stop: Stop | None = None,
) -> Indexed:
    """Read new files of these collections; with `whole_store`, other known collections were deleted."""
    done = Indexed()
    with one_writer(cache):
        _require_version(cache, done, rebuild=rebuild)
        with Ledger.writing(cache) as ledger:
            ledger.note("index", version())
            writer = IndexWriter(cache)
            try:
                run = _Run(ledger, writer, reader, done, show or _silent, stop or Stop())
                if whole_store:
                    run.leave_out(collections)
                run.read([plan(ledger, reader, collection) for collection in collections])
            finally:
                writer.close()
    return done


def _silent(words: str, **numbers: int) -> None:
    pass


def _require_version(cache: Cache, done: Indexed, *, rebuild: bool) -> None:
    """Remove what another version wrote, or all."""
    outdated = is_outdated(cache) or (cache.ledger.exists() and _noted_version(cache) not in ("", version()))
    broken = cache.ledger.exists() != is_there(cache)
    if outdated:
        done.notices.append("The index was made by another version; it is rebuilt.")
    if not (outdated or rebuild or broken):
        return
    try:
        remove(cache)
        if cache.index.exists():
            shutil.rmtree(cache.index)
    except OSError as error:
        raise in_words(error, cache.folder) from error


def _noted_version(cache: Cache) -> str:
    with Ledger.reading(cache) as ledger:
        return ledger.noted("index")


class _Run:
    """One run of the indexer."""

    def __init__(
        self, ledger: Ledger, writer: IndexWriter, reader: Reader, done: Indexed, show: Show, stop: Stop
    ) -> None:
        self._ledger, self._writer, self._reader = ledger, writer, reader
        self._done, self._show, self._stop = done, show, stop
        self._uncommitted: list[ReadFile] = []
        self._newest = ""
        self._accounts = Gathering(ledger, 0)
        self._size = self._read = 0

    def leave_out(self, collections: Sequence[str]) -> None:
        """Remove collections that are in the ledger but no longer in the store."""
        there = {each.collection for each in files.known(self._ledger).values()}
        for gone in sorted(there - set(collections)):
            self._done.notices.append(f"Collection {gone} is gone from the store and from the index.")
            files.forget(self._ledger, gone)

    def read(self, plans: list[Plan]) -> None:
        for each in plans:
            if each.again:
                self._done.notices.append(f"Collection {each.collection} is read again: {each.again}.")
                files.forget(self._ledger, each.collection)
        if numbers := files.to_empty(self._ledger):
            for number in numbers:
                self._writer.delete_collection(number)
            self._writer.commit()
            files.emptied(self._ledger)
        self._size = sum(each.size for each in plans)
        for each in plans:
            self._collection(each)
        self._ledger.note("as_of", timestamp(SystemClock().now()))

    def _collection(self, new: Plan) -> None:
        number = files.require_collection(self._ledger, new.collection)
        self._newest = files.newest(self._ledger, new.collection)
        self._accounts = Gathering(self._ledger, number)
        if new.harvests or files.description_changed(self._ledger, number, new.description):
            seen = of_description(new.description, CollectionKeys(new.collection).collection)
            sightings.add(self._ledger, number, seen)
            files.note_description(self._ledger, number, new.description)
        for file in new.files:
            self._file(number, file)
            if self._writer.pending >= _POSTS_A_COMMIT:
                self._commit()
        self._commit()
        damaged = files.damaged(self._ledger, new.collection) if new.harvests else []
        for harvest in new.harvests:
            for key in harvest.side_files:
                found = of_side_file(self._reader, key, harvest.started)
                sightings.add(self._ledger, number, found)
            files.note_harvest(self._ledger, harvest.listing.folder, number, harvest.version(damaged))

    def _file(self, collection: int, file: RecordFile) -> None:
        number = files.begin(
            self._ledger, file.key, sha256=file.digest, collection=collection, harvest=file.harvest
        )
        self._writer.delete_file(number)
        found = ReadFile(number)

        def damaged(bad: BadRecord) -> None:
            found.damage = found.damage or str(bad)
            self._done.damaged.append(bad)

        for line in lines(self._reader, file, on_bad=damaged):
            self._accounts.add(line.rows.accounts, file.key)
            for row in line.rows.posts:
                self._post(row, file, collection, found, line.number)
            if self._stop.requested:
                raise Stopped
            self._tell()
        self._read += file.size
        self._uncommitted.append(found)

    def _post(self, row: PostRow, file: RecordFile, collection: int, found: ReadFile, line: int) -> None:
        facts = facts_of(row, file.collection)
        if row.included:
            found.included += 1
        else:
            found.posts += 1
            day = facts.at // SECONDS_A_DAY
            found.days[day] = found.days.get(day, 0) + 1
            for tag in facts.tags:
                found.tags[tag] = found.tags.get(tag, 0) + 1
        self._done.posts += 1
        if row.retrieved_at >= self._newest:
            self._newest = found.newest = row.retrieved_at
        elif row.retrieved_at < self._writer.retrieved(facts.identity):
            # If a file arrives late, e.g. from a repair, the existing copy may be newer.
            return
        self._writer.add(row, facts, collection=collection, file=found.number, line=line)

    def _commit(self) -> None:
        if not self._uncommitted:
            return
        self._writer.commit()
        self._accounts.store()
        files.finish(self._ledger, self._uncommitted)
        self._done.files += len(self._uncommitted)
        self._uncommitted = []

    def _tell(self) -> None:
        part = f"{100 * self._read // self._size}% of " if self._size else ""
        self._show(
            f"indexing: {self._done.posts:,} posts, {part}{self._size >> 20:,} MB",
            posts=self._done.posts,
            bytes=self._read,
            of_bytes=self._size,
        )
