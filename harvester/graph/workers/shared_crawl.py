"""The users of one depth as one worker gets them: each is of one worker, and none is left at the end.

What is done stands in the store. The queue only says who may be next: it may lose messages, repeat them, or
be emptied, and is filled again with the users that are missing.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from harvester.clock import Clock, Stop, Stopped
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.graph.workers.marks import TRIES, Claim, Marks
from harvester.graph.workers.pace import Pace
from harvester.graph.workers.queue import HIDDEN, CrawlQueue, Message
from harvester.networks.crawl import FAILED, Earlier, Waiting

log = logging.getLogger("twarc-cloud")

# The number of missing users that are sent at once.
_SENT = 5_000
_KEEP_EVERY = HIDDEN / 4
# Who was taken up so often without a page in between is collected alone, to see who ends the worker.
_SUSPECT = 3


class OwnLists(Protocol):
    """The lists of one worker, as its own harvests hold them."""

    def ended(self) -> Mapping[str, Mapping[str, Tree]]:
        """The lines of the lists of this depth that ended, by user and direction."""
        ...

    def ended_by(self, worker: str) -> Mapping[str, Mapping[str, Tree]]:
        """The same of another worker, which is gone; as far as the store has them."""
        ...

    def chain(self, user: str, direction: str) -> Tree: ...

    def earlier(self, user: str, direction: str) -> Earlier | None: ...

    def received(self, user: str, direction: str) -> Iterator[str]: ...


@dataclass
class SharedCrawl:
    """`crawl` names it in messages; `frontier` gives the users of the depth, sorted as text.

    `visits` gives them as far as possible in the order to be visited, each with what `lengths` takes.
    """

    crawl: str
    depth: int
    directions: tuple[str, ...]
    frontier: Callable[[], Iterable[str]]
    visits: Callable[[], Iterable[tuple[str, str]]]
    lengths: Callable[[str], Mapping[str, int]]
    own: OwnLists
    queue: CrawlQueue
    marks: Marks
    clock: Clock
    stop: Stop
    pace: Pace = Pace()

    is_shared = True

    def __post_init__(self) -> None:
        self._guard = threading.Lock()
        # The lines of lists that have ended, until they are in the store.
        self._ended: list[Tree] = []
        # The users of this worker, with the lists that have not ended, and the messages that named them.
        self._open: dict[str, set[str]] = {}
        self._messages: dict[str, Message] = {}
        # Of users with lists to be read, the others, which this worker has read before.
        self._read_before: dict[str, set[str]] = {}
        self._over = threading.Event()
        self._unreachable_since: float | None = None

    def waiting(self) -> Iterator[Waiting]:
        """The users for this worker, as they come; ends when each user is done, or is this worker's.

        While others are at the last ones it waits, as one of them may die.
        """
        yield from self._before()
        pause = self.pace.again
        while not self.stop.requested:
            message = self._received()
            if message is not None:
                pause = self.pace.again
                yield from self._taken(message)
            elif self._is_through(self._missing()):
                return
            elif self._fill():
                pause = self.pace.again
            else:
                self.clock.wait(self.stop, pause)
                pause = min(self.pace.most, 2 * pause)
        raise Stopped

    def _before(self) -> Iterator[Waiting]:
        """Those that this worker had when it died: it holds their pages."""
        ended = self.own.ended()
        all_of = {*self.directions}
        self._read_before = {user: {*lines} for user, lines in ended.items() if all_of - lines.keys()}
        claims = self._own_claims()
        behind = dict(visit for visit in self.visits() if visit[0] in claims) if claims else {}
        for user, lines in ended.items():
            if lines.keys() >= all_of and not self.marks.is_done(user):
                self.marks.mark_done(user, _outcome(lines))
                claims.pop(user, None)
        for user, claim in sorted(claims.items(), key=lambda each: each[1].tries):
            left = all_of - ended.get(user, {}).keys()
            yield from self._claimed_again(user, claim, left, behind.get(user, ""))

    def _claimed_again(self, user: str, claim: Claim, left: set[str], behind: str) -> Iterator[Waiting]:
        # A user that may be what killed the worker is read while no other is open.
        suspect = claim.tries >= _SUSPECT
        if suspect:
            self._until_none_is_open()
        if self._claimed(user, left):
            yield self._waiting(user, behind)
        if suspect:
            self._until_none_is_open()

    def _own_claims(self) -> dict[str, Claim]:
        return {
            user: claim for user, claim in self.marks.claims().items() if claim.worker == self.marks.worker
        }

    def _waiting(self, user: str, behind: str) -> Waiting:
        left = tuple(each for each in self.directions if each in self._open[user])
        return Waiting(user, left, self.lengths(behind))

    def _until_none_is_open(self) -> None:
        while self._open and not self.clock.wait(self.stop, 1.0):
            pass

    def _received(self) -> Message | None:
        """None also where the queue cannot be reached for a while."""
        try:
            message = self.queue.receive(wait=self.pace.listen)
        except HarvesterError as error:
            now = self.clock.elapsed()
            since = self._unreachable_since = self._unreachable_since or now
            if error.exit_code is not Exit.RETRY_LATER or now - since > self.pace.patience:
                raise
            log.warning("%s Trying again.", error)
            self.clock.wait(self.stop, self.pace.again)
            return None
        self._unreachable_since = None
        return message

    def _taken(self, message: Message) -> Iterator[Waiting]:
        """The user of a message, if it is for this worker.

        Where it is not, nothing is lost with the message: who is missing is sent again.
        """
        of_this_depth = (message.crawl, message.depth) == (self.crawl, self.depth)
        left = {*self.directions} - self._read_before.get(message.user, set())
        if of_this_depth and self._claimed(message.user, left):
            with self._guard:
                self._messages[message.user] = message
            yield self._waiting(message.user, message.behind)
        else:
            self.queue.delete(message)

    def _claimed(self, user: str, left: set[str]) -> bool:
        if user in self._open:
            return False
        chains = (self.own.chain(user, direction) for direction in left)
        claim = self.marks.claim(user, received=sum(each.get("received") or 0 for each in chains))
        if claim is None:
            return False
        if claim.tries > TRIES:
            self._give_up(user, f"its worker ended {TRIES} times while it collected this user")
            return False
        for worker in claim.before:
            # It may have died between the end of a list and the mark.
            ended = self.own.ended_by(worker).get(user, {})
            left = left - ended.keys()
            if not left:
                self.marks.mark_done(user, _outcome(ended))
                return False
        with self._guard:
            self._open[user] = left
        return True

    def _give_up(self, user: str, why: str) -> None:
        log.warning("User %s of depth %s is given up: %s.", user, self.depth, why)
        self.marks.mark_done(user, {"outcome": FAILED, "why": why})

    def chain(self, user: str, direction: str) -> Tree:
        return self.own.chain(user, direction)

    def earlier(self, user: str, direction: str) -> Earlier | None:
        return self.own.earlier(user, direction)

    def received(self, user: str, direction: str) -> Iterator[str]:
        return self.own.received(user, direction)

    def _missing(self) -> Iterator[str]:
        return self.marks.missing(self.frontier())

    def _is_through(self, missing: Iterator[str]) -> bool:
        with self._guard:
            mine = {*self._open}
        return all(user in mine for user in missing)

    def _fill(self) -> bool:
        """Send those who are missing and of no worker, if none waits and no other worker does it now.

        Who is with a worker is claimed, so that it need not be waited for: a long list would hold up all.
        """
        waiting, _ = self.queue.counts()
        if waiting or not self.marks.ticket():
            return False
        self._bury()
        taken = {user for user, claim in self.marks.claims().items() if self.marks.is_at_work(claim)}
        missing = {user for user in self._missing() if user not in taken}
        sent = list(islice((visit for visit in self.visits() if visit[0] in missing), _SENT))
        self.queue.send(self.crawl, self.depth, sent)
        return bool(sent)

    def _bury(self) -> None:
        """Give up the users at which worker after worker ended."""
        for message in self.queue.dead():
            mine = (message.crawl, message.depth) == (self.crawl, self.depth)
            if mine and not self.marks.is_done(message.user) and self.marks.claim(message.user):
                self._give_up(message.user, f"{TRIES} workers ended while they collected this user")
            self.queue.bury(message)

    def finished(self, line: Tree) -> None:
        """A list has ended; its user is done once that is in the store, where others can see it."""
        with self._guard:
            self._ended.append(line)

    def waits_for_checkpoint(self) -> bool:
        with self._guard:
            return bool(self._ended)

    def checkpoint(self) -> Callable[[], None]:
        with self._guard:
            ended, self._ended = self._ended, []

        def stored() -> None:
            # A second time after a failure in between.
            while ended:
                self._stored(ended[0])
                ended.pop(0)

        return stored

    def _stored(self, line: Tree) -> None:
        user = str(line["user"])
        left = self._open.get(user, set()) - {line["direction"]}
        if left:
            self._open[user] = left
            return
        self.marks.mark_done(user, {name: line[name] for name in ("outcome", "why") if name in line})
        with self._guard:
            self._open.pop(user, None)
            message = self._messages.pop(user, None)
        if message:
            self._forget(message)

    def _forget(self, message: Message) -> None:
        try:
            self.queue.delete(message)
        except HarvesterError as error:
            # It comes again, and its user is done.
            log.warning("A message could not be deleted: %s", error)

    def keep(self) -> None:
        """Keep the messages of this worker from the others, in a thread of its own, until `close`."""
        threading.Thread(target=self._keep, name="crawl queue", daemon=True).start()

    def keep_hidden(self) -> None:
        """Hide the messages of this worker from the others for two minutes from now."""
        with self._guard:
            held = [*self._messages.values()]
        self.queue.keep(held)

    def _keep(self) -> None:
        while not self._over.wait(_KEEP_EVERY):
            try:
                self.keep_hidden()
            except HarvesterError as error:
                # Another may get them, and finds their claims.
                log.warning("Users could not be kept from other workers: %s", error)

    def close(self) -> None:
        self._over.set()


def _outcome(lines: Mapping[str, Tree]) -> Tree:
    return {"outcome": [*lines.values()][-1]["outcome"]}
