"""The search page's form is one query, whatever is typed into it."""

from datetime import date, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.dashboard.inspector import FIELDS, filled, marked, place, shifted, wanted
from harvester.errors import HarvesterError
from harvester.search.parsing import parsed

_ANY = st.text(max_size=30)
_DATES = st.dates(date(1990, 1, 1), date(2080, 1, 1))


@given(st.dictionaries(st.sampled_from(("q", "collection", "sort", "before", *FIELDS)), _ANY))
def test_any_form_is_a_query_or_is_refused_in_words(form: dict[str, str]) -> None:
    asked = wanted(form)
    try:
        parsed(asked.text)
    except HarvesterError as error:
        assert error.message
    assert urlsplit(asked.address()).path == "/search"


@given(st.sampled_from(FIELDS), st.text(st.characters(categories=("L", "N")), min_size=1, max_size=9))
def test_a_field_of_the_form_is_in_the_query_and_in_links(name: str, value: str) -> None:
    asked = wanted({"q": "words", name: value})
    assert asked.text == f"words {name}:{value}"
    assert parse_qs(urlsplit(asked.address(tag="other")).query)["tag"] == ["other"]


def test_a_value_of_two_words_stays_one_value() -> None:
    assert wanted({"tag": 'a b" OR c'}).text == 'tag:"a b  OR c"'


@given(st.dictionaries(_DATES, st.integers(1, 10**6), min_size=1, max_size=30))
def test_days_have_no_holes_and_no_post_is_lost(counts: dict[date, int]) -> None:
    found = sorted((day.isoformat(), posts) for day, posts in counts.items())
    days, are_days = filled(found)
    assert sum(day.value for day in days) == sum(counts.values())
    if are_days:
        names = [date.fromisoformat(day.name) for day in days]
        assert {b - a for a, b in zip(names, names[1:], strict=False)} <= {timedelta(days=1)}
        assert 30 <= len(days) <= 830
    else:
        assert len(days) <= 1200


@given(_DATES, st.integers(0, 500))
def test_the_window_before_ends_where_this_one_begins(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    earlier = shifted(first.isoformat(), last.isoformat(), by=-1)
    assert earlier and date.fromisoformat(earlier[1]) == first - timedelta(days=1)
    assert shifted(*earlier, by=1) == (first.isoformat(), last.isoformat())


@pytest.mark.parametrize(
    ("since", "until"), [("", ""), ("2026-01-01", ""), ("x", "y"), ("0001-01-01", "0001-01-02")]
)
def test_without_a_window_there_is_no_other(since: str, until: str) -> None:
    assert shifted(since, until, by=-1) is None


@given(_ANY, _ANY)
def test_marked_pieces_are_the_whole_text(text: str, query: str) -> None:
    assert "".join(piece for piece, _ in marked(text, query)) == text


def test_words_of_the_query_are_marked() -> None:
    assert marked("A Library, libraries", "library OR tag:x") == [
        ("A ", False),
        ("Library", True),
        (", libraries", False),
    ]


@pytest.mark.parametrize("near", ["", "1", "a,b,c", "91,0,1", "0,181,1", "0,0,0", "nan,0,1"])
def test_what_is_no_place_draws_no_circle(near: str) -> None:
    assert place(near) is None
