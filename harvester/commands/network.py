"""The X client for commands that ask the network while a person waits."""

from typing import TYPE_CHECKING

import click

from harvester.changeset import Tree
from harvester.clock import Stop, SystemClock
from harvester.collection import budget
from harvester.settings import Settings

if TYPE_CHECKING:
    from harvester.x import XClient

# A person looks at the screen, and can try again.
_PATIENCE = 60.0


def client(settings: Settings, tree: Tree) -> "XClient":
    """With the keys that a harvest of the collection would use, and its budget."""
    from harvester.credentials import keys
    from harvester.x import XClient

    made = XClient(
        keys(settings, tree),
        base_url=settings.x_api_url,
        clock=SystemClock(),
        stop=Stop(),
        patience=min(_PATIENCE, settings.x_patience),
        on_wait=_say_wait,
    )
    made.billing.budget = budget(tree, setting=settings.budget_usd)
    return made


def _say_wait(what: str, seconds: float) -> None:
    if seconds > 1:
        click.echo(f"Waiting {seconds:.0f} s: {what}", err=True)
