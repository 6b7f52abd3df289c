"""X's records: a line is an answer with one post or many in `data`; a line of 2019 is a post itself."""

from collections.abc import Iterable
from typing import Any

import msgspec

from harvester.networks.records import BrokenLine, Records, object_of


class _Nothing(msgspec.Struct):
    pass


class _Identified(msgspec.Struct):
    id: str


class _Counted(msgspec.Struct):
    data: list[_Nothing] | _Nothing | None | msgspec.UnsetType = msgspec.UNSET


class _Listed(msgspec.Struct):
    data: list[_Identified] | _Identified | None | msgspec.UnsetType = msgspec.UNSET
    id_str: str | None = None


_counted = msgspec.json.Decoder(_Counted)
_listed = msgspec.json.Decoder(_Listed)


def records(block: bytes, *, ids: bool) -> Records:
    """What whole lines hold; raises BrokenLine for one that is no record."""
    try:
        # What is passed over is not proven to be text otherwise.
        block.decode()
        found: list[Any] = (_listed if ids else _counted).decode_lines(block)
    except ValueError:
        return _one_by_one(block, ids=ids)
    return Records(
        len(found),
        sum(map(_posts, found)),
        [post_id for record in found for post_id in _ids_of(record)] if ids else [],
    )


def _one_by_one(block: bytes, *, ids: bool) -> Records:
    """Some line is unusual to msgspec, as half of a surrogate pair is, or broken."""
    lines = posts = 0
    known: list[str] = []
    for line in block.splitlines():
        lines += 1
        record = object_of(line, lines)
        data = record.get("data", record)
        found = data if isinstance(data, list) else [data] if isinstance(data, dict) else []
        if not all(isinstance(post, dict) for post in found):
            raise BrokenLine(lines, f"has a post that is not a JSON object: {line[:60]!r}")
        posts += len(found)
        if ids:
            known += [str(post.get("id_str") or post.get("id")) for post in found]
    return Records(lines, posts, known)


def _posts(record: Any) -> int:
    data = record.data
    return len(data) if isinstance(data, list) else 0 if data is None else 1


def _ids_of(record: _Listed) -> Iterable[str]:
    data = record.data
    if isinstance(data, list):
        return (post.id for post in data)
    if isinstance(data, _Identified):
        return (data.id,)
    return (record.id_str,) if record.id_str else ()
