"""What can happen to stored objects, done to a collection in memory: one fault at a time, from a seed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from harvester.errors import NotFound
from harvester.store import Entry, Stored

_THEN = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@dataclass
class Held:
    """Objects in memory, as a place to read from."""

    objects: dict[str, bytes] = field(default_factory=dict)
    name: str = "memory"

    def entries(self, prefix: str) -> Iterator[Entry]:
        for key, data in sorted(self.objects.items()):
            if key.startswith(prefix):
                yield Entry(key, len(data), str(hash(data)), _THEN)

    def folders(self, prefix: str) -> Iterator[str]:
        below = (key.removeprefix(prefix).split("/") for key in self.objects if key.startswith(prefix))
        yield from sorted({parts[0] for parts in below if len(parts) > 1})

    def read(self, key: str) -> Stored:
        return Stored(b"".join(self.pieces(key)), "", _THEN)

    def pieces(self, key: str) -> Iterator[memoryview]:
        if key not in self.objects:
            raise NotFound(f"{key} is not there.")
        data = self.objects[key]
        for start in range(0, max(len(data), 1), 1000):
            yield memoryview(data)[start : start + 1000]


@dataclass(frozen=True)
class Fault:
    """What was done, and the names of which a finding must speak one."""

    what: str
    names: tuple[str, ...]


def _harvest_files(held: Held) -> list[str]:
    """Those that a manifest names, and the manifests."""
    return sorted(key for key in held.objects if "/harvests/" in key and not key.endswith(("/harvest.json",)))


def _manifests(held: Held) -> list[str]:
    return [key for key in _harvest_files(held) if "/manifest-" in key]


def flipped(held: Held, chance: random.Random) -> Fault:
    key = chance.choice([key for key in _harvest_files(held) if held.objects[key]])
    data = bytearray(held.objects[key])
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    held.objects[key] = bytes(data)
    return Fault(f"a bit of {key}", (key,))


def cut(held: Held, chance: random.Random) -> Fault:
    key = chance.choice([key for key in _harvest_files(held) if held.objects[key]])
    held.objects[key] = held.objects[key][: chance.randrange(len(held.objects[key]))]
    return Fault(f"the end of {key}", (key,))


def deleted(held: Held, chance: random.Random) -> Fault:
    key = chance.choice([key for key in held.objects if not key.endswith("/lock.json")])
    del held.objects[key]
    return Fault(f"the whole of {key}", (key,))


def swapped(held: Held, chance: random.Random) -> Fault:
    files = [key for key in _harvest_files(held) if "/manifest-" not in key]
    while True:
        first, second = chance.sample(files, 2)
        if held.objects[first] != held.objects[second]:
            break
    held.objects[first], held.objects[second] = held.objects[second], held.objects[first]
    return Fault(f"{first} for {second}", (first, second))


def added(held: Held, chance: random.Random) -> Fault:
    segments = [key for key in _harvest_files(held) if key.endswith(".gz")]
    key = chance.choice(segments)
    new = key.replace(".jsonl.gz", "").rpartition("-")[0] + f"-{chance.randrange(100, 999999):06d}.jsonl.gz"
    held.objects[new] = held.objects[key]
    return Fault(f"{new} more", (new,))


def staled(held: Held, chance: random.Random) -> Fault:
    """An earlier version of one manifest, or of both."""
    chosen = chance.choice(_manifests(held))
    folder = chosen.rpartition("/")[0] + "/"
    lines = held.objects[chosen].splitlines(keepends=True)
    kept = chance.randrange(len(lines))
    lost = [folder + line.decode().split()[1] for line in lines[kept:]]
    both = [key for key in _manifests(held) if key.startswith(folder)]
    for key in both if chance.random() < 0.5 else [chosen]:
        held.objects[key] = b"".join(held.objects[key].splitlines(keepends=True)[:kept])
    return Fault(f"an older {chosen}", (chosen, *lost, *both))


def miscounted(held: Held, chance: random.Random) -> Fault:
    key = chance.choice([key for key in held.objects if key.endswith("/harvest.json")])
    account = orjson.loads(held.objects[key])
    what = chance.choice(["tweets", "files", "file_bytes"])
    account[what] += chance.choice([-1, 1, 10])
    held.objects[key] = orjson.dumps(account)
    return Fault(f"{what} of {key}", (key,))


FAULTS: tuple[Callable[[Held, random.Random], Fault], ...] = (
    *(flipped, cut, deleted, swapped, added, staled, miscounted),
)
