"""The client of a network, with the keys that were found: for a harvest, and while a person waits."""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from harvester.clock import Stop, SystemClock
from harvester.collection.description import budget
from harvester.commands import SECRETS
from harvester.documents import Collection
from harvester.networks import Client, Waits
from harvester.networks.budget import Limit
from harvester.networks.registry import network_of
from harvester.settings import Settings

if TYPE_CHECKING:
    from harvester.harvest.progress import Progress
    from harvester.monitoring.alerts import Alerts

log = logging.getLogger("twarc-cloud")

# A person looks at the screen, and can try again.
_PATIENCE = 60.0


def client(settings: Settings, tree: Mapping[str, Any], *, patience: float = _PATIENCE) -> Client:
    """With the keys that a harvest of the collection would use, and its budget.

    It gives up after `patience` seconds.
    """
    network = network_of(tree)
    keys = network.keys(tree, settings)
    SECRETS.hide(keys.secrets)
    made = network.client(keys, settings, Waits(SystemClock(), Stop(), patience, _say_wait))
    if (usd := budget(tree, setting=settings.budget_usd)) is not None:
        made.billing.budget = usd
        made.billing.limit = Limit("The budget", usd, 0.0, "Raise `budget_usd`.")
    return made


def client_of_harvest(
    settings: Settings, stop: Stop, alerts: "Alerts", *, begun: Callable[[], None]
) -> "Callable[[Collection, Progress], Client]":
    """Makes the client once the collection is ours and known, and says before that it has `begun`."""

    def make(collection: Collection, progress: "Progress") -> Client:
        begun()
        network = network_of(collection)
        if network.holds_keys(collection):
            log.warning(
                "The collection contains API keys; everyone who can read it sees them. Use a profile."
            )
        keys = network.keys(collection, settings)
        SECRETS.hide(keys.secrets)
        alerts.uses(collection, keys.secrets)
        return network.client(keys, settings, Waits(SystemClock(), stop, settings.x_patience, progress.waits))

    return make


def _say_wait(what: str, seconds: float) -> None:
    if seconds > 1:
        click.echo(f"Waiting {seconds:.0f} s before the next request: {what}.", err=True)
