"""Lists of followers as graph collections store them: pages, lists that ended, and profiles."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from harvester.store.keys import CollectionKeys
from tests.support.stored_records import packed, stored


class Page(NamedTuple):
    """A page of a list; `ids` are whom the user follows or who follows it."""

    user: str
    ids: Sequence[str]
    direction: str = "followers"
    # When its list was begun.
    begun: str = ""


def ended(
    user: str, outcome: str = "complete", direction: str = "followers", *, begun: str = "", depth: int = 0
) -> Any:
    """A list that ended; without `begun` it was begun in the same harvest."""
    return {"user": user, "direction": direction, "depth": depth, "outcome": outcome, "from": begun}


def harvest_of_lists(
    root: Path,
    keys: CollectionKeys,
    at: str,
    pages: Iterable[Page],
    lists: Iterable[Mapping[str, Any]],
    *,
    names: Mapping[str, str] | None = None,
) -> Path:
    """The folder of a harvest with these pages, whose profiles have the `names`, and these lists."""
    known = names or {}
    found = list(pages)
    segment = [
        orjson.dumps(
            {
                "data": [
                    {"id": each, "username": known.get(each, f"u{each}"), "name": f"User {each}"}
                    for each in page.ids
                ],
                "__twarc": {"retrieved_at": at},
            }
        )
        for page in found
    ]
    side = [
        orjson.dumps(
            {
                "line": line,
                "user": page.user,
                "direction": page.direction,
                "list": page.begun or at,
                "ids": list(page.ids),
            }
        )
        for line, page in enumerate(found, 1)
    ]
    folder = stored(root, keys, "users-20261123090000-000001.jsonl.gz", packed(*segment), at=at).parent
    stored(root, keys, "edges-20261123090000-000001.jsonl.gz", packed(*side), at=at)
    lines = [orjson.dumps({**each, "from": each["from"] or at}) + b"\n" for each in lists]
    stored(root, keys, "lists.jsonl", b"".join(lines), at=at)
    collection = {
        "id": keys.id,
        "type": "graph",
        "users": {"12": {"screen_name": "jack"}},
        "graph": {"direction": "followers"},
    }
    (root / keys.id / "collection.json").write_bytes(orjson.dumps(collection))
    return folder
