"""Lists of followers: the accounts in a page of one, the same for every network, and what they cost."""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Profile(msgspec.Struct, frozen=True, gc=False):
    """One account. None is what the page does not say; a text that an account left out is ""."""

    id: str
    username: str = ""
    name: str = ""
    description: str = ""
    location: str = ""
    url: str = ""
    created_at: str = ""
    followers: int | None = None
    following: int | None = None
    posts: int | None = None
    verified: bool | None = None
    verified_type: str | None = None
    protected: bool | None = None
    # Where its picture is.
    picture: str | None = None


class Lists(Protocol):
    """What a network knows of its lists of followers."""

    def profiles(self, line: bytes) -> Sequence[Profile]:
        """The accounts of one stored line, in order; raises BrokenLine if it is not a page of accounts."""
        ...

    def cost(self, direction: str, accounts: int, *, own: bool = False) -> float:
        """The dollars of this many accounts in lists of `followers` or `following`, without any discount.

        With `own` the lists are those of the account whose keys are used.
        """
        ...
