"""The design holds: rings, homes, names and sizes; and the checker that says so sees each kind of breach."""

import re
from pathlib import Path

import pytest

from tests.rings import problems

_ROOT = Path(__file__).resolve().parents[1]

_SOUND = {
    "harvester/__init__.py": '"""A package."""\n',
    "harvester/errors.py": '"""Errors."""\n',
    "harvester/store/keys.py": '"""Keys."""\nfrom harvester.errors import X\n',
    "harvester/clock.py": '"""Time."""\nimport time\n',
    "harvester/store/__init__.py": '"""A store."""\nfrom harvester.store.keys import K\n',
    "harvester/store/by_boto3.py": '"""S3."""\nimport botocore\nfrom harvester.store import Store\n',
    "harvester/networks/x/sources/__init__.py": (
        '"""Kinds."""\ndef t():\n    from harvester.networks.x.sources import search\n'
    ),
    "harvester/networks/x/sources/search.py": '"""Search."""\nfrom harvester.networks.x.sources import Job\n',
    "harvester/harvest/harvest.py": '"""A run."""\nfrom harvester.store import Store\n',
    "harvester/commands/__init__.py": '"""Commands."""\nimport click\nfrom harvester import harvest\n',
    "emulator/__init__.py": '"""X."""\nimport aiohttp\n',
    "twarc_cloud.py": (
        '"""A door."""\nfrom harvester.startup import enter\nif __name__ == "__main__":\n    enter()\n'
    ),
}

_BREACHES = {
    "an outward import": (
        "harvester/store/s3.py",
        "from harvester.harvest.harvest import run\n",
        "imports outward",
    ),
    "a deferred outward import": (
        "harvester/clock.py",
        "def f():\n    from harvester import commands\n",
        "imports outward",
    ),
    "an outward import for types only": (
        "harvester/clock.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from harvester.commands import x\n",
        "imports outward",
    ),
    "a relative outward import": (
        "harvester/store/s3.py",
        "from ..commands import main\n",
        "imports outward",
    ),
    "a circle": ("harvester/errors.py", "from harvester.store.keys import K\n", "in a circle"),
    "a room in no ring": ("harvester/new.py", '"""New."""\n', "in no ring"),
    "boto3 away from home": ("harvester/harvest/harvest.py", "import boto3\n", "whose home is"),
    "click away from home": ("harvester/clock.py", "from click import echo\n", "whose home is"),
    "an unknown package": ("harvester/harvest/harvest.py", "import pandas\n", "whose home is no module"),
    "a hidden import": ("harvester/harvest/harvest.py", "import importlib\n", "hides"),
    "a comparison with a kind": (
        "harvester/harvest/harvest.py",
        "def f(tree):\n    return tree['type'] == FILTER\n",
        "compares with a kind",
    ),
    "a comparison with kinds by their names": (
        "harvester/harvest/harvest.py",
        "def f(tree):\n    return tree['type'] in ('search', 'filter')\n",
        "compares with a kind",
    ),
    "a network that is named past the contract": (
        "harvester/harvest/harvest.py",
        "def f():\n    from harvester.networks.x import sources\n",
        "names a network",
    ),
    "a network that is named through another door than a command's": (
        "harvester/commands/collection/rules.py",
        '"""Rules."""\nfrom harvester.networks.x.client import XClient\n',
        "names a network",
    ),
    "a value with a clock": (
        "harvester/store/keys.py",
        "from datetime import datetime\nM = datetime.now()\n",
        "a module of values calls now()",
    ),
    "a value with a file": ("harvester/store/keys.py", "F = open('x')\n", "a module of values calls open()"),
    "a value with the system": ("harvester/errors.py", "import os\n", "a module of values imports os"),
    "the emulator knowing the harvester": (
        "emulator/__init__.py",
        "import harvester.store.keys\n",
        "emulator imports",
    ),
    "the harvester knowing the emulator": (
        "harvester/harvest/harvest.py",
        "import emulator\n",
        "harvester imports",
    ),
    "the harvester knowing a door": (
        "harvester/harvest/harvest.py",
        "import twarc_cloud\n",
        "harvester imports",
    ),
    "a deaf wait": ("harvester/harvest/harvest.py", "import time\ntime.sleep(1)\n", "sleeps"),
    "an empty module name": ("harvester/store/s3_utils.py", '"""S3."""\n', "says nothing"),
    "an empty class name": ("harvester/clock.py", "class ClockManager: ...\n", "says nothing"),
    "a getter": ("harvester/clock.py", "def get_now(): ...\n", "not get_"),
    "a long function": ("harvester/clock.py", "def f():\n" + "    x = 1\n" * 60, "more than 60"),
    "a long file": ("harvester/clock.py", "x = 1\n" * 300, "becomes a folder"),
    "a module that promises nothing": ("harvester/store/other.py", "x = 1\n", "no docstring"),
    "a fat door": ("twarc_cloud.py", "def f(): ...\n", "more than a door"),
    "a door to somewhere else": (
        "twarc_cloud.py",
        "from harvester.harvest.harvest import run\n",
        "a door leads to",
    ),
}


def _planted(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_code_keeps_to_the_design() -> None:
    assert problems(_ROOT) == []


def test_a_sound_tree_has_no_problems(tmp_path: Path) -> None:
    assert problems(_planted(tmp_path, _SOUND)) == []


@pytest.mark.parametrize("breach", _BREACHES)
def test_a_planted_breach_is_seen(breach: str, tmp_path: Path) -> None:
    name, text, words = _BREACHES[breach]
    planted = _SOUND | {name: _SOUND.get(name, "") + text}
    found = problems(_planted(tmp_path, planted))
    assert any(
        words in problem and Path(name).stem.replace("__init__", "") in problem for problem in found
    ), found


def test_no_file_names_a_place_of_one_machine() -> None:
    place = re.compile(r"(?<![\w.])/(work|root|home/\w+|Users/\w+|opt/pypi)/")
    named = [
        f"{path.relative_to(_ROOT)}:{number}: {line.strip()}"
        for path in _texts()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if place.search(line) and "re.compile" not in line
    ]
    assert named == []


def test_no_file_leaves_work_for_later() -> None:
    later = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    assert [str(path) for path in _texts() if path.suffix == ".py" and later.search(path.read_text())] == []


def _texts() -> list[Path]:
    skipped = {".git", ".venv", "__pycache__", "demo", "temp", "download", "collections", "build"}
    skipped |= {".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
    kinds = {".py", ".md", ".txt", ".in", ".ini", ".toml", ".json", ".sh", ".tf", ""}
    found: list[Path] = []
    for top in sorted(_ROOT.iterdir()):
        if top.name in skipped or top.is_symlink():
            continue
        paths = sorted(top.rglob("*")) if top.is_dir() else [top]
        found += [path for path in paths if path.is_file() and path.suffix in kinds]
    return [path for path in found if not skipped & set(path.relative_to(_ROOT).parts)]


def test_json_of_others_is_read_in_one_place_which_refuses_what_is_nested_without_end() -> None:
    own = {"compute/cost.py", "networks/x/prices.py", "networks/x/decoding.py", "documents/foreign.py"}
    top = _ROOT / "harvester"
    found = {
        str(path.relative_to(top))
        for path in top.rglob("*.py")
        if re.search(r"\bjson\.loads?\(", _code(path))
    }
    assert found == own


def _code(path: Path) -> str:
    return path.read_text(encoding="utf-8").replace("orjson.", "")


def test_every_name_that_a_lazy_package_offers_is_there() -> None:
    from harvester.networks import x

    assert {name for name in x._HOME if not hasattr(x, name)} == set()
