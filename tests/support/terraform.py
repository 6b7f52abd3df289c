"""Terraform, on a copy of `terraform/`, with the AWS provider that is on this machine, or else is fetched."""

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import S3Server

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "terraform"

# Where an installation may have put providers, and how deep.
_PREFIXES = ("/opt", "/usr/local", "/usr/share", "/usr/lib", "/var/lib")
_DEPTH = 4
_REGISTRY = "registry.terraform.io"

_FOR_EMULATORS = """\
provider "aws" {
  s3_use_path_style       = true
  skip_metadata_api_check = true
}
"""


def lacking() -> str:
    """Why Terraform cannot be run here; empty where it can."""
    return "" if shutil.which("terraform") else "terraform is not on the PATH"


@functools.cache
def plugins() -> Path | None:
    """The folder of providers, if there is one on this machine."""
    for prefix in _PREFIXES:
        for folder in _below(Path(prefix), _DEPTH):
            if folder.name == _REGISTRY:
                return folder.parent
    return None


def _below(folder: Path, depth: int) -> Iterator[Path]:
    try:
        inner = [Path(entry) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    yield from inner
    if depth > 1:
        for each in inner:
            yield from _below(each, depth - 1)


@dataclass(frozen=True)
class Terraform:
    """A working copy, made ready by `init`."""

    folder: Path
    environment: dict[str, str]

    def tried(self, *arguments: str, within: float = 600.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=within,
            stdin=subprocess.DEVNULL,
        )

    def __call__(self, *arguments: str, within: float = 600.0) -> str:
        """What it prints; it must succeed."""
        done = self.tried(*arguments, within=within)
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def shown(self, *plan: str) -> Any:
        """The state, or a stored plan, as Terraform tells it to programs."""
        return json.loads(self("show", "-json", *plan))

    def changes(self, *variables: str) -> dict[str, list[str]]:
        """What a plan would do: the names of the resources, and what of them would change."""
        self("plan", "-input=false", "-out=plan", *variables)
        changed = {}
        for each in self.shown("plan").get("resource_changes", ()):
            change = each["change"]
            if change["actions"] not in (["no-op"], ["read"]):
                before, after = change.get("before") or {}, change.get("after") or {}
                keys = [key for key in {*before, *after} if before.get(key) != after.get(key)]
                changed[each["address"]] = [*change["actions"], *sorted(keys)]
        return changed

    def resources(self) -> dict[str, Any]:
        """What is there, by address."""
        root = self.shown().get("values", {}).get("root_module", {})
        return {entry["address"]: entry["values"] for entry in root.get("resources", ())}


def prepared(folder: Path, server: S3Server | None = None) -> Terraform:
    """A working copy that speaks to `server`; the test is skipped where no provider can be had."""
    if words := lacking():
        pytest.skip(words)
    copy = folder / "terraform"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    (copy / "emulated_override.tf").write_text(_FOR_EMULATORS)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_CLI_ARGS": "-no-color",
        "AWS_EC2_METADATA_DISABLED": "true",
        **(server.environment if server else {}),
    }
    made = Terraform(copy, environment)
    known = plugins()
    done = made.tried("init", "-input=false", *([f"-plugin-dir={known}"] if known else []))
    if done.returncode and not known:
        pytest.skip("the AWS provider is not on this machine, and cannot be fetched")
    assert done.returncode == 0, done.stderr[-3000:]
    return made
