"""Accounts are judged by the conditions of a crawl; what a profile does not say is no answer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.collection.selection import problems_of
from harvester.graph.select import REJECTED, SELECTED, UNKNOWN, Selection, Verdict
from harvester.networks.profiles import Profile
from harvester.networks.records import BrokenLine
from harvester.networks.registry import network_of

LIBRARY = Profile(
    "42", "lib", "City Library", "Books and archives since 1921", "Roma, Italia", "https://lib.example.org/",
    "2015-06-30T12:00:00.000Z", 900, 300, 1_200, True, "blue", False, "https://pbs.example.com/1/p_normal.jpg",
)  # fmt: skip
SILENT = Profile("7")


@pytest.mark.parametrize(
    ("select", "fulfilled"),
    [
        ({"min_statuses": 1_200}, True),
        ({"min_statuses": 1_201}, False),
        ({"max_followers": 900, "min_followers": 900}, True),
        ({"max_followers": 899}, False),
        ({"max_following": 299}, False),
        ({"min_ratio": 3}, True),
        ({"min_ratio": 3.01}, False),
        ({"created_after": "2015-06-30"}, True),
        ({"created_after": "2015-06-30T12:00:01Z"}, False),
        ({"created_before": "2015-06-30T12:00:00Z"}, False),
        ({"created_before": "2015-07-01"}, True),
        ({"verified": True, "verified_type": "blue", "protected": False}, True),
        ({"verified_type": "business"}, False),
        ({"protected": True}, False),
        ({"has_url": True, "default_image": False}, True),
        ({"has_url": False}, False),
        ({"default_image": True}, False),
        (
            {"description": "(?i)ARCHIV", "name": "Library$", "username": "^lib$", "location": r"\bRoma\b"},
            True,
        ),
        ({"url": r"\.com\b"}, False),
        ({"ids": ["7", "42"], "min_followers": 1}, True),
        ({"ids": ["7", "4"]}, False),
        ({"not": {"ids": ["42"]}}, False),
        ({"any": [{"min_followers": 10_000}, {"description": "archive"}]}, True),
        ({"any": [{"min_followers": 10_000}, {"description": "museum"}]}, False),
        ({"not": {"description": "archive", "min_followers": 1_000}}, True),
        ({"not": {"description": "archive", "min_followers": 1}}, False),
        ({}, True),
    ],
)
def test_an_account_is_judged_by_what_its_profile_says(select: dict[str, Any], fulfilled: bool) -> None:
    assert not list(problems_of(select))
    assert (Selection(select).judge(LIBRARY).outcome == SELECTED) is fulfilled


@pytest.mark.parametrize(
    "select",
    [
        *({"min_statuses": 0}, {"max_followers": 0}, {"min_ratio": 0}, {"created_after": "2000-01-01"}),
        *({"verified": False}, {"protected": False}, {"verified_type": "none"}, {"default_image": False}),
        *({"any": [{"min_followers": 0}, {"name": "x"}]}, {"not": {"min_followers": 0}}),
    ],
)
def test_what_a_profile_does_not_say_is_unknown_and_no_rejection(select: dict[str, Any]) -> None:
    assert Selection(select).judge(SILENT) == Verdict(UNKNOWN, next(iter(select)))


def test_a_text_that_an_account_left_out_is_empty_and_so_known() -> None:
    assert Selection({"description": "."}).judge(SILENT) == Verdict(REJECTED, "description")
    assert Selection({"has_url": False}).judge(SILENT).outcome == SELECTED


def test_the_first_condition_that_rejects_is_named_also_behind_one_that_is_unknown() -> None:
    select = {"min_followers": 1, "name": "x", "description": "y"}
    assert Selection(select).judge(SILENT) == Verdict(REJECTED, "name")


def test_a_verdict_has_the_values_that_it_was_made_from() -> None:
    select = {
        "min_ratio": 2,
        "created_after": "2010-01-01",
        "not": {"url": "x"},
        "any": [{"max_statuses": 3}],
        "ids": ["42"],
    }
    assert Selection(select).values(LIBRARY) == {
        "followers": 900,
        "following": 300,
        "posts": 1_200,
        "url": "https://lib.example.org/",
        "created_at": "2015-06-30T12:00:00.000Z",
    }


COUNTS = st.none() | st.integers(0, 9)
PROFILES = st.builds(
    Profile,
    id=st.just("1"),
    name=st.text("ab", max_size=2),
    followers=COUNTS,
    following=COUNTS,
    verified=st.none() | st.booleans(),
)
SIMPLE = st.one_of(
    st.builds(lambda n: {"min_followers": n}, st.integers(0, 9)),
    st.builds(lambda n: {"max_following": n}, st.integers(0, 9)),
    st.builds(lambda flag: {"verified": flag}, st.booleans()),
    st.builds(lambda text: {"name": text}, st.sampled_from(["a", "b", "^$"])),
)
SELECTS = st.recursive(
    SIMPLE,
    lambda inner: (
        st.builds(lambda each: {"not": each}, inner)
        | st.builds(lambda each: {"any": each}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda one, other: {**one, **other}, inner, inner)
    ),
    max_leaves=6,
)


@given(SELECTS, PROFILES)
def test_the_opposite_of_a_selection_selects_what_it_rejects(
    select: dict[str, Any], profile: Profile
) -> None:
    opposite = {SELECTED: REJECTED, REJECTED: SELECTED, UNKNOWN: UNKNOWN}
    found = Selection(select).judge(profile).outcome
    assert Selection({"not": select}).judge(profile).outcome == opposite[found]
    assert Selection({"any": [select]}).judge(profile).outcome == found


@given(SELECTS, PROFILES, COUNTS, st.booleans())
def test_a_value_that_becomes_known_turns_no_verdict_around(
    select: dict[str, Any], profile: Profile, count: int | None, flag: bool
) -> None:
    before = Selection(select).judge(profile).outcome
    known = Profile(
        profile.id,
        name=profile.name,
        followers=count if profile.followers is None else profile.followers,
        following=count if profile.following is None else profile.following,
        verified=flag if profile.verified is None else profile.verified,
    )
    assert before == UNKNOWN or Selection(select).judge(known).outcome == before


X = network_of({}).lists


def test_a_page_of_x_is_read_as_profiles() -> None:
    page = (
        b'{"data":[{"id":"42","username":"lib","name":"L","url":"https://t.co/1","verified":false,'
        b'"entities":{"url":{"urls":[{"expanded_url":"https://lib.example.org/"}]}},'
        b'"public_metrics":{"followers_count":"3","following_count":2,"tweet_count":1}},{"id":"7"}],'
        b'"meta":{"result_count":2},"__twarc":{"url":"u"}}'
    )
    first, second = X.profiles(page)
    assert (first.url, first.followers, first.following, first.posts) == ("https://lib.example.org/", 3, 2, 1)
    assert second == SILENT
    assert list(X.profiles(b'{"meta":{"result_count":0}}')) == []


@pytest.mark.parametrize("strange", ["1\\n2", "1\\t2", "", "x", "-1", "1 2"])
def test_what_is_no_id_of_x_is_no_account(strange: str) -> None:
    page = f'{{"data":[{{"id":"7"}},{{"id":"{strange}"}}]}}'.encode()
    assert [profile.id for profile in X.profiles(page)] == ["7"]


def test_half_of_a_surrogate_pair_in_a_profile_is_read() -> None:
    (profile,) = X.profiles(rb'{"data":[{"id":"7","name":"\ud83d"}]}')
    assert profile.name in ("?", "�")


@pytest.mark.parametrize(
    "line", [b"{", b'{"data":[{"name":"x"}]}', b'{"data":[{"id":"1","public_metrics":3}]}']
)
def test_a_line_that_is_no_page_of_accounts_is_said_to_be_broken(line: bytes) -> None:
    with pytest.raises(BrokenLine, match="is not a page of accounts"):
        X.profiles(line)


def test_the_accounts_of_a_list_have_a_price() -> None:
    assert (X.cost("followers", 1_000), X.cost("following", 100)) == (10.0, 1.0)
