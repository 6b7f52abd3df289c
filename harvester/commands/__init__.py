"""What is typed is parsed, handed to the rings within, and printed; errors become exit codes."""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

import click

from harvester.commands.scrubber import SecretFilter
from harvester.commands.suggestions import NoSuchCommand
from harvester.errors import Exit, HarvesterError

log = logging.getLogger("twarc-cloud")
# Keys that are in use are added to it as they get known.
SECRETS = SecretFilter()

# These say at INFO what concerns only their own developers.
_QUIET = ("requests", "oauthlib", "requests_oauthlib", "urllib3", "botocore", "boto3", "s3transfer", "twarc")

_EVERYWHERE = ("--debug",)


def run(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code (docs/exit-codes.md). What a person can act on is one line on stderr."""
    try:
        result = command.main(arguments, standalone_mode=False)
    except HarvesterError as error:
        click.echo(str(error), err=True)
        return int(error.exit_code)
    except click.ClickException as error:
        error.show()
        return int(Exit.USAGE)
    except click.Abort:
        return int(Exit.INTERRUPTED)
    except OSError as error:
        log.debug("The whole of it:", exc_info=error)
        what = error.filename or "The output"
        click.echo(f"{what} cannot be used: {error.strerror or error}.", err=True)
        if not error.filename:
            _let_go_of_the_output()
        return int(Exit.ERROR)
    return int(result) if isinstance(result, int) else int(Exit.OK)


def _let_go_of_the_output() -> None:
    """Send what is left in Python's buffer nowhere: at exit it would fail again, with a traceback."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


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
        self._aliases = dict(aliases or {})
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, *rest = arguments
        name = self._aliases.get(name, name)
        if not name.startswith("-") and self.get_command(context, name) is None:
            raise NoSuchCommand(name, context)
        return super().resolve_command(context, [name, *rest])

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if context.parent is None:
            args = _everywhere_first(args)
        return super().parse_args(context, args)

    def list_commands(self, _: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, context: click.Context) -> object:
        if not context._protected_args and not context.args:
            click.echo(context.get_help())
            context.exit(int(Exit.ERROR))
        return super().invoke(context)


def _everywhere_first(arguments: Sequence[str]) -> list[str]:
    """Options that may stand before or after the command, in front of it."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [each for each in arguments[:end] if each in _EVERYWHERE]
    return [*options, *(each for each in arguments[:end] if each not in _EVERYWHERE), *arguments[end:]]


def log_to_stderr(*, debug: bool) -> None:
    """Messages go to stderr, so that stdout holds results only."""
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
        stream=sys.stderr,
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(SECRETS)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Its warnings are of what it raises as well, which is told in words, and they come with tracebacks.
    logging.getLogger("botocore").setLevel(logging.ERROR)
