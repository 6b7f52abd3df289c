"""Which page ends a list of followers: its last one, or one that leads nowhere.

An empty answer may be an outage, and costs nothing: it is asked for again. So is a full page without a token,
once, where the profile counts more. A page that holds fewer accounts than it counts, or that came before,
makes the list one of which nothing is known for sure.
"""

from collections.abc import Sequence
from typing import Self

from harvester.documents import Tree
from harvester.networks.crawl import COMPLETE, CUT, FAILED
from harvester.networks.x import Page

# Seconds before each further try at an empty answer; the longer ones, where the list lacks accounts, are for
# X's hiccups, which last minutes.
_PAUSES, _LONG_PAUSES = (1.0, 2.0, 4.0), (1.0, 4.0, 15.0, 40.0, 120.0)
# Before the only further try at an empty page with a token: of the first in a row, the second, ...
_EMPTY_PAUSES = (1.0, 5.0, 30.0, 120.0)
# Before the only further try at a page that may have lost its token, as it is paid for.
_PAID_PAUSES = (5.0,)
# The share of a list that X may hide: profiles also count suspended accounts.
_HIDDEN = 0.05
# So few accounts may all be hidden, and are not waited for.
_FEW = 10
# How full a page is at least that others follow, as X takes hidden accounts out of it.
_FULL = 0.95


class ListPages:
    """The pages of one list so far; `token` leads to the next one, `short` says what those before lacked.

    `said` is how many accounts the profile counts, 0 where that is not known, and `received` how many came.
    """

    def __init__(self, token: str | None = None, *, said: int) -> None:
        self.token, self.received, self.short = token, 0, ""
        self._said = said
        # An earlier harvest ended here, so that X says for a second time that there is no more.
        self._stood = False
        self._tokens = {token} if token else set()
        # By their hashes, as there may be many.
        self._seen: set[int] = set()
        self._empty = 0

    @classmethod
    def resumed(cls, chain: Tree, *, said: int) -> Self:
        found = cls(chain.get("token"), said=said)
        found.received, found.short = int(chain.get("received") or 0), str(chain.get("short") or "")
        found._stood = bool(chain.get("stood"))
        return found

    def pauses(self, page: Page) -> Sequence[float]:
        """The seconds before each further try at this answer, which may not be true."""
        if page.ids:
            return _PAID_PAUSES if self.may_go_on(page, self.received + len(page.ids)) else ()
        if page.missing or (page.next_token is None and (self.token or self._said)):
            return _LONG_PAUSES if not self._said or self._lacks_many(self.received) else _PAUSES
        return _EMPTY_PAUSES[self._empty : self._empty + 1] if page.next_token else ()

    def may_go_on(self, page: Page, received: int) -> bool:
        """Whether the list has more after this page, which has no token but looks like one in the middle.

        `received` includes its accounts.
        """
        if page.broken_token:
            return True
        is_full = len(page.ids) >= _FULL * page.asked > 0
        return page.next_token is None and is_full and self._lacks_many(received)

    def came_before(self, page: Page) -> str:
        """Why the list ends without this page; empty where it is another one."""
        content = hash(page.ids)
        if page.ids and content in self._seen:
            return "X gave a page of this list for a second time"
        self._seen.add(content)
        return ""

    def take(self, page: Page) -> None:
        self.received += len(page.ids)
        self._empty = 0 if page.ids else self._empty + 1
        if page.missing:
            self.short = f"X spoke of {page.count} accounts of a page and gave {page.distinct}"

    def last(self, page: Page) -> tuple[str, str]:
        """The outcome of a list that ends with this page, and why; one that failed continues with it."""
        if self.short:
            return CUT, self.short
        if page.broken_token:
            # There is a next page, so that no number of harvests makes the list complete.
            return CUT if self._stood else FAILED, page.broken_token
        of = f"after {self.received} of the {self._said} accounts that the profile counts"
        lacks_many = self._lacks_many(self.received)
        is_empty = not page.ids and bool(self.pauses(page))
        doubt = ""
        if is_empty and (lacks_many or not self.received):
            doubt = f"X ended it with an empty page, {of}"
        elif self.may_go_on(page, self.received):
            doubt = f"X ended it with a full page, {of}"
        if doubt:
            return (COMPLETE, f"{doubt}, in two harvests") if self._stood else (FAILED, doubt)
        if is_empty:
            return COMPLETE, "X ended it with an empty page"
        return COMPLETE, f"X ended it {of}" if lacks_many else ""

    def leads_nowhere(self, page: Page) -> tuple[str, str] | None:
        """The outcome and why, if the token of this page is not followed; None where it is the next one."""
        if self._empty >= len(_EMPTY_PAUSES):
            return FAILED, f"X gave {self._empty} empty pages in a row"
        if page.ids and page.next_token in self._tokens:
            return CUT, "X gave a token of this list for a second time"
        self.token, self._stood = page.next_token, False
        self._tokens.add(page.next_token or "")
        return None

    def _lacks_many(self, received: int) -> bool:
        """Whether the profile counts more accounts than X may hide."""
        return self._said - received > max(_FEW, _HIDDEN * self._said)
