"""Manifests name only stored files, one per line, as `sha1sum -c` and `sha256sum -c` read them."""

from collections.abc import Iterable

from harvester.harvest.segment import Finished
from harvester.store import Store
from harvester.store.keys import HarvestKeys
from harvester.store.pointer import Pointer

ALGORITHMS = ("sha1", "sha256")


class Manifests:
    """The manifests of one harvest. `add` is called only once a file is stored, and its side file with it."""

    def __init__(self, store: Store, keys: HarvestKeys, files: Iterable[Finished] = ()) -> None:
        self._pointers = {
            algorithm: Pointer(store, keys.manifest(algorithm), made_anew=True, new=True)
            for algorithm in ALGORITHMS
        }
        self._files: dict[str, Finished] = {}
        self._learn(files)

    def add(self, *files: Finished) -> None:
        self._learn(files)
        self.write()

    def _learn(self, files: Iterable[Finished]) -> None:
        for file in files:
            self._files.update({each.name: each for each in (file, file.side) if each})

    def write(self) -> None:
        """Bring the store's manifests up to date."""
        for algorithm, pointer in self._pointers.items():
            pointer.put(text(self._files.values(), algorithm).encode())


def text(files: Iterable[Finished], algorithm: str) -> str:
    """The lines of a manifest: digest, two blanks, name."""
    return "".join(f"{getattr(file, algorithm)}  {file.name}\n" for file in files)


def parsed(data: str) -> dict[str, str]:
    """Name to digest, from the text of a manifest; ValueError if it is not one."""
    lines = (line.split("  ", 1) for line in data.splitlines() if line.strip())
    return {name: digest for digest, name in lines}
