"""Which posts are exported: by time, account, hashtag and kind."""

from collections.abc import Callable
from dataclasses import dataclass

from harvester.networks.rows import PostRow


@dataclass(frozen=True)
class Selection:
    """The conditions for a post. Times are like `PostRow.created_at`; an empty one is no limit.

    `users` are ids, or names in small letters, and `tags` are in small letters. With `included`, posts that
    were included with others are selected, too.
    """

    since: str = ""
    until: str = ""
    harvested_since: str = ""
    users: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    included: bool = False
    # A further condition, e.g. that of a query.
    matches: Callable[[PostRow], bool] | None = None

    @property
    def is_all(self) -> bool:
        """Whether each post that was collected is taken, and no other."""
        return self == Selection()

    def takes(self, post: PostRow, *, harvested: str) -> bool:
        """Whether it is taken; `harvested` is when its harvest began, for records that do not say more."""
        return (
            (self.included or not post.included)
            and (not (self.since or self.until) or self._is_within(post.created_at))
            and (not self.harvested_since or (post.retrieved_at or harvested) >= self.harvested_since)
            and (not self.users or post.author_id in self.users or post.username.lower() in self.users)
            and (not self.kinds or post.kind in self.kinds)
            and (not self.tags or any(tag.lower() in self.tags for tag in post.hashtags))
            and (self.matches is None or self.matches(post))
        )

    def _is_within(self, created_at: str) -> bool:
        return bool(created_at) and self.since <= created_at and (not self.until or created_at < self.until)
