"""Real servers on loopback, on ports of their own, that end with the tests, even if those are killed."""

import fcntl
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harvester.aws.access import Access
from harvester.aws.signature import Keys
from harvester.clock import Clock, SystemClock
from harvester.store.conditions import FOLDER
from harvester.store.connections import Limits
from harvester.store.s3_requests import S3Requests

# The pipe to this process's stdin closes with its parent, however that ends; then the server ends too.
_GUARD = """
import os, subprocess, sys, threading
server = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
threading.Thread(target=lambda: os._exit(server.wait() & 255), daemon=True).start()
sys.stdin.buffer.read()
server.send_signal(int(sys.argv[1]))
try:
    server.wait(20)
except subprocess.TimeoutExpired:
    server.kill()
    server.wait()
"""
# Keys that obstore sends as they are.
_PLAIN = re.compile(r"(?:[\w.=-]+/)*[\w.=-]+", re.ASCII)
_OWN_PORTS = (20000, 32000)
# A file for each port, on which a lock is held as long as the port is in use.
_RESERVED = Path(tempfile.gettempdir(), f"twarc-cloud-test-ports-{os.getuid()}")
_READY_WITHIN = 60.0


@dataclass(frozen=True)
class S3Server:
    """An S3 endpoint and keys that may do everything there."""

    endpoint: str
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it, and nothing else of AWS's."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def client(self, **more: Any) -> Any:
        """A client of boto3, for what a test does to a server; one with nothing special is shared."""
        return _client(self) if not more else _new_client(self, **more)

    def requests(
        self, bucket: str, *, tries: int = 3, clock: Clock | None = None, ca_bundle: str = ""
    ) -> S3Requests:
        """What a store asks a bucket with, whatever the environment says."""
        keys = Keys(self.access_key, self.secret_key)
        access = Access(self.endpoint, "us-east-1", ca_bundle, keys)
        limits = Limits(tries=tries)
        return S3Requests(bucket, access, lambda: keys, limits=limits, clock=clock or SystemClock())


@cache
def _client(server: S3Server) -> Any:
    # To make one takes longer than most of what it is asked for.
    return _new_client(server)


def _new_client(server: S3Server, **more: Any) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name="us-east-1",
        **more,
    )


