"""The pages of one query. X's archive fails at large pages for minutes, while it gives smaller ones."""

from collections.abc import Callable
from dataclasses import dataclass

from harvester.networks.x import Page, XError
from harvester.networks.x.client import XClient
from harvester.networks.x.sources.chain_end import Follower
from harvester.networks.x.sources.pagination import Chain

# The most posts of a page, of the archive and else, and the fewest.
PAGE = {False: 100, True: 500}
LEAST = 10
# After this many failures of a large page the smaller one is asked for, until the harvest ends.
_SMALLER, _FAILURES = 100, 3

# Without a beginning X's archive goes back 30 days only; a time and an id cannot be given together.
_FIRST_DAY, _FIRST_POST = "2006-03-21T00:00:00Z", "20"


@dataclass
class SearchPages:
    """Asks for the pages of a query; `note` hears that smaller ones are asked for from now on, and why."""

    client: XClient
    follower: Follower
    query: str
    archive: bool
    note: Callable[[str, str], None] = lambda _event, _detail: None

    def ask(self, chain: Chain, *, most: int | None = None) -> Page:
        """The next page of a chain, of `most` posts if X allows so few."""
        size = self.follower.size(chain)
        if most is not None:
            size = max(LEAST, min(size, most))
        try:
            return self._asked(chain, size=size)
        except XError as error:
            if size <= _SMALLER or error.problem.status < 500:
                raise
            self.follower.page_size = _SMALLER
            self.note("smaller pages", f"{size} posts at once: {error.problem.detail}")
            return self._asked(chain, size=_SMALLER)

    def _asked(self, chain: Chain, *, size: int) -> Page:
        from_the_first = self.archive and not chain.since_id
        return self.client.search(
            self.query,
            archive=self.archive,
            since_id=_FIRST_POST if from_the_first and chain.until_id else chain.since_id,
            until_id=chain.until_id,
            start_time=_FIRST_DAY if from_the_first and not chain.until_id else None,
            token=chain.token,
            max_results=size,
            failures=_FAILURES if size > _SMALLER else None,
        )
