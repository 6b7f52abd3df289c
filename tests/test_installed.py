"""`pip install .` gives two commands that work from any folder, also those that start others."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import pytest

import emulator
import harvester

_ROOT = Path(__file__).resolve().parents[1]
_SCRIPTS = ("twarc_cloud.py", "tweet_harvester.py")
_WITHIN = 120
# pip copies the product, and each command is a process.
pytestmark = pytest.mark.system

Typed = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip put a copy; the packages that it needs are those of the tests."""
    source = tmp_path_factory.mktemp("source")
    for name in ("harvester", "emulator", "tests"):
        shutil.copytree(_ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.in", "README.md", "LICENSE", *_SCRIPTS):
        shutil.copy(_ROOT / name, source)
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--target", target, source], capture_output=True, text=True, timeout=_WITHIN
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def typed(installed: Path, tmp_path: Path) -> Typed:
    """Type an installed command in a folder that has nothing to do with the checkout."""

    def run(command: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        lent = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed), "HOME": str(tmp_path)}
        return subprocess.run(
            [sys.executable, installed / "bin" / command, *arguments],
            cwd=tmp_path,
            env={**lent, **environment},
            capture_output=True,
            text=True,
            timeout=_WITHIN,
        )

    return run


@pytest.mark.parametrize("command", ["twarc-cloud", "tweet-harvester"])
def test_both_commands_tell_the_version_and_call_themselves_by_their_name(typed: Typed, command: str) -> None:
    assert typed(command, "--version").stdout.startswith(f"Version {harvester.__version__}\n")
    assert typed(command, "--help").stdout.startswith(f"Usage: {command} ")


def test_what_is_installed_is_the_product_with_its_data_and_nothing_else(installed: Path) -> None:
    def files(root: Path) -> set[str]:
        found = (path for path in (root / "harvester").rglob("*") if path.is_file())
        return {str(path.relative_to(root)) for path in found if path.suffix != ".pyc"}

    assert files(installed) == files(_ROOT)
    beside = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert beside - {"__pycache__"} == {"bin", "harvester", *_SCRIPTS}


def test_the_packages_that_a_harvest_needs_are_installed_with_it(installed: Path) -> None:
    (found,) = distributions(path=[str(installed)])
    wanted = (_ROOT / "requirements.in").read_text().splitlines()
    needed = [each for each in found.requires or () if "extra ==" not in each]
    assert sorted(needed) == sorted(line for line in wanted if line and line[0] != "#")
    oldest = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert found.metadata["Requires-Python"] == oldest == ">=3.11"


def test_an_installed_command_starts_a_harvest_in_a_process_of_its_own(typed: Typed, tmp_path: Path) -> None:
    with emulator.running(users=1, posts_per_user=5) as emulated:
        keys = {"X_API_URL": emulated.url, "BEARER_TOKEN": emulator.CREDENTIALS["bearer_token"]}
        for words in (
            "collection-config template user_timeline --id museums",
            f"collection-config userids {emulated.control.users()[0]['id']}",
            "collection add",
            "collection once museums --wait",
        ):
            done = typed("twarc-cloud", *words.split(), **keys)
            assert done.returncode == 0, done.stderr
    assert "Tweets: 5." in done.stdout + done.stderr
    assert len(list(tmp_path.glob("collections/museums/harvests/*/*/*/*/*/*/tweets-*"))) == 1


@pytest.mark.parametrize("command", ["twarc-cloud", "twarc_cloud.py"])
def test_a_shell_completes_the_command_by_the_name_that_was_typed(
    installed: Path, typed: Typed, command: str
) -> None:
    shutil.copy(installed / "twarc_cloud.py", installed / "bin")
    variable = f"_{command.upper().translate({45: 95, 46: 95})}_COMPLETE"
    assert f"{variable}=bash_complete" in typed(command, "completion", "bash").stdout
    answer = typed(command, **{variable: "bash_complete", "COMP_WORDS": f"{command} coll", "COMP_CWORD": "1"})
    assert "plain,collection\n" in answer.stdout
