"""The emulator as a process of its own, alone on its core, and what a harvester needs to reach it."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.measured import pinned

KEYS = {"BEARER_TOKEN": "emulator-bearer"}
# Memory that glibc asks for in advance, in bytes. Pages of half a megabyte are given back and asked for again
# a thousand times otherwise, and the server's time is in every client's figure.
_MEMORY = {"MALLOC_TOP_PAD_": str(4 << 20)}


@contextmanager
def emulator(*options: str) -> Iterator[str]:
    """Its base URL; it ends with this block."""
    command = [sys.executable, "-m", "emulator", "--port", "0", "--exit-on-stdin-close", *options]
    process = subprocess.Popen(
        pinned(command, 0),
        env={**os.environ, **_MEMORY},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        ready = process.stdout.readline().split()
        if not ready:
            raise SystemExit(f"The emulator did not start: {' '.join(command)}")
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
