"""Containers of this project's image, really built and run: podman and runc as root, and no registry.

One thing is not real. No registry is reached from here, so Debian's own Python, made by debootstrap, stands
in for the official base image, under its name; the Dockerfile builds on it unchanged.
"""

import fcntl
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TAG = "localhost/twarc-cloud:tested"

_NEEDED = ("podman", "runc", "catatonit", "debootstrap")
_PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
_BUILDS_WITHIN = 600.0
_SUITE = "bookworm"
_STAND_IN = f"localhost/twarc-cloud-stand-in:{_SUITE}"

# There may be no systemd, no right to raise limits, and cgroups of both versions at once: what this runs in
# may be a container itself.
_SETTINGS = """\
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""

# What the smallest task on Fargate is given: half a gigabyte, a quarter of a processor, and an init process,
# which ends Python when it is told to before Python listens.
_AS_ON_FARGATE = (
    "--init",
    *("--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
    *("--memory=512m", "--memory-swap=512m", "--cpus=0.25", "--network=host"),
)
_numbers = itertools.count(1)


def lacking() -> str:
    """Why no image can be built and run here; empty where it can."""
    if not os.environ.get("CLOUD_TEST"):
        return "`make cloud-test` does, in ten minutes"
    if os.geteuid() != 0:
        return "containers need root here"
    absent = [name for name in _NEEDED if not shutil.which(name)]
    return (
        f"not installed: {', '.join(absent)} (apt-get install podman runc catatonit debootstrap)"
        if absent
        else ""
    )


@dataclass(frozen=True)
class Engine:
    """podman, with settings of its own in `folder`."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "containers.conf").write_text(_SETTINGS)

    @property
    def environment(self) -> dict[str, str]:
        return {"CONTAINERS_CONF": str(self.folder / "containers.conf")}

    def __call__(self, *arguments: str, within: float = 120.0) -> str:
        """What podman prints; it must succeed."""
        done = self.tried(*arguments, within=within)
        assert done.returncode == 0, (arguments, done.stdout[-3000:], done.stderr[-3000:])
        return done.stdout.strip()

    def tried(self, *arguments: str, within: float = 120.0) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, **self.environment}
        return subprocess.run(
            ["podman", *arguments], env=environment, capture_output=True, text=True, timeout=within
        )

    def inspected(self, what: str, name: str) -> Any:
        return json.loads(self(what, "inspect", name))[0]

    @contextmanager
    def volume(self) -> Iterator[str]:
        """A fresh volume, as a task gets one, which is gone after the block."""
        name = f"twarc-cloud-test-{os.getpid()}-{next(_numbers)}"
        self("volume", "create", name)
        try:
            yield name
        finally:
            self("volume", "rm", "--force", name)

    def command(
        self,
        image: str,
        *arguments: str,
        volume: str,
        told: tuple[str, ...] = (),
        options: tuple[str, ...] = (),
    ) -> tuple[str, list[str]]:
        """A container's name, and the command that runs it as Fargate would.

        `told` names the variables it gets from the environment of the command.
        """
        name = f"twarc-cloud-test-{os.getpid()}-{next(_numbers)}"
        variables = [f"--env={variable}" for variable in told]
        run = ["podman", "run", "--rm", f"--name={name}", f"--volume={volume}:/work", *_AS_ON_FARGATE]
        return name, [*run, *variables, *options, image, *arguments]


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Test processes beside this one wait; what one has built the next finds."""
    with (Path(tempfile.gettempdir()) / "twarc-cloud-image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def base_of(dockerfile: Path) -> str:
    """The name of the base image, whole."""
    found = re.search(r"^ARG PYTHON=(\S+)$", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return f"docker.io/library/python:{found[1]}"


def stand_in(engine: Engine, base: str) -> str:
    """Put Debian's Python in the place of the base image, unless that is here; what it is, in words."""
    if engine.tried("image", "exists", base).returncode != 0:
        if engine.tried("image", "exists", _STAND_IN).returncode != 0:
            _make_stand_in(engine)
        engine("tag", _STAND_IN, base)
    if engine.tried("image", "exists", _STAND_IN).returncode != 0:
        return f"The base image is {base}."
    python = engine("run", "--rm", "--network=none", _STAND_IN, "python", "--version")
    return (
        f"The base image is NOT {base}: Debian {_SUITE} by debootstrap, with Debian's {python}, stands in. "
        "All layers above it are those of the Dockerfile."
    )


def _make_stand_in(engine: Engine) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        made = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(root)]
        subprocess.run(made, check=True, capture_output=True, timeout=600)
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        for left in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
            shutil.rmtree(root / left, ignore_errors=True)
        packed = Path(folder) / "root.tar"
        subprocess.run(["tar", "-C", str(root), "-cf", str(packed), "."], check=True, timeout=300)
        engine("import", str(packed), _STAND_IN, within=300)


def built(folder: Path, *, decoys: Mapping[str, str] | None = None) -> Engine:
    """The image as TAG, of a copy of this checkout in which `decoys` lie about; the engine that has it."""
    begun = time.monotonic()
    engine, context = Engine(folder), folder / "checkout"
    left_out = shutil.ignore_patterns(".git", ".venv", ".terraform", "__pycache__", "demo", "collections")
    shutil.copytree(ROOT, context, ignore=left_out)
    for name, text in (decoys or {}).items():
        (context / name).parent.mkdir(exist_ok=True)
        (context / name).write_text(text)
    # pip may have to trust a proxy's certificate, which only this machine knows.
    lent = "--volume=/etc/ssl/certs:/etc/ssl/certs:ro"
    with one_at_a_time():
        words = stand_in(engine, base_of(ROOT / "Dockerfile"))
        how = ("--pull=never", "--network=host", "--format=docker", lent, f"--tag={TAG}")
        engine("build", *how, str(context), within=_BUILDS_WITHIN)
    sys.stdout.write(f"\n{words} Built in {time.monotonic() - begun:.0f} s.\n")
    return engine
