"""The places of posts: circles over an outline of the countries, and the area of the search."""

import math
from collections.abc import Sequence

from harvester.dashboard.charts.svg import element, title

_WIDTH = 1000
# The range of the outline below; the poles are cut off.
_TOP, _HEIGHT = 20, 390
_KM_A_DEGREE = 111.2
_SCALE = _WIDTH / 360


def world(
    cells: Sequence[tuple[float, float, int]],
    *,
    label: str,
    outline: str,
    near: tuple[float, float, float] | None = None,
) -> str:
    """`cells` are latitude, longitude and posts; `outline` is where world.svg is, `near` a place and km."""
    most = max((count for *_, count in cells), default=1)
    image = element("image", href=outline, x=0, y=_TOP, width=_WIDTH, height=_HEIGHT) if outline else ""
    dots = "".join(_dot(latitude, longitude, count, most) for latitude, longitude, count in cells)
    return element(
        "svg",
        image + dots + (_circle(*near) if near else ""),
        class_="world",
        viewBox=f"0 {_TOP} {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=label,
        data_map="near",
    )


def _dot(latitude: float, longitude: float, count: int, most: int) -> str:
    words = f"{count:,} near {latitude:.1f}, {longitude:.1f}"
    radius = 1.5 + 6 * math.sqrt(count / most)
    return element("circle", title(words), class_="dot", cx=_x(longitude), cy=_y(latitude), r=radius)


def _circle(latitude: float, longitude: float, km: float) -> str:
    tall = km / _KM_A_DEGREE * _SCALE
    wide = tall / max(0.1, math.cos(math.radians(latitude)))
    return element("ellipse", class_="near", cx=_x(longitude), cy=_y(latitude), rx=wide, ry=tall)


def _x(longitude: float) -> float:
    return (longitude + 180) * _SCALE


def _y(latitude: float) -> float:
    return (90 - latitude) * _SCALE
