"""Imports packages that only some commands need, or reports in one line how to install them."""

import shlex
import sys
from pathlib import Path

from harvester.errors import Exit, HarvesterError

_CHECKOUT = Path(__file__).resolve().parents[2]


def pinned(requirements: str) -> Path:
    """The file of a checkout that lists packages with their hashes; an installation has none."""
    return _CHECKOUT / requirements


def missing_package(package: str, what: str, *, requirements: str) -> HarvesterError:
    """The package that `what` needs is not installed."""
    listed = pinned(requirements)
    wanted = ["--require-hashes", "-r", str(listed)] if listed.exists() else [package]
    command = shlex.join([sys.executable, "-m", "pip", "install", *wanted])
    return HarvesterError(
        f"{what} needs the Python package {package}, which is not installed.",
        hint=f"Run: {command}",
        exit_code=Exit.USAGE,
    )
