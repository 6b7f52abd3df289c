"""What became of the accounts: a look-up costs money, so only the new, due and doubtful are asked for.

A state counts when a look-up confirms it, for a timeline that answers "not found" may be an outage. How often
in a row it was seen decides whether `delete_users_for` applies, and every deletion says what was deleted.
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from harvester.collection.kinds.kind import count
from harvester.documents import Tree, User
from harvester.networks import Batch, Stopped
from harvester.networks.x import ApiCode, Page, XError, included_name, name_in
from harvester.networks.x.job import Job

_BATCH = 100

STATES = {
    ApiCode.PROTECTED: "protected",
    ApiCode.SUSPENDED: "suspended",
    ApiCode.NOT_FOUND: "not_found",
    # A look-up says so of accounts that only their owner's country may see.
    ApiCode.FORBIDDEN: "suspended",
}


class AccountStates:
    """The accounts of one collection, as far as a harvest learns of them; called from many threads."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._users: Mapping[str, User] = job.collection["users"]
        self._delete_for = set(job.collection.get("delete_users_for", ()))
        self._delete_after = count(job.collection, "delete_users_after", default=1)
        self._guard = threading.Lock()
        # Those learnt in this harvest; the others stand in the collection.
        self._names: dict[str, str] = {}
        self._looked_up: dict[str, str] = {}
        self._suspects: list[tuple[str, ApiCode]] = []

    def look_up_new(self) -> None:
        """Look up who is new here, or due by the collection's `look_up_days`."""
        days = count(self._job.collection, "look_up_days")
        now = self._job.clock.now()
        due = [user_id for user_id, user in self._users.items() if _due(user, days=days, now=now)]
        for ids in _batches(due):
            self._look_up(ids)

    def _look_up(self, ids: Sequence[str]) -> None:
        if self._job.stop.requested:
            raise Stopped
        try:
            page = self._job.client.users(ids)
        except XError as error:
            if error.outcome is not ApiCode.BAD_REQUEST:
                raise
            self._look_up_apart(ids)
            return
        today = f"{self._job.clock.now():%Y-%m-%d}"
        # An account that was not asked for is stored, but not added to the collection.
        found = {user["id"]: user for user in page.users if user["id"] in ids}
        for user_id, user in found.items():
            self._learn_name(user_id, name_in(user), also={"looked_up": today})
        with self._guard:
            self._looked_up |= states_in(page, ids)
        lines = b"".join(map(profile_line, page.users))
        # One of which X says nothing is asked for again by the next harvest, which costs nothing.
        gone = {problem.resource_id for problem in page.problems} - found.keys()
        patch = {user_id: {"looked_up": today} for user_id in ids if user_id in gone}
        self._job.put(
            Batch(users=lines, patch={"users": patch}, counts={"users_looked_up": len(found)}, sync=True)
        )

    def _look_up_apart(self, ids: Sequence[str]) -> None:
        """An id that X cannot read has its whole batch refused: the others are looked up without it."""
        if len(ids) > 1:
            self._look_up(ids[: len(ids) // 2])
            self._look_up(ids[len(ids) // 2 :])
            return
        with self._guard:
            self._looked_up[ids[0]] = "failed"
        today = f"{self._job.clock.now():%Y-%m-%d}"
        self._job.put(Batch(patch={"users": {ids[0]: {"looked_up": today}}}))

    def seen_in(self, page: Page, user_id: str) -> None:
        """Learn an author's name from a page that was paid for anyway."""
        self._learn_name(user_id, included_name(page.line, user_id))

    def _learn_name(self, user_id: str, name: str | None, *, also: Tree | None = None) -> None:
        """An account that came without a name keeps the one it had."""
        with self._guard:
            before = self._name(user_id)
            if name:
                self._names[user_id] = name
        patch: Tree = dict(also or {})
        changes: tuple[Tree, ...] = ()
        if name and before != name:
            patch["screen_name"] = name
            changes = (name_change(user_id, before, name),)
        if patch:
            self._job.put(Batch(patch={"users": {user_id: patch}}, changes=changes))

    def _name(self, user_id: str) -> str | None:
        return self._names.get(user_id) or self._users.get(user_id, {}).get("screen_name")

    def answered(self, user_id: str) -> None:
        """A timeline was read: whatever was seen before is over."""
        if self._users[user_id].get("sightings"):
            self._job.put(Batch(patch={"users": {user_id: {"sightings": None}}}))

    def suspect(self, user_id: str, outcome: ApiCode) -> None:
        """A timeline was refused because of its account; a look-up confirms it."""
        with self._guard:
            self._suspects.append((user_id, outcome))
            if len(self._suspects) < _BATCH:
                return
            suspects, self._suspects = self._suspects, []
        self._confirm(suspects)

    def settle(self) -> None:
        """Confirm the suspects that are left."""
        with self._guard:
            suspects, self._suspects = self._suspects, []
        self._confirm(suspects)

    def _confirm(self, suspects: list[tuple[str, ApiCode]]) -> None:
        # An account that was there at the beginning of a long harvest may be gone by now.
        gone = set(STATES.values())
        unknown = [user_id for user_id, _ in suspects if self._looked_up.get(user_id) not in gone]
        for ids in _batches(unknown):
            self._look_up(ids)
        for user_id, outcome in suspects:
            state = self._looked_up[user_id]
            if state in gone:
                self._sighted(user_id, state)
            else:
                reason = f"the timeline says {outcome}, the look-up does not"
                self.report(user_id, "failed", error=reason)
                self._job.put(Batch(counts={"users_failed": 1}))

    def _sighted(self, user_id: str, state: str) -> None:
        user = self._users[user_id]
        before: Tree = user.get("sightings") or {}
        times = before.get(state, 0) + 1
        if state in self._delete_for and times >= self._delete_after:
            self._job.put(Batch(patch={"users": {user_id: None}}))
            self.report(user_id, state, deleted=True, sightings=times, was=user)
            return
        sightings: Tree = {**dict.fromkeys(before), state: times}
        self._job.put(Batch(patch={"users": {user_id: {"sightings": sightings}}}))
        self.report(user_id, state, sightings=times)

    def report(self, user_id: str, change: str, **more: Any) -> None:
        """One entry of user_changes.json."""
        entry: Tree = {"user_id": user_id, "change": change}
        if name := self._name(user_id):
            entry["screen_name"] = name
        self._job.put(Batch(changes=({**entry, **more},)))


def profile_line(user: Tree) -> bytes:
    """A line of users.jsonl."""
    try:
        return orjson.dumps(user, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # Half of a surrogate pair: it stays, as an escape.
        return json.dumps(user).encode() + b"\n"


def name_change(user_id: str, before: str | None, name: str) -> Tree:
    """The line of `user_changes.json` for a name that is new or another."""
    if not before:
        return {"user_id": user_id, "change": "screen name found", "screen_name": name}
    return {
        "user_id": user_id,
        "change": "screen name changed",
        "screen_name": name,
        "old_screen_name": before,
    }


def states_in(page: Page, ids: Sequence[str]) -> dict[str, str]:
    """The state of each account that was looked up, by its profile or by X's error."""
    gone = {problem.resource_id: STATES.get(problem.outcome, "failed") for problem in page.problems}
    found = {user["id"]: state_of(user) for user in page.users}
    return {user_id: found.get(user_id) or gone.get(user_id, "failed") for user_id in ids}


def state_of(user: Tree) -> str:
    """What a profile says: "ok" where there is nothing to say."""
    return "protected" if user.get("protected") else "ok"


def _due(user: User, *, days: int, now: datetime) -> bool:
    looked_up = user.get("looked_up")
    if not looked_up:
        # `screennames` has found the name already, and only that.
        return bool(days) or not (user.get("screen_name") or user.get("since_id"))
    then = datetime.fromisoformat(looked_up).replace(tzinfo=UTC)
    # A day that is still to come was noted by a clock that was wrong.
    return bool(days) and not now - timedelta(days=days) < then <= now + timedelta(days=1)


def _batches(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]
