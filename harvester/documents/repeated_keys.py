"""Finds the keys that a JSON document gives more than once, of which readers take the last one only."""

import re
from typing import Any

import orjson

from harvester.documents.compact_users import pieces


def given_twice(data: bytes | str, found: Any) -> list[str]:
    """The keys that JSON gives more than once, each with its lines; `found` is what was read of it."""
    text = data.encode() if isinstance(data, str) else data
    try:
        # A key that was dropped takes quotes with it; to look at each of 300,000 keys takes seconds.
        if sum(map(_quotes, pieces(found))) == _quotes(text):
            return []
    except TypeError:
        # It is nested more deeply than orjson writes.
        pass
    return _given_twice(text.decode())


def _quotes(text: bytes) -> int:
    return text.count(b'"') - text.count(b'\\"')


# A string, and whether a colon makes it a key; a bracket; a line's end.
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(?=(\s*:)?)|[{}\[\]\n]')


def _given_twice(text: str) -> list[str]:
    found: list[tuple[int, str]] = []
    line, path, keys = 1, list[str](), list[dict[str, list[int]]]()
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "\n":
                line += 1
            case "{" | "[":
                path.append("")
                keys.append({})
            case "}" | "]":
                path.pop()
                for key, lines in keys.pop().items():
                    if len(lines) > 1:
                        found.append((lines[1], _twice(".".join([*filter(None, path), key]), lines)))
            case string if token[2]:
                path[-1] = orjson.loads(string)
                keys[-1].setdefault(path[-1], []).append(line)
    return [problem for _, problem in sorted(found)]


def _twice(key: str, lines: list[int]) -> str:
    times = "twice" if len(lines) == 2 else f"{len(lines)} times"
    *others, last = map(str, dict.fromkeys(lines))
    where = f"lines {', '.join(others)} and {last}" if others else f"line {last}"
    return f"{key} is given {times}, on {where}."
