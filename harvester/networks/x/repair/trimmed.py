"""Takes posts out of a page that are stored already; what is left of it stays as it was received."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from harvester.documents.foreign import loaded


class _Identified(msgspec.Struct, gc=False):
    id: str


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_posts = msgspec.json.Decoder(list[msgspec.Raw])
_identified = msgspec.json.Decoder(_Identified)


@dataclass(frozen=True)
class Trimmed:
    """A page without the posts that are stored; `line` is empty if none is left."""

    line: bytes
    ids: tuple[str, ...]


def trimmed(line: bytes, is_stored: Callable[[str], bool]) -> Trimmed:
    """The page in the line without those posts, and the ids of those that stay, each once."""
    try:
        members = _members.decode(line)
        posts = [(_identified.decode(raw).id, bytes(raw)) for raw in _posts.decode(members["data"])]
    except msgspec.DecodeError:
        return _read_whole(line, is_stored)
    kept = {post_id: raw for post_id, raw in reversed(posts) if not is_stored(post_id)}
    if len(kept) == len(posts):
        return Trimmed(line, tuple(post_id for post_id, _ in posts))
    ids = tuple(dict.fromkeys(post_id for post_id, _ in posts if post_id in kept))
    if not ids:
        return Trimmed(b"", ())
    data = b"[" + b",".join(kept[post_id] for post_id in ids) + b"]"
    return Trimmed(_written({**members, "data": msgspec.Raw(data)}), ids)


def _written(members: Mapping[str, msgspec.Raw]) -> bytes:
    parts = (msgspec.json.encode(name) + b":" + bytes(raw) for name, raw in members.items())
    return b"{" + b",".join(parts) + b"}\n"


def _read_whole(line: bytes, is_stored: Callable[[str], bool]) -> Trimmed:
    """Half of a surrogate pair is an error to msgspec, and JSON to other readers; an id may be a number."""
    page: dict[str, Any] = loaded(line, constants=True)
    posts = [(str(post["id"]), post) for post in page["data"]]
    kept = {post_id: post for post_id, post in reversed(posts) if not is_stored(post_id)}
    ids = tuple(dict.fromkeys(post_id for post_id, _ in posts if post_id in kept))
    if len(ids) == len(page["data"]):
        return Trimmed(line, ids)
    page["data"] = [kept[post_id] for post_id in ids]
    return Trimmed(json.dumps(page).encode() + b"\n" if ids else b"", ids)
