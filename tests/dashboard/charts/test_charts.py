"""Charts are well-formed SVG for any values, with text of others escaped."""

import hashlib
import re
from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from harvester.dashboard.charts.bars import Day, bars
from harvester.dashboard.charts.donut import donut
from harvester.dashboard.charts.spark import spark
from harvester.dashboard.charts.world import world
from harvester.dashboard.rendering import STATIC

_NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z")), max_size=20)
_NUMBERS = st.integers(0, 10**9)
_DAYS = st.lists(st.builds(Day, _NAMES, _NUMBERS, _NAMES, st.booleans()), min_size=1, max_size=40)


@given(_DAYS, _NAMES)
def test_bars_are_well_formed_and_stay_within_the_chart(days: list[Day], label: str) -> None:
    chart = ElementTree.fromstring(bars(days, label=label, brush=True))
    assert chart.get("aria-label", "") == label
    for mark in chart.iter("rect"):
        left, top = float(mark.get("x", 0)), float(mark.get("y", 0))
        assert 0 <= left <= 900 and top >= 0
        assert top + float(mark.get("height", 0)) <= 190
        assert left + float(mark.get("width", 0)) <= 901


def test_no_posts_nothing_asked_and_a_gap_are_drawn_differently() -> None:
    asked, silent, failed, hole = (
        Day("2026-11-01", 0, "complete"),
        Day("2026-11-02", 0),
        Day("2026-11-03", 0, "failed"),
        Day("2026-11-04", 0, "complete", has_gap=True),
    )
    marks = [
        re.findall(r'<rect class="([a-z ]+)"', bars([day], label="x"))
        for day in (asked, silent, failed, hole)
    ]
    assert marks == [
        ["bar good", "strip good"],
        [],
        ["bar bad", "strip bad"],
        ["bar good", "gap", "strip good"],
    ]


def test_the_last_name_of_a_day_is_not_cut_off() -> None:
    chart = ElementTree.fromstring(bars([Day(f"2026-11-{n:02d}", n) for n in range(1, 31)], label="x"))
    places = [float(each.get("x", 0)) for each in chart.iter("text") if each.get("text-anchor") is None]
    assert len(places) >= 5 and max(places) <= 900 - 2 * 62
    assert [each.text for each in chart.iter("text") if each.get("x") == "900"] == ["max 30", "2026-11-30"]


@given(st.lists(_NUMBERS, max_size=40))
def test_a_small_line_has_a_point_for_each_value(values: list[int]) -> None:
    text = spark(values, label="x")
    if not any(values):
        assert text == ""
        return
    (line,) = ElementTree.fromstring(text)
    points = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    assert len(points) == len(values)
    assert all(0 <= x <= 120 and 0 <= y <= 22 for x, y in points)


@given(st.lists(st.tuples(_NAMES, _NUMBERS), max_size=12))
def test_a_ring_has_at_most_ten_slices(items: list[tuple[str, int]]) -> None:
    text = donut(items, label="x")
    if not sum(value for _, value in items):
        assert text == ""
        return
    titles = [each.text or "" for each in ElementTree.fromstring(text).iter("title")]
    assert titles == [f"{name}: {value:,}" for name, value in items[:10]]


@given(st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180), st.integers(1, 10**6)), max_size=20))
def test_a_map_has_a_circle_for_each_place(cells: list[tuple[float, float, int]]) -> None:
    chart = ElementTree.fromstring(
        world(cells, label="x", outline="/static/world.svg", near=(90.0, 0.0, 200.0))
    )
    assert len(list(chart.iter("circle"))) == len(cells)
    assert len(list(chart.iter("ellipse"))) == 1


def test_the_outline_of_the_world_is_the_one_whose_origin_is_noted() -> None:
    noted = re.search(r"SHA-256: `([0-9a-f]{64})`", (STATIC / "ORIGIN.md").read_text(encoding="utf-8"))
    assert noted and hashlib.sha256((STATIC / "world.svg").read_bytes()).hexdigest() == noted[1]


def test_no_line_of_the_outline_crosses_the_map() -> None:
    (path,) = ElementTree.fromstring(Path(STATIC / "world.svg").read_text(encoding="utf-8"))
    steps = re.findall(r"(-?[\d.]+) (-?[\d.]+)", re.sub(r"M[^l]*l", " ", path.get("d", "")))
    assert max(abs(float(x)) for x, _ in steps) < 100
