"""Bytes from the network as JSON: one value in UTF-8 that every reader of JSON can read again."""

import codecs
import json
from typing import Any

import orjson

from harvester.documents.foreign import loaded
from harvester.text import whole_number

# Text takes up to four times its bytes, so that a page of it would leave the processor's cache. It also takes
# the room that a page left, so that the next page does not fit: with four times as much, 32 timelines at once
# peaked at 145 MB, and 65 with this.
_PROVEN_AT_ONCE = 1 << 12


def unmarked(body: bytes) -> bytes:
    """The body without a byte-order mark, which JSON may not begin with and some servers send."""
    return body.removeprefix(codecs.BOM_UTF8)


def value_of(body: bytes) -> Any:
    """The value with its text as received, halves of surrogate pairs too; ValueError if it is not JSON.

    A whole number of more than 64 bits is a float, and one that is too large for these is null.
    """
    body = unmarked(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # Python's own reader would come to the end of its stack, where finalizers fail that happen to run.
        if "depth" in str(error):
            raise ValueError("it is nested too deeply") from None
    # json.loads would guess UTF-16 and UTF-32 from bytes, and would take NaN, which is no JSON.
    try:
        return loaded(body.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def readable(body: bytes) -> Any:
    """The value with "?" for each half of a surrogate pair, so that it can be printed and stored again."""
    found = value_of(body)
    if b"\\ud" not in body and b"\\uD" not in body:
        return found
    return json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))


def member(value: Any, *names: str) -> Any:
    """What lies below these names in objects; None if any of them is not there or no object."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def number(value: Any) -> int:
    """A whole number, also where it came as text; 0 if it is not one."""
    return whole_number(str(value if value is not None else "")) or 0


def printable(text: str) -> str:
    """The text with "?" for each half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def prove_encoding(body: bytes) -> None:
    """UnicodeDecodeError if it is not UTF-8."""
    view, at = memoryview(body), 0
    while at < len(body):
        piece = view[at : at + _PROVEN_AT_ONCE]
        # A character may be cut at the end of a piece, and only there; the next one begins with it.
        at += codecs.utf_8_decode(piece, "strict", at + len(piece) == len(body))[1]
