"""Unreadable files are reported and the rest is verified, unless nothing can be read."""

import threading

from harvester.errors import StoreAway

# This many failures in a row do not come from single objects.
_IN_A_ROW = 20


class Unreadable:
    """Keys that could not be read, and why; many threads add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._why: dict[str, str] = {}
        self._row = 0

    def add(self, key: str, error: StoreAway) -> None:
        """Raises the error where the store as a whole is away."""
        with self._lock:
            self._why[key] = str(error)
            self._row += 1
            if self._row >= _IN_A_ROW:
                raise error

    def read(self) -> None:
        """Something else could be read."""
        with self._lock:
            self._row = 0

    def below(self, folder: str) -> dict[str, str]:
        """Those of one folder by the rest of their keys."""
        with self._lock:
            return {
                key.removeprefix(folder): why
                for key, why in sorted(self._why.items())
                if key.startswith(folder)
            }
