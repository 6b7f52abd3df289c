"""Stream messages other than posts become events that contain the whole message."""

import base64
from typing import Any

import orjson

from harvester.networks.x.decoding import objects


def unread(event: str, data: bytes) -> dict[str, Any]:
    """The event of bytes that cannot be read: whole as text, or in base64 where they are no UTF-8."""
    try:
        shown = {"text": data.decode()}
    except UnicodeDecodeError:
        shown = {"base64": base64.b64encode(data).decode()}
    return {"event": event, "bytes": len(data), **shown}


def message(found: Any, text: str) -> dict[str, Any]:
    """The event of a JSON value that is not a post; `text` is the value as received."""
    content = _kept(found, text)
    if not isinstance(found, dict):
        return {"event": "message", **content}
    errors = objects(found.get("errors"))
    ends = [error for error in errors if "disconnect" in f"{error.get('type')}{error.get('title')}"]
    ends += objects([found.get("disconnect")])
    if ends:
        first = ends[0]
        return {
            "event": "disconnect",
            "disconnect_type": _text(first.get("disconnect_type") or first.get("title")),
            "detail": _text(first.get("detail") or first.get("reason")),
            **content,
        }
    if "limit" in found:
        return {"event": "limit", **content}
    return {"event": "error" if errors else "message", **content}


def _kept(found: Any, text: str) -> dict[str, Any]:
    # Our own JSON has no place for half a surrogate pair, or for numbers of more than 64 bits.
    try:
        orjson.dumps(found)
    except TypeError:
        return {"text": text}
    return {"message": found}


def _text(value: Any) -> str:
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else ""
