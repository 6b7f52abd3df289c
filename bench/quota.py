"""A share of one core for a process, set as that of a container is: by a control group of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000


class Quota:
    """Processes that are added get no more than the share, together with all that they start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, pid: int) -> None:
        (self._folder / "cgroup.procs").write_text(str(pid))

    def throttled(self) -> float:
        """In which share of the periods the quota was used up."""
        lines = (self._folder / "cpu.stat").read_text().splitlines()
        found = {name: int(value) for name, value in map(str.split, lines)}
        return found["nr_throttled"] / max(1, found["nr_periods"])


@contextmanager
def quota(share: float) -> Iterator[Quota | None]:
    """None where this user may not make control groups; its processes are to end before this block."""
    first_version = (_ROOT / "cpu" / "cpu.cfs_quota_us").exists()
    folder = _ROOT / ("cpu" if first_version else "") / f"twarc-cloud-bench-{os.getpid()}"
    limit = int(share * _PERIOD_US)
    try:
        folder.mkdir()
        if first_version:
            (folder / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (folder / "cpu.cfs_quota_us").write_text(str(limit))
        else:
            (folder / "cpu.max").write_text(f"{limit} {_PERIOD_US}")
    except OSError:
        if folder.is_dir():
            folder.rmdir()
        yield None
        return
    try:
        yield Quota(folder)
    finally:
        folder.rmdir()
