"""Whatever is typed is a query, with warnings, or is refused in one line with what to do."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.errors import Exit, HarvesterError
from harvester.search.expression import (
    Both,
    Either,
    Everything,
    Expression,
    Near,
    Published,
    Term,
    Without,
    Words,
)
from harvester.search.parsing import parsed


def _word(text: str) -> Words:
    return Words((text,))


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("", Everything()),
        ("  Flood ", _word("flood")),
        ('climate "sea level"', Both((_word("climate"), Words(("sea", "level"))))),
        ("sea-level", Words(("sea", "level"))),
        ("a -b", Both((_word("a"), Without(_word("b"))))),
        ("-tag:x", Without(Term("tag", ("x",)))),
        ("floo*", Words(("floo",), prefix=True)),
        ("a OR b c", Either((_word("a"), Both((_word("b"), _word("c")))))),
        ("(a OR b) c", Both((Either((_word("a"), _word("b"))), _word("c")))),
        ("-(a OR b)", Without(Either((_word("a"), _word("b"))))),
        ("or OR ORANGE", Either((_word("or"), _word("orange")))),
        ("tag:#Flood", Term("tag", ("flood",))),
        ("#Flood!", Term("tag", ("flood",))),
        ("from:@Jack", Term("author", ("jack",))),
        ("from:12", Either((Term("author", ("12",)), Term("author_id", ("12",))))),
        ("user:@jack", Either((Term("author", ("jack",)), Term("mention", ("jack",))))),
        ("lang:EN kind:repost", Both((Term("lang", ("en",)), Term("kind", ("repost",))))),
        ("kind:included", Term("included", ("yes",))),
        ("has:geo", Term("has", ("geo",))),
        ('collection:"a-b"', Term("collection", ("a-b",))),
        ("near:47.1,9.9,200", Near(47.1, 9.9, 200.0)),
        ("near:-47,9,5km", Near(-47.0, 9.0, 5.0)),
        ("since:2026", Published(since=1767225600)),
        ("until:1969", Published(before=0)),
        ("since:2026-02 until:2026-02", Both((Published(since=1769904000), Published(before=1772323200)))),
        ("since:2026-02-28T23:59:59+01:00", Published(since=1772319599)),
        ("until:2026-02-28T12:00Z", Published(before=1772280060)),
        ("“sea level”", Words(("sea", "level"))),
    ],
)
def test_a_query_is_read(text: str, expression: Expression) -> None:
    found = parsed(text)
    assert (found.expression, found.warnings) == (expression, [])


@pytest.mark.parametrize(
    ("text", "expression", "warning"),
    [
        ('"sea level', Both((_word("sea"), _word("level"))), "A quote was not closed"),
        ("tags:x", Words(("tags", "x")), "tags: is not a field (did you mean tag:?)"),
        ("se*", _word("se"), "se*: a * needs 3 letters before it"),
        ("a OR", _word("a"), "An OR with nothing on one side"),
        ("a AND b", Both((_word("a"), _word("and"), _word("b"))), "AND was read as a word; leave it out"),
        ("(a", _word("a"), "A parenthesis was not closed"),
        ("a )b", Both((_word("a"), _word("b"))), "A closing parenthesis without an opening one"),
        ("!? a", _word("a"), "!? has no letters or digits"),
    ],
)
def test_what_is_read_in_another_way_than_it_stands_there_is_said(
    text: str, expression: Expression, warning: str
) -> None:
    found = parsed(text)
    assert found.expression == expression
    assert [each.startswith(warning) for each in found.warnings] == [True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("since:yesterday", "since:yesterday is not a date. Use e.g. since:2026-11-23"),
        ("until:2026-02-30", "until:2026-02-30 is not a date."),
        ("since:9999", ""),
        ("near:91,0,5", "near:91,0,5 is not a place. Use near:LATITUDE,LONGITUDE,KILOMETRES"),
        ("near:nan,0,5", "near:nan,0,5 is not a place."),
        ("kind:retweet", "kind:retweet is unknown. Use one of post, repost, reply, quote, included."),
        ("has:picture", "has:picture is unknown. Use one of geo, media, link."),
        ('tag:" "', "tag: is followed by nothing."),
        ("since: 2026-11-01", "since: is followed by nothing."),
        ("flood lang:", "lang: is followed by nothing."),
        ("(flood tag:)", "tag: is followed by nothing."),
        ("from:@", "from: is followed by nothing."),
        ("(" * 21 + "a", "The query has too many parentheses"),
        ("a " * 201, "The query has more than 200 words."),
        ("a" * 10_001, "The query has 10,001 characters."),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(HarvesterError) as caught:
        parsed(text)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == Exit.USAGE


_PIECES = st.sampled_from(
    [
        *(
            '"',
            "(",
            ")",
            "-",
            "*",
            " ",
            "OR",
            "#",
            "@",
            ":",
            "a",
            "cli",
            "東京",
            "🔥",
            "since:",
            "2026",
            "tag:",
        ),
        *("near:", "1,2,3", "from:", "has:", "geo", "“", "\0", "\ud800", "x" * 300, "until:0001", "foo:"),
    ]
)


@given(st.one_of(st.text(), st.lists(_PIECES).map("".join)))
@example("-")
@example("tag:")
@example("- (")
@example("since:2026-01-01T")
def test_any_text_is_a_query_or_is_refused_in_one_line(text: str) -> None:
    try:
        found = parsed(text)
    except HarvesterError as error:
        assert "\n" not in str(error)
        assert error.hint
    else:
        assert found.text == text
        assert all("\n" not in warning or "\n" in text for warning in found.warnings)


@pytest.mark.parametrize("text", ["since:2026-12 until:2026-01", "until:2026-01 flood since:2026-12"])
def test_a_range_that_is_reversed_is_refused(text: str) -> None:
    with pytest.raises(HarvesterError, match="until: is before since:"):
        parsed(text)
    parsed("since:2026-12 until:2026-12")
