"""What the harvest that runs hears of edits of its collection."""

from pathlib import Path

from harvester.clock import Stop
from harvester.documents import Collection
from harvester.harvest.collection_edits import CollectionEdits
from harvester.harvest.progress import Progress
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys


def _edits(folder: Path) -> CollectionEdits:
    store, keys, progress = FolderStore(folder), CollectionKeys("live"), Progress("live", "here")
    tree: Collection = {"id": "live", "type": "filter", "filter": {"track": "flood"}}
    return CollectionEdits(store, keys, progress, tree, take_over=lambda _: None)


def _ends_a_wait(edits: CollectionEdits) -> bool:
    wait = Stop()
    with edits.ending(wait):
        return wait.requested


def test_a_change_that_is_heard_before_a_wait_ends_it_and_one_that_was_tried_does_not(tmp_path: Path) -> None:
    edits = _edits(tmp_path)
    assert not _ends_a_wait(edits)
    edits.hear()
    assert _ends_a_wait(edits)
    # There is no such collection, as where the store is away: it is still to be read, and not at once.
    edits.catch_up()
    assert edits.pending
    assert not _ends_a_wait(edits)
