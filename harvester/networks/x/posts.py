"""A stored line of X as single posts: each looks like one of a stream, with what was included for it.

A line with one post is passed on byte for byte. Of a page, each post has the objects that it refers to, be it
through a post that it refers to.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from harvester.clock import timestamp
from harvester.networks.records import BrokenLine, Post, readable
from harvester.networks.x.post_ids import published

_NOTHING = (UNSET, UNSET, UNSET)


class _Provenance(msgspec.Struct):
    retrieved_at: str = ""


class _User2019(msgspec.Struct):
    id_str: str = ""


class _Line(msgspec.Struct):
    data: Raw = Raw()
    includes: dict[str, list[Raw]] = {}
    twarc: Raw = msgspec.field(name="__twarc", default=Raw())
    id_str: str = ""
    user: Raw = Raw()


class _Post(msgspec.Struct):
    id: str
    # An account has a name of its own, and no text.
    username: Raw = Raw()
    text: Raw = Raw()
    author_id: str = ""
    created_at: str = ""
    id_str: Raw | UnsetType = UNSET


class _Included(msgspec.Struct):
    id: str = ""
    media_key: str = ""


class _Single(msgspec.Struct):
    """A line of a stream: one post, read in one pass."""

    data: _Post
    twarc: _Provenance = msgspec.field(name="__twarc", default_factory=_Provenance)
    twarc_cloud: Raw | UnsetType = UNSET
    traptor: Raw | UnsetType = UNSET

    @property
    def is_plain(self) -> bool:
        added = (self.twarc_cloud, self.traptor, self.data.id_str)
        return added == _NOTHING and bool(self.twarc.retrieved_at)


_single = msgspec.json.Decoder(_Single)
_line = msgspec.json.Decoder(_Line)
_post = msgspec.json.Decoder(_Post)
_list = msgspec.json.Decoder(list[Raw])
_included = msgspec.json.Decoder(_Included)
_provenance = msgspec.json.Decoder(_Provenance)
_user_2019 = msgspec.json.Decoder(_User2019)


def posts(line: bytes) -> list[Post]:
    """The posts of a stored line; raises BrokenLine if it is no record."""
    line = line.rstrip(b"\r\n")
    try:
        found = _single.decode(line)
        post, received = found.data, found.twarc.retrieved_at
        return [Post(post.id, line, post.author_id, post.created_at, received, found.is_plain)]
    except ValueError:
        # A page, or what is no post.
        pass
    try:
        return _of(_line.decode(line), line)
    except ValueError as error:
        return _unusual(line, str(error))


def _unusual(line: bytes, why: str) -> list[Post]:
    """Of a line that msgspec does not read: half of a surrogate pair is JSON to others."""
    text = readable(line)
    try:
        found = _of(_line.decode(text), text)
    except ValueError:
        raise BrokenLine(1, f"has a post without an id, or is not a record: {why}") from None
    # What was received stays as it is where it is one post; of a page there is no other way.
    return [found[0]._replace(value=line)] if len(found) == 1 and not _is_page(text) else found


def _is_page(line: bytes) -> bool:
    return bytes(_line.decode(line).data).lstrip().startswith(b"[")


def _of(record: _Line, line: bytes) -> list[Post]:
    data = bytes(record.data)
    if not data:
        return [_of_2019(record, line)] if record.id_str else []
    received = _provenance.decode(record.twarc).retrieved_at if bytes(record.twarc) else ""
    if data.startswith(b"["):
        return list(_split(record, received))
    if data == b"null":
        return []
    found = _post.decode(data)
    return [Post(found.id, line, found.author_id, found.created_at, received)]


def _of_2019(record: _Line, line: bytes) -> Post:
    author = _user_2019.decode(record.user).id_str if bytes(record.user) else ""
    created = published(record.id_str)
    return Post(record.id_str, line, author, timestamp(created) if created else "")


def _split(record: _Line, received: str) -> Iterator[Post]:
    known = {
        section: [(_name(raw), bytes(raw), _texts(raw)) for raw in found]
        for section, found in record.includes.items()
    }
    for raw in _list.decode(record.data):
        found = _post.decode(raw)
        if bytes(found.username) and not bytes(found.text):
            continue
        value = b'{"data":' + bytes(raw)
        if included := _of_one(_texts(raw), known):
            parts = (b'"%s":[%s]' % (name.encode(), b",".join(each)) for name, each in included.items())
            value += b',"includes":{' + b",".join(parts) + b"}"
        if bytes(record.twarc):
            value += b',"__twarc":' + bytes(record.twarc)
        yield Post(found.id, value + b"}", found.author_id, found.created_at, received)


_Known = Mapping[str, Sequence[tuple[str, bytes, frozenset[str]]]]


def _of_one(texts: frozenset[str], known: _Known) -> dict[str, list[bytes]]:
    """What a post with these texts refers to, in the order of the page."""
    wanted, before = set(texts), -1
    while len(wanted) != before:
        before = len(wanted)
        for name, _, inner in known.get("tweets", ()):
            if name in wanted:
                wanted |= inner
    found = {section: [raw for name, raw, _ in each if name in wanted] for section, each in known.items()}
    return {section: each for section, each in found.items() if each}


def _name(raw: Raw) -> str:
    found = _included.decode(raw)
    return found.media_key or found.id


def _texts(raw: Raw) -> frozenset[str]:
    """All texts in an object, among which are the ids that it refers to."""
    return frozenset(_walked(msgspec.json.decode(raw)))


def _walked(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _walked(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walked(inner)
