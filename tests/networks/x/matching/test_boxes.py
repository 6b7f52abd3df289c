"""The boxes found are those that a look at each box finds."""

from hypothesis import given
from hypothesis import strategies as st

from harvester.networks.x.matching.boxes import Boxes
from harvester.networks.x.rules.values import Box

_DEGREES = st.integers(-1800, 1800).map(lambda tenth: tenth / 10)


@st.composite
def _box(draw: st.DrawFn) -> Box:
    west, east = sorted((draw(_DEGREES), draw(_DEGREES)))
    south, north = sorted((draw(_DEGREES) / 2, draw(_DEGREES) / 2))
    return west, south, east, north


_point = st.tuples(_DEGREES, _DEGREES).map(lambda at: (at[0], at[1] / 2, at[0], at[1] / 2))


@given(st.lists(_box(), max_size=30), st.one_of(_box(), _point))
def test_the_boxes_found_are_those_of_a_look_at_each(boxes: list[Box], place: Box) -> None:
    found = Boxes()
    for number, box in enumerate(boxes):
        found.add(number, box)
    west, south, east, north = place
    assert found.around(place) == {
        number
        for number, (left, low, right, high) in enumerate(boxes)
        if left <= west and east <= right and low <= south and north <= high
    }
    assert found.meeting(place) == {
        number
        for number, (left, low, right, high) in enumerate(boxes)
        if left <= east and west <= right and low <= north and south <= high
    }