class _OneByOne:
    """A server that looks at a condition and writes in two steps, made one that takes one write at a time."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app, self._guard = app, threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if environ["REQUEST_METHOD"] not in ("PUT", "DELETE"):
            return self._app(environ, start)
        with self._guard:
            return self._app(environ, start)


@contextmanager
def moto(*, atomic: bool = True) -> Iterator[S3Server]:
    """moto as a server: no signature check, but more of AWS than S3; as it comes it is not `atomic`."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *_: Any) -> None:
            pass

    app = DomainDispatcherApplication(create_backend_app)
    server = make_server(
        "127.0.0.1", 0, _OneByOne(app) if atomic else app, threaded=True, request_handler=Quiet
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield S3Server(f"http://127.0.0.1:{server.server_port}", "test", "test")
    finally:
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Bucket:
    """A fresh bucket on a server; `server.environment` leads a process there."""

    name: str
    server: S3Server

    @cached_property
    def _quick(self) -> Any:
        from obstore.store import S3Store

        return S3Store(
            self.name,
            endpoint=self.server.endpoint,
            access_key_id=self.server.access_key,
            secret_access_key=self.server.secret_key,
            region="us-east-1",
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )

    def known_at(self, endpoint: str) -> None:
        """Its server is at this address, too; as in a bucket that was written to through it before."""
        client = self.server.client()
        (found,) = client.list_objects_v2(Bucket=self.name, Prefix=FOLDER)["Contents"]
        key = f"{FOLDER}{urlsplit(endpoint).netloc.replace(':', '-')}.json"
        client.put_object(Bucket=self.name, Key=key, Body=self.read(found["Key"]))

    def read(self, key: str, *, version: str | None = None) -> bytes:
        """What is stored there; boto3, which a key may be anything for, takes nine times the CPU."""
        if _PLAIN.fullmatch(key):
            return bytes(self._quick.get(key, options={"version": version} if version else None).bytes())
        which = {"VersionId": version} if version else {}
        body: bytes = self.server.client().get_object(Bucket=self.name, Key=key, **which)["Body"].read()
        return body


@contextmanager
def guarded(
    command: list[str], *, log: Path, environment: dict[str, str], end: signal.Signals = signal.SIGKILL
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that ends with this block or with this process; its output goes to `log`.

    `end` is for one that has things outside its folder, which it takes away when it is asked to end.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", _GUARD, str(int(end)), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environment,
        )
    assert process.stdin
    try:
        yield process
    finally:
        with suppress(OSError):
            process.stdin.close()
        process.wait(timeout=60)


@contextmanager
def own_ports(count: int) -> Iterator[list[int]]:
    """Ports for servers that cannot choose one themselves; no other test gets them while the block lasts.

    Where any port will do, systems give one of 32768 or more. These are below, so that nothing else takes
    them before the server does.
    """
    with ExitStack() as held:
        yield [_reserved(held) for _ in range(count)]


def _reserved(held: ExitStack) -> int:
    _RESERVED.mkdir(mode=0o700, exist_ok=True)
    for _ in range(1000):
        port = random.SystemRandom().randrange(*_OWN_PORTS)
        with ExitStack() as one, suppress(OSError):
            lock = one.enter_context((_RESERVED / str(port)).open("ab"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as tried:
                tried.bind(("127.0.0.1", port))
            held.enter_context(one.pop_all())
            return port
    raise RuntimeError(f"No port of {_OWN_PORTS} is free.")


@contextmanager
def no_server() -> Iterator[str]:
    """An address where nothing answers while the block lasts."""
    with socket.socket() as bound:
        # Bound and not listening: connections are refused, and nothing else can listen.
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def ready(
    answers: Callable[[], bool], process: subprocess.Popen[bytes], *, within: float = _READY_WITHIN
) -> bool:
    """Whether the server answered before it ended and before the deadline."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if answers():
            return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
            return False
    return False


def reachable(url: str) -> bool:
    """Whether an HTTP server answers there, be it with an error."""
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True


@contextmanager
def seaweedfs(folder: Path) -> Iterator[S3Server]:
    """SeaweedFS: a server that enforces conditional writes and signatures, and keeps its data in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    keys = {"AWS_ACCESS_KEY_ID": "mini", "AWS_SECRET_ACCESS_KEY": "minisecret"}
    try:
        with own_ports(len(_WEED_PORTS)) as free:
            ports = dict(zip(_WEED_PORTS, free, strict=True))
            command = _weed_command(folder / "data", ports)
            server = S3Server(f"http://127.0.0.1:{ports['s3.port']}", *keys.values())
            with guarded(command, log=log, environment={**keys, "HOME": str(folder)}) as process:
                try:
                    if not ready(lambda: _lists_buckets(server), process):
                        raise _not_started("SeaweedFS", log)
                    yield server
                finally:
                    _remove_sockets(ports)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"


def versitygw_program() -> str | None:
    """Where versitygw is: in .venv, as `make versitygw` puts it, or on the PATH."""
    own = Path(sys.executable).parents[1] / "go"
    return shutil.which("versitygw", path=os.pathsep.join([str(own), os.environ.get("PATH", "")]))


@contextmanager
def versitygw(program: str, folder: Path, *, how: str = "") -> Iterator[S3Server]:
    """versitygw, a server that keeps objects as files in `folder`; `how` is "versioned" or "nometa"."""
    for name in ("data", "versions"):
        (folder / name).mkdir(parents=True)
    options = {"": [], "versioned": ["--versioning-dir", str(folder / "versions")], "nometa": ["--nometa"]}
    log = folder / "log.txt"
    keys = {"ROOT_ACCESS_KEY": "mini", "ROOT_SECRET_KEY": "minisecret", "HOME": str(folder)}
    with own_ports(1) as (port,):
        command = [program, "--port", f"127.0.0.1:{port}", "posix", *options[how], str(folder / "data")]
        server = S3Server(f"http://127.0.0.1:{port}", "mini", "minisecret")
        with guarded(command, log=log, environment=keys) as process:
            if not ready(lambda: _lists_buckets(server), process):
                raise _not_started("versitygw", log)
            yield server


def _not_started(name: str, log: Path) -> RuntimeError:
    return RuntimeError(f"{name} did not start:\n{log.read_text(errors='replace')[-3000:]}")


_WEED_PORTS = tuple(
    f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3", "admin") for kind in ("", ".grpc")
)


def _remove_sockets(ports: dict[str, int]) -> None:
    """What a killed SeaweedFS leaves in /tmp, where its sockets always are, named by their ports."""
    for port in ports.values():
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            path.unlink(missing_ok=True)


def _weed_command(data: Path, ports: dict[str, int]) -> list[str]:
    data.mkdir(exist_ok=True)
    return [
        str(Path(sys.executable).with_name("weed")),
        "-logtostderr=true",
        "mini",
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-master.electionTimeout=1s",
        "-master.heartbeatInterval=100ms",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]


def _lists_buckets(server: S3Server) -> bool:
    """An object must go there and back: the gateway answers before the volumes are ready."""
    from botocore.exceptions import BotoCoreError, ClientError

    if not reachable(server.endpoint):
        return False
    s3 = server.client()
    try:
        s3.create_bucket(Bucket="ready")
        s3.put_object(Bucket="ready", Key="ready", Body=b"ready")
        s3.delete_object(Bucket="ready", Key="ready")
        s3.delete_bucket(Bucket="ready")
    except (BotoCoreError, ClientError):
        return False
    return True
