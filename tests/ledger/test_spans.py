"""Spans of names and states say when an account was seen with them, and nothing of the time between."""

from hypothesis import example, given
from hypothesis import strategies as st

from harvester.ledger.spans import Span, seen

_SIGHTINGS = st.lists(st.tuples(st.integers(0, 9).map(str), st.sampled_from(("jack", "Jack", "biz"))))


def _spans(*sightings: tuple[str, str]) -> list[tuple[str, str, str]]:
    found: list[Span] = []
    for moment, value in sightings:
        found = seen(found, value, moment, f"file {moment}")
    return [(span.value, span.first, span.last) for span in found]


def test_sightings_of_one_name_are_one_span() -> None:
    assert _spans(("3", "jack"), ("1", "jack"), ("2", "jack")) == [("jack", "1", "3")]


def test_another_name_between_two_sightings_parts_them() -> None:
    assert _spans(("1", "jack"), ("3", "jack"), ("2", "biz")) == [
        ("jack", "1", "1"),
        ("biz", "2", "2"),
        ("jack", "3", "3"),
    ]


def test_a_name_that_comes_back_has_two_spans() -> None:
    sightings = (("1", "jack"), ("2", "biz"), ("3", "jack"), ("4", "jack"))
    assert _spans(*sightings) == [("jack", "1", "1"), ("biz", "2", "2"), ("jack", "3", "4")]


def test_two_names_at_one_moment_are_both_kept() -> None:
    assert sorted(_spans(("1", "jack"), ("1", "biz"))) == [("biz", "1", "1"), ("jack", "1", "1")]


def test_the_same_name_in_another_case_is_the_same() -> None:
    assert _spans(("1", "Jack"), ("2", "jack")) == [("Jack", "1", "2")]


def test_a_span_names_the_file_of_its_last_sighting() -> None:
    found = seen(seen([], "jack", "5", "late"), "jack", "3", "early")
    assert found == [Span("jack", "3", "5", "late")]


@given(_SIGHTINGS)
@example([("1", "jack"), ("5", "jack"), ("3", "biz"), ("2", "jack")])
def test_each_sighting_is_in_a_span_and_no_span_begins_or_ends_without_one(
    sightings: list[tuple[str, str]],
) -> None:
    found = _spans(*sightings)
    moments = {(moment, value.lower()) for moment, value in sightings}
    assert {(first, value.lower()) for value, first, _ in found} <= moments
    assert {(last, value.lower()) for value, _, last in found} <= moments


@given(_SIGHTINGS.map(sorted))
def test_of_sightings_in_order_no_other_name_was_seen_inside_of_a_span(
    sightings: list[tuple[str, str]],
) -> None:
    moments = {(moment, value.lower()) for moment, value in sightings}
    for value, first, last in _spans(*sightings):
        assert not any(first < moment < last and name != value.lower() for moment, name in moments)


@given(_SIGHTINGS)
def test_the_same_sightings_again_change_nothing(sightings: list[tuple[str, str]]) -> None:
    in_order = sorted(set(sightings))
    assert _spans(*in_order, *in_order) == _spans(*in_order)
