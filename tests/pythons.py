"""The demo, other tools and `pip install .` on each other Python found here, in fresh copies of the checkout.

`make pythons` runs it, on all of them side by side, about two minutes. It says which it found and which not,
and ends with 1 where something failed.
"""

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13")
_WITHIN = 900.0
# What one environment fetched, none fetches again, whatever its home is.
_PIP_CACHE = {"PIP_CACHE_DIR": str(Path.home() / ".cache" / "pip")}
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".terraform", "__pycache__", "demo", "collections", "temp"
)


def main() -> int:
    pythons: dict[str, Path] = {}
    for version in VERSIONS:
        if version == f"{sys.version_info.major}.{sys.version_info.minor}":
            _say(f"Python {version}: has the environment of this checkout, where all tests run")
        elif python := found(version):
            pythons[version] = python
        else:
            _say(f"Python {version}: neither on PATH nor in pyenv, so not tried")
    with ThreadPoolExecutor() as pool:
        return int(not all(list(pool.map(_is_well, pythons, pythons.values()))))


def _is_well(version: str, python: Path) -> bool:
    """Whether nothing went wrong with it, which is said."""
    begun = time.monotonic()
    problem = _tried(version, python)
    _say(f"Python {version} ({python}): {problem or 'well'}, {time.monotonic() - begun:.0f} s")
    return not problem


def found(version: str) -> Path | None:
    """An interpreter of that version that runs and can make environments, which a shim of pyenv may not."""
    code = f"import sys, venv, ensurepip; sys.exit('{version}' != '%d.%d' % sys.version_info[:2])"
    for python in _candidates(version):
        if subprocess.run([python, "-c", code], capture_output=True).returncode == 0:
            return python
    return None


def _candidates(version: str) -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True)
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)


def _tried(version: str, python: Path) -> str:
    """What went wrong with that interpreter, as a stranger would meet it; empty where nothing did."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder) / "checkout"
        shutil.copytree(ROOT, here, ignore=_LEFT_OUT)
        steps: dict[str, Callable[[], str]] = {
            "make demo": lambda: _run(here, "make", "demo", f"PYTHON={python}"),
            # Before any package of a test is there that might bring what twarc2 lacks.
            "twarc2 flatten": lambda: _flattened(here),
            "other tools, and pip install": lambda: _tools(here),
        }
        for name, step in steps.items():
            _say(f"Python {version}: {name}")
            if said := step():
                return f"{name} failed\n{said}"
    return ""


def _run(here: Path, *command: str) -> str:
    """What a command said that failed; nothing of one that ended well."""
    lent = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    # twarc2 asks for keys before it does anything else; this one opens the emulator and nothing more.
    environment = {
        **_PIP_CACHE,
        **lent,
        "HOME": str(here.parent),
        "TERM": "dumb",
        "BEARER_TOKEN": "emulator-bearer",
    }
    done = subprocess.run(
        command, cwd=here, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=_WITHIN,
    )  # fmt: skip
    return (done.stdout + done.stderr)[-6000:] if done.returncode else ""


def _flattened(here: Path) -> str:
    records = here / "records.jsonl"
    (packed,) = (here / "demo/collections/libraries").rglob("tweets-*.jsonl.gz")
    records.write_bytes(gzip.decompress(packed.read_bytes()))
    said = _run(here, ".venv/bin/twarc2", "flatten", str(records), "flat.jsonl")
    return said or ("" if (here / "flat.jsonl").read_bytes().count(b"\n") > 100 else "it wrote no posts")


def _tools(here: Path) -> str:
    tests = ("tests/docs/test_interoperability.py", "tests/test_installed.py")
    said = _run(here, "make", "ready-readers")
    return said or _run(here, ".venv/bin/python", "-m", "pytest", "-q", *tests)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
