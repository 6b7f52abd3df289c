"""How quick something is, on a machine that may be busy with other things."""

from collections.abc import Callable


def require_quick(measured: Callable[[], float], *, below: float, tries: int = 5) -> None:
    """The quickest try takes less than `below` seconds: what waits for a timeout does so in each of them."""
    seconds: list[float] = []
    while not seconds or min(seconds) >= below:
        assert len(seconds) < tries, seconds
        seconds.append(measured())
