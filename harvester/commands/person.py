"""The commands of `twarc_cloud.py`, put together."""

import click

from harvester.commands import Deferred, Group, log_options, log_to_stderr
from harvester.commands.cli import help_examples
from harvester.commands.cli.printed_commands import program
from harvester.commands.cli.version import version_option

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


operator.defer(
    Deferred(
        "collection-config",
        "config.group:collection_config",
        "Describe a collection in a file, and store the changes.",
    ),
    Deferred("collection", "collection.group:collection", "Manage the collections of a bucket or a folder."),
    Deferred("harvest", "harvest:harvest", "Show running and past harvests; stop running ones."),
    Deferred("sink", "sink:sink", "Pass stored posts on to other programs; see docs/sinks.md."),
    Deferred(
        "tables",
        "tables.group:tables",
        "Stored posts as Parquet tables, and SQL over them; see docs/tables.md.",
    ),
    Deferred(
        "stats",
        "statistics:stats",
        "Show, export and replay the figures of harvests; see docs/statistics.md.",
    ),
    Deferred(
        "graph",
        "graph.group:graph",
        "Show, approve and change crawls of followers; see docs/graph.md.",
    ),
    Deferred("edges", "edges:edges", "Read who follows the accounts, or whom they follow, and print them."),
    Deferred("dashboard", "dashboard:dashboard", "Show the collections in a browser on this machine."),
    Deferred("report", "report:report", "Write a collection as one HTML file, for the record."),
    Deferred(
        "search",
        "search:search",
        "Find stored posts, with an index on this machine; see docs/search.md.",
    ),
    Deferred(
        "accounts",
        "accounts:accounts",
        "Show which names and states accounts had, by what is stored; see docs/accounts.md.",
    ),
    Deferred(
        "doctor",
        "doctor:doctor",
        "Check everything a harvest needs: keys, clock, disk, store, settings, versions.",
    ),
    Deferred("settings", "cli.settings:settings", "Show the current settings and where each comes from."),
    Deferred(
        "scheduler",
        "scheduler:scheduler",
        "Run scheduled harvests and restart streams on this machine, until Ctrl-C.",
    ),
    Deferred(
        "completion",
        "doctor:completion",
        "Print a shell script that completes commands, options and collection ids.",
    ),
    Deferred(
        "help",
        "cli.settings:help_on",
        "Explain a command, or a topic: exit-codes, environment, files, output.",
    ),
    Deferred("filter", "filters:filters", hidden=True),
    Deferred("supervise", "scheduler:supervise", hidden=True),
)
operator.defer(
    Deferred("export", "export.group:export", "Export stored posts to files for other programs."),
    Deferred(
        "files",
        "export.files:files",
        "Show, merge, repair and sample files of records on this machine; see docs/exports.md.",
    ),
)
operator.dressed_by(help_examples.give)
