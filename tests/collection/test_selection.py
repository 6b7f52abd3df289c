"""The conditions of a crawl: what may be written, and what is said of the rest."""

from typing import Any

import pytest

from harvester.collection.selection import problems_of


def test_all_conditions_at_once_are_valid() -> None:
    select = {
        "min_statuses": 100,
        "max_statuses": 10**6,
        "min_followers": 0,
        "max_followers": 50_000,
        "min_following": 1,
        "max_following": 5_000,
        "min_ratio": 0.5,
        "verified": True,
        "created_after": "2009-01-01",
        "created_before": "2026-01-01T00:00:00Z",
        "verified_type": "blue",
        "protected": False,
        "has_url": True,
        "default_image": False,
        "username": "a",
        "name": "^B",
        "description": "(?i)librar|archive",
        "location": r"\bRoma\b",
        "url": r"\.org$",
        "any": [{"min_followers": 10}, {"not": {"description": "bot"}}],
    }
    assert list(problems_of(select)) == []
    assert list(problems_of({})) == []


@pytest.mark.parametrize(
    ("select", "problem"),
    [
        ([], "graph.select is not an object of conditions."),
        ({"colour": 1}, "Unknown condition graph.select.colour."),
        ({"min_follower": 1}, "Unknown condition graph.select.min_follower. "
         "Did you mean graph.select.min_followers?"),
        ({"min_followers": "1"}, "graph.select.min_followers is '1'; it must be a whole number from 0."),
        ({"min_followers": True}, "graph.select.min_followers is True; it must be a whole number from 0."),
        ({"min_ratio": -1}, "graph.select.min_ratio is -1; it must be a number from 0."),
        ({"min_ratio": float("nan")}, "graph.select.min_ratio is nan; it must be a number from 0."),
        ({"created_after": "June"},
         "graph.select.created_after is 'June'; it must be a date, e.g. 2015-06-30."),
        ({"verified": 1}, "graph.select.verified is 1; it must be true or false."),
        ({"verified_type": ""}, "graph.select.verified_type is ''; it must be text, e.g. blue."),
        ({"description": 3}, "graph.select.description is 3; it must be a regular expression."),
        ({"ids": [12]}, 'graph.select.ids is not a list of ids as text, e.g. ["12", "2244994945"].'),
        ({"ids": ["1"] * 10_001}, "graph.select.ids has 10,001 ids; it may have 10,000."),
        ({"any": []}, "graph.select.any is not a list of conditions."),
        ({"any": [{"verified": 1}]}, "graph.select.any[0].verified is 1; it must be true or false."),
        ({"not": {"verified": 1}}, "graph.select.not.verified is 1; it must be true or false."),
        ({"min_followers": 5, "max_followers": 4},
         "graph.select.min_followers is more than max_followers: no account fulfils both."),
        ({"created_after": "2020-01-01", "created_before": "2020-01-01"},
         "graph.select.created_after is not before created_before: no account fulfils both."),
    ],
)  # fmt: skip
def test_a_wrong_condition_is_named_with_its_place(select: Any, problem: str) -> None:
    assert list(problems_of(select)) == [problem]


@pytest.mark.parametrize("name", ["lang", "ids_in_file"])
def test_a_condition_that_is_not_offered_says_what_to_use(name: str) -> None:
    (problem,) = problems_of({name: "it"})
    assert problem.startswith(f"graph.select.{name} is not offered: ")
    assert "use" in problem


def test_a_pattern_that_is_not_offered_is_a_problem_of_its_condition() -> None:
    (problem,) = problems_of({"name": r"(a)\1"})
    assert problem == r"graph.select.name has '\\1', which is not offered."


def test_conditions_in_conditions_have_an_end() -> None:
    select: dict[str, Any] = {"verified": True}
    for _ in range(50):
        select = {"not": select}
    (problem,) = problems_of(select)
    assert problem.endswith("has conditions in conditions, more than 5 deep.")
