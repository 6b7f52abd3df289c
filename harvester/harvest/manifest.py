"""A manifest names only what is in the store, one line a file, as `sha1sum -c` and `sha256sum -c` read it."""

from collections.abc import Iterable

from harvester.errors import Conflict, NotFound
from harvester.harvest.segment import Finished
from harvester.store import Store
from harvester.store.keys import HarvestKeys

ALGORITHMS = ("sha1", "sha256")


class Manifests:
    """The manifests of one harvest. `add` is called only once the file it names is stored."""

    def __init__(self, store: Store, keys: HarvestKeys, files: Iterable[Finished] = ()) -> None:
        self._store, self._keys = store, keys
        self._files = {file.name: file for file in files}
        self._versions: dict[str, str] = {}

    def add(self, *files: Finished) -> None:
        self._files.update({file.name: file for file in files})
        self.write()

    def write(self) -> None:
        """Bring the store's manifests up to date."""
        for algorithm in ALGORITHMS:
            key = self._keys.manifest(algorithm)
            data = text(self._files.values(), algorithm).encode()
            self._write(algorithm, key, data)

    def _write(self, algorithm: str, key: str, data: bytes) -> None:
        version = self._versions.get(algorithm) or self._current(key)
        try:
            self._versions[algorithm] = self._put(key, data, version)
        except Conflict:
            # An earlier try may have arrived although its answer did not; anybody else would have the lock.
            self._versions[algorithm] = self._put(key, data, self._current(key))

    def _put(self, key: str, data: bytes, version: str) -> str:
        if version:
            return self._store.replace(key, data, version=version)
        return self._store.create(key, data)

    def _current(self, key: str) -> str:
        try:
            return self._store.read(key).version
        except NotFound:
            return ""


def text(files: Iterable[Finished], algorithm: str) -> str:
    """The lines of a manifest: digest, two blanks, name."""
    return "".join(f"{getattr(file, algorithm)}  {file.name}\n" for file in files)


def parsed(data: str) -> dict[str, str]:
    """Name to digest, from the text of a manifest; ValueError where it is none."""
    lines = (line.split("  ", 1) for line in data.splitlines() if line.strip())
    return {name: digest for digest, name in lines}
