"""`export bag`: whole collections as a bag (BagIt 1.0, RFC 8493), for archives."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harvester import __version__
from harvester.errors import HarvesterError
from harvester.exports import described
from harvester.exports.output import folder
from harvester.exports.payload import Copied, Payload
from harvester.exports.posts import Posts
from harvester.exports.written import Written
from harvester.harvest.manifest import ALGORITHMS

_DATA = "data"


def write(posts: Posts, to: str, options: Mapping[str, Any]) -> Written:
    """Write the bag; with `fetch`, files of records stay in the store, and fetch.txt has their addresses."""
    store, away = posts.whole, bool(options.get("fetch"))
    payload = Payload(store.reader, store.collections, posts.progress.damaged.append, away=away)
    with folder(to, known_by=["bagit.txt"]) as made:
        copied = list(payload.copy(made / _DATA))
        algorithms = [name for name in ALGORITHMS if all(name in each.digests for each in copied)]
        if copied and not algorithms:
            raise HarvesterError(
                "The harvests' manifests have no algorithm in common: none could name all files.",
                hint="Export each collection on its own, without --fetch.",
            )
        tags = {"bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"}
        for name in algorithms:
            tags[f"manifest-{name}.txt"] = _manifest((each.digests[name], each.key) for each in copied)
        if away:
            tags["fetch.txt"] = _fetch(store.reader.name, copied)
        tags["bag-info.txt"] = _info(posts, copied, options)
        _write_tags(made, tags, algorithms)
    size = sum(each.size for each in copied if not each.away)
    notes = _notes(copied)
    return Written(len(copied), size, what="file", files=len(copied), notes=notes)


def _write_tags(made: Path, tags: Mapping[str, str], algorithms: Sequence[str]) -> None:
    for name, text in tags.items():
        (made / name).write_bytes(text.encode("utf-8", "replace"))
    for algorithm in algorithms:
        digests = [
            (hashlib.new(algorithm, (made / name).read_bytes()).hexdigest(), name) for name in sorted(tags)
        ]
        text = "".join(f"{digest}  {name}\n" for digest, name in digests)
        (made / f"tagmanifest-{algorithm}.txt").write_text(text)


def _manifest(digests: Any) -> str:
    return "".join(f"{digest}  {_DATA}/{_encoded(key)}\n" for digest, key in digests)


def _fetch(store: str, copied: Sequence[Copied]) -> str:
    place = store if "://" in store else Path(store).resolve().parent.as_uri()
    return "".join(
        f"{place}/{_encoded(each.key)} {each.size} {_DATA}/{_encoded(each.key)}\n"
        for each in copied
        if each.away
    )


def _encoded(key: str) -> str:
    return re.sub("[%\r\n]", lambda found: f"%{ord(found[0]):02X}", key)


def _info(posts: Posts, copied: Sequence[Copied], options: Mapping[str, Any]) -> str:
    lines = [
        ("Bag-Software-Agent", f"twarc-cloud {__version__}"),
        ("Bagging-Date", f"{options['now']:%Y-%m-%d}"),
    ]
    for keys in posts.whole.collections:
        tree = described.collection(posts.whole.reader, keys)
        lines.append(("External-Identifier", keys.id))
        lines.append(("External-Description", described.description(tree, keys)))
    lines.append(("Payload-Oxum", f"{sum(each.size for each in copied)}.{len(copied)}"))
    lines += [("Damaged-File", f"{each}.") for each in posts.progress.damaged]
    return "".join(f"{name}: {' '.join(value.split())}\n" for name, value in lines)


def _notes(copied: Sequence[Copied]) -> tuple[str, ...]:
    away = sum(each.away for each in copied)
    return (f"{away:,} of them stay in the store: fetch.txt names them.",) if away else ()
