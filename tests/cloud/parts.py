"""The parts of a cloud on loopback: a container engine, and an account that runs tasks on it."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.support.podman import ROOT, Engine
from tests.support.servers import S3Server, guarded, own_ports, reachable, ready

REGION = "us-east-1"
_LISTENS = "0A"
_PYTHON = ROOT / ".venv/cloud/bin/python"


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    sys.stdout.write(f"\n--- {what} ... ")
    sys.stdout.flush()
    begun = time.monotonic()
    yield
    sys.stdout.write(f"{time.monotonic() - begun:.0f} s\n")


@dataclass(frozen=True)
class Account:
    """An emulated AWS account; `folder` is where it is told what not to have."""

    server: S3Server
    engine: Engine
    folder: Path

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": self.server.access_key, "aws_secret_access_key": self.server.secret_key}
        return boto3.client(service, endpoint_url=self.server.endpoint, region_name=REGION, **keys)

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> list[Any]:
        paginator = self.client(service).get_paginator(operation)
        return [entry for page in paginator.paginate(**parameters) for entry in page.get(key, ())]

    @contextmanager
    def without_capacity(self, *providers: str) -> Iterator[None]:
        """No room for a task of these capacity providers, or of any."""
        (self.folder / "no-capacity").write_text(" ".join(providers))
        try:
            yield
        finally:
            (self.folder / "no-capacity").unlink()

    def containers(self, *options: str) -> list[str]:
        """The names of the containers of tasks that run."""
        return self.engine("ps", "--filter=name=ministack-ecs", "--format={{.Names}}", *options).split()

    def listening(self) -> set[str]:
        """Where a process of a task listens."""
        processes = [
            int(process)
            for name in self.containers()
            for process in self.engine("top", name, "hpid").split()[1:]
        ]
        return {address for process in processes for address in listening(process)}

    def end_all(self) -> None:
        """Services and tasks that a test that failed has left."""
        ecs = self.client("ecs")
        for cluster in self.pages("ecs", "list_clusters", "clusterArns"):
            for service in self.pages("ecs", "list_services", "serviceArns", cluster=cluster):
                ecs.delete_service(cluster=cluster, service=service, force=True)
            for task in self.pages("ecs", "list_tasks", "taskArns", cluster=cluster):
                ecs.stop_task(cluster=cluster, task=task)


@contextmanager
def account(engine: Engine, folder: Path) -> Iterator[Account]:
    """ministack with podman behind it; both end with the block, and every container of a task."""
    with own_ports(1) as (port,):
        yield from _account(engine, folder, port)


def _account(engine: Engine, folder: Path, port: int) -> Iterator[Account]:
    socket = folder / "podman.sock"
    server = S3Server(f"http://127.0.0.1:{port}", "test", "test")
    service = ["podman", "system", "service", "--time=0", f"unix://{socket}"]
    environment = {**os.environ, **engine.environment}
    told = {
        "DOCKER_HOST": f"unix://{socket}",
        "ACCOUNT_FOLDER": str(folder),
        "TMPDIR": str(folder),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "S3_DATA_DIR": str(folder / "s3"),
        "MINISTACK_DOCKER_TIMEOUT": "60",
        "MINISTACK_REGION": REGION,
    }
    emulated = [str(_PYTHON), str(ROOT / "tests/cloud/account.py")]
    with guarded(service, log=folder / "podman.txt", environment=environment) as engine_service:
        assert ready(socket.exists, engine_service), (folder / "podman.txt").read_text()
        with guarded(emulated, log=folder / "account.txt", environment={**environment, **told}) as process:
            up = ready(lambda: reachable(f"{server.endpoint}/_ministack/health"), process, within=60)
            assert up, (folder / "account.txt").read_text()[-3000:]
            made = Account(server, engine, folder)
            try:
                yield made
            finally:
                for name in made.containers("--all"):
                    engine.tried("rm", "--force", "--time=0", "--volumes", name)


def listening(process: int) -> set[str]:
    """The addresses, as the kernel writes them, on which a process of this machine's network listens."""
    sockets = set()
    for file in Path(f"/proc/{process}/fd").iterdir():
        with suppress(OSError):
            sockets.add(file.readlink().name)
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
            if state == _LISTENS and f"socket:[{inode}]" in sockets:
                found.add(local)
    return found
