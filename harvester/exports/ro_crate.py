"""`export ro-crate`: whole collections with a description that machines read (RO-Crate 1.1)."""

import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from harvester import __version__
from harvester.documents import Tree
from harvester.exports import described
from harvester.exports.output import folder
from harvester.exports.payload import Copied, Payload
from harvester.exports.posts import Posts
from harvester.exports.written import Written
from harvester.store.keys import harvest_folder

_METADATA = "ro-crate-metadata.json"
_PROGRAM = "#twarc-cloud"
_DAMAGED = "Damaged: these are not the bytes that the harvest stored."


def write(posts: Posts, to: str, options: Mapping[str, Any]) -> Written:
    """Write the crate."""
    store = posts.whole
    with folder(to, known_by=[_METADATA]) as made:
        payload = Payload(store.reader, store.collections, posts.progress.damaged.append)
        copied = list(payload.copy(made))
        graph = {
            "@context": "https://w3id.org/ro/crate/1.1/context",
            "@graph": list(_graph(posts, copied, options)),
        }
        (made / _METADATA).write_bytes(orjson.dumps(graph, option=orjson.OPT_INDENT_2))
    return Written(len(copied), sum(each.size for each in copied), what="file", files=len(copied) + 1)


def _graph(posts: Posts, copied: Sequence[Copied], options: Mapping[str, Any]) -> Iterator[Tree]:
    store = posts.whole
    trees = [(keys, described.collection(store.reader, keys)) for keys in store.collections]
    harvests = [one for keys in store.collections for one in described.harvests(store.reader, keys)]
    yield {
        "@id": _METADATA,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
    }
    yield {
        "@id": "./",
        "@type": "Dataset",
        "name": ", ".join(described.title(tree, keys) for keys, tree in trees),
        "description": " ".join(
            (
                *(described.description(tree, keys) for keys, tree in trees),
                *(f"Damaged: {each}." for each in posts.progress.damaged),
            )
        ),
        "datePublished": options["now"].isoformat(timespec="seconds"),
        "license": "The terms of the network on which the posts were published apply.",
        "identifier": [keys.id for keys, _ in trees],
        "hasPart": [{"@id": _id(each.key)} for each in copied],
        "mentions": [{"@id": f"#{quote(place)}"} for place, _ in harvests],
    }
    yield {
        "@id": _PROGRAM,
        "@type": "SoftwareApplication",
        "name": "twarc-cloud",
        "softwareVersion": __version__,
    }
    for place, summary in harvests:
        yield _harvest(place, summary, [each for each in copied if harvest_folder(each.key) == place])
    yield from map(_file, copied)


def _harvest(place: str, summary: Tree, copied: Sequence[Copied]) -> Tree:
    """A harvest made its files."""
    times = {"startTime": summary.get("harvest_timestamp"), "endTime": summary.get("harvest_end_timestamp")}
    return {
        "@id": f"#{quote(place)}",
        "@type": "CreateAction",
        "name": f"Harvest of {place.split('/')[1]}, {summary.get('harvest_timestamp') or place}",
        "description": f"{summary.get('tweets', 0)} posts; state: {summary.get('state', 'complete')}.",
        "instrument": {"@id": _PROGRAM},
        "result": [{"@id": _id(each.key)} for each in copied],
        **{name: time for name, time in times.items() if isinstance(time, str) and time},
    }


def _file(each: Copied) -> Tree:
    kind, packing = mimetypes.guess_type(each.key)
    if each.key.endswith((".jsonl", ".jsonl.gz")):
        kind = "application/x-ndjson"
    return {
        "@id": _id(each.key),
        "@type": "File",
        "name": each.key.rpartition("/")[2],
        "contentSize": str(each.size),
        "encodingFormat": "application/gzip" if packing else kind or "application/octet-stream",
        **({"sha256": each.digests["sha256"]} if "sha256" in each.digests else {}),
        **({"description": _DAMAGED} if each.damaged else {}),
    }


def _id(key: str) -> str:
    return quote(key)
