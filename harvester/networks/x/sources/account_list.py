"""One list of followers is read to its end, and an answer that leads nowhere ends it."""

import threading
from dataclasses import dataclass

import orjson

from harvester.clock import timestamp
from harvester.documents import Tree
from harvester.networks import Batch, Stopped
from harvester.networks.crawl import (
    COMPLETE,
    CUT,
    FAILED,
    FOLLOWERS,
    NOT_FOUND,
    SUSPENDED,
    WITHOUT_LIST,
    Crawl,
    Edges,
    chain_key,
)
from harvester.networks.list_ids import DistinctIds, ListIds
from harvester.networks.x import ApiCode, Page, XError
from harvester.networks.x.job import Job
from harvester.networks.x.sources.list_comparison import NOT_COMPARED, Compared, compare, ids_of, problem_of
from harvester.networks.x.sources.list_front import IN_A_ROW, ListFront
from harvester.networks.x.sources.list_pages import ListPages
from harvester.networks.x.sources.page_room import PageRoom, PageShare
from harvester.networks.x.sources.seeds import Seed, look_up

# Of followers: docs.x.com, "Get followers".
_PAGE = 1000
# Why a list ends where the collection wants it to.
_ENOUGH, _NO_MORE_NEW = "max_edges_per_user reached", f"{IN_A_ROW} known accounts in a row"


@dataclass(frozen=True)
class Reading:
    """What all lists of a harvest share; `most` is how many accounts of each are read, 0: all.

    With `new_only` no more than the front of a list is read, if it is known to have all that is new.
    """

    job: Job
    crawl: Crawl
    room: PageRoom
    comparing: threading.Lock
    most: int = 0
    new_only: bool = False


