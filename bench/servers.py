"""Servers as processes of their own, alone on their core, and how a harvester reaches the emulator."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from bench.measured import pinned

_ROOT = Path(__file__).resolve().parents[1]
KEYS = {"BEARER_TOKEN": "emulator-bearer"}
# Memory that glibc asks for in advance, in bytes. Pages of half a megabyte are given back and asked for again
# a thousand times otherwise, and the server's time is in every client's figure.
_MEMORY = {"MALLOC_TOP_PAD_": str(4 << 20)}


def emulator(*options: str) -> AbstractContextManager[str]:
    """Its base URL; it ends with this block."""
    return started("emulator", "--port", "0", "--exit-on-stdin-close", "--rule-delay", "0", *options)


@contextmanager
def started(module: str, *arguments: str) -> Iterator[str]:
    """The base URL that this server prints at last in its first line; it ends with this block."""
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(
        pinned(command, 0),
        cwd=_ROOT,
        env={**os.environ, **_MEMORY},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        ready = process.stdout.readline().split()
        if not ready:
            raise SystemExit(f"The server did not start: {' '.join(command)}")
        yield ready[-1]
    finally:
        process.kill()
        process.wait()


def asked(base: str, path: str, value: Any = None, *, method: str = "") -> Any:
    """One request to the emulator, with keys; the JSON it answers."""
    request = urllib.request.Request(
        base + path,
        data=None if value is None else json.dumps(value).encode(),
        headers={"Authorization": f"Bearer {KEYS['BEARER_TOKEN']}", "Content-Type": "application/json"},
        method=method or ("GET" if value is None else "POST"),
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def user_ids(base: str) -> list[str]:
    """The ids of all accounts that the emulator made up."""
    return [user["id"] for user in asked(base, "/emulator/users?count=1000000")["generated"]]
