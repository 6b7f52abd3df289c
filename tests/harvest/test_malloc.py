import platform
import subprocess
import sys

import pytest

_HEAPS = """
import threading
{before}
ready, over = threading.Barrier(9), threading.Event()
def hold():
    kept = [bytes(100_000) for _ in range(4)]
    ready.wait()
    over.wait()
    del kept
threads = [threading.Thread(target=hold, daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
ready.wait(30)
held = 0
for line in open("/proc/self/maps"):
    start, end = (int(place, 16) for place in line.split()[0].split("-"))
    # What a heap of a thread keeps for its growth up to 64 MB.
    held += "---p" in line and 32 << 20 < end - start <= 64 << 20
print(held)
over.set()
"""


_PAGES = """
import resource
{before}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def pages():
    for size in (300_000, 400_000, 500_000, 600_000) * 50:
        body = b"x" * size
        line = b"".join([body, b"y"])
        del body, line
pages()
before = faults()
pages()
print(faults() - before)
"""
_ASKED = "from harvester.harvest.malloc import share_one_heap; share_one_heap()"


def _told(program: str, before: str) -> int:
    told = subprocess.run(
        [sys.executable, "-c", program.format(before=before)], capture_output=True, check=True, text=True
    )
    return int(told.stdout)


_ON_GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heaps of threads are glibc's")


@_ON_GLIBC
def test_threads_share_one_heap() -> None:
    assert _told(_HEAPS, "") > 0
    assert _told(_HEAPS, _ASKED) == 0


@_ON_GLIBC
def test_the_memory_of_one_page_is_there_for_the_next() -> None:
    assert _told(_PAGES, "") > 1000
    assert _told(_PAGES, _ASKED) < 100
