"""An account as its network knows it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """One account; `posts` is how many it has published until now."""

    id: str
    name: str
    posts: int | None = None
