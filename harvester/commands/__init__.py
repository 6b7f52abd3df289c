"""The command line: it parses, calls and prints; errors become exit codes."""

import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import click

from harvester.commands.cli import log_lines
from harvester.commands.cli.group import Deferred as Deferred
from harvester.commands.cli.group import Group as Group
from harvester.commands.cli.printed_commands import complete, forget_typed
from harvester.commands.cli.terminal import printable_output
from harvester.errors import Exit, HarvesterError, interruption
from harvester.errors.files import in_words
from harvester.monitoring.scrubber import SecretFilter
from harvester.settings import JSON, TEXT
from harvester.text import unexpected

log = logging.getLogger("twarc-cloud")
_F = TypeVar("_F", bound=Callable[..., Any])
# Keys that are in use are added to it as they get known.
SECRETS = SecretFilter()

# What the command line itself raises, for a person who typed.
TYPED = (click.ClickException, click.Abort, click.exceptions.Exit)

# These say at INFO what concerns only their own developers.
_QUIET = ("requests", "oauthlib", "requests_oauthlib", "urllib3", "botocore", "boto3", "s3transfer", "twarc")


def run(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code (docs/exit-codes.md). What a person can act on is one line on stderr."""
    # Records are people's posts: what is made here is its owner's alone, unless its modes are changed.
    os.umask(os.umask(0o077) | 0o077)
    forget_typed()
    with printable_output():
        return _run(command, arguments)


def _run(command: click.Command, arguments: Sequence[str] | None) -> int:
    try:
        result = command.main(arguments, standalone_mode=False)
    except HarvesterError as error:
        say_error(str(error))
        return int(error.exit_code)
    except click.ClickException as error:
        error.show()
        return int(Exit.USAGE)
    except (click.Abort, KeyboardInterrupt) as error:
        with suppress(OSError):
            # The terminal may be gone.
            click.echo("Interrupted.", err=True)
        return interruption(error) or int(Exit.INTERRUPTED)
    except OSError as error:
        if code := interruption(error):
            # So is it where the words about an interruption could not be written.
            return code
        log.debug("Traceback:", exc_info=error)
        say_error(str(in_words(error)))
        if not error.filename:
            _silence_stdout()
        return int(Exit.ERROR)
    except Exception as error:  # noqa: BLE001 - its own words may hold what is secret
        if isinstance(error, ModuleNotFoundError):
            # `startup` says which package is to be installed.
            raise
        log.debug("Traceback:", exc_info=error)
        words = unexpected(error)
        say_error(f"U{words[1:]}. Run it again with --debug, and report the output.")
        return int(Exit.ERROR)
    return int(result) if isinstance(result, int) else int(Exit.OK)


def say_error(text: str) -> None:
    """Print the error and its hint on stderr; a line of the log where that is for programs."""
    if log_lines.in_use() == JSON:
        log.error("%s", text)
    else:
        click.echo(complete(text), err=True)


def _silence_stdout() -> None:
    """Send what is left in Python's buffer nowhere: at exit it would fail again, with a traceback."""
    if not sys.stdout:
        return
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def log_options(command: _F) -> _F:
    """The options that both doors have for their log, before or after the command."""
    form = click.option(
        "--log-format",
        type=click.Choice((TEXT, JSON)),
        help="Write the log as text or as JSON lines.  [default: the setting log_format]",
    )
    return click.option("--debug", is_flag=True, help="Also log requests to X and AWS.")(form(command))


def log_options_in_use() -> list[str]:
    """The same options for a process that this one starts."""
    debug = ["--debug"] if log.isEnabledFor(logging.DEBUG) else []
    return [*debug, *(["--log-format", JSON] if log_lines.in_use() == JSON else [])]


def log_to_stderr(*, debug: bool, form: str | None = None) -> None:
    """Messages go to stderr, so that stdout holds results only; `form` None: as the settings have it."""
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, stream=sys.stderr)
    lines = log_lines.formatter(log_lines.chosen(form))
    for handler in logging.getLogger().handlers:
        handler.setFormatter(lines)
        handler.addFilter(SECRETS)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns, with tracebacks, of errors that it also raises, and those are reported.
    logging.getLogger("botocore").setLevel(logging.ERROR)
