"""What a stream missed is searched for, and each search continues where an earlier harvest was cut.

Of each gap, each span, which has one set of rules, is asked for with each query of these. A gap is over once
all of its searches are; the event that says so is stored with the last page of them.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from harvester.clock import moment, timestamp
from harvester.documents import RepairSection, Tree
from harvester.networks import Batch, Source, Stopped
from harvester.networks.attribution import Matched
from harvester.networks.gap import BACKFILL
from harvester.networks.repair import (
    PARTIAL,
    REPAIRED,
    Known,
    OutOfReach,
    Used,
    again_key,
    gap_key,
    span_key,
)
from harvester.networks.x import ApiCode, Page, XError, price
from harvester.networks.x.client import XClient
from harvester.networks.x.endpoints import SEARCH_ALL, SEARCH_RECENT
from harvester.networks.x.job import Job
from harvester.networks.x.matching.searched import SearchedRules
from harvester.networks.x.post_ids import first_id_at
from harvester.networks.x.repair.trimmed import trimmed
from harvester.networks.x.sources.chain_end import Follower
from harvester.networks.x.sources.pagination import Chain
from harvester.networks.x.sources.search_pages import LEAST, PAGE, SearchPages

log = logging.getLogger("twarc-cloud")

_MOMENT = timedelta(milliseconds=1)
_NOTHING = Batch()
# In a patch, which removes what is null.
_DONE: Tree = {"done": True, "resume": None}
_NOT_RETURNED, _REFUSED = "not returned", "refused"


def source(known: Known, used: Used) -> Source[XClient]:
    """The source, which stores no post that is `known`, and of each other one which rules it matched."""
    return lambda job: _Repair(job, known, SearchedRules(used)).run()


@dataclass(frozen=True)
class _Search:
    """One query in one span of a gap of a harvest; `key` names its progress.

    `rules` are those that it asks for, and `live` all that were live.
    """

    since: datetime
    until: datetime
    query: str
    rules: tuple[str, ...]
    archive: bool
    harvest: str
    live: frozenset[str]
    again: str = ""

    @property
    def key(self) -> str:
        digest = hashlib.sha256(self.query.encode()).hexdigest()[:12]
        where = "archive" if self.archive else "recent"
        return f"{span_key(timestamp(self.since), timestamp(self.until))} {where} {digest}{self.again}"

    @property
    def chain(self) -> Chain:
        """From its beginning: both ids are exclusive, and both moments belong to the span."""
        since, until = first_id_at(self.since), first_id_at(self.until + _MOMENT)
        return Chain(since_id=str(since - 1), until_id=str(until))


@dataclass
class _Sum:
    """What the searches of one gap came to so far."""

    found: int = 0
    stored: int = 0
    missed: list[Tree] = field(default_factory=list)

    def add(self, progress: Tree) -> None:
        self.found += progress.get("found") or 0
        self.stored += progress.get("stored") or 0
        self.missed += progress.get("missed") or []


class _Repair:
    def __init__(self, job: Job, known: Known, matching: SearchedRules) -> None:
        self._job, self._matching = job, matching
        section: RepairSection = job.collection["repair"]
        self._archive = bool(section.get("archive"))
        self._gaps, self._queries = section["gaps"], section["queries"]
        self._progress: dict[str, Tree] = {**section.get("progress", {})}
        self._known = known
        self._stored: set[str] = set()
        # What the search that is under way does not get, as X gave it up.
        self._missed: list[Tree] = []
        self._rules: tuple[str, ...] = ()

    def run(self) -> None:
        self._stored = set(self._known())
        for gap in self._gaps:
            if self._is_closed(gap):
                continue
            searches = list(self._searches(gap))
            for search in searches:
                if not self._of(search).get("done"):
                    self._take(search)
            if all(self._of(search).get("done") for search in searches):
                self._close(gap, searches)

    def _searches(self, gap: Tree) -> Iterator[_Search]:
        unseen = [rule for missed in gap.get("out_of_reach") or () for rule in missed["rules"]]
        for span in gap["spans"]:
            queries = [self._queries[number] for number in span["queries"]]
            # Each rule is asked for, or named as one whose posts no search finds.
            live = frozenset([*unseen, *(rule for query in queries for rule in query.get("rules") or ())])
            for query in queries:
                yield _Search(
                    since=moment(span["from"]),
                    until=moment(span["to"]),
                    query=query["query"],
                    rules=tuple(query.get("rules") or ()),
                    archive=self._archive,
                    harvest=gap["harvest"],
                    live=live,
                    again=again_key(gap),
                )

    def _of(self, search: _Search) -> Tree:
        return self._progress.get(search.key) or {}

    def _take(self, search: _Search) -> None:
        before, self._rules = self._of(search), search.rules
        resume, self._missed = before.get("resume"), list(before.get("missed") or ())
        chain = begun = Chain.resumed(resume) if resume else search.chain
        follower = Follower(
            replace(self._job, put=self._put),
            page_size=PAGE[self._archive],
            least=LEAST,
            always_confirms=True,
        )
        pages = SearchPages(self._job.client, follower, search.query, search.archive)
        asks = _Asks(self._job, search, pages)
        try:
            for page, chain in follower.follow(begun, asks.page):
                self._keep(search, page, chain)
            if chain.over:
                # Not before: the follower reports what X did not give when it leaves.
                self._note(search.key, {**self._of(search), "missed": self._missed or None} | _DONE)
            else:
                self._unfinished(chain.unfinished or "X is to be asked once more whether that was all")
        except XError as error:
            self._refused(search, error)

    def _put(self, batch: Batch, *, wait: bool = False) -> None:
        """Hand over what the follower tells, and note the gaps that it leaves in this search."""
        for event in batch.events:
            if event.get("event") == "gap":
                missed = OutOfReach(_NOT_RETURNED, self._rules, event["reason"])
                self._missed.append(missed.to_tree())
        self._job.put(batch, wait=wait)

    def _keep(self, search: _Search, page: Page, chain: Chain) -> None:
        """Store what is new of a page, with how far the search is."""
        left = trimmed(page.line, self._stored.__contains__) if page.posts else None
        ids = left.ids if left else ()
        before = self._of(search)
        progress: Tree = {
            "found": (before.get("found") or 0) + page.posts,
            "stored": (before.get("stored") or 0) + len(ids),
            "resume": chain.resume(),
            "missed": self._missed or None,
        }
        counts = {"pages": 1, "already_there": page.posts - len(ids)} if page.posts else {}
        batch = Batch(
            lines=left.line if left else b"",
            posts=len(ids),
            matches=self._matches(search, left.line) if left and ids else (),
            counts={name: number for name, number in counts.items() if number},
        )
        # Not before it is on disk is the next page paid for.
        self._note(search.key, progress, batch, wait=not chain.over)
        self._stored.update(ids)

    def _matches(self, search: _Search, line: bytes) -> tuple[Matched, ...]:
        return self._matching.matches(line, search.harvest, asked=search.rules, live=search.live)

    def _note(self, key: str, progress: Tree, batch: Batch = _NOTHING, *, wait: bool = False) -> None:
        """Hand over a batch with how far a search is after it."""
        self._progress[key] = {name: value for name, value in progress.items() if value is not None}
        patch = {"repair": {"progress": {key: progress}}}
        self._job.put(replace(batch, patch=patch, sync=True), wait=wait)

    def _refused(self, search: _Search, error: XError) -> None:
        """X does not take this search: for good, which the gap tells, or because it is too old by now."""
        if error.outcome is ApiCode.STALE_SINCE_ID:
            self._unfinished("a gap is older by now than the seven days that a recent search reaches back")
        elif error.outcome is ApiCode.BAD_REQUEST:
            why = error.problem.detail or error.problem.title
            log.warning("X refuses a search for %s: %s", search.query[:60], why)
            missed = OutOfReach(_REFUSED, search.rules, f"X refuses the search: {why}").to_tree()
            self._note(search.key, {**self._of(search), "missed": [missed]} | _DONE)
        else:
            raise error

    def _unfinished(self, why: str) -> None:
        self._job.put(Batch(counts={"searches_unfinished": 1}))
        self._job.say(why)

    def _is_closed(self, gap: Tree) -> bool:
        return bool((self._progress.get(gap_key(gap)) or {}).get("done"))

    def _close(self, gap: Tree, searches: list[_Search]) -> None:
        """Say what came of the gap, which the next harvest need not search any more."""
        total = _Sum()
        for search in searches:
            total.add(self._of(search))
        out_of_reach = [*gap.get("out_of_reach", ()), *total.missed]
        endpoint = SEARCH_ALL if self._archive else SEARCH_RECENT
        event: Tree = {
            "event": BACKFILL,
            "at": timestamp(self._job.clock.now()),
            **{name: gap[name] for name in ("harvest", "from", "to")},
            "state": PARTIAL if out_of_reach else REPAIRED,
            "rules": list(gap.get("rules") or ()),
            "found": total.found,
            "stored": total.stored,
            "already_there": total.found - total.stored,
            "out_of_reach": out_of_reach,
            "usd": round(price(endpoint.name, posts=total.found), 4),
        }
        done: Tree = {"done": True}
        self._progress[gap_key(gap)] = done
        patch = {"repair": {"progress": {gap_key(gap): done}}}
        self._job.put(Batch(events=(event,), patch=patch, counts={"gaps_repaired": 1}, sync=True))


@dataclass
class _Asks:
    """The pages of one search."""

    job: Job
    search: _Search
    pages: SearchPages

    def page(self, chain: Chain) -> tuple[Chain, Page | None]:
        """The next page, and the chain it belongs to, which continues by id where X refuses its token."""
        if self.job.stop.requested:
            raise Stopped
        try:
            return chain, self.pages.ask(chain)
        except XError as error:
            if error.outcome is not ApiCode.BAD_REQUEST or not chain.token:
                raise
            at = timestamp(self.job.clock.now())
            self.job.put(Batch(events=({"event": "token refused", "at": at, "detail": str(error)},)))
            # Before its first post a chain has no other end than that of its span.
            until = chain.oldest_id or self.search.chain.until_id
            chain = replace(chain, token=None, until_id=until)
            return chain, self.pages.ask(chain)
