"""Packed rules can be taken apart again, and each term is in one of them."""

from hypothesis import given
from hypothesis import strategies as st

from harvester.networks.x.rules.packing import OR, Packs, chunks, split

_TERM = st.one_of(
    st.from_regex(r"[a-z#@]{1,12}", fullmatch=True),
    st.from_regex(r'"[a-z ()OR]{1,20}"', fullmatch=True),
    st.from_regex(r"\([a-z]{1,5}( OR [a-z]{1,5}| -[a-z]{1,5}| \"a \) OR b\"){1,3}\)", fullmatch=True),
    st.just("bounding_box:[-74 40 -73.5 40.5]"),
)
_WORD = st.text("abcdefghij", min_size=1, max_size=30)
_UNITS = st.lists(st.lists(_WORD, min_size=1, max_size=4, unique=True), max_size=60)


@given(st.lists(_TERM, min_size=1, max_size=10))
def test_a_value_is_taken_apart_into_its_terms(terms: list[str]) -> None:
    assert split(OR.join(terms)) == terms


def test_what_x_has_under_our_tag_and_is_no_rule_of_ours_does_no_harm() -> None:
    for value in ("", ")", '"', "a OR", '(a OR b) OR ")', "OR OR OR"):
        assert OR.join(split(value)) == value


@given(_UNITS, st.integers(min_value=60, max_value=200))
def test_each_term_is_in_one_live_rule_and_none_is_too_long(units: list[list[str]], length: int) -> None:
    packs = Packs({}, wanted=(), length=length)
    for unit in units:
        packs.add(unit)

    values = [OR.join(terms) for _, terms in packs.values()]

    assert sorted(term for value in values for term in value.split(OR)) == sorted(
        {term for unit in units for term in unit}
    )
    assert all(len(value) <= length for value in values)
    assert all(term in dict(packs.values())[packs.number_of(term)] for unit in units for term in unit)


@given(_UNITS)
def test_a_unit_that_is_shorter_than_a_live_rule_is_in_two_at_most(units: list[list[str]]) -> None:
    packs = Packs({}, wanted=(), length=150)
    seen: set[str] = set()
    for unit in units:
        new = [term for term in unit if term not in seen]
        seen.update(new)
        packs.add(unit)

        assert len({packs.number_of(term) for term in new}) <= 2


def test_a_hole_is_filled_before_another_live_rule_is_made() -> None:
    packs = Packs({1: ["aaaa", "gone", "bbbb"], 7: ["cccc"]}, wanted={"aaaa", "bbbb", "cccc"}, length=20)

    packs.add(["dddd"])
    assert dict(packs.values()) == {1: ["aaaa", "bbbb", "dddd"], 7: ["cccc"]}
    assert packs.fill(["eeee", "ffff"]) and not packs.fill(["gggg"])
    packs.add(["gggg"])
    assert dict(packs.values())[2] == ["gggg"]


def test_a_term_that_two_live_rules_have_stays_in_the_first() -> None:
    """As a change leaves it that ended between what it added and what it took away."""
    packs = Packs({1: ["a", "b", "a"], 2: ["b"], 3: ["c" * 90]}, wanted={"a", "b", "c" * 90}, length=50)

    assert dict(packs.values()) == {1: ["a", "b"]}


def test_terms_are_cut_where_a_live_rule_ends() -> None:
    assert list(chunks(["aaa", "bbb", "ccc"], length=10)) == [["aaa", "bbb"], ["ccc"]]
