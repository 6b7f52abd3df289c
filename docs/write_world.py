"""Writes the outline of the countries for maps: harvester/dashboard/static/world.svg.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    .venv/bin/python docs/write_world.py package/countries-110m.json

The shapes are Natural Earth's, 1:110 million, which are in the public domain; world-atlas has them as
TopoJSON (ISC licence). A border between two countries is drawn once; lines are cut at 180 degrees.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

WORLD = Path(__file__).parents[1] / "harvester" / "dashboard" / "static" / "world.svg"
_SCALE = 1000 / 360

Point = tuple[float, float]


def outline(topology: dict[str, Any]) -> str:
    lines = (line for arc in topology["arcs"] for line in _cut(_points(arc, topology["transform"])))
    path = "".join(_path(line) for line in lines)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 20 1000 390">'
        f'<path fill="none" stroke="#8c96a0" stroke-width="0.7" d="{path}"/></svg>\n'
    )


def _points(arc: Sequence[Sequence[int]], transform: dict[str, Any]) -> Iterator[Point]:
    (wide, tall), (left, low) = transform["scale"], transform["translate"]
    x = y = 0
    for east, north in arc:
        x, y = x + east, y + north
        yield ((x * wide + left + 180) * _SCALE, (90 - y * tall - low) * _SCALE)


def _cut(points: Iterator[Point]) -> Iterator[list[Point]]:
    line: list[Point] = []
    for point in points:
        if line and abs(point[0] - line[-1][0]) > 500:
            yield line
            line = []
        line.append(point)
    yield line


def _path(line: Sequence[Point]) -> str:
    """Steps in tenths of a unit, from where the pen really is."""
    if len(line) < 2:
        return ""
    at = (round(line[0][0] * 10), round(line[0][1] * 10))
    words = [f"M{_tenth(at[0])} {_tenth(at[1])}l"]
    for x, y in line[1:]:
        to = (round(x * 10), round(y * 10))
        if to != at:
            words.append(f"{_tenth(to[0] - at[0])} {_tenth(to[1] - at[1])} ")
        at = to
    return "".join(words).rstrip() if len(words) > 1 else ""


def _tenth(number: int) -> str:
    return f"{number / 10:g}"


if __name__ == "__main__":
    WORLD.write_text(outline(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), encoding="utf-8")
    sys.stdout.write(f"{WORLD}: {WORLD.stat().st_size:,} bytes\n")
