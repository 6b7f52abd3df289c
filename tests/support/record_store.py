"""Files of records as harvests leave them in a store: with manifests, harvest.json and a collection.json."""

import gzip
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from harvester.clock import moment
from harvester.errors import NotFound
from harvester.store import Store
from harvester.store.keys import CollectionKeys, HarvestKeys, segment_name

AT = "2026-10-05T09:00:00Z"


def packed(lines: Iterable[bytes]) -> bytes:
    return gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)


def store_harvest(
    store: Store,
    keys: CollectionKeys,
    *files: Sequence[bytes] | bytes,
    at: str = AT,
    state: str = "complete",
    sha256: bool = True,
    **summary: Any,
) -> HarvestKeys:
    """A harvest with these files, each of lines or as bytes; `sha256` False: as those of 2019."""
    describe(store, keys)
    harvest = keys.harvest(moment(at))
    manifests: dict[str, list[str]] = {"sha1": [], **({"sha256": []} if sha256 else {})}
    for number, content in enumerate(files, 1):
        data = content if isinstance(content, bytes) else packed(content)
        name = segment_name(moment(at), number)
        store.create(harvest.file(name), data)
        for algorithm, lines in manifests.items():
            lines.append(f"{hashlib.new(algorithm, data).hexdigest()}  {name}\n")
    for algorithm, lines in manifests.items():
        store.create(harvest.manifest(algorithm), "".join(lines).encode())
    told = {"harvest_timestamp": at, "state": state, "files": len(files), "gaps": [], **summary}
    store.create(harvest.harvest, orjson.dumps(told))
    return harvest


def describe(store: Store, keys: CollectionKeys) -> None:
    """The collection itself, if it is not there."""
    try:
        store.read(keys.collection)
    except NotFound:
        tree = {"id": keys.id, "type": "search", "search": {"query": "flood"}}
        store.create(keys.collection, orjson.dumps(tree))


def replace_file(store: Store, harvest: HarvestKeys, name: str, lines: Sequence[bytes]) -> None:
    """Other records in a file of a harvest, with manifests that say so."""
    data = packed(lines)
    old = store.read(harvest.file(name))
    store.replace(harvest.file(name), data, version=old.version)
    for algorithm in ("sha1", "sha256"):
        manifest = store.read(harvest.manifest(algorithm))
        was = hashlib.new(algorithm, old.data).hexdigest().encode()
        now = hashlib.new(algorithm, data).hexdigest().encode()
        store.replace(harvest.manifest(algorithm), manifest.data.replace(was, now), version=manifest.version)
