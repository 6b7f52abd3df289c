"""Revisions of this project, checked out to be measured, each with an interpreter that fits."""

import importlib.metadata
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.harvests import HERE, Checkout

# The files as they are, with what is not committed.
AS_IT_IS = "."
_PIN = re.compile(r"^([\w.-]+)==(\S+)(?: \\)?$", re.MULTILINE)


def name_of(revision: str) -> str:
    """A short hash, or `.` for the files as they are."""
    return revision if revision == AS_IT_IS else _git("rev-parse", "--short=8", f"{revision}^{{commit}}")


@contextmanager
def checked_out(revision: str, folder: Path) -> Iterator[Checkout]:
    """The revision in a worktree below this folder, compiled; removed when this block ends."""
    if revision == AS_IT_IS:
        yield _compiled(HERE)
        return
    root = folder / name_of(revision)
    _git("worktree", "add", "--quiet", "--detach", str(root), revision)
    try:
        yield _compiled(Checkout(root, _python(root, folder)))
    finally:
        _git("worktree", "remove", "--force", str(root))


def _compiled(checkout: Checkout) -> Checkout:
    subprocess.run([checkout.python, "-m", "compileall", "-q", "harvester"], cwd=checkout.root, check=True)
    return checkout


def _python(root: Path, folder: Path) -> str:
    """This interpreter where it has what the revision requires, otherwise one of its own."""
    requirements = root / "requirements.txt"
    if all(_installed(name) == version for name, version in _PIN.findall(requirements.read_text())):
        return sys.executable
    own = folder / f"python-{root.name}"
    venv.create(own, with_pip=True)
    python = str(own / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-qq", "-r", str(requirements)], check=True)
    return python


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _git(*words: str) -> str:
    return subprocess.check_output(["git", "-C", str(HERE.root), *words], text=True).strip()
