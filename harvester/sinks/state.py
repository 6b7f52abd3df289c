"""Of the processes that run one sink, one owns it; its position and figures are in the store.

The state is one object, `sinks/<name>.json`. Its owner replaces the version that it wrote last, and so proves
that it still owns the sink. Who finds another's version stops.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from harvester import __version__
from harvester.clock import Clock, Stop, timestamp
from harvester.documents import Tree, object_in, written
from harvester.errors import Conflict, Exit, HarvesterError, LockLost
from harvester.harvest import owners
from harvester.harvest.lock_content import content, expiry, is_released, owner_of, ttl_of, written_at
from harvester.sinks import DELIVERS_WITHIN, Asked, Position
from harvester.store import Store, Stored, stored_at

# A delivery may take its time, within which nothing is written.
_TTL = 2 * DELIVERS_WITHIN
# After this many seconds without news the owner says that it lives.
_RENEWED_AFTER = _TTL * 3 / 4
# With news: where each write is paid for, and elsewhere. What was delivered since is delivered again after
# a crash.
_WRITTEN_BILLED, _WRITTEN = 15.0, 2.0
# The store tells its time in whole seconds, twice per comparison.
_GRAIN = timedelta(seconds=2)
_NOTES = 20


@dataclass
class Figures:
    """What a sink has done since its first start; `of_harvest` of the harvest at its position.

    `began_empty` if nothing was stored when it began with what comes `now`: it delivers all there is.
    """

    position: Position | None = None
    began_empty: bool = False
    delivered: int = 0
    dead_letters: int = 0
    newest_dead_letters: str = ""
    of_harvest: int = 0
    last_delivered: str = ""
    last_error: str = ""
    notes: list[Tree] = field(default_factory=list)

    def note(self, event: str, more: Mapping[str, Any], *, at: str) -> None:
        """Keep an event, of which the newest stay."""
        self.notes = [*self.notes, {"event": event, "at": at, **more}][-_NOTES:]

    def to_tree(self) -> Tree:
        return {**vars(self), "position": self.position.to_tree() if self.position else None}

    @classmethod
    def from_tree(cls, tree: Tree) -> "Figures":
        """The reverse of `to_tree`; what is of another type is as it was at the first start."""
        new = cls()
        for name, value in vars(new).items():
            found = tree.get(name)
            if name == "position":
                new.position = Position.from_tree(found)
            elif type(found) is type(value):
                setattr(new, name, found)
        return new


class SinkState:
    """The state of one sink. `figures` are what the next `write` stores."""

    def __init__(self, store: Store, key: str, asked: Asked, *, owner: str, clock: Clock, stop: Stop) -> None:
        self._store, self._key, self._asked = store, key, asked
        self._owner, self._clock, self._stop = owner, clock, stop
        self.figures = Figures()
        self._version = ""
        self._head: Tree = {}
        self._written = self._deadline = float("-inf")
        self._has_news = False

    def acquire(self) -> None:
        """Become the owner, and know the figures; raises if another is."""
        self._head = {"sink": self._asked.name, "type": self._asked.type, "owner": self._owner}
        self._head |= {"acquired": timestamp(self._store.now()), "ttl": _TTL, **owners.this_process()}
        self._head |= {"software": f"twarc-cloud {__version__}", "renewed": 0}
        before = stored_at(self._store, self._key)
        if before:
            self._require_free(before)
            self.figures = Figures.from_tree(object_in(before.data))
        try:
            self._put(before.version if before else "")
        except Conflict as error:
            raise _held(self._asked, "another process", "") from error

    def _require_free(self, current: Stored) -> None:
        held = content(current)
        if is_released(held) or not held.get("owner") or owners.is_dead(held):
            return
        now, expires = self._store.now(), expiry(current)
        if written_at(current) > now + _GRAIN:
            # Of a store whose clock was set back: whether it is renewed is all that tells.
            self._clock.wait(self._stop, ttl_of(current) + _GRAIN.total_seconds())
            found = stored_at(self._store, self._key)
            if not self._stop.requested and found and found.version == current.version:
                return
        elif now > expires + _GRAIN:
            return
        raise _held(self._asked, owner_of(held), timestamp(expires))

    def news(self) -> None:
        """The figures have changed."""
        self._has_news = True

    def write_if_due(self) -> None:
        """Store the figures where their time has come, or prove that the sink is still owned."""
        passed = self._clock.elapsed() - self._written
        wait = _WRITTEN_BILLED if self._store.is_billed else _WRITTEN
        if passed >= (wait if self._has_news else _RENEWED_AFTER):
            self.write()

    def require(self) -> None:
        """Before a delivery: no other can have become the owner; LockLost where one has."""
        if self._clock.elapsed() + DELIVERS_WITHIN > self._deadline:
            self.write()

    def write(self) -> None:
        """Store the figures; raises LockLost where another owns the sink."""
        self._head["renewed"] += 1
        try:
            self._put(self._version)
        except Conflict as error:
            current = stored_at(self._store, self._key)
            # An earlier write may have arrived although its answer did not.
            if current is None or content(current).get("owner") != self._owner:
                by = owner_of(content(current)) if current else "another process"
                raise LockLost(
                    f"The sink {self._asked.name} of {self._asked.collection} was taken over by {by}.",
                    hint="This process stopped; the other one continues from the stored position.",
                    exit_code=Exit.LOCKED,
                ) from error
            self._put(current.version)

    def _put(self, version: str) -> None:
        sent = self._clock.elapsed()
        tree = {**self._head, "updated": timestamp(self._store.now()), **self.figures.to_tree()}
        if version:
            self._version = self._store.replace(self._key, written(tree), version=version)
        else:
            self._version = self._store.create(self._key, written(tree))
        self._written, self._deadline, self._has_news = sent, sent + _TTL, False

    def release(self) -> None:
        """Store the figures, and that the sink has no owner any more."""
        self._head["released"] = timestamp(self._store.now())
        self.write()


def _held(asked: Asked, owner: str, expires: str) -> HarvesterError:
    until = f" It is free at {expires} unless that process renews it." if expires else ""
    return HarvesterError(
        f"The sink {asked.name} of {asked.collection} is run by {owner}.{until}",
        hint="Stop that process first; of one that was killed, the sink is free when that time is over.",
        exit_code=Exit.LOCKED,
    )
