"""Limits glibc's memory arenas, so that memory freed by one thread is reused by the next."""

import ctypes

# malloc.h of glibc: above how many bytes at its end a heap is given back to the system, from how many on a
# block is none of the heap's, and over how many heaps threads are spread, which is eight a core otherwise.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
# What is given back has to be cleared anew by the system, which took a tenth of a search's time.
_KEPT, _OF_THE_HEAP = 8 << 20, 4 << 20


def share_one_heap() -> None:
    """To be called before the first thread; elsewhere than on glibc there is nothing to set."""
    try:
        set_to = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    set_to(_ARENA_MAX, 1)
    set_to(_MMAP_THRESHOLD, _OF_THE_HEAP)
    set_to(_TRIM_THRESHOLD, _KEPT)
