"""A network in one file: a wall on which people post, one line each. It stands for networks that are not X.

A line is `{"id": "p-c", "by": "ann", "text": "..."}`, or `{"left": "ann"}` when an account is gone. Ids are
words and in no order that could be computed; what is newer stands further below. No keys are needed, nothing
costs anything, and a reader continues from its position in the file. It knows the contract of
networks and nothing else of the harvester; `WALL` says where the file is.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from harvester.collection.kinds import Rules
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.networks import Batch, Client, Job, Keys, Network, Source, Waits
from harvester.networks.budget import Billing
from harvester.networks.gap import Gap, Heard, MissedInterval
from harvester.settings import Settings

_PAGE = 2
_LOOK = 0.05
_LEFT = "left"


def _is_user(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[a-z]+", value))


def _is_post(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"p-[a-z]+", value))


def _track_problems(section: Tree) -> Iterator[str]:
    if not isinstance(section.get("track"), str):
        yield "filter.track is missing: the word to look for."


RULES = Rules(
    "wall",
    is_user=_is_user,
    is_post=_is_post,
    user_states=(_LEFT,),
    keys={"filter": {"track"}},
    problems={"filter": _track_problems},
)


@dataclass(frozen=True)
class Line:
    """One line of the wall; `end` is the place behind it."""

    raw: bytes
    end: int

    @property
    def tree(self) -> Tree:
        found: Tree = orjson.loads(self.raw)
        return found


# Every client, for tests.
MADE: list["Wall"] = []


class Wall(Client):
    """The file, read anew each time."""

    def __init__(self, path: Path, waits: Waits) -> None:
        self.billing = Billing()
        self._path, self._say = path, waits.say
        self.closed = False
        MADE.append(self)

    def close(self) -> None:
        self.closed = True

    @property
    def size(self) -> int:
        return self._path.stat().st_size

    def lines(self, start: int = 0) -> Iterator[Line]:
        """Whole lines from a place in the file on."""
        try:
            file = self._path.open("rb")
        except OSError as error:
            raise HarvesterError(f"The wall is away: {error}.", exit_code=Exit.RETRY_LATER) from error
        with file:
            file.seek(start)
            for raw in file:
                if not raw.endswith(b"\n"):
                    return
                start += len(raw)
                yield Line(raw, start)

    def newer(self, since_id: str | None) -> list[Line]:
        """The posts below one, from the oldest on."""
        posts = [line for line in self.lines() if "id" in line.tree]
        ids = [line.tree["id"] for line in posts]
        return posts[ids.index(since_id) + 1 :] if since_id in ids else posts

    def who_left(self) -> set[str]:
        return {line.tree[_LEFT] for line in self.lines() if _LEFT in line.tree}


def _pages(lines: list[Line]) -> Iterator[list[Line]]:
    return (lines[start : start + _PAGE] for start in range(0, len(lines), _PAGE))


def _batch(lines: list[Line], patch: Tree, **more: Any) -> Batch:
    return Batch(lines=b"".join(line.raw for line in lines), posts=len(lines), patch=patch, **more)


def timeline(job: Job[Wall]) -> None:
    """What each user has posted since; a page is oldest first, so that each moves the since_id."""
    left = job.client.who_left()
    gone = left & set(job.collection.get("delete_users_for", []) and job.collection["users"])
    for user, known in job.collection["users"].items():
        mine = [line for line in job.client.newer(known.get("since_id")) if line.tree["by"] == user]
        for page in _pages(mine):
            since = {"since_id": page[-1].tree["id"], "screen_name": user}
            job.put(_batch(page, {"users": {user: since}}, sync=True), wait=True)
        if user in gone:
            change = {"user_id": user, "change": _LEFT, "deleted": True, "was": known}
            job.put(Batch(patch={"users": {user: None}}, changes=(change,)))


def search(job: Job[Wall]) -> None:
    """What holds the query and was posted since, at most `max_records` of it."""
    section = job.collection["search"]
    found = [line for line in job.client.newer(section.get("since_id")) if section["query"] in _text(line)]
    most = int(section.get("max_records") or len(found))
    for page in _pages(found[:most]):
        job.put(_batch(page, {"search": {"since_id": page[-1].tree["id"]}}, sync=True), wait=True)
    if most < len(found):
        job.say("max_records reached; the next harvest continues from there")


def stream(job: Job[Wall]) -> None:
    """What is posted from now on; after an interruption, whatever was posted meanwhile comes first."""
    section = job.collection["filter"]
    place = int(section.get("position") or job.client.size)
    if place > job.client.size:
        place = _wiped(job)
    job.put(Batch(patch={"filter": {"position": str(place)}}, sync=True), wait=True)
    left = int(section.get("max_records") or 0)
    while not job.stop.requested:
        lines = list(job.client.lines(place))
        found = [line for line in lines if "id" in line.tree and section["track"] in _text(line)]
        if left and len(found) >= left:
            lines = lines[: lines.index(found[left - 1]) + 1]
            found = found[:left]
        if lines:
            place = lines[-1].end
            last_id = found[-1].tree["id"] if found else ""
            job.put(_batch(found, {"filter": {"position": str(place)}}, last_id=last_id, sync=True))
        if left and len(found) == left:
            job.say("max_records reached")
            return
        left -= len(found) if left else 0
        job.clock.wait(job.stop, _LOOK)


def _wiped(job: Job[Wall]) -> int:
    """Somebody wiped the wall: what stood there and was not read is a gap, and none can repair it."""
    now = job.clock.now()
    job.put(Batch(events=(Gap(datetime(2020, 1, 1, tzinfo=UTC), now, "the wall was wiped").event(),)))
    return 0


def _text(line: Line) -> str:
    return str(line.tree.get("text", ""))


class WallNetwork(Network):
    """What the entry point names."""

    name, title = "wall", "the wall"
    rules = RULES

    def source(self, kind: str) -> Source[Wall]:
        return {"user_timeline": timeline, "search": search, "filter": stream}[kind]

    def missed(self, heard: Heard) -> MissedInterval | None:
        """Nothing: the next harvest reads on from its position."""
        return None

    def client(self, keys: Keys, settings: Settings, waits: Waits) -> Wall:
        return Wall(Path(os.environ["WALL"]), waits)
