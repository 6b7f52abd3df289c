"""What one thread gives back, the next one takes: pages of half a megabyte pass through dozens of threads."""

import ctypes

# malloc.h of glibc: how many heaps its threads are spread over, which is eight a core otherwise.
_ARENA_MAX = -8


def one_heap_for_all_threads() -> None:
    """To be called before the first thread; elsewhere than on glibc there is nothing to set."""
    try:
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
    except (AttributeError, OSError):
        return
