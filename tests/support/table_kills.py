"""Kills processes that build tables, again and again, each while it works: a program of its own.

It forks itself for each, before DuckDB runs in it, so that a process costs milliseconds.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import duckdb  # noqa: F401 - before the forks

from harvester.documents import object_in
from harvester.store.folder import FolderStore
from harvester.store.keys import TABLES, CollectionKeys
from harvester.store.reading import reader
from harvester.store.table_keys import NOTES
from harvester.tables.build import Builder


def main() -> None:
    """Arguments: how many kills, the folder of the store, the collection's id; prints what came of it."""
    kills, folder, collection = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    store, keys, dice = FolderStore(folder), CollectionKeys(collection), random.Random(7)
    whole = _seconds_of(lambda: _wait(_started(store, keys)))
    killed = rounds = 0
    while killed < kills:
        if rounds % 4 == 0 or not _is_unfinished(store):
            _remove_all(store)
        rounds += 1
        # Now and then two that are at the same files.
        pids = [_started(store, keys) for _ in range(dice.choice((1, 1, 2)))]
        time.sleep(dice.uniform(0.0, whole))  # the moment of the kill, not a wait for something
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            killed += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        _require_sound(store)
    codes = [_wait(pid) for pid in (_started(store, keys), _started(store, keys))]
    _require_sound(store)
    sys.stdout.write(json.dumps({"killed": killed, "rounds": rounds, "codes": codes}))


def _started(store: FolderStore, keys: CollectionKeys) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            Builder(reader(store), store).build(keys)
            os._exit(0)
        finally:
            os._exit(1)
    return pid


def _wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _seconds_of(act: object) -> float:
    begun = time.monotonic()
    act()  # type: ignore[operator]
    return time.monotonic() - begun


def _is_unfinished(store: FolderStore) -> bool:
    return not any(entry.key.endswith("-harvest.json") for entry in store.entries(NOTES))


def _remove_all(store: FolderStore) -> None:
    # Notes first, as the program itself does.
    for entry in sorted(store.entries(TABLES), key=lambda entry: "/_made/" not in entry.key):
        store.remove(entry.key)


def _require_sound(store: FolderStore) -> None:
    """Each note is of files that are there, with the bytes that it says."""
    there = {entry.key: entry.size for entry in store.entries(TABLES)}
    for key in [key for key in there if key.startswith(NOTES)]:
        for part in object_in(store.read(key).data)["tables"].values():
            if there.get(part["key"]) != part["bytes"]:
                sys.exit(f"{key} tells of {part}, and there is {there.get(part['key'])}")


if __name__ == "__main__":
    main()
