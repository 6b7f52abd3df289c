"""`filter`: streams, by the names that older documents use."""

import click

from harvester.commands import Deferred, Group


@click.group("filter", cls=Group, hidden=True, help="Streams, by the names that older documents use.")
def filters() -> None:
    pass


filters.defer(
    Deferred("start", "collection.start:filter_start"), Deferred("stop", "collection.start:filter_stop")
)
