"""Words are those that X finds: whole ones, forms and cases alike, and sign by sign where no blanks are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.networks.x.matching.words import folded, pairs_of, spaced_words_of, tags_of, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A cat, a category.", ["a", "cat", "a", "category"]),
        ("snake_case don't", ["snake_case", "don", "t"]),
        ("“Happy”—birthday…", ["happy", "birthday"]),
        ("party🎂🎉 👍🏽", ["party", "🎂", "🎉", "👍", "🏽"]),
        ("👩\u200d💻 ❤\ufe0f", ["👩", "💻", "❤"]),
        ("ＦＵＬＬ ｗｉｄｔｈ ﬁne", ["full", "width", "fine"]),
        ("cafe\u0301 CAFÉ Straße", ["café", "café", "strasse"]),
        ("今日Tokyo中国", ["今", "日", "tokyo", "中", "国"]),
        ("ｶﾞｷﾞ", ["ガ", "ギ"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("می\u200cخواهم", ["میخواهم"]),
        ("𝐁old", ["bold"]),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(folded(text)) == words


def test_signs_of_scripts_without_blanks_stand_in_pairs_where_they_stand_side_by_side() -> None:
    assert list(pairs_of(folded("今日、中国 x"))) == ["今日", "中国"]


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#Apple and ＃今日は", ["#apple", "#今日は"]),
        ("@Museum $TWTR #1_a", ["@museum", "$twtr", "#1_a"]),
        ("a#b me@example.org example.org/#top &#39; ##x #", []),
        ("é#b (#c)", ["#c"]),
    ],
)
def test_tags_begin_a_word_of_their_own(text: str, tags: list[str]) -> None:
    assert list(tags_of(folded(text))) == tags


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_text_without_letters_beyond_ascii_has_the_same_words_by_both_ways(text: str) -> None:
    plain = "".join(sign for sign in folded(text) if sign.isascii())
    # A letter beyond ASCII at the end makes the general way be taken.
    assert words_of(f"{plain} é") == [*words_of(plain), "é"]


@given(st.text(st.sampled_from("ab1_ #@$.é水空กัิಕ가ー゛😀\u0301\u200d")))
def test_words_are_those_in_a_row_and_signs_of_the_text(text: str) -> None:
    found = folded(text)
    words = set(words_of(found))
    assert set(spaced_words_of(found)) <= words <= {*spaced_words_of(found), *found}
