"""A harvest runs the sinks of its collection beside it, tells how far they are, and is not harmed by them."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.collection import history
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.sinks.receiver import Receiver, receiving
from tests.support import fork_server
from tests.support.harvest_processes import until

_ROOT = Path(__file__).resolve().parents[2]
_KEYS = CollectionKeys("live")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def _harvest(folder: Path, api: str, *options: str) -> "subprocess.Popen[bytes]":
    token = emulator.CREDENTIALS["bearer_token"]
    with (folder / "log").open("ab") as log, (folder / "out").open("ab") as out:
        return fork_server.start(
            [sys.executable, str(_ROOT / "tweet_harvester.py"), "local", "harvester", "live", *options],
            cwd=folder,
            env={**os.environ, "X_API_URL": api, "BEARER_TOKEN": token},
            stdin=subprocess.DEVNULL, stdout=out, stderr=log,
        )  # fmt: skip


def _stored(folder: Path) -> set[str]:
    import gzip

    found = set()
    for path in (folder / "collections").rglob("tweets-*.gz"):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            data = json.loads(line).get("data", [])
            found |= {post["id"] for post in (data if isinstance(data, list) else [data])}
    return found


def _sink_processes(folder: Path) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            if b"sink" in words and (path.parent / "cwd").resolve() == folder:
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def test_what_a_timeline_brings_is_delivered_by_its_end(tmp_path: Path, receiver: Receiver) -> None:
    with emulator.running(users=3, posts_per_user=120) as emulated:
        users: dict[str, Any] = {user["id"]: {} for user in emulated.control.users()}
        sinks = [{"type": "webhook", "url": receiver.url, "batch": 50}, {"type": "stdout"}]
        tree = {"id": "live", "type": "user_timeline", "users": users, "sinks": sinks}
        store = FolderStore(tmp_path / "collections")
        history.add(store, _KEYS, tree)
        process = _harvest(tmp_path, emulated.url)
        assert process.wait(120) == 0, (tmp_path / "log").read_text()
    assert set(receiver.accepted) == _stored(tmp_path) and len(receiver.accepted) == 360
    # Among the posts there is no line that `jq` would not read.
    printed = [json.loads(line)["data"]["id"] for line in (tmp_path / "out").read_bytes().splitlines()]
    assert (set(printed), len(printed)) == (_stored(tmp_path), 360)
    assert "live => complete" in (tmp_path / "log").read_text()
    state = json.loads(store.read(_KEYS.sink("webhook")).data)
    assert "released" in state and state["delivered"] == 360
    assert _sink_processes(tmp_path) == []


def test_a_stream_tells_how_far_its_sinks_are_and_one_that_is_away_harms_nothing(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answer = lambda _: (503, {}, b"")
    with emulator.running(users=20, stream_rate=40) as emulated:
        sinks = [{"type": "webhook", "url": receiver.url}]
        tree = {"id": "live", "type": "filter", "filter": {"track": "the"}, "sinks": sinks}
        store = FolderStore(tmp_path / "collections")
        history.add(store, _KEYS, tree)
        process = _harvest(tmp_path, emulated.url, "--port", "0", "--address-file", "address")
        try:
            file = tmp_path / "address"
            until(lambda: file.exists() and file.read_text().endswith("\n"), "its status is served")
            address = file.read_text().strip()

            def metrics() -> dict[str, float]:
                text = urllib.request.urlopen(f"{address}/metrics", timeout=60).read().decode()  # noqa: S310
                lines = (line for line in text.splitlines() if line.startswith("twarc_cloud_sink_"))
                return {line.partition("{")[0]: float(line.rpartition(" ")[2]) for line in lines}

            until(lambda: metrics().get("twarc_cloud_sink_lag_records", 0) > 0, "it is behind")
            assert metrics()["twarc_cloud_sink_delivered_total"] == 0
            receiver.answer = lambda _: (200, {}, b"")
            until(lambda: metrics()["twarc_cloud_sink_delivered_total"] > 20, "it catches up")
            # The harvest is killed: its sink delivers what is on this machine, and ends.
            process.send_signal(signal.SIGKILL)
            process.wait(60)
            until(lambda: not _sink_processes(tmp_path), "its sink has ended")
        finally:
            process.kill()
        before = set(receiver.accepted)
        again = _harvest(tmp_path, emulated.url)
        until(lambda: len(set(receiver.accepted)) > len(before) + 20, "the next one goes on")
        again.send_signal(signal.SIGTERM)
        assert again.wait(120) == 143, (tmp_path / "log").read_text()
    assert set(receiver.accepted) == _stored(tmp_path)
