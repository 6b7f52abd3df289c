"""Which page ends a list of followers: its last one, or one that leads nowhere.

An empty answer to a token may be an outage, and costs nothing: it is asked for again. A page that holds
fewer accounts than it counts, or that came before, makes the list one of which nothing is known for sure.
"""

from harvester.networks.crawl import COMPLETE, CUT
from harvester.networks.x import Page

# Seconds before each further try at an empty answer.
PAUSES = (1.0, 2.0, 4.0)
# Empty pages in a row, each with a token.
_EMPTY_PAGES = 3


class ListPages:
    """The pages of one list so far; `token` leads to the next one, `short` says what those before lacked.

    `said` is how many accounts the profile counts, 0 where that is not known.
    """

    def __init__(self, token: str | None, *, said: int, short: str = "") -> None:
        self.token, self.short, self._said = token, short, said
        self._tokens = {token} if token else set()
        # By their hashes, as there may be many.
        self._seen: set[int] = set()
        self._empty = 0

    def is_doubtful(self, page: Page) -> bool:
        """Whether to ask for it again, which is free."""
        if page.ids:
            return False
        return bool(page.missing or (page.next_token is None and (self.token or self._said)))

    def came_before(self, page: Page) -> str:
        """Why the list ends without this page; empty where it is another one."""
        content = hash(page.ids)
        if page.ids and content in self._seen:
            return "X gave a page of this list for a second time"
        self._seen.add(content)
        return ""

    def take(self, page: Page) -> None:
        self._empty = 0 if page.ids else self._empty + 1
        if page.missing:
            self.short = f"X spoke of {page.count} accounts of a page and gave {page.distinct}"

    def last(self, page: Page) -> tuple[str, str]:
        """The outcome of a list that ends with this page, and why."""
        if self.short:
            return CUT, self.short
        if page.ids or not self.is_doubtful(page):
            return COMPLETE, ""
        if self.token is None:
            return CUT, f"X gave none of the {self._said} accounts that the profile counts"
        return COMPLETE, "X ended it with an empty page"

    def leads_nowhere(self, page: Page) -> str:
        """Why the token of this page is not followed; empty where it is, and is the next one."""
        if self._empty > _EMPTY_PAGES:
            return f"X gave {self._empty} empty pages in a row"
        if page.ids and page.next_token in self._tokens:
            return "X gave a token of this list for a second time"
        self.token = page.next_token
        self._tokens.add(page.next_token or "")
        return ""
