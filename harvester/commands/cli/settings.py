"""Commands about the tool itself: `settings` with their sources, and `help`."""

from dataclasses import fields

import click

from harvester.commands.cli import help_topics
from harvester.commands.cli.output import json_option, print_json, table
from harvester.commands.cli.printed_commands import program
from harvester.commands.cli.workspace import flags, where_options
from harvester.errors import Exit, HarvesterError
from harvester.settings import Settings, ini_secrets, origins, variable
from harvester.settings import settings as settings_of


@click.command("settings", help="Show the current settings and where each comes from.")
@json_option
@where_options
def settings(as_json: bool, bucket: str | None, collections_path: str | None) -> None:
    given = flags(bucket, collections_path)
    values, sources = settings_of(flags=given), origins(flags=given)
    # A folder that is named leaves the bucket and its cluster aside.
    sources |= {name: "--collections-path" for name, value in given.items() if value == ""}
    rows = [
        {
            "setting": entry.name,
            "value": getattr(values, entry.name),
            "source": sources.get(entry.name, "default"),
            "variable": variable(entry.name),
        }
        for entry in fields(Settings)
    ]
    if as_json:
        print_json(rows)
        return
    shown = [{**row, "value": _shown(row["value"])} for row in rows]
    click.echo(table(shown, ("setting", "value", "source")))
    for name in ini_secrets():
        click.echo(f"twarc_cloud.ini also sets {name}, which is secret and not shown.", err=True)


def _shown(value: object) -> object:
    # No thousands separators: these are to be typed again.
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value}" if isinstance(value, int | float) else value


@click.command("help", help="Explain a command, or a topic: " + ", ".join(help_topics.TOPICS) + ".")
@click.argument("words", nargs=-1, metavar="[COMMAND | TOPIC]...")
@click.pass_context
def help_on(context: click.Context, words: tuple[str, ...]) -> None:
    if len(words) == 1 and words[0] in help_topics.TOPICS:
        click.echo(help_topics.TOPICS[words[0]]())
        return
    found = context.find_root()
    for word in words:
        command = found.command
        inner = command.get_command(found, word) if isinstance(command, click.Group) else None
        if inner is None:
            raise HarvesterError(
                f"No such command or topic: `{' '.join(words)}`.",
                hint=f"Topics are {', '.join(help_topics.TOPICS)}; `{program()} --help` lists the commands.",
                exit_code=Exit.USAGE,
            )
        found = click.Context(inner, info_name=word, parent=found, help_option_names=["-h", "--help"])
    click.echo(found.get_help())
    if not words:
        click.echo(f"\nTopics of `help`: {', '.join(help_topics.TOPICS)}.")
