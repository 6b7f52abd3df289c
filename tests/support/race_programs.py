"""Programs for tests that need processes: `python -m tests.support.race_programs PROGRAM KIND WHERE ...`"""

import gzip
import os
import resource
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from harvester.clock import Stop, SystemClock, timestamp
from harvester.collection import history
from harvester.documents import Tree
from harvester.errors import Conflict, HarvesterError, StoreAway
from harvester.harvest.lock import Lock
from harvester.harvest.segment import Segment, completed
from harvester.harvest.workdir import State, Work, left_behind
from harvester.networks import Batch
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from tests.support.stores import Place

_THREADS = 8


def create(store: Store, prefix: str, keys: str) -> Iterator[str]:
    """Each thread wants to create each key; prints those it won."""

    def wins(thread: int) -> list[str]:
        won = []
        for number in range(int(keys)):
            key = f"{prefix}{number:03d}"
            try:
                # All write the same bytes, so that only the store can tell them apart.
                store.create(key, b"mine")
            except Conflict:
                continue
            won.append(key)
        return won

    yield from _in_threads(wins)


def count(store: Store, key: str, times: str) -> Iterator[str]:
    """Each thread adds 1 to the number in an object, so many times."""

    def adds(thread: int) -> list[str]:
        for _ in range(int(times)):
            while True:
                stored = store.read(key)
                try:
                    store.replace(key, b"%d" % (int(stored.data) + 1), version=stored.version)
                    break
                except Conflict:
                    continue
        return []

    yield from _in_threads(adds)


def lock(store: Store, key: str, held_by: str) -> Iterator[str]:
    """Each thread wants the lock, as soon as that of `held_by` expires; prints the winners."""

    def wins(thread: int) -> list[str]:
        name = f"{os.getpid()}-{thread}"
        while True:
            try:
                Lock(store, key, owner=name, clock=SystemClock()).acquire()
                return [name]
            except HarvesterError as error:
                if held_by not in error.message:
                    return []
            Stop().wait(0.05)

    yield from _in_threads(wins)


def edit(store: Store, collection: str, times: str) -> Iterator[str]:
    """Each thread adds users of its own to the collection, one an edit; prints them."""

    def adds(thread: int) -> list[str]:
        added = []
        for number in range(int(times)):
            user = f"{os.getpid()}{thread:02d}{number:02d}"
            history.edit(store, CollectionKeys(collection), partial(_with_user, user))
            added.append(user)
        return added

    yield from _in_threads(adds)


def _with_user(user: str, tree: Tree) -> Tree:
    return {**tree, "users": {**tree["users"], user: {}}}


def fill(store: Store, size: str, upload: str) -> Iterator[str]:
    """What is told where there is room for less than `size` bytes, and which objects are there then."""
    store.create("collections/a/small", b"small")
    acts: tuple[Callable[[], str], ...] = (
        lambda: store.create("collections/a/created", bytes(int(size))),
        lambda: store.upload("collections/a/uploaded", Path(upload), sha256=""),
    )
    for act in acts:
        try:
            act()
        except StoreAway as error:
            yield str(error)
    yield from (entry.key for entry in store.entries("collections/"))


def fetch(store: Store, key: str, path: str) -> Iterator[str]:
    """What is told when an object is downloaded to where there is no room for it."""
    try:
        store.download(key, Path(path))
    except StoreAway as error:
        yield str(error)
    yield from (path.name for path in Path(path).parent.iterdir())


def segment(store: Store, folder: str) -> Iterator[str]:
    """How many records were synced until the disk was full, and how many of them are there afterwards."""
    growing = Segment(Path(folder) / "tweets.jsonl.gz")
    synced = size = 0
    try:
        while True:
            growing.write(os.urandom(1000).hex().encode() + b"\n", posts=1)
            size = growing.sync()
            synced = growing.posts
    except OSError:
        growing.abandon()
    yield str(synced)
    completed(growing.path, size=size, posts=synced)
    with gzip.open(growing.path) as lines:
        yield str(sum(1 for _ in lines))


def work(store: Store, folder: str) -> Iterator[str]:
    """How many pages were synced until the disk was full, and how many are found in the folder afterwards."""
    now, root = datetime.now(UTC), Path(folder) / "work"
    growing = Work.begin(root, State(harvest=timestamp(now), owner="me"))
    synced = 0
    try:
        while True:
            # Small, so that the disk is full in the middle of a line now and then.
            growing.add(
                Batch(lines=os.urandom(30).hex().encode() + b"\n", posts=1, counts={"pages": 1}), now=now
            )
            growing.sync(now=now)
            synced += 1
    except OSError:
        growing.close()
    yield str(synced)
    (found,) = left_behind(root)
    yield str(found.state.counts["pages"])


def limit(store: Store, size: str) -> Iterator[str]:
    """What is told where no file may be larger than 1,000 bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        store.create("collections/a", bytes(int(size)))
    except StoreAway as error:
        yield str(error)
    yield from (entry.key for entry in store.entries("collections/"))


def _in_threads(act: Callable[[int], list[str]]) -> Iterator[str]:
    with ThreadPoolExecutor(_THREADS) as threads:
        for lines in threads.map(act, range(_THREADS)):
            yield from lines


_PROGRAMS: dict[str, Callable[..., Iterator[str]]] = {
    "create": create,
    "count": count,
    "lock": lock,
    "edit": edit,
    "fill": fill,
    "fetch": fetch,
    "limit": limit,
    "segment": segment,
    "work": work,
}


def main(program: str, kind: str, where: str, *arguments: str) -> None:
    store = Place(kind, where).store()
    store.now()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for line in _PROGRAMS[program](store, *arguments):
        sys.stdout.write(f"{line}\n")
    sys.stdout.write("over\n")
    sys.stdout.flush()
    # What a process that has ended held is free for the others.
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
