"""The files of accounts of a crawl: a line has an id, and in an order also the length of its lists."""

import re
from collections.abc import Iterable

_NAME = re.compile(r"(?:.*/)?(depth|order)-\d+\.txt\.gz")
_DIGITS = b"0123456789"
_NUMBERS = _DIGITS + b"\t"
_OF_IDS = _DIGITS + b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._:-"


def holds_ids(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def problem_in(lines: Iterable[bytes]) -> str:
    """What is wrong with the first line that has no id; empty if all have one."""
    for number, line in enumerate(lines, 1):
        one, _, lengths = line.partition(b"\t")
        if not one or one.translate(None, _OF_IDS) or lengths.translate(None, _NUMBERS):
            return f"its line {number:,} has no id"
    return ""
