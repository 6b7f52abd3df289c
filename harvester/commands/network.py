"""The X client for commands that ask the network while a person waits."""

from typing import TYPE_CHECKING

import click

from harvester.changeset import Tree
from harvester.clock import Stop, SystemClock
from harvester.settings import Settings

if TYPE_CHECKING:
    from harvester.x import XClient

# A person looks at the screen, and can try again.
_PATIENCE = 60.0


def client(settings: Settings, tree: Tree) -> "XClient":
    """With the keys that a harvest of the collection would use."""
    from harvester.credentials import keys
    from harvester.x import XClient

    return XClient(
        keys(settings, tree),
        base_url=settings.x_api_url,
        clock=SystemClock(),
        stop=Stop(),
        patience=min(_PATIENCE, settings.x_patience),
        on_wait=_say_wait,
    )


def _say_wait(what: str, seconds: float) -> None:
    if seconds > 1:
        click.echo(f"Waiting {seconds:.0f} s: {what}", err=True)
