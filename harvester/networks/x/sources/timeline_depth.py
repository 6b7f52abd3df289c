"""What X's depth hides of a timeline, of which only the newest 3,200 posts can be read, is a recorded gap.

A chain ends where its posts end or X's depth does, and X does not say which: the posts are counted. Those
that were published after a chain was cut count, too, and are known only once the next chain has brought them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from harvester.clock import moment, timestamp
from harvester.documents import Tree
from harvester.networks.x.post_ids import FIRST_DAY, created
from harvester.networks.x.sources.chain_end import Follower
from harvester.networks.x.sources.pagination import Chain, gap

# How deep X lets a timeline be read: docs.x.com, "Timelines".
DEPTH = 3200


@dataclass(frozen=True)
class _End:
    """Where a chain of `posts` ended; `before` is its since_id, and `since` up to when all is stored."""

    oldest_id: str
    posts: int
    before: str | None
    since: datetime | None

    @classmethod
    def of(cls, chain: Chain, *, oldest_id: str, since: datetime | None) -> "_End":
        return cls(
            oldest_id, chain.posts, chain.since_id, created(chain.since_id) if chain.since_id else since
        )

    @classmethod
    def stored(cls, tree: Tree) -> "_End":
        since = tree.get("since")
        return cls(tree["oldest_id"], tree["posts"], tree.get("since_id"), moment(since) if since else None)

    def to_tree(self) -> Tree:
        return {
            "oldest_id": self.oldest_id,
            "posts": self.posts,
            "since_id": self.before,
            "since": timestamp(self.since) if self.since else None,
        }

    @property
    def is_above_what_is_stored(self) -> bool:
        return self.since is None or self.since < created(self.oldest_id)

    def gap(self, user_id: str) -> Tree:
        return gap(
            "the timeline is deeper than the 3,200 posts that X lets be read",
            user_id=user_id,
            since=self.since or FIRST_DAY,
            until=created(self.oldest_id),
            before=self.before,
            after=self.oldest_id,
        )


class Ends:
    """The ends of one user's chains that may be X's depth, as long as that is not known; oldest first."""

    def __init__(self, follower: Follower, user_id: str, stored: Sequence[Tree]) -> None:
        self._follower, self._user_id = follower, user_id
        self._open = [_End.stored(each) for each in stored]

    def __bool__(self) -> bool:
        return bool(self._open)

    def to_tree(self) -> list[Tree] | None:
        """As `resume` holds them."""
        return [each.to_tree() for each in self._open] or None

    def close(self, chain: Chain, *, was_cut: bool, since: datetime | None) -> tuple[Tree, ...]:
        """A chain has ended; the gaps that are now known.

        `since` is up to when all posts are stored if the chain has no since_id, None where that is not known:
        of a first harvest more than the depth is not expected.
        """
        told: list[_End] = []
        if self._open and chain.posts and self._follower.is_deep(self._open[-1].posts + chain.posts):
            # Where a chain was hidden, nothing is known of how far the ones below it were.
            told, self._open = self._open, []
        if not was_cut:
            self._open = []
        if chain.oldest_id:
            own = _End.of(chain, oldest_id=chain.oldest_id, since=since)
            if own.since and self._follower.is_deep(chain.posts):
                told = [*told, own]
            elif was_cut:
                self._open.append(own)
        return tuple(each.gap(self._user_id) for each in told if each.is_above_what_is_stored)
