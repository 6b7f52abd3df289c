"""Collections harvested without a network: generated batches, and the real end of each harvest."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from harvester.clock import timestamp
from harvester.collection import history
from harvester.collection.secrets import without_secrets
from harvester.harvest import finalize
from harvester.harvest.finalize import Ending
from harvester.harvest.manifest import Manifests
from harvester.harvest.progress import COMPLETE, PARTIAL, Outcome, Progress
from harvester.harvest.workdir import State, Work
from harvester.networks import Batch
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.store.pointer import Pointer

_BEGAN = datetime(2026, 11, 23, 9, 0, 0, tzinfo=UTC)
_KINDS: dict[str, dict[str, Any]] = {
    "user_timeline": {"users": {"12": {"screen_name": "jack"}}},
    "search": {"search": {"query": "snow"}},
    "filter": {"filter": {"track": "snow"}},
}


def harvested(store: Store, work: Path, chance: random.Random, *, harvests: int = 2) -> CollectionKeys:
    """A collection with a few harvests that ended, each with a few files."""
    kind = chance.choice(sorted(_KINDS))
    keys = CollectionKeys(f"of-{kind.replace('_', '-')}")
    history.add(store, keys, {"id": keys.id, "type": kind, **_KINDS[kind]})
    for number in range(harvests):
        one_more(store, work, chance, keys, _BEGAN + timedelta(hours=number))
    return keys


def one_more(
    store: Store, work: Path, chance: random.Random, keys: CollectionKeys, started: datetime
) -> None:
    """A harvest of the collection from its claim to its end."""
    used = orjson.loads(store.read(keys.collection).data)
    here = keys.harvest(started)
    state = State(harvest=timestamp(started), owner=f"{chance.getrandbits(64):016x}")
    progress = Progress(keys.id, store.name, state.harvest)
    Pointer(store, here.harvest).create(progress.summary(state))
    Pointer(store, here.collection).create(without_secrets(used))
    at = Work.begin(work, state)
    for _ in range(chance.randint(1, 3)):
        for _ in range(chance.randint(1, 3)):
            at.add(_batch(chance, used["type"], started), now=started)
        at.sync(now=started)
        if chance.random() < 0.2:
            # As after a kill: what was not synced is gone, and the file is made whole again.
            at.close()
            finalize.complete(at)
            break
        finished = at.close_segment(now=started)
        assert finished
        if chance.random() < 0.5:
            store.upload(here.file(finished.name), at.path(finished.name), sha256=finished.sha256)
            Manifests(store, here, at.state.finished[:-1]).add(finished)
    outcome = Outcome(PARTIAL if state.gaps else COMPLETE)
    progress.end(outcome, at=timestamp(started + timedelta(minutes=5)))
    for _, step in Ending(store, keys, at, used, progress.summary).steps():
        step()
    at.remove()


def died(store: Store, work: Path, chance: random.Random, keys: CollectionKeys, started: datetime) -> None:
    """A harvest whose process and lock are gone, and that is not finished."""
    used = orjson.loads(store.read(keys.collection).data)
    here = keys.harvest(started)
    state = State(harvest=timestamp(started), owner="dead", begun=timestamp(started))
    Pointer(store, keys.checkpoint).write({"state": state.to_tree()})
    summary = Progress(keys.id, store.name, state.harvest).summary(state)
    Pointer(store, here.harvest).create(summary)
    Pointer(store, here.collection).create(without_secrets(used))
    at = Work.begin(work, state)
    at.add(_batch(chance, used["type"], started), now=started)
    at.sync(now=started)
    at.close()


def _batch(chance: random.Random, kind: str, now: datetime) -> Batch:
    ids = [str(chance.randrange(10**17, 10**18)) for _ in range(chance.randint(1, 8))]
    posts = [{"id": each, "text": f"Schnee ❄ {chance.random()}"} for each in ids]
    if kind == "filter":
        lines = [{"data": post, "matching_rules": [{"id": "1"}]} for post in posts]
    else:
        lines = [{"data": posts, "includes": {}, "meta": {"result_count": len(posts)}}]
    gap = {"event": "gap", "from": timestamp(now), "to": timestamp(now), "reason": "a silence"}
    events = ({"event": "limit"}, gap) if chance.random() < 0.3 else ()
    patch: dict[str, Any] = {"search": {"since_id": max(ids)}} if kind == "search" else {}
    users: bytes = b""
    changes: tuple[Any, ...] = ()
    if kind == "user_timeline":
        patch = {"users": {"12": {"since_id": max(ids)}}}
        users = orjson.dumps({"id": "12", "username": "jack"}) + b"\n"
        changes = ({"user_id": "12", "change": "screen name found", "screen_name": "jack"},)
    text = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
    return Batch(
        lines=text, posts=len(ids), patch=patch, events=events, users=users, changes=changes, last_id=ids[-1]
    )
