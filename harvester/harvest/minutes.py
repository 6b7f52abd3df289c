"""Once a minute, a line of the harvest's figures is added to its `stats.jsonl`."""

import os
import resource
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from harvester.clock import timestamp
from harvester.documents import Tree
from harvester.harvest.progress import Progress
from harvester.harvest.summary import users_left
from harvester.harvest.workdir import State

_MINUTE = 60.0
_MEGABYTE = 1 << 20


class Minutes:
    """The minutes of one harvest; times are those of a clock that only counts seconds.

    A harvest of less than a minute has none: harvest.json has its figures.
    """

    def __init__(self, progress: Progress, *, begun: float) -> None:
        self._progress = progress
        self._looked, self._next = begun, begun + _MINUTE
        self._waited = 0.0
        self.has_any = False

    def is_due(self, now: float) -> bool:
        """Whether a minute is over; called continually, which is also how waiting is measured."""
        if self._progress.is_waiting:
            self._waited += now - self._looked
        self._looked = now
        if now < self._next:
            return False
        # A process that was suspended has missed the minutes of that time.
        self._next += _MINUTE * (1 + (now - self._next) // _MINUTE)
        self.has_any = True
        return True

    def line(self, state: State, *, at: datetime) -> Tree:
        """The current figures: sums since the harvest began, except `rss_mb` and those of a crawl's depth."""
        figures = state.figures()
        billed, crawl = figures["billed"], self._progress.crawl
        left = users_left(crawl, figures["counts"])
        return {
            **figures["counts"],
            **({"depth": crawl.get("depth", 0), "users_left": left} if crawl else {}),
            "at": timestamp(at),
            "tweets": figures["tweets"],
            "files": figures["files"],
            "file_bytes": figures["file_bytes"],
            "gaps": len(figures["gaps"]),
            "requests": billed.get("requests", 0),
            "usd": billed.get("usd", 0),
            "waiting_s": round(self._waited, 1),
            "rss_mb": _resident() // _MEGABYTE,
        }


def _resident() -> int:
    """The memory of this process in bytes; if the system does not report it, the maximum so far."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10
