"""Many users, each resumed at its own since_id, and an error of one affects no other.

Workers take the users in order. A user's since_id moves once its chain of pages is complete; until then the
user holds a `resume`. `sweep` in the collection says after which user a harvest that was cut goes on.
"""

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

from harvester.clock import moment, timestamp
from harvester.documents import Tree, User
from harvester.errors import Exit, HarvesterError
from harvester.networks import Batch, Stopped
from harvester.networks.x import ApiCode, Page, XError
from harvester.networks.x.job import Job
from harvester.networks.x.sources.accounts import AccountStates
from harvester.networks.x.sources.chain_end import Follower
from harvester.networks.x.sources.failures import Failures
from harvester.networks.x.sources.page_room import PageRoom, PageShare
from harvester.networks.x.sources.pagination import Chain
from harvester.networks.x.sources.timeline_depth import DEPTH, Ends

log = logging.getLogger("twarc-cloud")

_PAGE, _LEAST = 100, 5
_LARGE = 1 << 20
# X shows a post within a minute; and an account without posts changes its collection once in a while only.
_SHOWN, _NOTED = timedelta(minutes=1), timedelta(days=1)


def collect(job: Job) -> None:
    """Harvest every user's timeline once; raises where there are no users."""
    if not job.collection["users"]:
        raise HarvesterError(
            "The collection has no users.",
            hint="Add some with `collection-config screennames`, then `collection-config update`.",
            exit_code=Exit.USAGE,
        )
    _Sweep(job).run()


def _order(job: Job) -> tuple[list[str], str]:
    """The users still to be harvested in this sweep, and when it was started."""
    users = list(job.collection["users"])
    sweep = job.collection.get("sweep") or {}
    first = users.index(sweep["after"]) + 1 if sweep.get("after") in users else 0
    # A harvest that died after its last user leaves no user to continue with.
    first = first if first < len(users) else 0
    started = sweep.get("started") if first else None
    return users[first:], started or timestamp(job.clock.now())


class _Sweep:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._users: Mapping[str, User] = job.collection["users"]
        self._accounts = AccountStates(job)
        self._follower = Follower(job, page_size=_PAGE, least=_LEAST, depth=DEPTH)
        self._room = PageRoom(job.stop)
        self._guard = threading.Lock()
        # One user ends after the other, so that the mark of a sweep never comes before a page that it passes.
        self._ending = threading.Lock()
        users, self._started = _order(job)
        self._positions = users
        self._queue = iter(enumerate(users))
        self._done, self._held, self._low_water = set[int](), set[int](), 0
        self._broken: BaseException | None = None
        self._failures = Failures()

    def run(self) -> None:
        workers = max(1, min(self._job.concurrency, len(self._positions)))
        # The look-ups have a rate window of their own, so they have a thread of their own.
        with ThreadPoolExecutor(workers + 1, thread_name_prefix="timeline") as pool:
            running = [pool.submit(self._guarded, self._accounts.look_up_new)]
            running += [pool.submit(self._guarded, self._work) for _ in range(workers)]
            for future in running:
                future.result()
        if self._broken:
            raise self._broken
        self._accounts.settle()
        self._job.put(Batch(patch={"sweep": None}, sync=True))
        self._failures.require_any_served()

    def _next(self) -> tuple[int, str] | None:
        with self._guard:
            return None if self._broken else next(self._queue, None)

    def _through(self, position: int, *, failed: bool) -> Tree:
        """Count a user as done; the patch that says up to which one all are.

        Those that failed count once another did not: if X refuses all, the next harvest begins with them.
        """
        with self._guard:
            self._held.add(position)
            if not failed:
                self._done |= self._held
                self._held.clear()
            before = self._low_water
            while self._low_water in self._done:
                self._done.remove(self._low_water)
                self._low_water += 1
            if self._low_water == before:
                return {}
            return {"sweep": {"after": self._positions[self._low_water - 1], "started": self._started}}

    def _guarded(self, work: Any) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised by `run` when all workers have ended
            with self._guard:
                # A stop that follows from the first error is not the news.
                if self._broken is None or isinstance(self._broken, Stopped):
                    self._broken = error

    def _work(self) -> None:
        while taken := self._next():
            position, user_id = taken
            log.debug("Collecting timeline of %s (%s of %s)", user_id, position + 1, len(self._positions))
            if self._job.stop.requested:
                raise Stopped
            timeline = _Timeline(
                self._follower, user_id, self._users[user_id], self._accounts, PageShare(self._room)
            )
            try:
                counts = self._user(timeline, user_id)
                with self._ending:
                    patch = self._through(position, failed="users_failed" in counts)
                    timeline.put_last(patch=patch, counts=counts)
            finally:
                timeline.share.give_back()

    def _user(self, timeline: "_Timeline", user_id: str) -> dict[str, int]:
        """Harvest one timeline, but for its last batch; what to count."""
        try:
            problem = timeline.run()
        except XError as error:
            self._fail(user_id, error)
            return {"users_failed": 1}
        self._failures.served()
        if problem:
            self._accounts.suspect(user_id, problem)
            return {"users_unavailable": 1}
        self._accounts.answered(user_id)
        if timeline.unfinished:
            log.warning("User %s is unfinished: %s", user_id, timeline.unfinished)
            self._accounts.report(user_id, "failed", error=timeline.unfinished)
            return {"users_failed": 1}
        return {"users_done": 1}

    def _fail(self, user_id: str, error: XError) -> None:
        self._failures.failed(error)
        log.warning("User %s failed: %s", user_id, error)
        self._accounts.report(user_id, "failed", error=error.message)


