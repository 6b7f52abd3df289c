"""Lines of bytes, found quickly where they are long, as records and pages are.

`bytes.split` and `bytes.count` look at each byte by itself; `find` and `readlines` do not.
"""

import io


def split_lines(data: bytes, at: int = 0) -> tuple[list[bytes], bytes]:
    """The lines from `at` on, each with its LF, and what stands behind the last LF."""
    file = io.BytesIO(data)
    file.seek(at)
    lines = file.readlines()
    rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
    return lines, rest


def count_lines(data: bytes) -> int:
    """How many LF there are."""
    number, at = 0, data.find(b"\n")
    while at >= 0:
        number, at = number + 1, data.find(b"\n", at + 1)
    return number