class AccountList:
    """One list. What the next harvest needs to continue it is stored with each page."""

    def __init__(self, reading: Reading, user: str, direction: str, seed: Seed, share: PageShare) -> None:
        self._reading, self._job, self._crawl = reading, reading.job, reading.crawl
        self._user, self._direction, self._seed = user, direction, seed
        self.share = share
        chain = self._crawl.chain(user, direction)
        self._began_before = bool(chain)
        self._said: int | None = chain.get("said", seed.said.get(direction))
        self._pages = ListPages.resumed(chain, said=self._said or 0)
        self._harvests: list[str] = list(chain.get("harvests") or ())
        self._begun = str(chain.get("from") or self._now())
        self._begun_anew = bool(chain.get("anew"))
        self._tried = int(chain.get("tried") or 0)
        self._ids = ListIds()
        self._front: ListFront | None = None
        self._is_passed = False
        self._newest_first: bool | None = None

    def read(self) -> str:
        """Store the list to its end; the outcome."""
        # The list of a protected account may be open to the keys that are used, which asking tells for free.
        if self._seed.state in (SUSPENDED, NOT_FOUND):
            return self.end(self._seed.state)
        if self._reading.new_only and (why := self._look_for_front()):
            return self.end(FAILED, why)
        while True:
            page = self._answered()
            if page.outcome is not ApiCode.OK:
                return self._unavailable(page.outcome)
            if why := self._pages.came_before(page):
                return self.end(*self._noted(CUT, why))
            self._take(page)
            if ended := self._ended(page):
                return self.end(*ended, page=page)
            self._store(page)
            # Many wait for their next page at once, and none needs the one before any more.
            del page

    def end(self, outcome: str, why: str = "", *, page: Page | None = None) -> str:
        """Store how the list ended, with its last page; of one that failed, where it continues stays."""
        with self._reading.comparing:
            line, who, more = self._line(outcome, why)
        patch: Tree = {}
        if outcome == FAILED and page:
            patch = self._asked_again(stood=page.next_token is None or None, tried=None)
        elif outcome != FAILED and self._began_before:
            patch = self._chains(None)
        if outcome == COMPLETE and not self._crawl.depth and self._user in self._job.collection["users"]:
            learned: Tree = {"lists": {self._direction: self._job.harvest}}
            if self._newest_first is not None:
                learned["newest_first"] = {self._direction: self._newest_first}
            patch |= {"users": {self._user: learned}}
        self._put(page, patch, more, lists=orjson.dumps(line | who, option=orjson.OPT_APPEND_NEWLINE))
        self._crawl.finished(line)
        return outcome

    def _look_for_front(self) -> str:
        """Read no more than the front, where the list is known to have one; why it cannot be read."""
        user: Tree = {**self._job.collection["users"].get(self._user, {})}
        is_newest_first = (user.get("newest_first") or {}).get(self._direction)
        if is_newest_first is None:
            return ""
        if not is_newest_first:
            return 'new accounts were not at its front: graph.update "full" reads all of it'
        with self._reading.comparing:
            earlier = self._crawl.earlier(self._user, self._direction)
            if earlier is None:
                return ""
            known = ids_of(earlier)
        self._front = ListFront(known)
        return problem_of(earlier, known)

    def _answered(self) -> Page:
        """The next page; asked for again where the first answer may not be true."""
        page = self._page()
        while page.outcome is ApiCode.OK and self._tried < len(pauses := self._pages.pauses(page)):
            if self._job.clock.wait(self._job.stop, pauses[self._tried]):
                if page.ids:
                    # It is paid for, so that it is kept; the next harvest asks for it once less.
                    self._put(page, self._asked_again(tried=self._tried + 1), {"edges": -len(page.ids)})
                raise Stopped
            page, self._tried = self._page(), self._tried + 1
        self._tried = 0
        return page

    def _page(self) -> Page:
        while True:
            if self._job.stop.requested:
                raise Stopped
            self.share.take()
            client, most = self._job.client, self._reading.most
            ask = client.followers if self._direction == FOLLOWERS else client.following
            left = most - self._pages.received if most else _PAGE
            size = min(self._front.page if self._front else _PAGE, left)
            try:
                page = ask(self._user, token=self._pages.token, max_results=size)
                self.share.came(len(page.line))
                return page
            except XError as error:
                if error.outcome is not ApiCode.BAD_REQUEST or not self._pages.token or self._begun_anew:
                    raise
                self._begin_anew(error)

    def _begin_anew(self, error: XError) -> None:
        """X does not know the token any more, and offers no other way to where it stood."""
        self._note("list begun anew", f"X refused the token of the next page: {error.problem.detail}")
        self._pages = ListPages(said=self._said or 0)
        self._harvests, self._begun_anew = [], True
        self._begun, self._ids = self._now(), ListIds()
        if self._front:
            self._front.begin_anew()

    def _unavailable(self, outcome: ApiCode) -> str:
        """A list was refused for its account's sake, which a look-up has to confirm."""
        known = self._seed.state in WITHOUT_LIST
        state = self._seed.state if known else look_up(self._job, [self._user])[self._user].state
        if state in WITHOUT_LIST:
            return self.end(state)
        return self.end(FAILED, f"the list says {outcome}, the look-up does not")

    def _take(self, page: Page) -> None:
        self._ids.add(page.ids)
        self._pages.take(page)
        self._is_passed = bool(self._front and self._front.is_passed_by(page.ids))

    def _ended(self, page: Page) -> tuple[str, ...]:
        """The outcome and why, if the page is the last one."""
        most, received = self._reading.most, self._pages.received
        may_go_on = page.next_token is not None or self._pages.may_go_on(page, received)
        if most and received >= most and may_go_on:
            return CUT, _ENOUGH
        if page.next_token is None:
            return self._noted(*self._pages.last(page))
        if self._is_passed:
            return CUT, _NO_MORE_NEW
        return self._noted(*(self._pages.leads_nowhere(page) or ()))

    def _noted(self, outcome: str = "", why: str = "") -> tuple[str, ...]:
        if outcome in (CUT, FAILED):
            self._note(f"list {outcome}", why)
        return (outcome, why) if outcome else ()

    def _store(self, page: Page) -> None:
        if page.ids and self._job.harvest not in self._harvests:
            self._harvests.append(self._job.harvest)
        chain: Tree = {
            "token": self._pages.token,
            "short": self._pages.short or None,
            "received": self._pages.received,
            "harvests": list(self._harvests),
            "from": self._begun,
            "said": self._said,
            "stood": None,
            "tried": None,
            "anew": self._begun_anew or None,
        }
        self._began_before = True
        # Not before it is on disk is the next page paid for.
        self._put(page, self._chains(chain), {})
        self.share.give_back()

    def _put(self, page: Page | None, patch: Tree, counts: dict[str, int], *, lists: bytes = b"") -> None:
        edges: tuple[Edges, ...] = ()
        if page and page.ids:
            edges = (Edges(1, self._user, self._direction, self._begun, page.ids),)
            counts = {**counts, "pages": 1, "users": len(page.ids)}
            counts["edges"] = counts.get("edges", 0) + len(page.ids)
        batch = Batch(
            lines=page.line if page else b"",
            patch=patch,
            edges=edges,
            lists=lists,
            counts=counts,
            sync=True,
        )
        self._job.put(batch, wait=True)

    def _asked_again(self, **more: int | None) -> Tree:
        """The list stands where it did: its last page is to be asked for again."""
        return self._chains({"from": self._begun, "said": self._said, **more})

    def _chains(self, chain: Tree | None) -> Tree:
        return {"graph": {"crawl": {"chains": {chain_key(self._user, self._direction): chain}}}}

    def _line(self, outcome: str, why: str) -> tuple[Tree, Tree, dict[str, int]]:
        """The line of lists.jsonl, who was gained and lost, and what it adds to the counts."""
        harvests = [*self._harvests]
        if self._job.harvest not in harvests:
            harvests.append(self._job.harvest)
        twice, compared = 0, NOT_COMPARED
        if outcome in (COMPLETE, CUT):
            twice, compared = self._compared(outcome)
        gained, lost, self._newest_first = compared.gained, compared.lost, compared.newest_first
        line: Tree = {
            "user": self._user,
            "direction": self._direction,
            "depth": self._crawl.depth,
            "outcome": outcome,
            "received": self._pages.received,
            "count_said": self._said,
            "compared_with": compared.harvest,
            "harvests": harvests,
            "from": self._begun,
            "to": self._now(),
        }
        if why:
            line["why"] = why
        counts = {"lists_cut": 1} if outcome == CUT else {}
        if outcome == CUT and why not in (_ENOUGH, _NO_MORE_NEW):
            counts["lists_unfinished"] = 1
        if twice:
            counts["edges"] = -twice
            line |= {"repeated": twice} if twice > 0 else {}
        for name, of in (("gained", gained), ("lost", lost)):
            if of is not None:
                counts[name] = len(of)
        return line, {"gained": _fragment(gained), "lost": _fragment(lost)}, counts

    def _compared(self, outcome: str) -> tuple[int, Compared]:
        """How many ids came twice, below 0 where a page that a stop kept had others; and the comparison."""
        earlier = self._crawl.earlier(self._user, self._direction)
        received = self._pages.received
        is_in_order = self._ids.count == received
        if self._began_before and not is_in_order:
            self._ids.add_all(self._crawl.received(self._user, self._direction))
        if self._ids.count < received:
            lacking = received - self._ids.count
            self._note("list not compared", f"{lacking} of its own ids are in files that cannot be read")
            return 0, NOT_COMPARED
        in_order = is_in_order and not self._front
        ids, found, problem = compare(self._ids, earlier, is_whole=outcome == COMPLETE, in_order=in_order)
        twice, self._pages.received = received - ids, ids
        if problem:
            self._note("list not compared", problem)
        return twice, found

    def _note(self, event: str, detail: str) -> None:
        where = {"user_id": self._user, "direction": self._direction}
        self._job.put(Batch(events=({"event": event, "at": self._now(), **where, "detail": detail},)))

    def _now(self) -> str:
        return timestamp(self._job.clock.now())


def _fragment(ids: DistinctIds | None) -> orjson.Fragment | None:
    return None if ids is None else orjson.Fragment(ids.as_json())
