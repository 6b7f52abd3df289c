"""A small line without axes, for a cell of a table."""

from collections.abc import Sequence

from harvester.dashboard.charts.svg import coordinate, element

_WIDTH, _HEIGHT = 120, 22


def spark(values: Sequence[int], *, label: str) -> str:
    """The line of these values; empty without values, so that missing data is not shown as zero."""
    if not values or not any(values):
        return ""
    most, step = max(values), _WIDTH / max(len(values) - 1, 1)
    points = " ".join(
        f"{coordinate(number * step)},{coordinate(_HEIGHT - 2 - (_HEIGHT - 4) * value / most)}"
        for number, value in enumerate(values)
    )
    line = element("polyline", points=points)
    return element(
        "svg", line, class_="spark", viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=label
    )
