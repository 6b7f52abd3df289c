"""The commands of `twarc_cloud.py`, put together."""

import click

from harvester.commands import Group, log_options, log_to_stderr
from harvester.commands.cli import help_examples
from harvester.commands.cli.printed_commands import program
from harvester.commands.cli.settings import help_on, settings
from harvester.commands.cli.version import version_option
from harvester.commands.collection.copy import copy
from harvester.commands.collection.cost import cost
from harvester.commands.collection.coverage import coverage
from harvester.commands.collection.download import download
from harvester.commands.collection.group import collection
from harvester.commands.collection.repair import repair
from harvester.commands.collection.rules import rules
from harvester.commands.collection.verify import verify
from harvester.commands.config.group import collection_config
from harvester.commands.dashboard import dashboard
from harvester.commands.doctor import completion, doctor
from harvester.commands.export.files import files
from harvester.commands.export.group import export
from harvester.commands.harvest import harvest
from harvester.commands.harvest_tail import tail
from harvester.commands.report import report
from harvester.commands.scheduler import scheduler, supervise
from harvester.commands.sink import sink
from harvester.commands.statistics import stats

_HELP = f"""Describe collections of social media posts, and collect them.

A first harvest, into the folder collections/ (docs/quickstart.md):

\b
  {program()} collection-config template user_timeline --id museums
  {program()} collection-config keys
  {program()} collection add
  {program()} collection-config screennames @britishmuseum
  {program()} collection-config update
  {program()} collection once museums --wait
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
for _command in (copy, cost, rules, download, verify, repair, coverage, filters):
    collection.add_command(_command)
harvest.add_command(tail)
for _command in (
    *(
        collection_config,
        collection,
        harvest,
        sink,
        stats,
        dashboard,
        report,
        doctor,
        settings,
        scheduler,
        completion,
        help_on,
    ),
    *(filters, supervise),
):
    operator.add_command(_command)
for _command in (export, files):
    operator.add_command(_command)
help_examples.give(operator)
