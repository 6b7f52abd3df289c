"""Shares as a ring; the list beside it has the names and the numbers."""

import math
from collections.abc import Sequence

from harvester.dashboard.charts.svg import element, title

_RADIUS, _INNER = 60.0, 35.0
# Radians left free between two slices.
_FREE = 0.012


def donut(items: Sequence[tuple[str, int]], *, label: str) -> str:
    """A ring of up to ten slices, clockwise from the top; empty if the sum is zero."""
    total = sum(value for _, value in items)
    if not total:
        return ""
    slices, begun = "", -math.pi / 2
    for number, (name, value) in enumerate(items[:10]):
        end = begun + 2 * math.pi * value / total
        slices += _slice(number, f"{name}: {value:,}", begun, max(end - _FREE, begun))
        begun = end
    size = f"0 0 {2 * _RADIUS:.0f} {2 * _RADIUS:.0f}"
    return element("svg", slices, class_="donut", viewBox=size, role="img", aria_label=label)


def _slice(number: int, words: str, begun: float, end: float) -> str:
    if end - begun > 2 * math.pi - 2 * _FREE:
        # An arc whose ends are one point would not be drawn.
        ring = {"cx": _RADIUS, "cy": _RADIUS, "r": (_RADIUS + _INNER) / 2, "fill": "none"}
        return element(
            "circle", title(words), class_=f"ring r{number}", stroke_width=_RADIUS - _INNER, **ring
        )
    large = int(end - begun > math.pi)
    path = (
        f"M{_point(begun, _RADIUS)}A60 60 0 {large} 1 {_point(end, _RADIUS)}"
        f"L{_point(end, _INNER)}A35 35 0 {large} 0 {_point(begun, _INNER)}Z"
    )
    return element("path", title(words), class_=f"c{number}", d=path)


def _point(angle: float, radius: float) -> str:
    return f"{_RADIUS + radius * math.cos(angle):.2f} {_RADIUS + radius * math.sin(angle):.2f}"
