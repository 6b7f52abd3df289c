"""One search, resumed where it stopped; its since_id moves only once everything up to it is on disk.

Pages run from the newest post to the oldest. So while a chain of pages is incomplete, the collection holds a
`resume`: where the chain began (since_id), where it shall move to (newest_id), and from where it goes on.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from harvester.changeset import Tree
from harvester.collection import count
from harvester.layout import timestamp
from harvester.sources import Job
from harvester.work import Batch
from harvester.x import Outcome, Page, Stopped, XError

_PAGE = {False: 100, True: 500}
_LEAST = 10
_WINDOW = timedelta(days=7)
_EPOCH_MS = 1288834974657

# What X answers when a token or an until_id cannot be used any more.
_NO_LONGER = {Outcome.STALE_SINCE_ID, Outcome.BAD_REQUEST}


@dataclass(frozen=True)
class Chain:
    """A run of pages, newest first. `token` continues it; without one, `until_id` does where it is set."""

    since_id: str | None = None
    token: str | None = None
    newest_id: str | None = None
    oldest_id: str | None = None
    until_id: str | None = None

    @classmethod
    def resumed(cls, resume: Tree) -> "Chain":
        return cls(
            since_id=resume.get("since_id"),
            token=resume.get("token"),
            newest_id=resume.get("newest_id"),
            oldest_id=resume.get("oldest_id"),
        )

    def after(self, page: Page) -> "Chain":
        return replace(
            self,
            token=page.next_token,
            newest_id=self.newest_id or page.newest_id,
            oldest_id=page.oldest_id or self.oldest_id,
        )

    def resume(self) -> Tree:
        # Each is set or null, so that nothing of an earlier chain's stays in the merge patch.
        return {
            "since_id": self.since_id,
            "token": self.token,
            "newest_id": self.newest_id,
            "oldest_id": self.oldest_id,
        }


def collect(job: Job) -> None:
    """Finish the chain that was cut, if one was, and then take what is new since."""
    _Search(job).run()


class _Search:
    def __init__(self, job: Job) -> None:
        self._job = job
        section: dict[str, Any] = job.collection["search"]
        self._query: str = section["query"]
        self._archive: bool = section.get("archive", False)
        self._left = count(section, "max_records") or None
        self._since_id: str | None = section.get("since_id")
        self._resume: Tree | None = section.get("resume")

    def run(self) -> None:
        self._start_anew_if_the_query_changed()
        if self._resume and not self._take(Chain.resumed(self._resume)):
            return
        self._take(Chain(since_id=self._since_id))

    def _start_anew_if_the_query_changed(self) -> None:
        before = self._job.collection["search"].get("harvested_query", self._query)
        patch: Tree = {"harvested_query": self._query}
        events: tuple[Tree, ...] = ()
        if before != self._query:
            self._since_id = self._resume = None
            patch |= {"since_id": None, "resume": None}
            events = ({"event": "query changed", "at": self._now(), "from": before, "to": self._query},)
        self._job.put(Batch(patch={"search": patch}, events=events))

    def _take(self, chain: Chain) -> bool:
        """Follow the chain to its end; False when max_records cut it."""
        while True:
            chain, page = self._page(chain)
            if page is None:
                return True
            chain = chain.after(page)
            cut = bool(chain.token) and self._counted(page)
            self._job.put(
                Batch(
                    lines=page.line,
                    posts=page.posts,
                    patch={"search": self._learnt(chain)},
                    counts={"pages": 1},
                    sync=True,
                )
            )
            if cut:
                self._job.say("max_records reached; the next harvest goes on from there")
                return False
            if not chain.token:
                return True

    def _counted(self, page: Page) -> bool:
        """Whether max_records is reached with this page."""
        if self._left is None:
            return False
        self._left -= page.posts
        return self._left <= 0

    def _learnt(self, chain: Chain) -> Tree:
        if chain.token:
            return {"resume": chain.resume()}
        if chain.newest_id is None:
            return {"resume": None}
        self._since_id = chain.newest_id
        return {"since_id": chain.newest_id, "resume": None}

    def _page(self, chain: Chain) -> tuple[Chain, Page | None]:
        """The next page and the chain it belongs to, which starts again where X refuses to go on.

        No page: what the chain still lacked is out of reach, and that is recorded.
        """
        while True:
            if self._job.stop.requested:
                raise Stopped
            try:
                return chain, self._ask(chain)
            except XError as error:
                if error.outcome not in _NO_LONGER:
                    raise
                if error.outcome is Outcome.STALE_SINCE_ID and chain.since_id:
                    self._record_gap(chain)
                    chain = replace(chain, since_id=None, token=None, until_id=chain.oldest_id)
                elif chain.token:
                    self._note("token refused", str(error))
                    chain = replace(chain, token=None, until_id=chain.oldest_id)
                elif chain.until_id:
                    self._job.put(Batch(patch={"search": self._learnt(replace(chain, token=None))}))
                    return chain, None
                else:
                    raise

    def _ask(self, chain: Chain) -> Page:
        size = _PAGE[self._archive]
        if self._left is not None:
            size = max(_LEAST, min(size, self._left))
        return self._job.x.search(
            self._query,
            archive=self._archive,
            since_id=chain.since_id,
            until_id=None if chain.token else chain.until_id,
            token=chain.token,
            max_results=size,
        )

    def _record_gap(self, chain: Chain) -> None:
        """The posts between since_id and the beginning of X's window cannot be had by a recent search."""
        since = int(chain.since_id or 0)
        gap = {
            "event": "gap",
            "from": timestamp(datetime.fromtimestamp(((since >> 22) + _EPOCH_MS) / 1000, UTC)),
            "to": timestamp(self._job.clock.now() - _WINDOW),
            "reason": "the since_id is older than the seven days that a recent search reaches back",
            "last_id_before": chain.since_id,
            "first_id_after": None,
        }
        self._job.put(Batch(events=(gap,), patch={"search": {"since_id": None}}))

    def _note(self, event: str, detail: str) -> None:
        self._job.put(Batch(events=({"event": event, "at": self._now(), "detail": detail},)))

    def _now(self) -> str:
        return timestamp(self._job.clock.now())
