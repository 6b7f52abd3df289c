"""X's records: a line is an answer with one post or many in `data`; a line of 2019 is a post itself.

An answer about accounts has them in the place of posts, and holds none.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from harvester.networks.records import BrokenLine, Records, object_of


class _Item(msgspec.Struct, gc=False):
    username: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    text: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Identified(_Item, gc=False):
    id: str = ""


class _Counted(msgspec.Struct):
    data: list[_Item] | _Item | None | msgspec.UnsetType = msgspec.UNSET


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
        found = [post for post in found if not is_account(post)]
        posts += len(found)
        if ids:
            known += [str(post.get("id_str") or post.get("id")) for post in found]
    return Records(lines, posts, known)


def is_account(item: Any) -> bool:
    """Whether what stands in the place of a post is an account: it has a name, and no text."""
    if isinstance(item, dict):
        return "username" in item and "text" not in item
    return item.username is not msgspec.UNSET and item.text is msgspec.UNSET


def _items(data: Any) -> list[Any]:
    return data if isinstance(data, list) else [data] if isinstance(data, _Item) else []


def _posts(record: Any) -> int:
    if record.data is msgspec.UNSET:
        return 1
    return sum(not is_account(item) for item in _items(record.data))


def _ids_of(record: _Listed) -> Iterable[str]:
    if record.data is msgspec.UNSET:
        return (record.id_str,) if record.id_str else ()
    return (item.id for item in _items(record.data) if not is_account(item))
