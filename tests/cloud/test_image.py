"""The image, built, and run as a task of Fargate: what is in it, and that no end of a task loses anything."""

import json
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester import __version__
from harvester.errors import Exit
from tests.support import invariants
from tests.support.container_process import Desk, Said, Watched
from tests.support.harvest_processes import pause
from tests.support.harvest_stage import came_about, until
from tests.support.podman import ROOT, TAG, Engine, base_of, built, lacking
from tests.support.s3_gate import OPEN, SHUT, Gate, gate
from tests.support.servers import Bucket

pytestmark = pytest.mark.skipif(bool(lacking()), reason=f"no image is built and run here: {lacking()}")

_WITHIN = 30.0
_SPOT_NOTICE = 120
_LOCK_SECONDS = 8
_TOKEN = "of-the-test"
_SECRET = "this-is-a-secret-that-lies-about"
_DECOYS = ("twarc_cloud.ini", ".twarc", ".env", "collection.json", "terraform/terraform.tfvars", "temp/open")
_SEARCH: dict[str, Any] = {"id": "it", "type": "search", "search": {"query": "flood"}}
_TIMELINES: dict[str, Any] = {"id": "it", "type": "user_timeline", "users": {"10000019": {}, "10000116": {}}}
_STREAM: dict[str, Any] = {"id": "it", "type": "filter", "filter": {"track": "flood"}}
_PAGES: dict[str, Any] = {"search_posts": 4000, "latency": 150}
_POSTS: dict[str, Any] = {"stream_rate": "50", "keepalive": 1.0}


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """With the image built, from a checkout in which secrets lie about."""
    return built(tmp_path_factory.mktemp("image"), decoys=dict.fromkeys(_DECOYS, _SECRET))


