"""How each sink of a harvest on this machine is doing, in a small file that its process renews."""

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import orjson

from harvester.clock import timestamp
from harvester.documents import Tree, object_in

_BEGIN, _END = "sink-", ".json"


def status_path(work_root: Path, name: str) -> Path:
    """Beside the work folders of the collection's harvests."""
    return work_root / f"{_BEGIN}{name}{_END}"


def write_status(path: Path, status: Tree, *, now: datetime) -> None:
    """Replace what the file says; a disk that is full costs no more than that."""
    scratch = path.with_suffix(".new")
    with suppress(OSError):
        scratch.write_bytes(orjson.dumps({**status, "updated": timestamp(now), "process": os.getpid()}))
        scratch.replace(path)


def statuses(work_root: Path) -> list[Tree]:
    """What the files of a collection say, by name of the sink."""
    found = []
    for path in sorted(work_root.glob(f"{_BEGIN}*{_END}")):
        with suppress(OSError):
            if status := object_in(path.read_bytes()):
                found.append({**status, "name": path.name[len(_BEGIN) : -len(_END)]})
    return found
