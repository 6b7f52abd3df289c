"""What was told lately is remembered for a while, and only the newest of it."""

from datetime import timedelta
from pathlib import Path

from harvester.monitoring.sent_notices import Notices
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.stores import Wrapped

_KEYS = CollectionKeys("a")


def _after(store: FolderStore, minutes: int) -> Notices:
    return Notices(Wrapped(store, ahead=timedelta(minutes=minutes)), _KEYS)


def test_the_newest_twenty_are_kept(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for number in range(25):
        _after(store, number).add(f"failure {number}")
    kept = [number for number in range(25) if _after(store, 25).lately(f"failure {number}")]
    assert kept == list(range(5, 25))


def test_the_same_is_told_again_after_twenty_hours(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    _after(store, 0).add("locked")
    assert _after(store, 20 * 60 - 1).lately("locked")
    assert not _after(store, 20 * 60 + 1).lately("locked")
