"""Limits of CPU and memory for processes, set as those of a container are: by control groups of their own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000
# In version 1 of control groups each of these has a tree of its own.
_CPU, _USED, _MEMORY = "cpu", "cpuacct", "memory"


class Quota:
    """Processes that are added share the limits, together with all that they start."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self._folders = folders

    def add(self, pid: int) -> None:
        for folder in self._folders.values():
            (folder / "cgroup.procs").write_text(str(pid))

    def pids(self) -> list[int]:
        """The processes that live now."""
        return list(map(int, (self._folders[_CPU] / "cgroup.procs").read_text().split()))

    def throttled(self) -> float:
        """In which share of the periods the quota was used up."""
        found = _figures(self._folders[_CPU] / "cpu.stat")
        return found["nr_throttled"] / max(1, found["nr_periods"])

    def cpu(self) -> float:
        """CPU seconds of all processes until now."""
        if (used := self._folders[_USED] / "cpuacct.usage").exists():
            return int(used.read_text()) / 1e9
        return _figures(self._folders[_USED] / "cpu.stat")["usage_usec"] / 1e6

    def memory(self) -> float:
        """MB that all processes hold now, without the files that the kernel may drop."""
        found = _figures(self._folders[_MEMORY] / "memory.stat")
        return (found["total_rss"] if "total_rss" in found else found["anon"]) / (1 << 20)


def _figures(path: Path) -> dict[str, int]:
    return {name: int(value) for name, value in map(str.split, path.read_text().splitlines())}


@contextmanager
def quota(share: float, *, memory: int = 0) -> Iterator[Quota | None]:
    """A share of one core, and a limit in bytes if given; None where this user may not make control groups.

    Its processes are to end before this block.
    """
    name = f"twarc-cloud-bench-{os.getpid()}"
    if (_ROOT / "cpu" / "cpu.cfs_quota_us").exists():
        folders = {each: _ROOT / each / name for each in (_CPU, _USED, _MEMORY)}
        limits = {
            folders[_CPU] / "cpu.cfs_period_us": str(_PERIOD_US),
            folders[_CPU] / "cpu.cfs_quota_us": str(int(share * _PERIOD_US)),
            folders[_MEMORY] / "memory.limit_in_bytes": str(memory or -1),
        }
    else:
        folders = dict.fromkeys((_CPU, _USED, _MEMORY), _ROOT / name)
        limits = {_ROOT / name / "cpu.max": f"{int(share * _PERIOD_US)} {_PERIOD_US}"}
        if memory:
            limits[_ROOT / name / "memory.max"] = str(memory)
    made = set(folders.values())
    try:
        for folder in made:
            folder.mkdir()
        for path, limit in limits.items():
            path.write_text(limit)
    except OSError:
        _remove(made)
        yield None
        return
    try:
        yield Quota(folders)
    finally:
        _remove(made)


def _remove(folders: set[Path]) -> None:
    for folder in folders:
        if folder.is_dir():
            folder.rmdir()
