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


def _heaps_of_threads(before: str) -> int:
    told = subprocess.run(
        [sys.executable, "-c", _HEAPS.format(before=before)], capture_output=True, check=True, text=True
    )
    return int(told.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heaps of threads are glibc's")
def test_threads_share_one_heap() -> None:
    asked = "from harvester.memory import one_heap_for_all_threads as share; share()"

    assert _heaps_of_threads("") > 0
    assert _heaps_of_threads(asked) == 0
