"""A chain is followed to its end, and an answer that may not be the end is not taken for it.

An empty answer, or one of errors only, is asked for again; then X is asked in another way, below the oldest
post that came. A chain that does not get on keeps its token for the next harvest, and its since_id does not
move. It is given up, with a gap, when three harvests in a row did not get on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from harvester.clock import timestamp
from harvester.documents import Tree
from harvester.networks import Batch, Stopped
from harvester.networks.x import ApiCode, Page, XError
from harvester.networks.x.job import Job
from harvester.networks.x.post_ids import FIRST_DAY, created
from harvester.networks.x.records import records
from harvester.networks.x.sources.pagination import Chain, gap

# Seconds before each further try at an answer that may not be the end.
_PAUSES = (1.0, 2.0, 4.0)
# After two miscounted pages in a row no other answer is asked for.
_MISCOUNTED = 2
# Empty pages in a row, each with a token of its own: legal and free, but not without an end.
_EMPTY_PAGES = 200
# Pages that may be above the one before them; each is paid for.
_UNORDERED_PAGES = 20
# Harvests in a row that may stand at one place.
_HARVESTS = 3

_NOTHING = Page(ApiCode.OK, b"")

# Gives the next page of a chain, and the chain it belongs to, which is another where X refused to go on with
# the token. No page: what the chain still lacked cannot be had, and that is recorded.
Ask = Callable[[Chain], tuple[Chain, Page | None]]


@dataclass
class Follower:
    """Follows chains of one kind; used by many threads.

    `page_size` and `least` are the most posts that a page may hold and the fewest that may be asked for;
    `depth` is how many posts X lets be read, `reach` how far back it goes, where these are limited. With
    `always_confirms` X is asked once more below every last page; otherwise only where that page is half full,
    does not count its posts, or has no since_id below it. A page that lost its token looks like a last one.
    """

    job: Job
    page_size: int
    least: int
    depth: int | None = None
    reach: timedelta | None = None
    always_confirms: bool = False
    # How many pages in a row X has miscounted, also when they were asked for again, which is paid for.
    miscounted: int = 0

    def size(self, chain: Chain) -> int:
        """How many posts to ask for."""
        return self.least if chain.confirming else self.page_size

    def follow(self, chain: Chain, ask: Ask, **about: Any) -> Iterator[tuple[Page, Chain]]:
        """Each page and the chain after it, to be stored together; `about` goes into the events.

        The last chain is over, or the next harvest continues it: because it is `unfinished`, or because X
        is to be asked for its end in another harvest, too.
        """
        walk = _Walk(self, chain, ask, about)
        try:
            while not walk.ended:
                yield walk.step()
        finally:
            walk.leave()

    def confirms(self, chain: Chain, page: Page) -> bool:
        """Whether to ask X below this page, which has no token."""
        if self.depth and chain.posts + page.posts >= self.depth:
            return False
        # X takes posts out of a page that others follow.
        half_full = 2 * page.posts >= self.size(chain)
        return self.always_confirms or half_full or chain.since_id is None or page.count is None

    def is_deep(self, posts: int) -> bool:
        """Whether this many posts, from the newest on, may be all that X lets be read."""
        # X counts posts that were deleted meanwhile, so that a few less may come.
        return self.depth is not None and posts > self.depth - self.page_size


class _Walk:
    """One chain on its way. `_kept` is what the next harvest continues with if this one gets no further."""

    def __init__(self, follower: Follower, chain: Chain, ask: Ask, about: Tree) -> None:
        self._follower, self._job, self._ask, self._about = follower, follower.job, ask, about
        self._chain = self._kept = chain
        self._tokens = {chain.token} if chain.token else set()
        self._empty = 0
        # The newest and the oldest post of each page in their order, and how many pages were above others.
        self._pages: dict[tuple[str | None, str | None], None] = {}
        self._unordered = 0
        self._doubt = ""
        # Why posts are missing, and the post below which they lie; from there to the newest of the next page.
        self._shortage: tuple[str, str] | None = None
        self.ended = False

    def step(self) -> tuple[Page, Chain]:
        """The next page and the chain to be stored with it."""
        try:
            chain, page = self._answered()
        except XError as error:
            if not error.holds_errors_only or not self._chain.newest_id:
                raise
            return _NOTHING, self._unfinished(f"X answered with errors only: {error.problem.detail}")
        if page is None:
            return _NOTHING, self._over(chain)
        if page.outcome is not ApiCode.OK:
            self.ended = True
            return page, self._kept
        if page.posts:
            return self._brought_posts(chain, page)
        return page, self._brought_nothing(chain, page)

    def _answered(self) -> tuple[Chain, Page | None]:
        """The fullest of a few answers where the first may not be true; of two if all it counts is there."""
        chain, page = self._asked(self._chain)
        was_short = page is not None and page.missing > 0
        for seconds in _PAUSES:
            if page is None or not self._is_doubtful(chain, page):
                break
            self._job.waits("X to answer a page again", seconds)
            if self._job.clock.wait(self._job.stop, seconds):
                if page.posts and not page.missing:
                    break
                raise Stopped
            self._job.waits("", 0.0)
            chain, again = self._asked(chain)
            page = page.fuller(again) if again else None
            if page and page.posts and not page.missing:
                break
        if page and page.posts:
            is_as_before = not page.counts_rightly and was_short == (page.missing > 0)
            self._follower.miscounted = self._follower.miscounted + 1 if is_as_before else 0
        return chain, page

    def _asked(self, chain: Chain) -> tuple[Chain, Page | None]:
        now, page = self._ask(chain)
        if now is not chain:
            self._kept = now
        return now, page

    def _is_doubtful(self, chain: Chain, page: Page) -> bool:
        if page.outcome is not ApiCode.OK:
            return False
        if page.posts:
            # To an X that does not count what it delivers, another question is of no use.
            return not page.counts_rightly and self._follower.miscounted < _MISCOUNTED
        if page.missing:
            return True
        if not chain.newest_id:
            return False
        goes_on, other_way = self._goes_on(page), chain.confirming or bool(self._doubt)
        may_be_empty = goes_on or other_way or self._follower.is_deep(chain.posts)
        return not (may_be_empty and page.says_that_nothing_is_there)

    def _goes_on(self, page: Page) -> bool:
        return page.next_token is not None and page.next_token not in self._tokens

    def _brought_posts(self, chain: Chain, page: Page) -> tuple[Page, Chain]:
        """They may be new though older ones came before: one stray post lies below all pages that follow."""
        span = page.newest_id, page.oldest_id
        is_below = chain.falls_with(page) or (chain.token is not None and self._is_below_the_last(page))
        if span in self._pages or not (is_below or chain.token):
            return _NOTHING, self._stood(chain)
        self._unordered += not is_below
        if self._unordered > _UNORDERED_PAGES:
            return _NOTHING, self._unfinished("X gave pages in no order")
        self._pages[span] = None
        return page, self._got_on(chain, page, stood=0 if is_below else chain.stood)

    def _is_below_the_last(self, page: Page) -> bool:
        newest = next(reversed(self._pages), (None, None))[0]
        return newest is not None and int(page.newest_id or 0) < int(newest)

    def _got_on(self, chain: Chain, page: Page, *, stood: int) -> Chain:
        self._empty, self._doubt = 0, ""
        self._report_shortage(before=page.newest_id, since=created(page.newest_id or "0"))
        if page.missing:
            shortage = f"X spoke of {page.count} posts of a page and gave {page.distinct}"
            self._shortage = shortage, chain.oldest_id or page.newest_id or "0"
        after = replace(chain.after(page), stood=stood, newest_id=chain.newest_id or self._newest(page))
        if page.broken_token or (after.token and not self._goes_on(page)):
            self._doubt = page.broken_token or "X gave a token of this chain for a second time"
            self._note("token unusable" if page.broken_token else "token repeated", self._doubt)
            after = after.without_token()
        elif after.token:
            self._tokens.add(after.token)
        elif self._follower.confirms(chain, page):
            after = after.without_token(confirming=True)
        else:
            return self._over(after)
        self._chain = self._kept = after
        return after

    def _newest(self, page: Page) -> str | None:
        """The newest post that can be there by now; a since_id beyond that would pass all still to come."""
        is_published = self._job.client.time.is_published
        if page.newest_id is None or is_published(page.newest_id):
            return page.newest_id
        ids = [post_id for post_id in records(page.line, ids=True).ids if is_published(post_id)]
        return max(ids, key=int, default=None)

    def _stood(self, chain: Chain) -> Chain:
        """The page holds none but posts that the chain has brought."""
        if chain.confirming and not self._doubt:
            return self._over(chain)
        return self._other_way(chain, "X gave posts of this chain for a second time")

    def _brought_nothing(self, chain: Chain, page: Page) -> Chain:
        if page.missing:
            return self._other_way(chain, f"X spoke of {page.count} posts and gave none")
        # Before its first post a chain has learnt nothing, so that nothing can be passed.
        if self._goes_on(page) and (page.says_that_nothing_is_there or not chain.newest_id):
            return self._past_an_empty_page(chain, page)
        if not chain.newest_id or self._is_at_its_end(chain, page):
            return self._over(chain)
        if not chain.token and page.says_that_nothing_is_there:
            return self._to_be_asked_once_more()
        return self._other_way(chain, "X answered with nothing to the token of the next page")

    def _is_at_its_end(self, chain: Chain, page: Page) -> bool:
        if not page.says_that_nothing_is_there:
            return False
        said_before = chain.token is None and chain.stood > 0
        return chain.confirming or said_before or self._follower.is_deep(chain.posts)

    def _past_an_empty_page(self, chain: Chain, page: Page) -> Chain:
        self._empty += 1
        self._tokens.add(page.next_token or "")
        self._chain = self._kept = chain.after(page)
        if self._empty < _EMPTY_PAGES:
            return self._kept
        return self._unfinished(f"X gave {self._empty} empty pages in a row")

    def _other_way(self, chain: Chain, why: str) -> Chain:
        """From a token to the posts below the oldest one; from there nowhere."""
        if not chain.token or not chain.newest_id:
            return self._unfinished(self._doubt or why)
        self._doubt = why
        self._note("page asked for in another way", why)
        self._chain = chain.without_token()
        return self._kept

    def leave(self) -> None:
        """Record the shortage that is not recorded yet, however the walk ended."""
        self._report_shortage(before=self._kept.since_id, since=self._beginning(self._kept))

    def _over(self, chain: Chain) -> Chain:
        self.ended = True
        return replace(chain, over=True, unfinished="")

    def _report_shortage(self, *, before: str | None, since: datetime) -> None:
        if self._shortage:
            reason, after = self._shortage
            self._shortage = None
            self._put_gap(reason, since=since, until=created(after), before=before, after=after)

    def _beginning(self, chain: Chain) -> datetime:
        """When the oldest posts may have been made that the chain was to bring."""
        if chain.since_id:
            return created(chain.since_id)
        reach = self._follower.reach
        return created(chain.oldest_id) - reach if reach and chain.oldest_id else FIRST_DAY

    def _to_be_asked_once_more(self) -> Chain:
        """X says in two ways that this was the end; what it says for minutes is no word for ever."""
        self.ended = True
        self._note("end to be confirmed", "X answered with nothing; the next harvest asks once more")
        return replace(self._kept, stood=self._kept.stood + 1)

    def _unfinished(self, why: str) -> Chain:
        self.ended = True
        kept = replace(self._kept, stood=self._kept.stood + 1, unfinished=why)
        if kept.stood < _HARVESTS or not kept.newest_id or not kept.oldest_id:
            self._note("unfinished", why)
            return kept
        self._put_gap(
            f"{_HARVESTS} harvests did not get the older posts: {why}",
            since=self._beginning(kept),
            until=created(kept.oldest_id),
            before=kept.since_id,
            after=kept.oldest_id,
        )
        return self._over(kept)

    def _put_gap(self, reason: str, **where: Any) -> None:
        self._job.put(Batch(events=(gap(reason, **where, **self._about),)))

    def _note(self, event: str, detail: str) -> None:
        at = timestamp(self._job.clock.now())
        self._job.put(Batch(events=({"event": event, "at": at, **self._about, "detail": detail},)))
