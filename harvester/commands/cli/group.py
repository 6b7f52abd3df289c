"""A group of commands, each of which is imported when it is typed, or its own help is shown."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from importlib import import_module

import click

from harvester.commands.cli.suggestions import NoSuchCommand
from harvester.errors import Exit

# Options of a program that may be before or after the command, and whether each takes a value.
_EVERYWHERE = {"--debug": False, "--log-format": True}


@dataclass(frozen=True)
class Deferred:
    """A command by its `place`, "module:name" below harvester.commands; `summary` is its line in the help."""

    name: str
    place: str
    summary: str = ""
    hidden: bool = False

    def command(self) -> click.Command:
        module, _, name = self.place.partition(":")
        found = getattr(import_module(f"harvester.commands.{module}"), name)
        assert isinstance(found, click.Command)
        return found


class Group(click.Group):
    """A group that answers a call without a command with its help, on stdout, and exit code 1.

    Commands stand in the help in the order in which they were added; `aliases` are other names, not shown.
    """

    def __init__(
        self, *arguments: object, aliases: Mapping[str, str] | None = None, **options: object
    ) -> None:
        options.setdefault("invoke_without_command", True)
        options.setdefault(
            "context_settings", {"help_option_names": ["-h", "--help"], "max_content_width": 110}
        )
        self.aliases = dict(aliases or {})
        self._entries: dict[str, click.Command | Deferred] = {}
        self._ready: set[str] = set()
        self._path = ""
        self._dress: Callable[[str, click.Command], None] | None = None
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def dressed_by(self, dress: Callable[[str, click.Command], None]) -> None:
        """Let `dress` complete each command below this group, by its whole name, before it is used."""
        self._dress = dress

    @property
    def commands(self) -> MutableMapping[str, click.Command]:
        """All of them, imported."""
        return {name: self._command(name) for name in self._entries}

    @commands.setter
    def commands(self, commands: Mapping[str, click.Command]) -> None:
        self._entries.update(commands)

    def add_command(self, command: click.Command, name: str | None = None) -> None:
        self._entries[str(name or command.name)] = command

    def defer(self, *commands: Deferred) -> None:
        """Add commands that are imported when they are needed."""
        self._entries.update((each.name, each) for each in commands)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        return self._command(name) if name in self._entries else None

    def list_commands(self, _: click.Context) -> list[str]:
        return list(self._entries)

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name, entry in self._entries.items():
            summary = entry.summary if isinstance(entry, Deferred) else ""
            if not entry.hidden:
                rows.append((name, summary or self._command(name).get_short_help_str(200)))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, *rest = arguments
        name = self.aliases.get(name, name)
        if not name.startswith("-") and self.get_command(context, name) is None:
            raise NoSuchCommand(name, context)
        return super().resolve_command(context, [name, *rest])

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if context.parent is None:
            args = _everywhere_first(args)
        return super().parse_args(context, args)

    def invoke(self, context: click.Context) -> object:
        if not context._protected_args and not context.args:
            click.echo(context.get_help())
            context.exit(int(Exit.ERROR))
        return super().invoke(context)

    def _command(self, name: str) -> click.Command:
        entry = self._entries[name]
        if name in self._ready:
            assert isinstance(entry, click.Command)
            return entry
        command = entry.command() if isinstance(entry, Deferred) else entry
        if self._dress:
            path = f"{self._path} {name}".strip()
            self._dress(path, command)
            if isinstance(command, Group):
                command._path, command._dress = path, self._dress
        self._ready.add(name)
        self._entries[name] = command
        return command


def _everywhere_first(arguments: Sequence[str]) -> list[str]:
    """Options that may stand before or after the command, in front of it."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options: list[str] = []
    others: list[str] = []
    left = iter(arguments[:end])
    for each in left:
        name, with_value, _ = each.partition("=")
        if name not in _EVERYWHERE:
            others.append(each)
            continue
        options.append(each)
        if _EVERYWHERE[name] and not with_value:
            options += [given for given in (next(left, None),) if given is not None]
    return [*options, *others, *arguments[end:]]
