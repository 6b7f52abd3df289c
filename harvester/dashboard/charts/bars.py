"""A bar for each day, over a strip of what became of the harvests, with gaps hatched."""

from collections.abc import Sequence
from dataclasses import dataclass

from harvester.dashboard.charts.svg import element, text, title
from harvester.dashboard.states import sign

_WIDTH, _HEIGHT = 900, 190
# The strip of states, and below it the axis.
_TOP, _STRIP, _AXIS = 16, 8, 20
_LABELS = 8
_LABEL_WIDTH = 62
# The minimum height of a bar: a day with few posts, or with a harvest but no posts, stays visible.
_LEAST = 1.5


@dataclass(frozen=True)
class Day:
    """The content of a bar: a number, the state of the harvests, and whether there is a gap.

    `state` is empty if no harvest ran; a state without posts is a thin line.
    """

    name: str
    value: int
    state: str = ""
    has_gap: bool = False


def bars(days: Sequence[Day], *, label: str, brush: bool = False, strip: bool = True) -> str:
    """The chart; with `brush` the script lets a range of days be drawn."""
    if not days:
        return ""
    width = _WIDTH / len(days)
    most = max(1, *(day.value for day in days))
    base = _HEIGHT - _AXIS - (_STRIP if strip else 0)
    marks = "".join(_day(day, number * width, width, base, most) for number, day in enumerate(days))
    line = element("line", class_="base", x1=0, x2=_WIDTH, y1=base, y2=base)
    highest = text(f"max {most:,}", class_="axis", x=_WIDTH, y=10, text_anchor="end")
    return element(
        "svg",
        _PATTERN + line + highest + marks + _axis(days, width),
        class_="bars",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=label,
        data_brush="days" if brush else None,
        data_first=days[0].name if brush else None,
        data_days=len(days) if brush else None,
    )


# Hatched, so that a gap is visible without colour.
_PATTERN = (
    '<defs><pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6"/></pattern></defs>'
)


def _day(day: Day, x: float, width: float, base: float, most: int) -> str:
    tall = max(_LEAST, (base - _TOP) * day.value / most) if day.value or day.state else 0.0
    if not day.value and day.state:
        tall = 1.0
    wide = max(width - 0.6, 0.8)
    words = title(_words(day))
    marks = ""
    if tall:
        place = {"x": x, "y": base - tall, "width": wide, "height": tall}
        marks += element("rect", words, class_=f"bar {sign(day.state)}".rstrip(), **place)
    if day.has_gap:
        # Over the bar, which may be as high as the chart.
        place = {"x": x, "y": _TOP, "width": width, "height": base - _TOP}
        marks += element("rect", words, class_="gap", **place)
    if day.state:
        place = {"x": x, "y": base + 2.0, "width": wide, "height": _STRIP - 2.0}
        marks += element("rect", class_=f"strip {sign(day.state)}".rstrip(), **place)
    return marks


def _words(day: Day) -> str:
    parts = [f"{day.name}: {day.value:,}", day.state, "gap" if day.has_gap else ""]
    return ", ".join(filter(None, parts))


def _axis(days: Sequence[Day], width: float) -> str:
    """Names of days at equal distances, and that of the last at the end, with room before it."""
    step = max(1, -(-len(days) // _LABELS))
    places = [
        number for number in range(0, len(days), step) if number * width < _WIDTH - 2 * _LABEL_WIDTH - 8
    ]
    names = [
        text(days[number].name, class_="axis", x=number * width, y=_HEIGHT - 4) for number in places or [0]
    ]
    last = text(days[-1].name, class_="axis", x=_WIDTH, y=_HEIGHT - 4, text_anchor="end")
    return "".join([*names, last] if len(days) > 1 else names)
