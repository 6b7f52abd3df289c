"""Lists of followers of X: the accounts of a stored page, and what they cost."""

from collections.abc import Sequence

import msgspec

from harvester.networks.profiles import Profile
from harvester.networks.records import BrokenLine, readable
from harvester.networks.x.endpoints import LISTS
from harvester.networks.x.prices import price


class _Link(msgspec.Struct, gc=False):
    expanded_url: str | None = None


class _Links(msgspec.Struct, gc=False):
    urls: list[_Link] | None = None


class _Entities(msgspec.Struct, gc=False):
    url: _Links | None = None


class _Metrics(msgspec.Struct, gc=False):
    followers_count: int | None = None
    following_count: int | None = None
    tweet_count: int | None = None


class _User(msgspec.Struct, gc=False):
    id: str
    username: str | None = None
    name: str | None = None
    description: str | None = None
    location: str | None = None
    url: str | None = None
    created_at: str | None = None
    verified: bool | None = None
    verified_type: str | None = None
    protected: bool | None = None
    profile_image_url: str | None = None
    entities: _Entities | None = None
    public_metrics: _Metrics | None = None


class _Page(msgspec.Struct, gc=False):
    data: list[_User] | None = None


_NO_METRICS = _Metrics()
# Real answers have numbers as text in places, and ids as numbers in others.
_pages = msgspec.json.Decoder(_Page, strict=False)


class XLists:
    """What X knows of its lists of followers."""

    def profiles(self, line: bytes) -> Sequence[Profile]:
        return profiles(line)

    def cost(self, direction: str, accounts: int, *, own: bool = False) -> float:
        endpoint = LISTS[direction]
        return price(endpoint.own if own else endpoint.name, users=accounts)


def profiles(line: bytes) -> Sequence[Profile]:
    """The accounts in a line, in its order; raises BrokenLine if it is not a page of accounts."""
    try:
        found = _pages.decode(line)
    except ValueError:
        try:
            found = _pages.decode(readable(line))
        except ValueError as error:
            raise BrokenLine(1, f"is not a page of accounts: {error}") from None
    # What is no number is no account: it would be a line of a frontier.
    return [_profile(user) for user in found.data or () if user.id.isdecimal()]


def _profile(user: _User) -> Profile:
    metrics = user.public_metrics or _NO_METRICS
    return Profile(
        user.id,
        user.username or "",
        user.name or "",
        user.description or "",
        user.location or "",
        _leads_to(user),
        user.created_at or "",
        metrics.followers_count,
        metrics.following_count,
        metrics.tweet_count,
        user.verified,
        user.verified_type,
        user.protected,
        user.profile_image_url,
    )


def _leads_to(user: _User) -> str:
    """Where the account's link leads, which X shortens."""
    links = user.entities.url.urls if user.entities and user.entities.url else None
    return (links[0].expanded_url if links else None) or user.url or ""
