"""However a stream's harvest ends, what it said of what is missed reaches the next one as a gap."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from harvester.clock import timestamp
from harvester.errors import Exit, StoreAway
from harvester.networks import Batch
from harvester.networks.gap import Gap
from harvester.networks.x.post_ids import published
from harvester.networks.x.sources import Job
from harvester.store.folder import FolderStore
from tests.support.harvest_stage import staged, until


class _Folder(FolderStore):
    """A folder that takes everything but files of records while it is `full`."""

    full = False

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        if self.full:
            raise StoreAway("the folder takes no files")
        return super().upload(key, path, sha256=sha256)


def test_a_stream_that_failed_for_its_store_hands_on_what_it_had_heard(tmp_path: Path) -> None:
    store = _Folder(tmp_path / "collections")
    with staged(tmp_path, store=store, users=1) as stage:
        stage.add("live", type="filter", filter={"track": "flood"})
        publish: Callable[..., list[str]] = stage.control.publish
        with stage.harvesting("live", tweets_per_file=2, store_patience=0.1) as going:
            until(stage.connected)
            store.full = True
            before = publish(stage.accounts[0], count=2, text="a flood")
            until(lambda: bool(going.ended))
        assert (going.end.outcome.state, going.end.outcome.exit_code) == ("failed", Exit.ERROR)
        missed = going.end.summary["missed_interval"]
        assert (missed["why"], missed["last_id"]) == ("failed", before[-1])
        store.full = False
        lost = publish(stage.accounts[0], count=3, text="a flood")
        with stage.harvesting("live") as going:
            until(stage.connected)
            after = publish(stage.accounts[0], count=1, text="a flood")
            until(lambda: going.summary()["tweets"] == 1)
        (gap,) = going.end.summary["gaps"]
        assert gap["reason"] == "the harvest before failed"
        assert gap["from"] == missed["since"] == timestamp(published(before[-1]) or datetime.max)
        assert (gap["last_id_before"], gap["first_id_after"]) == (before[-1], after[0])
        assert stage.unexplained("live") == []
        assert set(lost).isdisjoint(stage.stored("live"))


def test_a_gap_in_the_last_batch_of_all_counts(tmp_path: Path) -> None:
    """As where the read that reaches max_records holds the gap before it, too."""
    moment = datetime.fromisoformat("2026-11-23T07:00:00+00:00")

    def collect(job: Job) -> None:
        gap = Gap(moment, moment, "closed").event()
        job.put(Batch(lines=b'{"data":{"id":"1"}}\n', posts=1, events=(gap,)))

    with staged(tmp_path) as stage:
        stage.add("live", type="filter", filter={"track": "flood"})
        ended = stage.harvest("live", source=lambda _kind: collect)

    assert (ended.outcome.state, ended.outcome.reason) == ("partial", "1 gap")
    assert ended.summary["gaps"] == ended.gaps != []
