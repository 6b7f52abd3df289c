"""What tests may ask for, and the walls around them: no keys, settings or network of this machine."""

import functools
import gc
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import SimpleNamespace
from typing import Any

import pytest

from harvester.store.conditions import FOLDER
from harvester.store.s3 import S3Store
from tests.support import fork_server, secret_scan
from tests.support.certificates import loopback_certificate
from tests.support.examples import examples
from tests.support.harvest_stage import varied
from tests.support.servers import VERSITYGW, Bucket, S3Server, moto, seaweedfs, versitygw, versitygw_program
from tests.support.stores import Place, placed

_LOCAL = {"127.0.0.1", "::1", "localhost", ""}
_FOREIGN = (
    *("AWS_", "TWARC", "HONEYBADGER", "X_API"),
    *("CONSUMER_", "ACCESS_TOKEN", "BEARER_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
)
# Where tests write, unless the environment says where: a disk would let them wait for each sync.
_IN_MEMORY = Path("/dev/shm")
_TEMP_ROOTS = {"PYTEST_DEBUG_TEMPROOT", "TMPDIR"}
# What `make check` leaves out, beside the tests that are marked for it.
_SYSTEMS = {"s3_server", "moto_server", "versity_server", "s3", "moto", "versitygw", "fargate"}
_SYSTEMS |= {"tansu_brokers", "apache_brokers"}
_SYSTEM_FOLDERS = {"durability", "cloud"}
_numbers = itertools.count(1)
# Of what the emulator lets vary; more of them try more forms.
_SEEDS = [int(seed) for seed in os.environ.get("VARY_SEEDS", "1").split(",")]


def _only_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in _LOCAL:
        raise PermissionError(f"A test wanted to reach {arguments[1][0]}; tests stay on loopback.")


def _has_room(folder: Path) -> bool:
    """Whether it is memory that has room for what a run writes, some 500 MB, and for attributes of files."""
    try:
        with NamedTemporaryFile(dir=folder) as probe:
            os.setxattr(probe.name, "user.tests", b"")
        available = re.search(r"^MemAvailable: +(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
        return (
            available is not None and min(int(available[1]) << 10, shutil.disk_usage(folder).free) > 4 << 30
        )
    except OSError:
        return False


def _configure_laws() -> None:
    """A share of the examples, without deadlines: beside other load one takes 0.2 ms once and then 300."""
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "suite",
        settings.default,
        max_examples=examples(200),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("suite")


def pytest_configure() -> None:
    sys.addaudithook(_only_loopback)
    # Where only other tools are tried, it is not installed.
    if find_spec("hypothesis"):
        _configure_laws()
    if not _TEMP_ROOTS & os.environ.keys() and _has_room(_IN_MEMORY):
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(_IN_MEMORY)
    # Temporary folders of a test's own are there, too.
    tempfile.tempdir = os.environ.get("PYTEST_DEBUG_TEMPROOT", tempfile.tempdir)
    # Without compiled modules, each process that a test starts takes twice as long to start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # To look for garbage at each 700 new objects took a third of the time of all tests.
    gc.set_threshold(100_000)
    # Who starts the tests in the background ignores Ctrl-C, and all that they start would ignore it, too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _needs_a_system(item):
            item.add_marker("system")
    if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
        items[:] = slow_first(items, int(workers))


def slow_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Each worker begins with a share of the slow modules, so that none is left for the end.

    The workers are given equal parts of the list, and take from each other once theirs is done.
    """
    slow: dict[Path, list[pytest.Item]] = {}
    quick: list[pytest.Item] = []
    for item in items:
        (slow.setdefault(item.path, []) if item.get_closest_marker("slow") else quick).append(item)
    modules = list(slow.values())
    ordered: list[pytest.Item] = []
    for number in range(workers):
        mine = [item for module in modules[number::workers] for item in module]
        end = max(0, len(items) * (number + 1) // workers - len(ordered) - len(mine))
        ordered += [*mine, *quick[:end]]
        del quick[:end]
    return ordered


def _needs_a_system(item: pytest.Item) -> bool:
    """Whether it asks for a server, or stands where processes are killed or accounts are made."""
    given = getattr(item, "callspec", None)
    asked = {*getattr(item, "fixturenames", ()), *(map(str, given.params.values()) if given else ())}
    return bool(asked & _SYSTEMS) or bool(_SYSTEM_FOLDERS & set(item.path.parts))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported and collected stays to the end: looking through it for garbage takes half a second."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for loopback, which nobody trusts yet, and its key."""
    pair = loopback_certificate(tmp_path_factory.mktemp("tls"))
    if not pair:
        pytest.skip("openssl, which makes the certificate, is not on this machine")
    return pair


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """This machine's keys, profiles and endpoints are hidden from tests and from what they start."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.upper().startswith(_FOREIGN):
                patch.delenv(name)
        # Each harvest would read these certificates, for 25 ms of CPU; pip may need them.
        if bundle := os.environ.get("REQUESTS_CA_BUNDLE"):
            patch.setenv("PIP_CERT", bundle)
            patch.delenv("REQUESTS_CA_BUNDLE")
        patch.delenv("CURL_CA_BUNDLE", raising=False)
        patch.setenv("HOME", str(home))
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session", autouse=True)
def _forked_harvesters() -> Iterator[None]:
    """What a command starts on this machine is forked from a process that has imported the harvester."""
    with pytest.MonkeyPatch.context() as patch:
        forking = SimpleNamespace(**{**vars(subprocess), "Popen": fork_server.start})
        patch.setattr("harvester.compute.local.processes.subprocess", forking)
        yield


@pytest.fixture(scope="session", autouse=True)
def _descriptions_read_once() -> Iterator[None]:
    """botocore parses what it knows of a service for each session, which each command that is typed makes."""
    from botocore.loaders import JSONFileLoader

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", staticmethod(functools.cache(JSONFileLoader().load_file)))
        yield


@pytest.fixture(
    params=[pytest.param(None, id="as it answers", marks=pytest.mark.system), *_SEEDS],
    ids=lambda seed: f"varied {seed}",
)
def x_in_any_form(request: pytest.FixtureRequest) -> Iterator[None]:
    """The emulator as X answers today, and one of which all varies that X does not promise."""
    with varied(request.param):
        yield


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server (SeaweedFS) for all tests of this worker."""
    with seaweedfs(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """moto for all tests of this worker."""
    with moto() as server:
        yield server


@contextmanager
def _bucket(server: S3Server, request: pytest.FixtureRequest, *, versioned: bool = True) -> Iterator[Bucket]:
    bucket = Bucket(f"bucket-{os.getpid()}-{next(_numbers)}", server)
    s3 = server.client()
    s3.create_bucket(Bucket=bucket.name)
    # As Terraform makes it; and so nothing that was ever written escapes the search for secrets.
    if versioned and not request.node.get_closest_marker("unversioned"):
        s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    _remember_conditions(bucket)
    yield bucket
    leaked = secret_scan.in_bucket(bucket)
    _remove(bucket)
    assert leaked == [], "secrets are in the bucket or its history"


_conditions: dict[S3Server, tuple[str, bytes]] = {}


def _remember_conditions(bucket: Bucket) -> None:
    """As in a bucket that was written to before: what its server does was found by the first of a worker."""
    client = bucket.server.client()
    if bucket.server not in _conditions:
        S3Store(bucket.name, client=bucket.server.requests(bucket.name)).probe()
        (found,) = client.list_objects_v2(Bucket=bucket.name, Prefix=FOLDER)["Contents"]
        _conditions[bucket.server] = (found["Key"], bucket.read(found["Key"]))
    else:
        key, data = _conditions[bucket.server]
        client.put_object(Bucket=bucket.name, Key=key, Body=data)


def _remove(bucket: Bucket) -> None:
    """SeaweedFS gives each bucket volumes of its own, about ninety in all, and takes them back with it."""
    from botocore.exceptions import ClientError

    s3 = bucket.server.client()
    try:
        s3.delete_bucket(Bucket=bucket.name)
    except ClientError:
        # Others' have to be empty; moto is in this process.
        if _forgotten_by_moto(bucket):
            return
        entries = [{"Key": each.key, "VersionId": each.id} for each in secret_scan.versions(bucket)]
        for start in range(0, len(entries), 1000):
            batch = {"Objects": entries[start : start + 1000], "Quiet": True}
            s3.delete_objects(Bucket=bucket.name, Delete=batch)
        s3.delete_bucket(Bucket=bucket.name)


def _forgotten_by_moto(bucket: Bucket) -> bool:
    """Whether it was moto's, where a bucket of a thousand versions takes a hundred requests to remove."""
    from moto.s3.models import s3_backends

    if bucket.name not in s3_backends.bucket_accounts:
        return False
    partition, account = s3_backends.bucket_accounts.pop(bucket.name)
    del s3_backends[account][partition].buckets[bucket.name]
    return True


@pytest.fixture
def s3(s3_server: S3Server, request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """A fresh bucket on the real server."""
    with _bucket(s3_server, request) as bucket:
        yield bucket


@pytest.fixture
def moto_s3(moto_server: S3Server, request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """A fresh bucket on moto."""
    with _bucket(moto_server, request) as bucket:
        yield bucket


@pytest.fixture(scope="session")
def versity_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A second real S3 server, where it is installed."""
    program = versitygw_program()
    if program is None:
        pytest.skip(f"versitygw is not installed: `make versitygw`, or go install {VERSITYGW}")
    with versitygw(program, tmp_path_factory.mktemp("versitygw")) as server:
        yield server


@pytest.fixture
def versity_s3(versity_server: S3Server, request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """A fresh bucket on the second real server; it has no versions there."""
    with _bucket(versity_server, request, versioned=False) as bucket:
        yield bucket


@pytest.fixture
def s3_environment(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A fresh bucket that this process's own boto3 finds, as a harvester would: by its environment."""
    for name, value in s3.server.environment.items():
        monkeypatch.setenv(name, value)
    return s3


@pytest.fixture(params=["folder", "moto", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty store of each kind."""
    return placed(request.param, request, tmp_path, monkeypatch)


@pytest.fixture
def shared_data() -> Path:
    """Archives of real payloads that lie beside a checkout, not in it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real payloads at hand: {folder} is not there")
    return folder
