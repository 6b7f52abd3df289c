"""Collections to harvest, in a folder of their own, and the commands that do it."""

import gzip
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Checkout:
    """The files of one revision of this project, and the interpreter that runs them."""

    root: Path = Path(__file__).resolve().parents[1]
    python: str = sys.executable

    def harvest(self, collection_id: str, *options: str) -> list[str]:
        """The command, for a process whose folder is that of the collections."""
        return [
            self.python,
            str(self.root / "tweet_harvester.py"),
            "local",
            "harvester",
            collection_id,
            *options,
        ]

    def harvest_in_bucket(self, bucket: str, collection_id: str, *options: str) -> list[str]:
        door = str(self.root / "tweet_harvester.py")
        return [self.python, door, "aws", "harvester", bucket, collection_id, *options]

    def person(self, *words: str) -> list[str]:
        """A command as a person types it."""
        return [self.python, str(self.root / "twarc_cloud.py"), *words]


HERE = Checkout()


def write(folder: Path, collection_id: str, **more: Any) -> None:
    """A new collection.json in the folder of collections."""
    path = folder / "collections" / collection_id / "collection.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"id": collection_id, **more}))


def timelines(ids: Iterable[str], **user: Any) -> dict[str, Any]:
    return {"type": "user_timeline", "users": {user_id: dict(user) for user_id in ids}}


def record(folder: Path, collection_id: str) -> dict[str, Any]:
    """harvest.json of the newest harvest."""
    found = sorted((folder / "collections" / collection_id / "harvests").rglob("harvest.json"))
    value: dict[str, Any] = json.loads(found[-1].read_text())
    return value


def stored_posts(path: Path) -> int:
    """How many posts lie in a file of twarc2's, page or stream lines."""
    posts = 0
    with gzip.open(path) as file:
        for line in file:
            data = json.loads(line)["data"]
            posts += len(data) if isinstance(data, list) else 1
    return posts
