"""Looks up the accounts whose lists are to be read: their states, and the lengths of the lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harvester.documents import Tree
from harvester.networks import Batch
from harvester.networks.x import ApiCode, Page, XError, name_in
from harvester.networks.x.client import LOOK_UP
from harvester.networks.x.graph_checks import list_lengths
from harvester.networks.x.job import Job
from harvester.networks.x.sources.accounts import name_change, profile_line, states_in


@dataclass(frozen=True)
class Seed:
    """One account: its `state` is "ok" where there is nothing to say, and empty before it is looked up."""

    state: str = ""
    # How many accounts its profile says are on each list.
    said: Mapping[str, int] = field(default_factory=dict)


def look_up(job: Job, ids: Sequence[str]) -> dict[str, Seed]:
    """Look accounts up, and store their profiles and names."""
    found: dict[str, Seed] = {}
    for start in range(0, len(ids), LOOK_UP):
        found |= _look_up(job, ids[start : start + LOOK_UP])
    return found


def _look_up(job: Job, ids: Sequence[str]) -> dict[str, Seed]:
    try:
        page = job.client.users(ids)
    except XError as error:
        if error.outcome is not ApiCode.BAD_REQUEST:
            raise
        # An id that X cannot read has all of its batch refused.
        if len(ids) == 1:
            return {ids[0]: Seed("failed")}
        half = len(ids) // 2
        return {**_look_up(job, ids[:half]), **_look_up(job, ids[half:])}
    return _learned(job, ids, page)


def _learned(job: Job, ids: Sequence[str], page: Page) -> dict[str, Seed]:
    users = job.collection["users"]
    profiles = [user for user in page.users if user["id"] in ids]
    changes: list[Tree] = []
    patch: Tree = {}
    for profile in profiles:
        user_id, name = profile["id"], name_in(profile)
        before = users.get(user_id, {}).get("screen_name")
        if name and name != before and user_id in users:
            patch[user_id] = {"screen_name": name}
            changes.append(name_change(user_id, before, name))
    lines = b"".join(map(profile_line, profiles))
    counts = {"users_looked_up": len(profiles)}
    job.put(Batch(users=lines, patch={"users": patch}, changes=tuple(changes), counts=counts, sync=True))
    said = {profile["id"]: list_lengths(profile) for profile in profiles}
    return {user_id: Seed(state, said.get(user_id, {})) for user_id, state in states_in(page, ids).items()}
