"""Patterns: the same answers as Python's matcher, in time that does not depend on what is in the text."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.collection.pattern_parts import MOST_PARTS, Refused
from harvester.collection.patterns import Pattern, problem
from tests.support.examples import examples

LETTERS = "abAB é1_- .]"
SINGLES = st.sampled_from(
    [
        *"abA é1_-",
        ".",
        r"\d",
        r"\w",
        r"\W",
        r"\s",
        r"\.",
        "[ab]",
        "[^a]",
        "[]a]",
        r"[a-c\d]",
        r"\x61",
        "]",
        "}",
    ]
)
PLACES = st.sampled_from(["^", "$", r"\b", r"\B"])
REPEATS = st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{,2}", "{2,}", "*?", "+?", "??"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, REPEATS).map(lambda pair: f"({pair[0]}){pair[1]}"),
        st.tuples(SINGLES, REPEATS).map("".join),
    )


# Pythons differ in whether `\\B` is in an empty text.
TEXTS = st.lists(st.text(LETTERS, min_size=1, max_size=7), max_size=6)
PATTERNS = st.recursive(st.one_of(SINGLES, PLACES), _grown, max_leaves=8)


@settings(max_examples=examples(500))
@given(PATTERNS, st.sampled_from(["", "(?i)", "(?s)"]), TEXTS)
def test_a_pattern_finds_what_pythons_matcher_finds(pattern: str, flags: str, texts: list[str]) -> None:
    mine, theirs = Pattern(flags + pattern), re.compile(flags + pattern)
    # A second time, from what the first taught.
    for text in (*texts, *texts):
        assert mine.found_in(text) == bool(theirs.search(text)), (pattern, text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*$",
        "(a|aa)+$",
        "(.*a){12}$",
        "(a*)*b",
        ".*.*.*.*.*=b",
        r"(\w+\s?)*$z",
        "(a?){60}a{60}z",
    ],
)
def test_a_text_made_against_a_pattern_takes_no_longer_than_another(pattern: str) -> None:
    hostile = Pattern(pattern)
    began = time.process_time()
    for text in ("a" * 160 + "!", "a" * 1_000 + "!", "a!" * 500):
        hostile.found_in(text)
    assert time.process_time() - began < 2


HOSTILE = st.recursive(
    st.sampled_from(["a", "b", ".", r"\w", "[ab]"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "{0,9}", "?"])).map(lambda pair: f"({pair[0]}){pair[1]}"),
    ),
    max_leaves=20,
)


@settings(max_examples=examples(300), deadline=None)
@given(HOSTILE, st.text("ab", min_size=1, max_size=12), st.integers(1, 60))
def test_no_accepted_pattern_hangs_on_any_text(pattern: str, piece: str, times: int) -> None:
    try:
        found = Pattern(pattern + "!")
    except Refused:
        return
    began = time.process_time()
    found.found_in((piece * times)[:320])
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "is not a regular expression: missing ), unterminated subpattern"),
        (r"(a)\1", r"has '\\1', which is not offered"),
        ("(?=a)", "has '(?=a', which is not offered"),
        ("(?<!a)b", "has '(?<!', which is not offered"),
        ("a++", "has a possessive repeat, which is not offered"),
        ("(?m)^a", "has '(?m)', which is not offered"),
        ("(a{30}){30}", f"has more than {MOST_PARTS} parts with its repeats written out"),
        ("a{900}", f"repeats more than {MOST_PARTS} times"),
        ("(" * 60 + ")" * 60, "has groups in groups, more than 40 deep"),
        ("a|b)", "is not a regular expression: unbalanced parenthesis"),
    ],
)
def test_a_pattern_that_is_not_offered_is_refused_in_words(pattern: str, why: str) -> None:
    assert problem(pattern).startswith(why)


def test_texts_of_all_kinds_do_not_fill_the_memory() -> None:
    pattern = Pattern(r"(?i)(librar|archiv)\w*\b.*museum$")
    for number in range(20_000):
        pattern.found_in(chr(0x100 + number) + "library of archives")
    assert sum(len(state.after) for state in pattern._states.values()) < 20_000
