"""A chain of pages runs from the newest post to the oldest, and goes on where it was cut."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from harvester.documents import Tree
from harvester.networks.gap import Gap
from harvester.networks.x import Page


@dataclass(frozen=True)
class Chain:
    """A run of pages, newest first. `token` continues it, and belongs to its since_id and until_id.

    Without a token it goes on below `until_id`. It is `over` once its last page came, and `confirming` after
    a page that seems to be the last. `stood` says in how many harvests in a row it did not get on,
    `unfinished` why it does not in this one.
    """

    since_id: str | None = None
    token: str | None = None
    newest_id: str | None = None
    oldest_id: str | None = None
    until_id: str | None = None
    posts: int = 0
    stood: int = 0
    confirming: bool = False
    over: bool = False
    unfinished: str = ""

    @classmethod
    def resumed(cls, resume: Tree) -> "Chain":
        return cls(
            since_id=resume.get("since_id"),
            token=resume.get("token"),
            newest_id=resume.get("newest_id"),
            oldest_id=resume.get("oldest_id"),
            until_id=resume.get("until_id"),
            posts=resume.get("posts") or 0,
            stood=resume.get("stood") or 0,
            confirming=bool(resume.get("confirming")),
        )

    def after(self, page: Page) -> "Chain":
        """With this page behind it; not over, as another may follow."""
        return replace(
            self,
            token=page.next_token,
            newest_id=self.newest_id or page.newest_id,
            oldest_id=page.oldest_id or self.oldest_id,
            posts=self.posts + page.posts,
            stood=0 if page.posts else self.stood,
            confirming=False,
        )

    def falls_with(self, page: Page) -> bool:
        """Whether the page has older posts than any before it in the chain."""
        if page.oldest_id is None or self.oldest_id is None:
            return True
        return int(page.oldest_id) < int(self.oldest_id)

    def without_token(self, *, confirming: bool = False) -> "Chain":
        """The same chain, continued below the oldest post it has brought."""
        return replace(self, token=None, until_id=self.oldest_id, confirming=confirming)

    def learnt(self) -> Tree:
        """What a collection notes once the chain is stored so far: only at its end does since_id move."""
        if not self.over and (self.token or self.newest_id):
            return {"resume": self.resume()}
        if not self.over:
            return {"resume": None}
        moved = {"since_id": self.newest_id} if self.newest_id else {}
        return {**moved, "resume": None}

    def resume(self) -> Tree:
        # Each is set or null, so that nothing of an earlier chain's stays in the merge patch.
        return {
            "since_id": self.since_id,
            "token": self.token,
            "newest_id": self.newest_id,
            "oldest_id": self.oldest_id,
            "until_id": self.until_id,
            "posts": self.posts,
            "stood": self.stood or None,
            "confirming": self.confirming or None,
        }


def gap(
    reason: str, *, since: datetime, until: datetime, before: str | None, after: str | None, **more: Any
) -> Tree:
    """The event that names what cannot be had: between two moments, and after and before which post."""
    return Gap(since, until, reason, before=before, after=after, more=more).event()
