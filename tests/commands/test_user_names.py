"""Names as people copy them come to the same name, and what is none never becomes somebody else's."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.commands.config.user_names import found_in, read, shown
from harvester.errors import HarvesterError
from harvester.networks.x.screen_names import screen_name
from harvester.text import plain

_NAMES = st.from_regex(r"[A-Za-z0-9_]{1,15}", fullmatch=True)
_UNSEEN = st.text("\u200b\u200e\u200f\u202a\u202c\u2060\ufeff\u00ad\ufe0f", max_size=3)
_BEFORE = st.sampled_from(
    (
        *("", "@", "@@", "@ ", "\uff20", "(@", '"', "\u201c@", " \t", "\xa0"),
        *("https://twitter.com/", "http://www.x.com/", "x.com/", "mobile.twitter.com/@", "twitter.com/#!/"),
    )
)
_AFTER = st.sampled_from(("", ",", ";", ")", '"', "\u201d", " ", "\xa0", "\r", "."))
_PAGES = ("i", "home", "search", "intent", "explore", "share", "hashtag", "settings", "messages", "login")


@given(_NAMES.filter(lambda name: name.lower() not in _PAGES), _UNSEEN, _BEFORE, _UNSEEN, _AFTER, _UNSEEN)
def test_what_is_around_a_name_does_not_count(
    name: str, one: str, before: str, two: str, after: str, three: str
) -> None:
    half = len(name) // 2
    assert screen_name(one + before + name[:half] + two + name[half:] + after + three) == name


@given(st.text(max_size=30) | st.text("@ab/.:x?#\u200b\uff21\x00 ", max_size=20))
def test_no_text_becomes_a_name_that_does_not_stand_in_it(text: str) -> None:
    name = screen_name(text)
    assert name == "" or (re.fullmatch(r"\w{1,15}", name, re.ASCII) and name in plain(text))
    if not name:
        names, others = read([text], screen_name)
        assert names == []
        assert others in ([], [text])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://x.com/metmuseum?s=20", "metmuseum"),
        ("https://x.com/metmuseum/status/20", "metmuseum"),
        ("\uff2d\uff4f\uff2d\uff21", "MoMA"),
        ("British Museum", ""),
        ("smithsonian\x00x", ""),
        ("mus\u00e9e", ""),
        ("https://x.com/i/user/12", ""),
        ("https://example.org/metmuseum", ""),
        ("sixteen_letters_", ""),
        ("@", ""),
    ],
)
def test_what_is_a_name_and_what_is_none(text: str, name: str) -> None:
    assert screen_name(text) == name


def test_a_name_is_read_once_however_it_is_written() -> None:
    assert read(["@MoMA", "moma", "\uff20MOMA", "", "@ ", "a b"], screen_name) == (["MOMA"], ["a b"])


def test_what_cannot_be_seen_is_shown_escaped() -> None:
    assert shown("no good name") == "no good name"
    assert shown("a\u200fb") == "a\\u200fb"
    assert shown("a\x1b]52;b") == "a\\x1b]52;b"


@given(
    st.dictionaries(st.sampled_from("123456"), st.sampled_from(("a", "b", "c"))),
    st.lists(st.sampled_from(("1", "2", "7", "@a", "B", "x.com/c", "@d")), max_size=4),
)
def test_users_are_found_by_id_and_name_and_never_one_of_two(names: dict[str, str], typed: list[str]) -> None:
    users = {user_id: {"screen_name": name} for user_id, name in names.items()}
    try:
        ids, missing = found_in(users, typed, screen_name)
    except HarvesterError as error:
        name = error.message.partition(" ")[0].lower()
        assert list(names.values()).count(name) > 1
        return
    assert len(ids) == len(set(ids))
    assert len(missing) + len(ids) <= len(typed)
    for user_id in ids:
        assert user_id in typed or list(names.values()).count(names[user_id]) == 1
