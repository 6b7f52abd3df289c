"""A depth is closed in parts, which workers share; none is made again once it is finished.

The first parts read some files of pages each, or known ids, and divide what they read by id. The others
compare all that has the same place. Each is created once, under a name for what it is made of, so that it
does not matter which worker makes it, and what a dead one finished is used.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from zlib import crc32

import orjson

from harvester.documents import Tree
from harvester.errors import Conflict, NotFound
from harvester.graph import pages, runs
from harvester.graph.close import (
    close,
    figures_of,
    known_ids,
    put,
    reading_of,
    scratch_folder,
    sha256_of,
    stored_lines,
    wanted,
)
from harvester.graph.closing import Closing, Found, Tell, lines_of
from harvester.graph.crawls import Crawl
from harvester.graph.findings import TAB
from harvester.graph.partitions import PARTS, Partitions
from harvester.reading import RecordFile
from harvester.store.worker_keys import WorkerKeys

# In the name of what is made; another one if what is in it changes.
_FORM = 2
_LINES = 10_000
_HINT = "Remove it: the next start makes it again."


def close_in_parts(
    crawl: Crawl, depth: int, scratch: Path, *, worker: str, tell: Tell, part_bytes: int
) -> Tree | None:
    """Write what `close` writes, with the other workers; None if one of them has written it meanwhile.

    The harvests of all of them are over. What is only one part is closed in one piece.
    """
    files = _together(pages.files(crawl, depth), part_bytes)
    if len(files) < 2:
        return close(crawl, depth, scratch, tell=tell)
    parts = _Parts(crawl, depth, scratch, worker, files, tell)
    try:
        figures = parts.close()
    except NotFound:
        if not parts.is_over():
            raise
        # They were removed by the worker that closed the depth.
        return None
    parts.remove()
    return figures


def _together(files: Iterable[RecordFile], part_bytes: int) -> list[list[RecordFile]]:
    """The files of each part, in order."""
    found: list[list[RecordFile]] = []
    left = 0
    for file in files:
        if left <= 0:
            found.append([])
            left = part_bytes
        found[-1].append(file)
        left -= file.size
    return found


class _Parts:
    """The parts of one closing, of which a worker makes those that are missing."""

    def __init__(
        self,
        crawl: Crawl,
        depth: int,
        scratch: Path,
        worker: str,
        files: Sequence[Sequence[RecordFile]],
        tell: Tell,
    ) -> None:
        self._crawl, self._store, self._depth = crawl, crawl.store, depth
        self._scratch, self._worker, self._files, self._tell = scratch, worker, files, tell
        self._known = list(known_ids(crawl, depth))
        # Into how many an id is divided; each has some of the partitions of a closing.
        self._places = min(PARTS, len(files))
        self._wanted = wanted(crawl, depth + 1)
        self._here = f"{WorkerKeys(crawl.here.folder, depth).closing}{self._name()}/"

    def _name(self) -> str:
        """The same for all that would make the same parts."""
        crawl = self._crawl
        of = {
            "form": _FORM,
            "files": [[[file.key, file.digest] for file in some] for some in self._files],
            "directions": crawl.directions,
            "most_edges": crawl.most_edges,
            **{name: crawl.section.get(name) for name in ("select", "exclude")},
        }
        return hashlib.sha256(orjson.dumps(of, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]

    def close(self) -> Tree | None:
        for number in self._in_turn(len(self._files) + len(self._known)):
            if self.is_over():
                return None
            if self._stored(self._divided(number)) < self._places:
                self._divide(number)
        for place in self._in_turn(self._places):
            if self.is_over():
                return None
            if not self._stored(self._compared(place)):
                self._compare(place)
        return self._end()

    def is_over(self) -> bool:
        """Whether the depth is closed."""
        return self._depth + 1 in self._crawl.depths()

    def remove(self) -> None:
        """Remove all parts, which the stored depths make useless; also those of other conditions."""
        for depth in range(self._depth + 1):
            # Of an earlier depth a worker that died may have left some.
            for entry in self._store.entries(WorkerKeys(self._crawl.here.folder, depth).closing):
                self._store.remove(entry.key)

    def _in_turn(self, count: int) -> list[int]:
        """In an order of this worker's own, so that two rarely make the same one."""
        return sorted(range(count), key=lambda number: crc32(f"{self._worker}:{number}".encode()))

    def _divide(self, number: int) -> None:
        with scratch_folder(self._scratch) as folder:
            divided = Partitions(folder / "divided")
            for lines in self._read(number):
                divided.add(lines, ends=TAB)
            divided.flush()
            for place in range(self._places):
                mine = (part for part in range(PARTS) if part * self._places // PARTS == place)
                # A store may hold on to the file, which is not written over.
                path = folder / f"place-{place}.gz"
                runs.write_packed(path, map(divided.lines, mine))
                self._create(self._divided(number, place), path)
                path.unlink()

    def _read(self, number: int) -> Iterator[list[bytes]]:
        """The findings of some pages, or some ids."""
        if number >= len(self._files):
            yield from _pieces(self._known[number - len(self._files)])
            return
        reading = reading_of(self._crawl)
        found = (pages.findings_in(self._crawl, file, reading) for file in self._files[number])
        for page, findings in enumerate(chain.from_iterable(found), 1):
            self._tell("reading pages", page)
            yield findings

    def _compare(self, place: int) -> None:
        with scratch_folder(self._scratch) as folder:
            closing = Closing(folder, self._wanted, tell=self._tell)
            for number in range(len(self._files) + len(self._known)):
                lines = self._lines(self._divided(number, place))
                if number >= len(self._files):
                    closing.know(lines)
                    continue
                for some in _pieces(lines):
                    closing.find(some)
            found, files, verdicts = Found(), list[Path](), folder / "verdicts"
            (selected := folder / "selected").mkdir()
            runs.write_lines(verdicts, chain.from_iterable(closing.divided(found, selected, files)))
            body = (lines_of(file) for file in (*files, verdicts))
            path = folder / "part.gz"
            runs.write_packed(path, _pieces(chain([orjson.dumps(found)], *body)))
            self._create(self._compared(place), path)

    def _end(self) -> Tree:
        with scratch_folder(self._scratch) as folder:
            made = Closing(folder, self._wanted, tell=self._tell).frontier(self._all_compared)
            figures = figures_of(self._crawl, self._depth + 1, made)
            put(self._crawl, self._depth + 1, made, figures)
        return figures

    def _all_compared(self, made: Found, folder: Path, files: list[Path]) -> Iterator[list[bytes]]:
        """What `Closing.divided` gives of all at once."""
        for place in range(self._places):
            lines = self._lines(self._compared(place))
            found = Found(**orjson.loads(next(lines)))
            made.add(found)
            files.append(folder / f"part-{place:02d}")
            runs.write_lines(files[-1], islice(lines, found.selected))
            yield from _pieces(lines)

    def _divided(self, number: int, place: int | None = None) -> str:
        """The key for a place of a part; for none, how all of the part begin."""
        return f"{self._here}divided-{number}/{'' if place is None else place}"

    def _compared(self, place: int) -> str:
        return f"{self._here}compared/{place:02d}"

    def _stored(self, beginning: str) -> int:
        return sum(1 for _ in self._store.entries(beginning))

    def _create(self, key: str, path: Path) -> None:
        # One that another worker made may be packed otherwise there.
        with suppress(Conflict):
            self._store.upload(key, path, sha256=sha256_of(path))

    def _lines(self, key: str) -> Iterator[bytes]:
        return stored_lines(self._store, key, hint=_HINT)


def _pieces(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    rest = iter(lines)
    while some := list(islice(rest, _LINES)):
        yield some
