"""Looks accounts up by their names or ids, as many at once as X allows."""

from collections.abc import Callable, Iterator, Sequence

from harvester.networks import Account
from harvester.networks.x.client import LOOK_UP
from harvester.networks.x.graph_checks import list_lengths
from harvester.networks.x.page import Page, name_in, posts_in


def accounts(ask: Callable[[Sequence[str]], Page], named: Sequence[str]) -> Iterator[Account]:
    """Those that there are; `ask` is the request for at most a hundred."""
    for start in range(0, len(named), LOOK_UP):
        for user in ask(named[start : start + LOOK_UP]).users:
            if name := name_in(user):
                yield Account(user["id"], name, posts_in(user), list_lengths(user))
