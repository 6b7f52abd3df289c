"""What X refuses for one account only, and when it means that all would be refused."""

import threading

from harvester.networks.x import ApiCode, XError

# For how many in a row it means that all would be.
_IN_A_ROW = {
    ApiCode.UNAVAILABLE: 20,
    ApiCode.BAD_REQUEST: 20,
    ApiCode.STALE_SINCE_ID: 20,
    ApiCode.UNAUTHORIZED: 3,
    ApiCode.FORBIDDEN: 3,
}


class Failures:
    """Those of a harvest's accounts, counted from many threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._in_a_row = self._served = 0
        self._last: XError | None = None

    def failed(self, error: XError) -> None:
        """An account failed with this; raises it where it is not about this account."""
        if error.outcome not in _IN_A_ROW:
            raise error
        with self._guard:
            self._in_a_row += 1
            self._last = error
            if self._in_a_row >= _IN_A_ROW[error.outcome]:
                raise error

    def served(self) -> None:
        with self._guard:
            self._in_a_row = 0
            self._served += 1

    def require_any_served(self) -> None:
        """Raise the last failure if there was nothing else."""
        if self._last and not self._served:
            raise self._last
