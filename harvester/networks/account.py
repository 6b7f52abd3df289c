"""An account as its network knows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Account:
    """One account; `posts` is how many it has published until now.

    `lists` is how many accounts are on each of its lists, by direction, as far as it says.
    """

    id: str
    name: str
    posts: int | None = None
    lists: Mapping[str, int] = field(default_factory=dict)
