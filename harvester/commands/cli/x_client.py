"""The X client, with the keys that were found: for a harvest, and for commands while a person waits."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from harvester.clock import Stop, SystemClock
from harvester.collection.description import budget
from harvester.commands import SECRETS
from harvester.documents import Tree
from harvester.settings import Settings

if TYPE_CHECKING:
    from harvester.harvest.progress import Progress
    from harvester.monitoring.alerts import Alerts
    from harvester.networks.x import XClient

log = logging.getLogger("twarc-cloud")

# A person looks at the screen, and can try again.
_PATIENCE = 60.0


def client(settings: Settings, tree: Tree, *, patience: float = _PATIENCE) -> "XClient":
    """With the keys that a harvest of the collection would use, and its budget.

    It gives up after `patience` seconds.
    """
    from harvester.networks.x import XClient, credentials

    keys = credentials.keys(settings, tree)
    SECRETS.hide(keys.__dict__.values())
    made = XClient(
        keys,
        base_url=settings.x_api_url,
        clock=SystemClock(),
        stop=Stop(),
        patience=min(patience, settings.x_patience),
        on_wait=_say_wait,
    )
    made.billing.budget = budget(tree, setting=settings.budget_usd)
    return made


def client_of_harvest(
    settings: Settings, stop: Stop, alerts: "Alerts", *, begun: Callable[[], None]
) -> "Callable[[Tree, Progress], XClient]":
    """Makes the client once the collection is ours and known, and says before that it has `begun`."""

    def make(collection: Tree, progress: "Progress") -> "XClient":
        from harvester.networks.x import XClient, credentials
        from harvester.networks.x.keys import in_collection

        begun()
        if in_collection(collection).usable:
            log.warning("The collection itself holds API keys: whoever may read it sees them. Use a profile.")
        keys = credentials.keys(settings, collection)
        SECRETS.hide(keys.__dict__.values())
        alerts.uses(collection, keys)
        return XClient(
            keys,
            base_url=settings.x_api_url,
            clock=SystemClock(),
            stop=stop,
            patience=settings.x_patience,
            on_wait=progress.waits,
        )

    return make


def _say_wait(what: str, seconds: float) -> None:
    if seconds > 1:
        click.echo(f"Waiting {seconds:.0f} s: {what}", err=True)
