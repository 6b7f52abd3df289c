"""Stored and sought text is cut alike: without case and accents, and where a script has no blanks."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.search.words import folded, sought, tag_of, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Rising SEA-level, 3.5 m!", ["rising", "sea", "level", "3", "5", "m"]),
        ("Café Zürich Straße Müll ﬁne", ["cafe", "zurich", "strasse", "mull", "fine"]),
        ("Ørsted Łódź İstanbul", ["orsted", "lodz", "istanbul"]),
        ("e\u0301te\u0301", ["ete"]),
        ("東京都 abc", ["東京", "京都", "都", "abc"]),
        ("が か", ["が", "か"]),
        ("мир Ёлка", ["мир", "елка"]),
        ("fire🔥🔥", ["fire", "🔥", "🔥"]),
        ("a\u0000b\ud800c", ["a", "b", "c"]),
        ("_under_score_", ["under", "score"]),
        ("", []),
    ],
)
def test_a_text_is_cut_into_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_text_in_many_letters_of_another_script_is_cut_as_one_with_few() -> None:
    alphabet = "абвгдежзийклмнопрстуф"
    assert words_of(alphabet.upper()) == [unicodedata.normalize("NFC", alphabet.replace("й", "и"))]


@given(st.text())
@example("x" * 100_000)
@example("東" * 500)
def test_no_word_has_a_blank_or_is_longer_than_an_index_takes(text: str) -> None:
    # The index cuts at ASCII's blanks, Python at all others, too.
    assert folded(text).split() == [word for word in folded(text).split(" ") if word]
    assert all(len(word) <= 200 for word in words_of(text))


@given(
    st.text(alphabet="abé東京都カ が-", min_size=1), st.text(alphabet="ab é東京-"), st.text(alphabet="ab 京-")
)
def test_a_part_of_a_text_that_ends_at_words_is_found_in_it(text: str, before: str, after: str) -> None:
    wanted = sought(text)
    stored = words_of(f"{before} {text} {after}")
    assert not wanted or any(
        all(
            s.startswith(w) if prefix else s == w for (w, prefix), s in zip(wanted, stored[at:], strict=False)
        )
        for at in range(len(stored) - len(wanted) + 1)
    )


def test_a_single_character_of_chinese_is_the_begin_of_a_pair() -> None:
    assert sought("京") == [("京", True)]
    assert sought("東京") == [("東京", False)]


def test_tags_are_compared_without_their_sign_and_case() -> None:
    assert tag_of("#Zürich") == tag_of("ZÜRICH") == "zürich"
