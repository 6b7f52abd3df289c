"""One search, resumed where it stopped; its since_id moves only once everything up to it is on disk.

Pages run from the newest post to the oldest. So while a chain of pages is incomplete, the collection holds a
`resume`: where the chain began (since_id), where it shall move to (newest_id), and from where it goes on.
Without a since_id, `searched_until` says up to when all posts are stored, or lie in a recorded gap; at first,
an hour after X's window began: what sinks below it while a first search runs, is cut, or waits, is no loss.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from harvester.clock import moment, timestamp
from harvester.collection.kinds.kind import count
from harvester.documents import SearchSection, Tree
from harvester.networks import Batch, Stopped
from harvester.networks.x import ApiCode, Page, XError
from harvester.networks.x.job import Job
from harvester.networks.x.post_ids import created
from harvester.networks.x.sources.chain_end import Follower
from harvester.networks.x.sources.pagination import Chain, gap
from harvester.networks.x.sources.search_pages import LEAST, PAGE, SearchPages

log = logging.getLogger("twarc-cloud")

_WINDOW = timedelta(days=7)
# X finds a post about half a minute after it was published.
_INDEXED = timedelta(minutes=1)
# How far X's window may move before what sank below it is a gap: rate limits and outages have a search wait.
_WAITED = timedelta(hours=1)
# A search that finds nothing changes its collection once in a while, and not each time.
_NOTED = timedelta(days=1)

# What X answers when a token or an until_id cannot be used any more.
_NO_LONGER = {ApiCode.STALE_SINCE_ID, ApiCode.BAD_REQUEST}


def collect(job: Job) -> None:
    """Finish the chain that was cut, if one was, and then take what is new since."""
    _Search(job).run()


class _Search:
    def __init__(self, job: Job) -> None:
        self._job = job
        section: SearchSection = job.collection["search"]
        self._query: str = section["query"]
        self._archive: bool = section.get("archive", False)
        self._left = count(section, "max_records") or None
        self._since_id: str | None = section.get("since_id")
        self._resume: Tree | None = section.get("resume")
        until = section.get("searched_until")
        self._searched_until = moment(until) if until else None
        self._is_out_of_reach = False
        # How far the window may move within this harvest.
        self._allowed = _WAITED
        self._follower = Follower(
            job,
            page_size=PAGE[self._archive],
            least=LEAST,
            reach=None if self._archive else _WINDOW,
            always_confirms=True,
        )
        self._pages = SearchPages(job.client, self._follower, self._query, self._archive, self._note)

    def run(self) -> None:
        self._start_anew_if_the_query_changed()
        if self._resume and not self._take(Chain.resumed(self._resume)):
            return
        if self._left is not None and self._left <= 0:
            self._job.say("max_records reached; the next harvest takes what is newer")
            return
        self._take(Chain(since_id=self._since_id))

    def _start_anew_if_the_query_changed(self) -> None:
        before = self._job.collection["search"].get("harvested_query", self._query)
        patch: Tree = {"harvested_query": self._query}
        events: tuple[Tree, ...] = ()
        if before != self._query:
            self._since_id = self._resume = self._searched_until = None
            patch |= {"since_id": None, "resume": None, "searched_until": None}
            events = ({"event": "query changed", "at": self._now(), "from": before, "to": self._query},)
        self._job.put(Batch(patch={"search": patch}, events=events))

    def _take(self, begun: Chain) -> bool:
        """Follow the chain; False when it is not at its end."""
        chain, is_first = begun, begun == Chain()
        started = None if begun.newest_id or begun.token else self._job.clock.elapsed()
        for page, chain in self._follower.follow(begun, self._page):
            log.debug("Page with %s posts down to %s", page.posts, chain.oldest_id)
            if is_first:
                self._record_unsearched()
                is_first = False
            if chain.over:
                self._record_sunk(chain, was_cut=started is None)
            cut = self._counted(page) and not chain.over
            self._job.put(
                Batch(
                    lines=page.line,
                    posts=page.posts,
                    patch={"search": {**self._learnt(chain), **self._searched(chain, started)}},
                    counts={"pages": 1} if page.posts else {},
                    sync=True,
                ),
                # Not before it is on disk is the next page paid for.
                wait=not chain.over,
            )
            if page.outcome is not ApiCode.OK:
                chain = replace(chain, unfinished=f"X answered a search with {page.outcome}")
            if chain.unfinished:
                self._job.put(Batch(counts={"searches_unfinished": 1}))
                self._job.say(chain.unfinished)
                return False
            if cut:
                self._job.say("max_records reached; the next harvest continues from there")
                return False
        return chain.over

    def _counted(self, page: Page) -> bool:
        """Whether max_records is reached with this page."""
        if self._left is None:
            return False
        self._left -= page.posts
        return self._left <= 0

    def _learnt(self, chain: Chain) -> Tree:
        learnt = chain.learnt()
        self._since_id = learnt.get("since_id", self._since_id)
        return learnt

    def _searched(self, chain: Chain, started: float | None) -> Tree:
        """Up to when all is there, where no since_id says so; `started` is when such a chain was, or None."""
        before = self._searched_until
        if not chain.over:
            return {"searched_until": timestamp(before)} if before and not chain.since_id else {}
        if self._since_id:
            self._searched_until = None
            return {"searched_until": None} if before else {}
        if started is None:
            return {}
        until = self._job.client.time.earliest(started) - _INDEXED
        if before and before <= until < before + _NOTED:
            return {}
        self._searched_until = until
        return {"searched_until": timestamp(until)}

    def _page(self, chain: Chain) -> tuple[Chain, Page | None]:
        """The next page and the chain it belongs to, which starts again where X refuses to go on.

        No page: what the chain still lacked is out of reach, and that is recorded.
        """
        while True:
            if self._job.stop.requested:
                raise Stopped
            try:
                return chain, self._pages.ask(chain, most=self._left)
            except XError as error:
                if error.outcome not in _NO_LONGER:
                    raise
                if error.outcome is ApiCode.STALE_SINCE_ID and chain.since_id:
                    self._record_stale(chain.since_id)
                    chain = replace(chain.without_token(), since_id=None)
                elif chain.token:
                    self._note("token refused", str(error))
                    chain = chain.without_token()
                elif chain.until_id and error.problem.parameter == "until_id":
                    self._record_out_of_reach(chain)
                    return chain, None
                else:
                    raise

    def _record_stale(self, since_id: str) -> None:
        """The posts between since_id and the beginning of X's window cannot be had by a recent search."""
        self._since_id = None
        self._record_unsearchable(
            "the since_id is older than the seven days that a recent search reaches back",
            since=created(since_id),
            before=since_id,
        )

    def _record_unsearched(self) -> None:
        """What was published since a search that found nothing, and before X's window, cannot be had.

        X tells its time with its first answer.
        """
        if self._archive:
            return
        window, until = self._beginning_of_window(), self._searched_until
        if not until:
            self._searched_until, self._allowed = window + _WAITED, _INDEXED
        elif until < window:
            self._record_unsearchable(
                "the last search is longer ago than the seven days that a recent search reaches back",
                since=until,
                before=None,
            )

    def _record_unsearchable(self, reason: str, *, since: datetime, before: str | None) -> None:
        """Record the gap up to X's window, and that it is recorded: X may give no page in this harvest."""
        self._searched_until = until = self._beginning_of_window()
        event = gap(reason, since=since, until=until, before=before, after=None)
        patch = {"search": {"since_id": None, "searched_until": timestamp(until)}}
        self._job.put(Batch(events=(event,), patch=patch))

    def _record_sunk(self, chain: Chain, *, was_cut: bool) -> None:
        """What sank below X's window before a chain without a since_id came to its end cannot be had."""
        until, is_told = self._beginning_of_window(), self._is_out_of_reach
        if chain.oldest_id:
            until = min(until, created(chain.oldest_id))
        if self._archive or chain.since_id or not self._searched_until or is_told:
            return
        if until - self._searched_until > (_INDEXED if was_cut else self._allowed):
            self._put_rest(since=self._searched_until, until=until, before=None, after=None)

    def _beginning_of_window(self) -> datetime:
        return self._job.client.time.latest() - _WINDOW

    def _record_out_of_reach(self, chain: Chain) -> None:
        """A chain that was cut has sunk below X's window: what it still lacked cannot be had."""
        oldest, self._is_out_of_reach = chain.until_id or "0", True
        since = self._beginning(chain, created(oldest))
        self._put_rest(since=since, until=created(oldest), before=chain.since_id, after=oldest)

    def _put_rest(self, **where: Any) -> None:
        reason = "the rest of a cut search is older than the seven days that a recent search reaches back"
        self._job.put(Batch(events=(gap(reason, **where),)))

    def _beginning(self, chain: Chain, oldest: datetime) -> datetime:
        """When the oldest posts may have been published that the chain was to bring."""
        if chain.since_id:
            return created(chain.since_id)
        if self._searched_until and self._searched_until < oldest:
            return self._searched_until
        # It began after its newest post was published; where it had none then, that was newer.
        window = created(chain.newest_id or "0") - _WINDOW
        return window if window < oldest else oldest - _WINDOW

    def _note(self, event: str, detail: str) -> None:
        self._job.put(Batch(events=({"event": event, "at": self._now(), "detail": detail},)))

    def _now(self) -> str:
        return timestamp(self._job.clock.now())