class _Timeline:
    """One user's chain of pages, and before it the one that was cut.

    The batch of the last page is put by `put_last`, with what became of the user: to hand one over to another
    thread takes as long as a page with little in it.
    """

    def __init__(
        self, follower: Follower, user_id: str, user: User, accounts: AccountStates, share: PageShare
    ) -> None:
        self._follower, self._job = follower, follower.job
        self._user_id, self._accounts = user_id, accounts
        self.share = share
        self._last = Batch()
        self._since_id: str | None = user.get("since_id")
        self._resume: Tree | None = user.get("resume")
        self._chain = Chain.resumed(self._resume) if self._resume else Chain(since_id=self._since_id)
        # A chain with neither has not begun: the one below it ended last, and its end is not proven.
        self._was_cut = bool(self._chain.newest_id or self._chain.token)
        self._ends = Ends(follower, user_id, (self._resume or {}).get("ends") or ())
        until = user.get("read_until")
        self._read_until = moment(until) if until else None
        self._started = self._job.clock.elapsed()

    @property
    def unfinished(self) -> str:
        """Why the chain did not get on; empty where nothing is wrong."""
        return self._chain.unfinished

    def run(self) -> ApiCode | None:
        """The account's problem, if it has one."""
        problem = self._take()
        if problem or not self._was_cut or not self._chain.over:
            return problem
        self._job.put(self._last)
        self._last = Batch()
        self._chain, self._was_cut = Chain(since_id=self._since_id), False
        return self._take()

    def put_last(self, *, patch: Tree, counts: dict[str, int]) -> None:
        last = self._last
        self._job.put(
            replace(last, patch=last.patch | patch, counts=last.counts | counts),
            # The writer's queue is bounded by the number of its batches, and few of these fit in the room.
            wait=len(last.lines) > _LARGE,
        )

    def _take(self) -> ApiCode | None:
        named = self._chain.newest_id is not None
        for page, chain in self._follower.follow(self._chain, self._page, user_id=self._user_id):
            if page.outcome is not ApiCode.OK:
                return page.outcome
            self._chain = chain
            if page.posts and not named:
                named = True
                self._accounts.seen_in(page, self._user_id)
            self._put(page, chain)
            # Many wait for their next page at once, and none needs the one before any more.
            del page
        return None

    def _put(self, page: Page, chain: Chain) -> None:
        if chain.over:
            self._close(chain)
        learnt = self._learnt(chain)
        if not page.posts and not chain.newest_id and not self._resume and not learnt.keys() - {"resume"}:
            # Nothing new, nothing learnt: most users, most of the time.
            return
        batch = Batch(
            lines=page.line,
            posts=page.posts,
            patch={"users": {self._user_id: learnt}},
            counts={"pages": 1} if page.posts else {},
            sync=True,
        )
        if chain.over:
            self._last = batch
            return
        # Not before it is on disk is the next page paid for.
        self._job.put(batch, wait=True)
        self.share.give_back()

    def _close(self, chain: Chain) -> None:
        if gaps := self._ends.close(chain, was_cut=self._was_cut, since=self._read_until):
            self._job.put(Batch(events=gaps))

    def _learnt(self, chain: Chain) -> Tree:
        learnt = chain.learnt()
        self._since_id = learnt.get("since_id", self._since_id)
        if self._ends:
            # What the next chain brings decides on them, and it may be cut, or not even begun.
            resumed = Chain(since_id=self._since_id) if chain.over else chain
            learnt["resume"] = {**resumed.resume(), "ends": self._ends.to_tree()}
        elif learnt["resume"]:
            learnt["resume"]["ends"] = None
        return {**learnt, **self._read_so_far()} if chain.over and not self._was_cut else learnt

    def _read_so_far(self) -> Tree:
        """Up to when all is read, where no since_id says so."""
        before = self._read_until
        if self._since_id:
            self._read_until = None
            return {"read_until": None} if before else {}
        until = self._job.client.time.earliest(self._started) - _SHOWN
        if before and before <= until < before + _NOTED:
            return {}
        self._read_until = until
        return {"read_until": timestamp(until)}

    def _page(self, chain: Chain) -> tuple[Chain, Page]:
        while True:
            if self._job.stop.requested:
                raise Stopped
            self.share.take()
            try:
                page = self._job.client.timeline(
                    self._user_id,
                    since_id=chain.since_id,
                    until_id=chain.until_id,
                    token=chain.token,
                    max_results=self._follower.size(chain),
                )
                self.share.came(len(page.line))
                return chain, page
            except XError as error:
                if error.outcome is not ApiCode.BAD_REQUEST or not chain.token:
                    raise
                # The token is refused, but where it stood is known.
                chain = chain.without_token()
