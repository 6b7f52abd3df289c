"""A segment whose bytes are in a bucket already is made of them, and a crash on the way loses nothing."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import orjson
import pytest

from harvester.clock import Stop, SystemClock
from harvester.collection import history
from harvester.errors import Conflict
from harvester.harvest import checkpoint
from harvester.harvest.claim import claim
from harvester.harvest.context import Context
from harvester.harvest.finalize import Ending
from harvester.harvest.pipeline import Storing
from harvester.harvest.progress import Progress
from harvester.harvest.recovery import recover
from harvester.harvest.upload_queue import Uploads
from harvester.networks import Batch
from harvester.settings import Settings
from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.support.sent_bytes import SentBytes
from tests.support.servers import Bucket
from tests.support.stores import HandClock

KEYS = CollectionKeys("long")
_MB = 1 << 20
Step = tuple[str, Callable[[], None]]


class _Held(Uploads):
    """Steps are done when they are put, until the one whose name begins so; those from it on are kept."""

    def __init__(self, *, until: str = "never") -> None:
        super().__init__(clock=SystemClock(), stop=Stop())
        self.until, self.held = until, list[Step]()

    def put(self, what: str, run: Callable[[], None]) -> None:
        if self.held or what.startswith(self.until):
            self.held.append((what, run))
        else:
            run()


class _Streaming:
    """A harvest into a bucket, to which lines come."""

    def __init__(self, bucket: Bucket, folder: Path, uploads: Uploads) -> None:
        self.client = SentBytes(bucket.server.requests(bucket.name))
        self.store, self.lines = S3Store(bucket.name, client=self.client), b""
        history.add(self.store, KEYS, {"id": "long", "type": "filter", "filter": {"track": "a"}})
        self.clock = HandClock()
        context = Context(
            store=self.store,
            keys=KEYS,
            settings=Settings(),
            work_root=folder / "temp",
            clock=self.clock,
            stop=Stop(),
            owner="first",
            progress=Progress("long", "here", ""),
        )
        self._claim = claim(context, {"id": "long", "type": "filter"})
        self.storing = Storing(context, self._claim, uploads, billed=dict)
        self._draw = Random(5)

    def come(self, megabytes: int) -> None:
        """So much, compressed, a second apart; then a checkpoint."""
        for _ in range(megabytes):
            line = b'{"data":{"id":"1","text":"%s"}}\n' % self._draw.randbytes(_MB).hex().encode()
            self.lines += line
            self.clock.seconds += 1
            self.storing.add(Batch(lines=line, posts=1))
            self.storing.do_what_is_due()
        self.clock.seconds += 60
        self.storing.do_what_is_due()

    def files(self) -> Iterator[bytes]:
        for entry in self.store.entries(self._claim.here.folder):
            if entry.key.endswith(".gz"):
                yield gzip.decompress(self.store.read(entry.key).data)


def test_each_byte_of_a_busy_stream_is_sent_once(s3: Bucket, tmp_path: Path) -> None:
    going = _Streaming(s3, tmp_path, _Held())
    for _ in range(3):
        going.come(9)
    going.storing.finish()
    assert list(going.files()) == [going.lines]
    (segment,) = (entry for entry in going.store.entries(KEYS.harvests) if entry.key.endswith(".gz"))
    assert segment.size <= going.client.sent < 1.05 * segment.size
    assert [entry.key for entry in going.store.entries(KEYS.harvests) if "/open/" in entry.key] == []


def test_what_comes_quickly_is_stored_before_the_next_checkpoint(s3: Bucket, tmp_path: Path) -> None:
    uploads = _Held(until="the checkpoint")
    going = _Streaming(s3, tmp_path, uploads)
    going.come(17)
    stored = [entry.size for entry in going.store.entries(KEYS.harvests) if "/open/" in entry.key]
    assert sum(stored) >= 16 * _MB
    assert max(stored) < 16 * _MB


@pytest.mark.parametrize("arrived", [False, True], ids=["before it is complete", "after it is complete"])
def test_a_successor_elsewhere_goes_on_from_a_segment_that_was_being_made(
    arrived: bool, s3: Bucket, tmp_path: Path
) -> None:
    uploads = _Held(until="tweets-")
    going = _Streaming(s3, tmp_path, uploads)
    going.come(9)
    checkpointed = going.lines
    line = b'{"data":{"id":"2"}}\n'
    going.storing.add(Batch(lines=line, posts=1, sync=True))
    going.storing._roll()
    known = orjson.loads(going.store.read(KEYS.checkpoint).data)
    assert known["closing"]["upload"]
    ((_, late),) = uploads.held
    if arrived:
        late()
    found = recover(going.store, KEYS, tmp_path / "elsewhere", owner="second")
    assert found
    # Whoever is still at it makes nothing of it, from before the successor looked on.
    assert not s3.server.client().list_multipart_uploads(Bucket=s3.name).get("Uploads")
    for _, step in Ending(going.store, KEYS, found.work, found.used, lambda _: dict(found.summary)).steps():  # type: ignore[arg-type,return-value]
        step()
    # What was not in the store is lost with the machine, and asked for again.
    expected = going.lines + line if arrived else checkpointed
    assert list(going.files()) == [expected]
    assert checkpoint.load(going.store, KEYS) is None
    if not arrived:
        with pytest.raises(Conflict):
            late()
        assert list(going.files()) == [expected]
