"""What only reads collections is no burden to a harvest; where its packages are missing one line says so."""

import ast
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import emulator
from harvester.collection import history
from harvester.commands.cli.explore_extra import PACKAGES, needs_explore
from harvester.errors import Exit, HarvesterError
from harvester.errors.packages import pinned
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

_ROOT = Path(__file__).resolve().parents[2]
# The rooms of those who read collections, which are no part of a harvest.
_ROOMS = ("accounts", "dashboard", "exports", "ledger", "reading", "search", "statistics", "tables")


@click.command()
@click.argument("package")
@needs_explore
def _command(package: str) -> None:
    __import__(package)


def _run(package: str) -> None:
    group = click.Group("twarc_cloud.py", commands={"look": _command})
    group.main(["look", package], standalone_mode=False)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_missing_package_is_named_with_the_line_that_installs_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(HarvesterError) as caught:
        _run(package)
    assert caught.value.exit_code == Exit.USAGE
    assert caught.value.message == f"`look` needs the Python package {package}, which is not installed."
    install = [sys.executable, "-m", "pip", "install", "--require-hashes", "-r"]
    assert shlex.split(caught.value.hint) == ["Run:", *install, str(pinned("requirements-explore.txt"))]


def test_another_missing_module_is_not_taken_for_one_of_them() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        _run("no_such_package")


_IMPORTED = """
import atexit, os, runpy, sys
out = os.dup(1)
atexit.register(lambda: os.write(out, ("\\n" + " ".join(sorted(sys.modules))).encode()))
del sys.argv[0]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def _of_explore(modules: list[str]) -> Iterator[str]:
    for name in modules:
        top, _, inner = name.partition(".")
        if top in PACKAGES or (top == "harvester" and inner.partition(".")[0] in _ROOMS):
            yield name


# What streams, sinks, repairs and several collections in one task need.
_OF_OTHERS = (
    *("harvester.networks.x.matching", "harvester.networks.x.forms", "harvester.networks.x.imports"),
    *("harvester.networks.x.repair", "harvester.networks.x.checks", "harvester.networks.flat"),
    *("harvester.networks.repair", "harvester.networks.rows", "harvester.networks.x.streaming.connection"),
    *("harvester.networks.x.streaming.reconnect", "harvester.networks.x.rules.arrangement"),
    *("harvester.networks.x.rules.live_rules", "harvester.networks.x.rules.collection_rules"),
    *("harvester.networks.x.sources.filter", "harvester.networks.x.sources.repair", "harvester.sinks"),
    *("harvester.collection.sinks", "harvester.compute", "harvester.curation", "harvester.checks"),
    *("harvester.commands.shared_task", "harvester.commands.stream_service", "harvester.commands.person"),
    *("harvester.store.s3", "harvester.monitoring.status_server", "harvester.monitoring.honeybadger"),
    *("asyncio", "boto3", "botocore", "flask", "http.server", "oauthlib", "obstore", "sqlite3"),
    *("tqdm", "twarc.client", "twarc.client2", "unittest", "waitress", "xml"),
)


def test_a_whole_search_imports_only_what_a_search_needs(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(_IMPORTED)
    description = {"id": "it", "type": "search", "search": {"query": "library OR archives"}}
    history.add(FolderStore(tmp_path / "collections"), CollectionKeys("it"), description)
    door = [sys.executable, str(program), str(_ROOT / "tweet_harvester.py")]
    with emulator.running(users=5) as emulated:
        # A fresh interpreter, for a forked one has what another imported.
        said = subprocess.run(
            [*door, "local", "harvester", "it"],
            cwd=tmp_path,
            env={
                **os.environ,
                "X_API_URL": emulated.url,
                "BEARER_TOKEN": emulator.CREDENTIALS["bearer_token"],
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
    modules = said.stdout.splitlines()[-1].split()
    assert said.returncode == 0 and "harvester.harvest.finalize" in modules, said
    assert list(tmp_path.rglob("tweets-*.jsonl.gz"))
    assert list(_of_explore(modules)) == []
    assert [name for name in modules if name.startswith(_OF_OTHERS)] == []


def test_no_package_of_them_is_imported_at_the_top_of_a_command() -> None:
    """So that a person without them has all other commands."""
    found = []
    for path in (_ROOT / "harvester" / "commands").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [f"{path}: {name}" for name in names if name.partition(".")[0] in PACKAGES]
            rooms = tuple(f"harvester.{room}" for room in ("search", "tables"))
            found += [f"{path}: {name}" for name in names if name.startswith(rooms)]
    assert found == []
