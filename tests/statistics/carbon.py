"""A real carbon on loopback, whose files are read back with whisper."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen

import whisper

from tests.support.cli_session import until

_SETTINGS = """[cache]
STORAGE_DIR = {folder}
LOCAL_DATA_DIR = {folder}/whisper
CONF_DIR = {folder}
LOG_DIR = {folder}
PID_DIR = {folder}
MAX_CACHE_SIZE = inf
MAX_UPDATES_PER_SECOND = inf
MAX_CREATES_PER_MINUTE = inf
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {port}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = 0
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = 0
ENABLE_TAGS = False
WHISPER_SPARSE_CREATE = True
"""


@dataclass
class Carbon:
    """One that runs, and keeps a value a minute for ten years."""

    folder: Path
    port: int
    process: "Popen[bytes]"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def values(self, name: str, *, since: int, upto: int) -> list[float]:
        """What it has of a name in a time, in order."""
        path = self.folder / "whisper" / f"{name.replace('.', '/')}.wsp"
        if not path.exists():
            return []
        _, values = whisper.fetch(str(path), since - 60, upto, now=upto + 60)
        return [value for value in values if value is not None]


@contextmanager
def carbon(folder: Path) -> Iterator[Carbon]:
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "carbon.conf").write_text(_SETTINGS.format(folder=folder, port=port))
    (folder / "storage-schemas.conf").write_text("[all]\npattern = .*\nretentions = 60s:3650d\n")
    script = str(Path(sys.executable).with_name("carbon-cache.py"))
    command = [sys.executable, "-W", "ignore", script, f"--config={folder / 'carbon.conf'}"]
    process = Popen([*command, "--nodaemon", "start"], stdout=DEVNULL, stderr=DEVNULL)
    try:
        until(lambda: _listens(port))
        yield Carbon(folder, port, process)
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
