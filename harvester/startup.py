"""Starts a command line; Ctrl-C ends it with one line instead of a traceback."""

# Not `signal`, which takes longer to import than this whole module, and all the while Ctrl-C is a traceback.
import _signal as signal  # type: ignore[import-not-found]
import os
import sys


def person() -> None:
    """The installed command `twarc-cloud`."""
    enter("person")


def container() -> None:
    """The installed command `tweet-harvester`."""
    enter("container")


def enter(door: str) -> None:
    """Run the command line of `person` or `container`, and exit with its code."""
    # Who starts this in the background has Ctrl-C ignored, and so it stays.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, _leave)
    # Only now, for these imports take most of the time until a command begins.
    from harvester.commands import run

    if door == "container":
        from harvester.commands.container import container as command
    else:
        from harvester.commands.person import operator as command
    try:
        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = run(command)
    except KeyboardInterrupt:
        _leave()
    if heard:
        # The result stands; a Ctrl-C while the process ends may only hurry it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)


def _leave(*_: object) -> None:
    os.write(2, b"Interrupted.\n")
    os._exit(130)
