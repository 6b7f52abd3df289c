"""Periodic log lines of a running harvest, and its heartbeat file."""

import logging
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harvester.documents import HarvestSummary
from harvester.harvest.summary import dollars, progress_words
from harvester.text import size

log = logging.getLogger("twarc-cloud")

_BEAT_SECONDS = 10.0


def every(seconds: float, over: threading.Event, act: Callable[[], None]) -> None:
    def repeat() -> None:
        while not over.wait(seconds):
            act()

    threading.Thread(target=repeat, name="report", daemon=True).start()


def beat(seconds: float, file: Path) -> None:
    """Touch the file now, and every so often until the process ends; its age shows a hang."""

    def touch() -> None:
        with suppress(OSError):
            file.touch()

    file.touch()
    every(seconds, threading.Event(), touch)


def file_to_touch() -> Path | None:
    """That of TWARC_CLOUD_HEARTBEAT, which a container's health check looks at."""
    name = os.environ.get("TWARC_CLOUD_HEARTBEAT", "")
    return Path(name) if name else None


def beat_if_asked() -> None:
    if file := file_to_touch():
        beat(_BEAT_SECONDS, file)


def report(summary: HarvestSummary) -> None:
    numbers = {name: summary[name] for name in ("tweets", "files", "file_bytes")}
    fields = {"collection": summary["collection_id"], **numbers, "billed_usd": dollars(summary)}
    log.info("%s", progress_words(summary), extra={"fields": fields})


def monitor(folder: Path) -> None:
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    disk = shutil.disk_usage(folder if folder.exists() else ".")
    log.info(
        "CPU: %.1f s. Memory: at most %s. Load: %s. Disk: %s free of %s.",
        usage.ru_utime + usage.ru_stime,
        size(usage.ru_maxrss * 1024),
        f"{os.getloadavg()[0]:.2f}",
        size(disk.free),
        size(disk.total),
    )
