"""`tables`: the group of its commands, each imported when it is typed."""

import click

from harvester.commands import Group
from harvester.commands.tables.build import build_command, status
from harvester.commands.tables.compact import compact_command
from harvester.commands.tables.sql import sql


@click.group(
    "tables", cls=Group, help="Stored posts as Parquet tables, and SQL over them; see docs/tables.md."
)
def tables() -> None:
    pass


for _command in (build_command, status, sql, compact_command):
    tables.add_command(_command)
