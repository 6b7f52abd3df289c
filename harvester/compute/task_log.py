"""In the log of a task that carries several streams each line names its collection."""

from collections.abc import Iterable, Iterator, Sequence

import orjson

_MARK = " | "
_JSON = '{"time":'


def marked(line: str, collection_id: str) -> str:
    """A line of one stream, as it stands in the log of the task."""
    if line.startswith(_JSON) and (entry := _entry(line)):
        # After the time, by which a line of JSON is known.
        return orjson.dumps({**entry, "collection": collection_id}).decode()
    return f"{collection_id}{_MARK}{line}"


def lines_of(lines: Iterable[str], collection_id: str, streams: Sequence[str]) -> Iterator[str]:
    """What one stream said, as it said it, with what the task said itself."""
    others = tuple(f"{other}{_MARK}" for other in streams if other != collection_id)
    own = f"{collection_id}{_MARK}"
    for line in lines:
        if line.startswith(others):
            continue
        if line.startswith(_JSON) and _entry(line).get("collection", collection_id) != collection_id:
            continue
        yield line.removeprefix(own)


def _entry(line: str) -> dict[str, object]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
