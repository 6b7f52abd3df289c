"""A chain of pages runs from the newest post to the oldest, and goes on where it was cut."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from harvester.changeset import Tree
from harvester.layout import timestamp
from harvester.x import Page

_EPOCH_MS = 1288834974657


@dataclass(frozen=True)
class Chain:
    """A run of pages, newest first. `token` continues it, and belongs to its since_id and until_id."""

    since_id: str | None = None
    token: str | None = None
    newest_id: str | None = None
    oldest_id: str | None = None
    until_id: str | None = None
    posts: int = 0

    @classmethod
    def resumed(cls, resume: Tree) -> "Chain":
        return cls(
            since_id=resume.get("since_id"),
            token=resume.get("token"),
            newest_id=resume.get("newest_id"),
            oldest_id=resume.get("oldest_id"),
            until_id=resume.get("until_id"),
            posts=resume.get("posts") or 0,
        )

    def after(self, page: Page) -> "Chain":
        return replace(
            self,
            token=page.next_token,
            newest_id=self.newest_id or page.newest_id,
            oldest_id=page.oldest_id or self.oldest_id,
            posts=self.posts + page.posts,
        )

    def without_token(self) -> "Chain":
        """The same chain, continued below the oldest post it has brought."""
        return replace(self, token=None, until_id=self.oldest_id)

    def learnt(self) -> Tree:
        """What a collection notes once the chain is stored so far: only at its end does since_id move."""
        if self.token:
            return {"resume": self.resume()}
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
        }


def created(post_id: str) -> datetime:
    """When a post was made, which its id tells."""
    return datetime.fromtimestamp(((int(post_id) >> 22) + _EPOCH_MS) / 1000, UTC)


def gap(
    reason: str, *, since: datetime, until: datetime, before: str | None, after: str | None, **more: Any
) -> Tree:
    """The event that names what cannot be had: between two moments, and after and before which post."""
    return {
        "event": "gap",
        **more,
        "from": timestamp(since),
        "to": timestamp(until),
        "reason": reason,
        "last_id_before": before,
        "first_id_after": after,
    }
