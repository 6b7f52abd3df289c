"""A write whose answer is lost is tried again, and does no harm, at whatever step that happens."""

from datetime import datetime
from pathlib import Path
from typing import Any

from harvester.errors import HarvesterError, StoreAway
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.harvest_stage import Stage, staged

_WRITES = {"create", "replace", "upload", "remove"}


class Forgetful:
    """A store that does what it is asked, and then loses the answer to its `nth` write of one kind."""

    def __init__(self, store: FolderStore, kind: str, *, nth: int) -> None:
        self._store, self._kind, self._left, self.lost = store, kind, nth, ""

    def __getattr__(self, name: str) -> Any:
        done = getattr(self._store, name)
        if name != self._kind:
            return done

        def write(key: str, *arguments: Any, **more: Any) -> Any:
            answer = done(key, *arguments, **more)
            self._left -= 1
            if self._left == 0:
                self.lost = f"{name} {key}"
                raise StoreAway(f"The answer to {self.lost} was lost.")
            return answer

        return write

    def now(self) -> datetime:
        return self._store.now()


def test_the_answer_to_any_one_write_may_be_lost(tmp_path: Path) -> None:
    tried: list[str] = []
    with staged(tmp_path, search_posts=250) as stage:
        store = stage.store
        assert isinstance(store, FolderStore)
        for kind in sorted(_WRITES):
            # How many checkpoints a harvest has time for varies, so that one with fewer is not yet the end.
            without = 0
            for number in range(1, 200):
                lost = _harvested_with_a_lost_answer(stage, store, kind, number)
                without = 0 if lost else without + 1
                tried += [lost] if lost else []
                if without == 2:
                    break
    assert len(tried) > 25
    assert {lost.split()[0] for lost in tried} == _WRITES


def _harvested_with_a_lost_answer(stage: Stage, store: FolderStore, kind: str, number: int) -> str:
    """Harvest until complete, with that write's answer lost; which one that was."""
    name = f"{kind}{number}"
    stage.store = store
    stage.add(name, type="search", search={"query": "flood"})
    forgetful = Forgetful(store, kind, nth=number)
    stage.store = forgetful
    while not _ended_well(stage, name):
        # As `unlock` would, and a minute, where the lock itself was taken without an answer.
        store.remove(CollectionKeys(name).lock)
    stage.store = store
    assert stage.lost_and_doubled(name, stage.control.search("flood")) == (0, 0), forgetful.lost
    stage.require_tidy(name)
    return forgetful.lost


def _ended_well(stage: Stage, name: str) -> bool:
    """False where it could not begin; once it has, nothing but its end will do."""
    try:
        ended = stage.harvest(name, tweets_per_file=100, checkpoint_seconds=0.01)
    except HarvesterError as error:
        assert "answer" in str(error), error
        return False
    assert ended.outcome.state == "complete", ended.outcome
    return True
