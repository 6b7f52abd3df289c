"""Task sizes: what Fargate offers, and what a collection may ask for instead of the default."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import orjson

from harvester.documents import Tree

_GB = 1024

# MiB of memory for each CPU; 1024 units are one vCPU:
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
SIZES: dict[int, Iterable[int]] = {
    256: (512, _GB, 2 * _GB),
    512: range(_GB, 4 * _GB + 1, _GB),
    1024: range(2 * _GB, 8 * _GB + 1, _GB),
    2048: range(4 * _GB, 16 * _GB + 1, _GB),
    4096: range(8 * _GB, 30 * _GB + 1, _GB),
    8192: range(16 * _GB, 60 * _GB + 1, 4 * _GB),
    16384: range(32 * _GB, 120 * _GB + 1, 8 * _GB),
}
ARCHITECTURES = ("ARM64", "X86_64")
# GiB; what a task has without asking, and the most it may have.
LEAST_DISK, MOST_DISK = 20, 200


@dataclass(frozen=True)
class Capacity:
    """CPU in units of 1/1024, memory in MiB, disk in GiB; `spot` is cheaper and may be interrupted.

    With `fallback` it runs on demand where Spot has no room.
    """

    cpu: int = 256
    memory: int = 512
    architecture: str = "ARM64"
    spot: bool = False
    disk: int = LEAST_DISK
    fallback: bool = False

    @property
    def falls_back(self) -> bool:
        return self.spot and self.fallback

    @property
    def on_demand(self) -> "Capacity":
        """The same, and never interrupted."""
        return replace(self, spot=False)

    def problems(self) -> list[str]:
        """What Fargate would refuse of it, each in words."""
        return list(_problems({entry.name: getattr(self, entry.name) for entry in fields(self)}))

    def changed_by(self, wishes: Tree) -> "Capacity":
        """This, but for what a collection's `task` asks for."""
        return replace(self, **{name: value for name, value in wishes.items() if name in WISHES})


WISHES = tuple(entry.name for entry in fields(Capacity))


def wish_problems(wishes: Tree) -> Iterator[str]:
    """What is wrong with a collection's `task`, whatever the settings say of the rest."""
    yield from (f"task.{problem}" for problem in _problems(wishes))


def described_task(text: str) -> Tree:
    """The `task` of harvest.json, from TWARC_CLOUD_TASK of a task definition; empty if there is none."""
    try:
        found = orjson.loads(text)
    except ValueError:
        return {}
    capacity = Capacity().changed_by(found) if isinstance(found, dict) and found else None
    if capacity is None or capacity.problems():
        return {}
    streams = found.get("streams")
    several = isinstance(streams, list) and all(isinstance(each, str) for each in streams)
    return {**asdict(capacity), **({"streams": streams} if several and streams else {})}


def _problems(values: dict[str, Any]) -> Iterator[str]:
    cpu, memory, disk = values.get("cpu"), values.get("memory"), values.get("disk", LEAST_DISK)
    if cpu is not None and not _one_of(cpu, SIZES):
        yield f"cpu is {cpu!r}; it must be one of {_listed(SIZES)}."
    elif memory is not None and not _one_of(memory, _memories(cpu)):
        with_cpu = f" with cpu {cpu}" if cpu is not None else ""
        yield f"memory is {memory!r}; it must be one of {_listed(_memories(cpu))} MiB{with_cpu}."
    if values.get("architecture", "ARM64") not in ARCHITECTURES:
        yield f"architecture is {values['architecture']!r}; it must be {' or '.join(ARCHITECTURES)}."
    for name in ("spot", "fallback"):
        if not isinstance(values.get(name, False), bool):
            yield f"{name} is {values[name]!r}; it must be true or false."
    if not _one_of(disk, range(LEAST_DISK, MOST_DISK + 1)):
        yield f"disk is {disk!r}; it must be a whole number from {LEAST_DISK} to {MOST_DISK} (GiB)."


def _memories(cpu: int | None) -> Iterable[int]:
    """What may go with that CPU, or with any."""
    return SIZES[cpu] if cpu is not None else sorted({size for sizes in SIZES.values() for size in sizes})


def _one_of(value: Any, allowed: Iterable[int]) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in allowed


def _listed(allowed: Iterable[int]) -> str:
    sizes = [str(size) for size in allowed]
    return ", ".join(sizes) if len(sizes) <= 8 else f"{', '.join(sizes[:3])}, ... {sizes[-1]}"
