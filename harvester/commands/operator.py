"""The commands of the person at a terminal, put together."""

import click

from harvester.commands import Group, examples, log_options, log_to_stderr
from harvester.commands.about import help_on, settings
from harvester.commands.collection import collection
from harvester.commands.collection_config import collection_config
from harvester.commands.copying import copy
from harvester.commands.costs import cost
from harvester.commands.doctor import completion, doctor
from harvester.commands.harvests import harvest
from harvester.commands.proving import verify
from harvester.commands.rules import rules
from harvester.commands.scheduler import scheduler, supervise
from harvester.commands.transfer import download
from harvester.commands.versions import version_option

_HELP = """Describe collections of social-media posts, and have them collected.

A first harvest, into the folder collections/ (docs/quickstart.md):

\b
  twarc_cloud.py collection-config template user_timeline --id museums
  twarc_cloud.py collection-config keys
  twarc_cloud.py collection add
  twarc_cloud.py collection-config screennames @britishmuseum
  twarc_cloud.py collection-config update
  twarc_cloud.py collection once museums --wait
"""


@click.group(cls=Group, help=_HELP)
@log_options
@version_option
def operator(debug: bool, log_format: str | None) -> None:
    log_to_stderr(debug=debug, form=log_format)


@click.group("filter", cls=Group, hidden=True, help="Streams, by the names that older documents use.")
def filters() -> None:
    pass


for _name in ("start", "stop"):
    filters.add_command(collection.commands[f"filter-{_name}"], _name)
for _command in (copy, cost, rules, download, verify, filters):
    collection.add_command(_command)
for _command in (
    *(collection_config, collection, harvest, doctor, settings, scheduler, completion, help_on),
    *(filters, supervise),
):
    operator.add_command(_command)
examples.give(operator)
