"""Starts a command line; Ctrl-C, an old Python and a missing package end it with one line, no traceback."""

# Not `signal`, which takes longer to import than this whole module, and all the while Ctrl-C is a traceback.
import _signal as signal  # type: ignore[import-not-found]
import os
import sys

_PYTHON = (3, 11)
_ENDS = (signal.SIGTERM, signal.SIGHUP)


def person() -> None:
    """The installed command `twarc-cloud`."""
    enter("person")


def container() -> None:
    """The installed command `tweet-harvester`."""
    enter("container")


def enter(door: str) -> None:
    """Run the command line of `person` or `container`, and exit with its code."""
    _hold_descriptors()
    if sys.version_info < _PYTHON:
        sys.exit(f"This is Python {sys.version.split()[0]} ({sys.executable}); 3.11 or newer is needed.")
    # Who starts this in the background has Ctrl-C ignored, and so it stays.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, _leave)
    try:
        code = _run(door, heard=heard)
    except KeyboardInterrupt:
        _leave()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "harvester"):
            raise
        sys.exit(f"The Python package {package} is missing. {_remedy(package)}")
    for number in (signal.SIGINT, *_ENDS):
        if signal.getsignal(number) is not signal.SIG_IGN:
            # The result stands; a signal while the process ends may only hurry it.
            signal.signal(number, signal.SIG_DFL)
    sys.exit(code)


def _hold_descriptors() -> None:
    """Open what was closed of standard input, output and error.

    Otherwise the next file or connection that is opened has its number, and gets what is printed.
    """
    # What is written to standard output fails, as it would where it is closed.
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)


def _run(door: str, *, heard: bool) -> int:
    # Only now, for these imports take most of the time until a command begins.
    from harvester.commands import run

    if door == "container":
        from harvester.commands.container import container as command
    else:
        from harvester.commands.person import operator as command
    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if door == "person":
        _hear_ends()
    return run(command)


def _hear_ends() -> None:
    """SIGTERM and SIGHUP leave nothing half written, as Ctrl-C does; a second one ends all at once."""
    from harvester.errors import Terminated

    def hear(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise Terminated(number)

    for number in _ENDS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, hear)


def _remedy(package: str) -> str:
    """What to type: of a checkout in its virtual environment, which may be there already."""
    import shlex
    from pathlib import Path

    top = Path(__file__).resolve().parents[1]
    made, wanted = top / ".venv" / "bin" / "python", top / "requirements.txt"
    if made.exists() and Path(sys.prefix).resolve() != (top / ".venv").resolve():
        return f"Start this with {shlex.quote(str(made))}."
    if not wanted.exists():
        return f"Run: {shlex.join([sys.executable, '-m', 'pip', 'install', package])}"
    pip, make = [sys.executable, "-m", "pip"], ""
    if sys.prefix == sys.base_prefix:
        pip = [str(top / ".venv" / "bin" / "pip")]
        make = shlex.join([sys.executable, "-m", "venv", str(top / ".venv")]) + " && "
    return f"Run: {make}{shlex.join([*pip, 'install', '--require-hashes', '-r', str(wanted)])}"


def _leave(*_: object) -> None:
    os.write(2, b"Interrupted.\n")
    os._exit(130)
