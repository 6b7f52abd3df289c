"""Where Python or a package is missing, one line says what to type."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]
_DOORS = ("twarc_cloud.py", "tweet_harvester.py")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy in a folder whose name a shell would split, with no environment made yet."""
    copy = tmp_path / "a checkout"
    for name in ("harvester", "emulator"):
        shutil.copytree(_ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*_DOORS, "requirements.txt", "requirements-demo.txt"):
        shutil.copy(_ROOT / name, copy)
    return copy


def _said(checkout: Path, *arguments: str) -> str:
    """What the line says to run, by a Python that has no packages."""
    said = subprocess.run(
        [sys.executable, "-S", *arguments], cwd=checkout, capture_output=True, text=True, timeout=60
    )
    assert (said.returncode, said.stdout) == (1, ""), said
    (line,) = said.stderr.splitlines()
    return line


@pytest.mark.parametrize("door", _DOORS)
def test_a_missing_package_is_named_with_the_command_that_installs_it(door: str, checkout: Path) -> None:
    words, _, command = _said(checkout, door, "--help").partition(" Run: ")
    assert words == "The Python package click is missing."
    venv, pip = command.split(" && ")
    assert shlex.split(venv) == [sys.executable, "-m", "venv", f"{checkout}/.venv"]
    assert shlex.split(pip) == [
        *(f"{checkout}/.venv/bin/pip", "install", "--require-hashes", "-r"),
        f"{checkout}/requirements.txt",
    ]


def test_an_environment_that_is_there_is_named_instead(checkout: Path) -> None:
    made = checkout / ".venv" / "bin" / "python"
    made.parent.mkdir(parents=True)
    made.symlink_to(sys.executable)
    line = _said(checkout, "twarc_cloud.py", "collection", "list")
    assert line == f"The Python package click is missing. Start this with {shlex.quote(str(made))}."


def test_an_installed_command_is_told_its_package(checkout: Path) -> None:
    (checkout / "requirements.txt").unlink()
    line = _said(checkout, "twarc_cloud.py", "--help")
    assert line.endswith(f" Run: {shlex.quote(sys.executable)} -m pip install click")


def test_a_package_that_is_missed_later_is_named_too(checkout: Path) -> None:
    """Much is imported only by the command that needs it."""
    script = (
        "import sys; sys.path += sys.argv.pop(1).split(':'); sys.modules['botocore'] = None; "
        "from harvester.startup import person; person()"
    )
    paths = ":".join(path for path in sys.path if path.endswith("site-packages"))
    line = _said(checkout, "-c", script, paths, "collection", "list", "--bucket", "museum")
    assert line.startswith("The Python package botocore is missing. Run: ")


def test_the_emulator_names_what_it_lacks(checkout: Path) -> None:
    words, _, command = _said(checkout, "-m", "emulator").partition(" Run: ")
    assert words.startswith("emulator: the Python package ") and words.endswith(" is missing.")
    assert shlex.split(command)[-1] == f"{checkout}/requirements-demo.txt"


def test_an_old_python_is_told_which_one_is_needed(checkout: Path) -> None:
    script = "import sys; sys.version_info = (3, 10, 4); from harvester.startup import person; person()"
    line = _said(checkout, "-c", script)
    assert line.endswith(f"({sys.executable}); 3.11 or newer is needed.")


def test_what_was_closed_of_the_standard_files_is_no_number_for_others(checkout: Path) -> None:
    """Otherwise a record, or a line of the log, would be written into a file of the store."""
    script = (
        "import os, sys\n"
        "from harvester.startup import person\n"
        "try: person()\n"
        "except SystemExit: print(os.open('twarc_cloud.py', os.O_RDONLY), file=sys.stderr)"
    )
    closed = ["sh", "-c", 'exec "$@" <&- >&-', "sh", sys.executable, "-S", "-c", script]
    said = subprocess.run(closed, cwd=checkout, stderr=subprocess.PIPE, text=True, timeout=60)
    assert int(said.stderr) > 2
