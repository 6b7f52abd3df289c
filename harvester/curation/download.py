"""Downloads a collection into a folder, in parallel; intact files are not fetched again.

A file is right when it has the digest of its manifest; one that no manifest names, when it is of the version
that the store has. What fails is reported, and the rest is fetched all the same.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import chain, groupby

from harvester.clock import Stop
from harvester.collection.secrets import without_keys
from harvester.curation.local_copy import Digest, DownloadStopped, LocalCopy, Mismatch
from harvester.errors import Exit, HarvesterError, NotFound, StoreAway
from harvester.errors.files import explained
from harvester.harvest.manifest import ALGORITHMS, parsed
from harvester.store import Entry
from harvester.store.absent import no_collection
from harvester.store.keys import CollectionKeys, describes_collection, harvest_folder, is_unfinished
from harvester.store.reading import Reader

JOBS = 24
_AHEAD = 32
_FAILURES = 10
_TICK, _TRIES = 0.2, 2


@dataclass
class Tally:
    """What a download has done so far."""

    fetched: int = 0
    fetched_bytes: int = 0
    present: int = 0
    left_out: int = 0
    cleaned: int = 0
    gone: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


def download(
    reader: Reader,
    keys: CollectionKeys,
    copy: LocalCopy,
    *,
    stop: Stop,
    tell: Callable[[Tally], None] = lambda _: None,
    jobs: int = JOBS,
    dry_run: bool = False,
) -> Tally:
    """Bring the copy, which is open, up to date; `tell` hears several times a second how far it is.

    A `dry_run` counts as fetched what it would fetch.
    """
    return _Download(reader, keys, copy, stop, tell, jobs, dry_run).run()


@dataclass(frozen=True)
class _Wish:
    key: str
    version: str
    size: int
    digest: Digest | None


class _Download:
    def __init__(
        self,
        reader: Reader,
        keys: CollectionKeys,
        copy: LocalCopy,
        stop: Stop,
        tell: Callable[[Tally], None],
        jobs: int,
        dry_run: bool,
    ) -> None:
        self._reader, self._keys, self._copy, self._stop, self._tell = reader, keys, copy, stop, tell
        self._tally, self._dry_run = Tally(), dry_run
        both = (keys, keys.repairs)
        self._pointer_keys = [key for each in both for key in (each.collection, each.last_harvest)]
        self._lock = threading.Lock()
        self._at_once = 4 * jobs
        self._room = threading.Semaphore(self._at_once)
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="download")
        self._waiting: deque[tuple[list[Entry], Future[dict[str, Digest]]]] = deque()
        self._failed_in_a_row = 0
        self._fatal: BaseException | None = None

    def run(self) -> Tally:
        try:
            for group in self._groups():
                self._take(group)
            while self._waiting:
                self._take_next()
            self._finish_fetches()
        except BaseException:
            self._stop.request("the download ended")
            raise
        finally:
            self._pool.shutdown(cancel_futures=True)
        self._check()
        return self._tally

    def _groups(self) -> Iterator[list[Entry]]:
        """What the store holds, by harvest; the pointers come first, so that nothing they name is missed."""
        groups = chain(self._pointers(), self._others())
        if (first := next(groups, None)) is None:
            raise no_collection(self._reader, self._keys)
        yield first
        yield from groups

    def _pointers(self) -> Iterator[list[Entry]]:
        for key in self._pointer_keys:
            yield from ([entry] for entry in self._reader.entries(key) if entry.key == key)

    def _others(self) -> Iterator[list[Entry]]:
        # A pointer that is read after the listing began may name what this has passed.
        self._finish_fetches()
        # Of a harvest that has not begun yet when this is listed, nothing is missed either.
        found = self._reader.entries(self._keys.folder)
        for folder, group in groupby(found, lambda one: harvest_folder(one.key)):
            others = [one for one in group if one.key not in self._pointer_keys]
            yield from [others] if folder else ([one] for one in others)

    def _take(self, group: list[Entry]) -> None:
        folder = harvest_folder(group[0].key)
        if not folder:
            self._wish(group, {})
            return
        self._waiting.append((group, self._pool.submit(self._named, folder)))
        while self._waiting and (len(self._waiting) > _AHEAD or self._waiting[0][1].done()):
            self._take_next()

    def _take_next(self) -> None:
        group, named = self._waiting.popleft()
        while not named.done():
            wait([named], timeout=_TICK)
            self._look_up()
        self._wish(group, named.result())

    def _named(self, folder: str) -> dict[str, Digest]:
        """What the manifests of a harvest say, of those algorithms that it has."""
        found: dict[str, Digest] = {}
        for algorithm in ALGORITHMS:
            try:
                data = b"".join(self._reader.pieces(f"{folder}manifest-{algorithm}.txt"))
            except NotFound:
                continue
            try:
                named = parsed(data.decode(errors="replace"))
            except ValueError:
                self._add("corrupt", f"{folder}manifest-{algorithm}.txt is not a manifest.")
                continue
            found.update((folder + name, Digest(algorithm, digest)) for name, digest in named.items())
        return found

    def _wish(self, group: list[Entry], named: dict[str, Digest]) -> None:
        listed = {entry.key: (entry.version, entry.size) for entry in group}
        # A manifest that was read after the listing may name what was not there yet.
        for key in [*listed, *(key for key in named if key not in listed)]:
            if is_unfinished(key):
                self._tally.left_out += 1
            elif not key.endswith("/"):
                self._wait_for_room()
                self._pool.submit(self._fetch, _Wish(key, *listed.get(key, ("", 0)), named.get(key)))

    def _wait_for_room(self) -> None:
        while not self._room.acquire(timeout=_TICK):
            self._look_up()
        self._look_up()

    def _finish_fetches(self) -> None:
        # All room is free once nothing is being fetched.
        for _ in range(self._at_once):
            self._wait_for_room()
        self._room.release(self._at_once)

    def _look_up(self) -> None:
        self._check()
        self._tell(self._tally)

    def _check(self) -> None:
        if self._fatal:
            raise self._fatal
        if self._stop.requested:
            raise HarvesterError(
                f"The download was stopped: {self._stop.reason}.",
                hint="Files here are complete. Run it again to fetch the rest.",
                exit_code=Exit.INTERRUPTED,
            )

    def _fetch(self, wish: _Wish) -> None:
        try:
            if not (self._stop.requested or self._fatal):
                self._keep(wish)
        except DownloadStopped:
            pass
        except NotFound:
            self._add("gone", wish.key)
        except Mismatch as error:
            self._add("corrupt", str(error))
        except StoreAway as error:
            self._fail(error)
        except HarvesterError as error:
            self._add("problems", str(error))
        except OSError as error:
            self._fail(_no_room(self._copy, error))
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            error.add_note(f"while {wish.key} was fetched")
            self._fatal = error
        finally:
            self._room.release()

    def _keep(self, wish: _Wish) -> None:
        name = self._copy.name(wish.key)
        with self._lock:
            self._tally.names.add(name)
        if self._copy.holds(wish.key, wish.version, wish.digest):
            with self._lock:
                self._tally.present += 1
            return
        self._add_fetched(wish.size if self._dry_run else self._fetch_anew(wish))

    def _fetch_anew(self, wish: _Wish) -> int:
        """Fetch it, once more where what came was wrong; how many bytes came."""
        for left in reversed(range(_TRIES)):
            try:
                return self._copy.keep(
                    wish.key,
                    self._reader.pieces(wish.key),
                    version=wish.version,
                    digest=wish.digest,
                    stopped=lambda: self._stop.requested,
                    cleaned=self._cleaned if describes_collection(wish.key) else None,
                )
            except (Mismatch, StoreAway):
                if not left:
                    raise
        return 0

    def _add_fetched(self, size: int) -> None:
        with self._lock:
            self._failed_in_a_row = 0
            self._tally.fetched += 1
            self._tally.fetched_bytes += size

    def _cleaned(self, data: bytes) -> bytes:
        kept = without_keys(data)
        if kept != data:
            with self._lock:
                self._tally.cleaned += 1
        return kept

    def _add(self, what: str, text: str) -> None:
        with self._lock:
            getattr(self._tally, what).append(text)

    def _fail(self, error: HarvesterError) -> None:
        with self._lock:
            self._tally.problems.append(str(error))
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= _FAILURES:
                self._fatal = error


def _no_room(copy: LocalCopy, error: OSError) -> StoreAway:
    found = explained(error, copy.folder)
    return StoreAway(found.message, hint=f"{found.hint} --copy-folder selects another folder.".strip())
