"""Summaries of ended harvests are kept on this machine, so that a bucket is not asked for them again.

The file may be deleted at any time: each summary counts only for the version that a listing names.
"""

import logging
import threading
from pathlib import Path

import orjson

from harvester.store.disk import whole

log = logging.getLogger("twarc-cloud")

# The limit of all summaries together; one of a stream with many gaps may be large.
_MOST = 256 << 20
# A larger file would take longer to read than it saves.
_MOST_SAVED = 32 << 20


class Summaries:
    """Bytes of summaries by key and version, in a file; without one, only while this process runs."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._guard = threading.Lock()
        self._kept = _read(file) if file else {}
        self._bytes = sum(len(data) for _, data in self._kept.values())
        self._is_saved = True

    def of(self, key: str, version: str) -> bytes | None:
        found = self._kept.get(key)
        return found[1] if found and found[0] == version else None

    def keep(self, key: str, version: str, data: bytes) -> None:
        with self._guard:
            self._bytes += len(data) - len(self._kept.get(key, ("", b""))[1])
            if self._bytes > _MOST:
                self._kept.clear()
                self._bytes = len(data)
            self._kept[key] = version, data
            self._is_saved = False

    def save(self) -> None:
        """Write the file, if there is something new; a cache that cannot be written is done without."""
        with self._guard:
            if self._is_saved or self._file is None:
                return
            self._is_saved = True
            texts = {
                key: [version, text] for key, (version, data) in self._kept.items() if (text := _text(data))
            }
        data = orjson.dumps(texts)
        if len(data) > _MOST_SAVED:
            return
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with whole(self._file) as partial:
                partial.touch(0o600)
                partial.write_bytes(data)
        except OSError as error:
            log.debug("%s is not kept: %s", self._file, error)


def _text(data: bytes) -> str:
    """Empty for what is not text, which is read again."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return ""


def _read(file: Path) -> dict[str, tuple[str, bytes]]:
    """What the file has; nothing if it is not there, or damaged."""
    try:
        found = orjson.loads(file.read_bytes())
        return {str(key): (str(version), str(text).encode()) for key, (version, text) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        log.debug("%s is not read: %s", file, error)
        return {}
