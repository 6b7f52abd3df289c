"""A package that only some imports need is there, or one line says how to install it."""

import shlex
import sys
from pathlib import Path

from harvester.errors import Exit, HarvesterError

PINNED = Path(__file__).resolve().parents[4] / "requirements-rules.txt"


def missing(package: str, what: str) -> HarvesterError:
    """The package that reading `what` needs is not installed."""
    wanted = ["--require-hashes", "-r", str(PINNED)] if PINNED.exists() else [package]
    command = shlex.join([sys.executable, "-m", "pip", "install", *wanted])
    return HarvesterError(
        f"{what} needs the Python package {package}, which is not installed.",
        hint=f"Run: {command}",
        exit_code=Exit.USAGE,
    )
