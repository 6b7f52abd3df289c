"""Files of records in a folder of collections, as harvests store them: named by the manifests."""

import gzip
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from harvester.clock import moment
from harvester.store.keys import ROOT, CollectionKeys
from tests.support import record_forms


def packed(*lines: bytes) -> bytes:
    """The lines as a file of records has them."""
    return gzip.compress(b"".join(line + b"\n" for line in lines))


def stored(
    root: Path,
    keys: CollectionKeys,
    name: str,
    data: bytes,
    *,
    at: str = "2026-11-23T09:00:00Z",
    sha256: bool = True,
) -> Path:
    """A file of records of the harvest that began at that time."""
    here = root / keys.harvest(moment(at)).folder.removeprefix(ROOT)
    here.mkdir(parents=True, exist_ok=True)
    (here / name).write_bytes(data)
    for algorithm in ("sha1", "sha256") if sha256 else ("sha1",):
        with (here / f"manifest-{algorithm}.txt").open("a") as manifest:
            manifest.write(f"{hashlib.new(algorithm, data).hexdigest()}  {name}\n")
    collection = {"id": keys.id, "type": "search", "search": {"query": "x"}}
    (root / keys.id / "collection.json").write_bytes(orjson.dumps(collection))
    return here / name


def collection_of(root: Path, collection_id: str, files: Iterable[Iterable[Any]]) -> CollectionKeys:
    """A collection of one harvest with these files of records."""
    keys = CollectionKeys(collection_id)
    for number, records in enumerate(files, 1):
        lines = [each if isinstance(each, bytes) else record_forms.written(each) for each in records]
        stored(root, keys, f"tweets-20261123090000-{number:06d}.jsonl.gz", packed(*lines))
    return keys
