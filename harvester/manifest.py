"""A manifest names only what is in the store, one line a file, as `sha1sum -c` and `sha256sum -c` read it."""

from collections.abc import Iterable

from harvester.errors import Conflict, NotFound
from harvester.layout import HarvestKeys
from harvester.segments import Finished
from harvester.store import Store

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
            version = self._versions.get(algorithm) or self._current(key)
            try:
                if version:
                    self._versions[algorithm] = self._store.replace(key, data, version=version)
                else:
                    self._versions[algorithm] = self._store.create(key, data)
            except Conflict:
                # A repeated step may have written it before; anybody else would have the lock.
                self._versions.pop(algorithm, None)
                raise

    def _current(self, key: str) -> str:
        try:
            return self._store.read(key).version
        except NotFound:
            return ""


def text(files: Iterable[Finished], algorithm: str) -> str:
    """The lines of a manifest: digest, two blanks, name."""
    return "".join(f"{getattr(file, algorithm)}  {file.name}\n" for file in files)


def parsed(data: str) -> dict[str, str]:
    """Name to digest, from the text of a manifest."""
    lines = (line.split("  ", 1) for line in data.splitlines() if line.strip())
    return {name: digest for digest, name in lines}
