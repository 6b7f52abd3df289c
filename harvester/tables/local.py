"""Parquet files and notes of a store as files of this machine, for a program that opens paths."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harvester.documents import Tree, object_in
from harvester.errors.files import in_words
from harvester.store import Entry, Store
from harvester.store.disk import make_folder
from harvester.store.folder import FolderStore
from harvester.store.table_keys import Made, is_of_harvest
from harvester.tables.catalog import LEFT_OUT, Catalog

_AT_ONCE = 8


def local_paths(
    store: Store,
    entries: Iterable[Entry],
    cache: Path,
    *,
    on_fetched: Callable[[int, int], None] | None = None,
) -> list[str]:
    """The paths of the files; those of a bucket are fetched into `cache` once, as they never change."""
    listed = list(entries)
    if isinstance(store, FolderStore):
        return [str(store.file_of(entry.key)) for entry in listed]
    missing = [entry for entry in listed if not _is_there(_path(cache, entry), entry)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        fetched = pool.map(lambda entry: _fetch(store, entry, _path(cache, entry)), missing)
        for number, _ in enumerate(fetched, 1):
            if on_fetched:
                on_fetched(number, len(missing))
    return [str(_path(cache, entry)) for entry in listed]


def left_out(store: Store, found: Catalog, sets: Iterable[Made], cache: Path) -> int | None:
    """How many bad records these sets lack; None if a note, as those of earlier versions, does not say it."""
    notes = [entry for made in sets if not is_of_harvest(made) for entry in found.notes[made].values()]
    numbers = [_note_in(Path(path)).get(LEFT_OUT) for path in local_paths(store, notes, cache)]
    known = [number for number in numbers if isinstance(number, int)]
    return sum(known) if len(known) == len(numbers) else None


def _note_in(path: Path) -> Tree:
    try:
        return object_in(path.read_bytes())
    except OSError as error:
        raise in_words(error, path) from error


def _path(cache: Path, entry: Entry) -> Path:
    return cache / entry.key


def _is_there(path: Path, entry: Entry) -> bool:
    # It appears under its name only when complete; a replacement in the store has a later date.
    return (
        path.is_file()
        and path.stat().st_size == entry.size
        and path.stat().st_mtime >= entry.modified.timestamp()
    )


def _fetch(store: Store, entry: Entry, path: Path) -> None:
    try:
        make_folder(path.parent)
        path.unlink(missing_ok=True)
        store.download(entry.key, path)
    except OSError as error:
        raise in_words(error, path, hint="The cache is a folder that may be deleted at any time.") from error
