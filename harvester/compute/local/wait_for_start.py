"""A start on this machine is waited for until the harvest has begun, or has ended before that."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from harvester.clock import Clock, Stop
from harvester.compute import Ended
from harvester.errors import EndedAtOnce, Exit, HarvesterError

# How long a harvest may take to begin before it is left to itself.
_BEGINS_WITHIN = 20.0
_PAUSE = 0.1

_End = TypeVar("_End")


def end_before_begin(
    clock: Clock, *, begun: Callable[[], bool], ended: Callable[[], _End | None]
) -> _End | None:
    """What `ended` answers before the harvest has begun; None also where neither comes in time."""
    never = Stop()
    deadline = clock.elapsed() + _BEGINS_WITHIN
    while (end := ended()) is None and clock.elapsed() < deadline and not begun():
        clock.wait(never, _PAUSE)
    return end


def ended_at_once(collection_id: str, end: Ended, log: Path) -> HarvesterError:
    """The error of a harvest that did not begin."""
    code = Exit.of(end.code)
    if end.said:
        return EndedAtOnce(end.said, exit_code=code)
    return HarvesterError(
        f"The harvest of {collection_id} ended immediately.",
        hint=f"Its log, {log}, has the reason.",
        exit_code=code,
    )
