"""Installs what `make browser-test` needs of the system, where that is possible, and says what is lacking."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]
FOLDER = _ROOT / ".venv" / "browser"
AXE = FOLDER / "axe.min.js"
_AXE = "axe-core@4.14.1"
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The browser of the system; empty where there is none."""
    return next((found for name in _NAMES if (found := shutil.which(name))), "")


def lacking() -> list[str]:
    """What is not here, in words."""
    found = [] if chromium() else ["chromium (Debian's package has this name)"]
    found += (
        [] if any(FOLDER.glob("lib/python3.*/site-packages/playwright")) else ["playwright in .venv/browser"]
    )
    return found + ([] if AXE.exists() else ["axe-core in .venv/browser, which npm fetches"])


def main() -> None:
    if not chromium() and os.geteuid() == 0 and shutil.which("apt-get"):
        sys.stdout.write("installing chromium (once)\n")
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "chromium"], stdout=subprocess.DEVNULL, check=False
        )
    if not AXE.exists() and shutil.which("npm"):
        _fetch_axe()
    for each in lacking():
        sys.stdout.write(f"NOT HERE: {each}. The tests that need it are skipped, and say so.\n")


def _fetch_axe() -> None:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["npm", "pack", "--silent", _AXE], cwd=folder, check=False)
        for archive in Path(folder).glob("*.tgz") if done.returncode == 0 else ():
            with tarfile.open(archive) as files:
                source = files.extractfile("package/axe.min.js")
                AXE.write_bytes(source.read() if source else b"")


if __name__ == "__main__":
    main()
