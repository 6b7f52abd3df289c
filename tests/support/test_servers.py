"""The servers that tests rely on: real enough to refuse, and gone afterwards."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harvester.store.conditions import FOLDER
from tests.support.servers import Bucket, own_ports, ready

_ROOT = Path(__file__).resolve().parents[2]
_PARENT = """
import os, sys, pathlib
from tests.support.servers import guarded
program = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
with guarded([sys.executable, "-c", program], log=pathlib.Path(sys.argv[1]), environment=dict(os.environ)):
    sys.stdin.read()
"""


def test_the_s3_server_lets_only_one_of_two_creators_win(s3: Bucket) -> None:
    client = s3.server.client()
    client.put_object(Bucket=s3.name, Key="a", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=s3.name, Key="a", Body=b"second", IfNoneMatch="*")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert client.get_object(Bucket=s3.name, Key="a")["Body"].read() == b"first"


def test_the_s3_server_refuses_a_wrong_key(s3: Bucket) -> None:
    wrong = type(s3.server)(s3.server.endpoint, s3.server.access_key, "not the secret")
    with pytest.raises(ClientError) as refused:
        wrong.client().list_objects_v2(Bucket=s3.name)
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_each_test_has_a_bucket_of_its_own(s3: Bucket, moto_s3: Bucket) -> None:
    for bucket in (s3, moto_s3):
        held = bucket.server.client().list_objects_v2(Bucket=bucket.name).get("Contents", ())
        # What is known of the server is put there beforehand, for to try it takes a second.
        assert [each["Key"] for each in held if not each["Key"].startswith(FOLDER)] == []
    assert s3.name != moto_s3.name


_WANTS_ONE = """
import sys
from tests.support import servers
servers._OWN_PORTS = (int(sys.argv[1]), int(sys.argv[1]) + 1)
try:
    with servers.own_ports(1):
        print("got it")
except RuntimeError:
    print("refused")
"""


def test_a_port_is_given_to_one_process_at_a_time_though_nobody_listens_yet() -> None:
    def another(port: int) -> str:
        command = [sys.executable, "-c", _WANTS_ONE, str(port)]
        return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=60).stdout.strip()

    with own_ports(3) as ports:
        assert len(set(ports)) == 3
        assert another(ports[0]) == "refused"
    assert another(ports[0]) == "got it"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", ports[0]))
        assert another(ports[0]) == "refused"


def test_a_server_ends_when_its_test_process_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(log)], cwd=_ROOT, stdin=subprocess.PIPE)
    assert ready(lambda: log.exists() and log.read_text().endswith("\n"), parent, within=60)
    server = int(log.read_text())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(timeout=60)
    watcher = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        assert ready(lambda: not _runs(server), watcher, within=60)
    finally:
        watcher.communicate()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_test_that_leaves_loopback_is_refused() -> None:
    with socket.socket() as outside, pytest.raises(PermissionError, match="tests stay on loopback"):
        outside.connect(("192.0.2.1", 80))
