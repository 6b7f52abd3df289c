"""Minutes are written as OpenMetrics with their times, as `promtool tsdb create-blocks-from` reads them."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import IO

from harvester.statistics.minute import Minute

# By the name in stats.jsonl: those of /metrics, where it has them.
_FAMILIES = {
    "tweets": ("tweets", "counter", "Posts collected since the harvest began."),
    "files": ("files", "gauge", "Record files, including the open one."),
    "file_bytes": ("file_bytes", "counter", "Compressed bytes in them."),
    "gaps": ("gaps", "counter", "Intervals in which posts may be missing."),
    "usd": ("billed_usd", "counter", "Dollars charged by the network."),
    "requests": ("requests", "counter", "Requests to the network."),
    "waiting_s": ("waiting_seconds", "counter", "Seconds of waiting for the network."),
    "rss_mb": ("resident_megabytes", "gauge", "Memory of the harvest's process."),
}
_COUNTS = ("counts", "gauge", "What a kind of collection counts, since the harvest began.")


def write(minutes: Iterable[Minute], out: Callable[[bytes], object], *, collection_id: str) -> int:
    """Pass the whole exposition to `out`, in pieces; returns its number of samples.

    The samples of a family stand together, so each is gathered in a file of its own.
    """
    number = 0
    with ExitStack() as stack:
        gathered: dict[str, IO[bytes]] = {}
        for minute in minutes:
            at = f"{minute.at.timestamp():.3f}"
            for name, value in minute.figures.items():
                family, kind, _ = _FAMILIES.get(name, _COUNTS)
                if family not in gathered:
                    gathered[family] = stack.enter_context(tempfile.TemporaryFile())
                full = f"twarc_cloud_{family}{'_total' if kind == 'counter' else ''}"
                what = "" if name in _FAMILIES else f',what="{name}"'
                gathered[family].write(
                    f'{full}{{collection="{collection_id}"{what}}} {value} {at}\n'.encode()
                )
                number += 1
        for family, kind, description in (*_FAMILIES.values(), _COUNTS):
            if family in gathered:
                head = f"# HELP twarc_cloud_{family} {description}\n# TYPE twarc_cloud_{family} {kind}\n"
                out(head.encode())
                for piece in _pieces(gathered[family]):
                    out(piece)
    out(b"# EOF\n")
    return number


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(1 << 20):
        yield piece
