"""Says which package of the emulator is missing, and the command that installs it."""

import shlex
import sys
from pathlib import Path


def told(error: ModuleNotFoundError) -> str:
    """One line, with the command for the Python that runs, or for a virtual environment of its own."""
    top = Path(__file__).resolve().parents[1]
    pip, make = [sys.executable, "-m", "pip"], ""
    if sys.prefix == sys.base_prefix:
        pip = [str(top / ".venv" / "bin" / "pip")]
        make = shlex.join([sys.executable, "-m", "venv", str(top / ".venv")]) + " && "
    install = shlex.join([*pip, "install", "--require-hashes", "-r", str(top / "requirements-demo.txt")])
    package = (error.name or "").partition(".")[0]
    return f"emulator: the Python package {package} is missing. Run: {make}{install}"