def test_hadolint_finds_nothing_to_say_of_the_dockerfile() -> None:
    hadolint = ROOT / ".venv/cloud/bin/hadolint"
    if not hadolint.exists():
        pytest.skip(f"{hadolint} is not there")
    said = subprocess.run([hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_each_package_has_a_wheel_for_either_architecture_of_the_python_of_the_image(
    machine: str, tmp_path: Path
) -> None:
    """Asked of the package index: the stand-in for the base has another Python, of this machine only."""
    version = ".".join(base_of(ROOT / "Dockerfile").partition(":")[2].split(".")[:2])
    glibc = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(17, 37)]
    tags = [f"--platform=manylinux2014_{machine}", *glibc, f"--python-version={version}"]
    wanted = ["--only-binary=:all:", "--require-hashes", f"--requirement={ROOT / 'requirements-kafka.txt'}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"--dest={tmp_path}"]
    done = subprocess.run([*command, *tags, *wanted], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    asked = re.findall(
        r"^\S+==(?!.*(?:sys_platform|python_full))", (ROOT / "requirements-kafka.txt").read_text(), re.M
    )
    assert len(list(tmp_path.glob("*.whl"))) >= len(asked) > 30


def test_the_image_runs_python_itself_as_nobody_and_is_told_how_to_stop_and_to_look_at_it(
    engine: Engine,
) -> None:
    image = engine.inspected("image", TAG)
    config = image["Config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["python", "-u", "tweet_harvester.py"]
    assert config["StopSignal"] == "SIGTERM"
    assert list(config["Volumes"]) == ["/work"]
    assert "TWARC_CLOUD_HEARTBEAT" in image["Healthcheck"]["Test"][-1]
    assert "ExposedPorts" not in config
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}
    assert labels["version"] == __version__
    assert f"docker.io/library/{labels['base.name'].rpartition('/')[2]}" == base_of(ROOT / "Dockerfile")
    assert {"title", "description", "licenses", "revision", "created"} <= set(labels)


def test_no_layer_holds_a_secret_a_build_tool_or_what_others_could_write(
    engine: Engine, tmp_path: Path
) -> None:
    layers = _own_layers(engine, tmp_path)
    sizes = {}
    for layer in layers:
        with tarfile.open(layer) as archive:
            for entry in archive:
                assert not entry.mode & 0o6000, f"{entry.name} is setuid or setgid"
                assert entry.uid == 0 or entry.name == "work", f"{entry.name} belongs to {entry.uid}"
                if file := archive.extractfile(entry) if entry.isfile() else None:
                    sizes[entry.name] = entry.size
                    assert _SECRET.encode() not in file.read(), entry.name
    names = {Path(name).name for name in sizes}
    assert not names & {"pip", "pip3", "gcc", "cc", "make", "twarc_cloud.ini", ".twarc", "terraform.tfvars"}
    assert not any(part in name for name in sizes for part in ("twarc-cloud/tests/", "emulator/", "/pip/"))
    megabytes = sum(sizes.values()) / 1e6
    sys.stdout.write(f"\n{len(sizes)} files above the base: {megabytes:.0f} MB\n")
    assert megabytes < 70


def _own_layers(engine: Engine, folder: Path) -> list[Path]:
    """The layers that the Dockerfile adds to its base, as archives."""
    engine("save", "--format=docker-archive", f"--output={folder / 'image.tar'}", TAG)
    with tarfile.open(folder / "image.tar") as archive:
        archive.extractall(folder, filter="data")
    (manifest,) = json.loads((folder / "manifest.json").read_text())
    below = len(engine.inspected("image", base_of(ROOT / "Dockerfile"))["RootFS"]["Layers"])
    return [folder / name for name in manifest["Layers"][below:]]


class Task(Watched):
    """A container that runs."""

    def __init__(self, process: Any, name: str, engine: Engine) -> None:
        super().__init__(process)
        self._name, self._engine = name, engine

    @property
    def account(self) -> Any:
        return self.get("/status", token=_TOKEN)

    def signal(self, number: signal.Signals) -> None:
        self._engine("kill", f"--signal={number.value}", self._name)

    @property
    def is_there(self) -> bool:
        asked = ("container", "inspect", "--format={{.State.Running}}", self._name)
        return self._engine.tried(*asked).stdout == "true\n"

    def stop(self, *, within: float) -> None:
        """As a scheduler does: the image's signal to stop, and SIGKILL after so many seconds."""
        self._engine("stop", f"--time={within:.0f}", self._name, within=within + 30)

    def runs(self, *command: str) -> int:
        return self._engine.tried("exec", self._name, *command).returncode


@dataclass
class Fargate:
    """Runs tasks on a bucket, each with a disk of its own, and an emulator as the network."""

    engine: Engine
    desk: Desk
    bucket: Bucket
    control: emulator.Control
    way: Gate
    variables: dict[str, str] = field(default_factory=dict)

    def put(self, collection: Mapping[str, Any]) -> None:
        body = json.dumps(collection).encode()
        self.bucket.server.client().put_object(
            Bucket=self.bucket.name, Key="collections/it/collection.json", Body=body
        )

    @contextmanager
    def task(self, *options: str, volume: str = "") -> Iterator[Task]:
        """A task that runs, and is gone after the block, its disk too."""
        if not volume:
            with self.engine.volume() as volume, self.task(*options, volume=volume) as task:
                yield task
            return
        variables = {
            **self.bucket.server.environment,
            "AWS_ENDPOINT_URL": self.way.url,
            "X_API_URL": self.desk.url,
            "BEARER_TOKEN": emulator.CREDENTIALS["bearer_token"],
            "TWARC_CLOUD_TOKEN": _TOKEN,
            "TWARC_CLOUD_X_PATIENCE": "900",
            "TWARC_CLOUD_LOCK_SECONDS": str(_LOCK_SECONDS),
            "TWARC_CLOUD_CHECKPOINT_SECONDS": "2",
            **self.variables,
        }
        told = tuple(variables)
        arguments = ("aws", "harvester", self.bucket.name, "it", *options)
        name, command = self.engine.command(TAG, *arguments, volume=volume, told=told)
        process = self.desk.process(command, **variables, **self.engine.environment)
        try:
            yield Task(process, name, self.engine)
        finally:
            self.engine.tried("rm", "--force", "--time=0", name)
            process.wait(30)
            for pipe in (process.stdout, process.stderr):
                if pipe:
                    pipe.close()

    @contextmanager
    def watched(self, *options: str) -> Iterator[Task]:
        with self.task(*options, "--port", "0", "--host", "127.0.0.1") as task:
            yield task

    def harvested(self) -> Said:
        with self.task() as task:
            return task.ended(within=240)

    def found(self, folder: Path) -> invariants.Found:
        shutil.rmtree(folder, ignore_errors=True)
        return invariants.examined(invariants.mirrored(self.bucket, folder), "it", temp=folder / "none")

    def existed(self) -> list[str]:
        """All posts of the search, or of the accounts, whichever there are."""
        users = [user["id"] for user in self.control.users()]
        return self.control.search("flood") or [
            post for user in users for post in self.control.timeline(user)
        ]

    def listed(self) -> list[str]:
        answer = self.bucket.server.client().list_objects_v2(Bucket=self.bucket.name)
        return [entry["Key"] for entry in answer.get("Contents", ())]


@contextmanager
def _fargate(engine: Engine, folder: Path, bucket: Bucket, **options: Any) -> Iterator[Fargate]:
    with emulator.running(**options) as emulated, gate(bucket.server.endpoint) as way:
        yield Fargate(engine, Desk(folder, emulated.url), bucket, emulated.control, way)


def test_a_harvest_writes_nowhere_but_to_its_volume_and_is_whole(
    engine: Engine, tmp_path: Path, s3: Bucket
) -> None:
    with _fargate(engine, tmp_path, s3, search_posts=1500) as fargate, engine.volume() as volume:
        fargate.put(_SEARCH)
        with fargate.task(volume=volume) as task:
            said = task.ended(within=120)
        assert said.code == Exit.OK, said
        assert "it => complete" in said.out
        found = fargate.found(tmp_path / "found")
        assert (found.wrong, found.lost(fargate.control.search("flood")), found.doubled) == ([], [], [])
        left = Path(engine.inspected("volume", volume)["Mountpoint"])
        assert [path.name for path in left.rglob("*") if path.is_file()] == ["heartbeat"]


def test_a_task_that_lives_is_healthy_and_one_that_hangs_is_not(
    engine: Engine, tmp_path: Path, s3: Bucket
) -> None:
    with _fargate(engine, tmp_path, s3, **_POSTS) as fargate:
        fargate.put(_STREAM)
        look = engine.inspected("image", TAG)["Healthcheck"]["Test"]
        assert look[0] == "CMD"
        with fargate.watched() as task:
            until(lambda: task.account["tweets"] > 0, within=60)
            assert task.runs(*look[1:]) == 0
            assert task.runs("touch", "/opt/twarc-cloud/other") != 0
            task.signal(signal.SIGSTOP)
            assert task.runs("sh", "-c", "touch --date='3 minutes ago' $TWARC_CLOUD_HEARTBEAT") == 0
            assert task.runs(*look[1:]) != 0


@dataclass(frozen=True)
class State:
    """Where a task is when it is stopped, and how that is seen from outside."""

    collection: Mapping[str, Any]
    options: Mapping[str, Any]
    script: tuple[Mapping[str, Any], ...] = ()
    activity: str = "collecting"


_LATER_PAGES = "GET /2/tweets/search/recent"
_STATES = {
    "reading a search": State(_SEARCH, _PAGES),
    "reading timelines": State(_TIMELINES, {"users": 2, "posts_per_user": 2000, "latency": 150}),
    "reading a stream": State(_STREAM, _POSTS),
    "waiting for the rate limit": State(
        _SEARCH, _PAGES, ({"on": _LATER_PAGES, "when": {"nth": 3}, "do": "rate-limit"},), "waiting 9"
    ),
    "waiting for a page that stalls": State(
        _SEARCH, _PAGES, ({"on": _LATER_PAGES, "when": {"nth": 3}, "do": "stall", "seconds": 60},)
    ),
    "reading a stream that is silent": State(
        _STREAM, _POSTS, ({"on": "GET /2/tweets/search/stream", "do": "stall", "after_posts": 50},)
    ),
}


@pytest.mark.parametrize("state", _STATES)
def test_sigterm_ends_a_task_with_everything_stored(
    state: str, engine: Engine, tmp_path: Path, s3: Bucket
) -> None:
    it = _STATES[state]
    with _fargate(engine, tmp_path, s3, **it.options) as fargate:
        fargate.put(it.collection)
        fargate.control.faults(it.script)
        with fargate.watched() as task:
            until(lambda: _is_there(task, fargate.control, it), within=120)
            said = _stopped(task, state)
        assert said.code == Exit.TERMINATED, said
        assert "it => stopped (SIGTERM)." in said.out
        assert not any("lock.json" in key or "/open/" in key for key in fargate.listed())
        found = fargate.found(tmp_path / "found")
        assert found.wrong == []
        assert found.posts.total() >= 50
        _require_nothing_lost_next_time(fargate, it, tmp_path / "next")


def _is_there(task: Task, control: emulator.Control, state: State) -> bool:
    account = task.account
    return account["tweets"] >= 50 and state.activity in account["activity"] and all(control.fired())


def _stopped(task: Task, state: str) -> Said:
    """SIGTERM, as Fargate sends it when it stops a task or takes Spot capacity back."""
    asked = time.monotonic()
    task.signal(signal.SIGTERM)
    said = task.ended(within=_WITHIN)
    sys.stdout.write(f"\n| {state} | SIGTERM | {time.monotonic() - asked:.1f} |")
    return said


def _require_nothing_lost_next_time(fargate: Fargate, state: State, folder: Path) -> None:
    """Another task, on another disk, goes on from what is stored."""
    fargate.control.clear_faults()
    if state.collection["type"] == "filter":
        with fargate.watched() as task:
            until(lambda: task.account["tweets"] >= 50, within=120)
            assert _stopped(task, "reading a stream, again").code == Exit.TERMINATED
        found = fargate.found(folder)
        assert (found.wrong, found.doubled) == ([], [])
        assert [found.lost_unsaid(posts) for posts in _received(fargate.control, found)] == [[], []]
        # Between the two the stream was not heard, however the first one ended.
        assert found.gaps
        return
    now = datetime.now(UTC)
    fargate.control.advance(1000)
    # What a search had left of its first day is out of reach for a task that continues it on the next day.
    on_the_next_day = (now + timedelta(seconds=1000)).date() > now.date()
    assert fargate.harvested().code in (Exit.OK, Exit.PARTIAL if on_the_next_day else Exit.OK)
    found = fargate.found(folder)
    assert (found.wrong, found.lost(fargate.existed()), found.doubled) == ([], [], [])


def _received(control: emulator.Control, found: invariants.Found) -> list[list[str]]:
    """Of each connection, what was written to it up to the last post that is stored; the rest was on its way.

    What was published between two connections was not collected.
    """
    told = control.stream()
    each: dict[int, list[str]] = {}
    for post, connection, written in zip(told["ids"], told["epochs"], told["written"], strict=True):
        if written:
            each.setdefault(connection, []).append(post)
    return [
        posts[: max(number for number, post in enumerate(posts, 1) if post in found.posts)]
        for posts in each.values()
    ]


def test_sigterm_while_the_store_is_away_stores_everything_once_it_is_back(
    engine: Engine, tmp_path: Path, s3: Bucket
) -> None:
    with _fargate(engine, tmp_path, s3, **_POSTS) as fargate, _store_away(fargate) as task:
        asked = time.monotonic()
        task.signal(signal.SIGTERM)
        assert not came_about(lambda: task.process.poll() is not None, within=2.0)
        fargate.way.set(OPEN)
        said = task.ended(within=_WITHIN)
        sys.stdout.write(f"\n| an upload is retried | SIGTERM | {time.monotonic() - asked:.1f} |")
        assert said.code == Exit.TERMINATED, said
        assert not any("lock.json" in key or "/open/" in key for key in fargate.listed())
        assert fargate.found(tmp_path / "found").wrong == []


def test_sigterm_while_the_store_stays_away_ends_in_time_and_tells_where_the_rest_is(
    engine: Engine, tmp_path: Path, s3: Bucket
) -> None:
    with _fargate(engine, tmp_path, s3, **_POSTS) as fargate:
        with _store_away(fargate) as task:
            said = _stopped(task, "an upload is retried, and the store stays away")
            assert said.code == Exit.ERROR, said
            assert "is kept in /work" in said.answer
        fargate.way.set(OPEN)
        until(lambda: _lock_age(fargate) > _LOCK_SECONDS + 3, within=60)
        _require_nothing_lost_next_time(fargate, State(_STREAM, _POSTS), tmp_path / "next")


@contextmanager
def _store_away(fargate: Fargate) -> Iterator[Task]:
    fargate.put(_STREAM)
    with fargate.watched("--tweets-per-file", "50") as task:
        until(lambda: task.account["tweets"] >= 120, within=120)
        fargate.way.set(SHUT)
        until(lambda: "retrying" in task.account["activity"], within=120)
        yield task


def test_a_task_that_finds_the_lock_held_ends_at_once_and_lets_it_be(
    engine: Engine, tmp_path: Path, s3: Bucket
) -> None:
    with _fargate(engine, tmp_path, s3, **_PAGES) as fargate:
        fargate.put(_SEARCH)
        with fargate.watched() as first:
            until(lambda: first.account["tweets"] > 0, within=60)
            said = fargate.harvested()
            assert said.code == Exit.LOCKED, said
            assert "collections/it/lock.json" in fargate.listed()
            assert first.ended(within=240).code == Exit.OK


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0, 2.0, 3.0])
def test_sigterm_at_any_moment_of_the_start_is_heard(
    seconds: float, engine: Engine, tmp_path: Path, s3: Bucket
) -> None:
    """The first process of a container has no default for a signal: without a handler it is lost."""
    with _fargate(engine, tmp_path, s3, **_POSTS) as fargate:
        fargate.put(_STREAM)
        with fargate.task() as task:
            until(lambda: task.is_there)
            pause(seconds)
            said = _stopped(task, f"starting, for {seconds} s")
        assert said.code == Exit.TERMINATED, said
        assert not any("lock.json" in key or "/open/" in key for key in fargate.listed())


@pytest.mark.parametrize("kind", ["search", "stream"])
@pytest.mark.parametrize("notice", [None, 0.2], ids=["SIGKILL", "SIGTERM and SIGKILL before it is through"])
def test_a_killed_task_is_gone_on_with_by_another_on_another_disk(
    kind: str, notice: float | None, engine: Engine, tmp_path: Path, s3: Bucket
) -> None:
    it = _STATES[f"reading a {kind}"]
    with _fargate(engine, tmp_path, s3, **it.options) as fargate:
        fargate.put(it.collection)
        with fargate.watched() as task:
            until(lambda: task.account["tweets"] >= 500, within=120)
            if notice:
                # Some ten requests end a task, so that it is not through by then on any machine.
                fargate.way.delay = 2 * notice
                task.signal(signal.SIGTERM)
                pause(notice)
            task.signal(signal.SIGKILL)
            assert task.ended().code == 128 + signal.SIGKILL
        fargate.way.delay = 0.0
        until(lambda: _lock_age(fargate) > _LOCK_SECONDS + 3, within=60)
        _require_nothing_lost_next_time(fargate, it, tmp_path / "next")


def _lock_age(fargate: Fargate) -> float:
    """Seconds since the dead task renewed its lock."""
    s3 = fargate.bucket.server.client()
    lock = s3.head_object(Bucket=fargate.bucket.name, Key="collections/it/lock.json")
    return (datetime.now(UTC) - lock["LastModified"]).total_seconds()


def test_a_spot_interruption_is_a_clean_stop_within_its_notice(
    engine: Engine, tmp_path: Path, s3: Bucket
) -> None:
    """Fargate takes Spot capacity back with SIGTERM, and SIGKILL two minutes later."""
    it = _STATES["reading timelines"]
    with _fargate(engine, tmp_path, s3, **it.options) as fargate:
        fargate.put(it.collection)
        with fargate.watched() as task:
            until(lambda: _is_there(task, fargate.control, it), within=120)
            task.stop(within=_SPOT_NOTICE)
            said = task.ended(within=_WITHIN)
        assert said.code == Exit.TERMINATED, said
        _require_nothing_lost_next_time(fargate, it, tmp_path / "next")
