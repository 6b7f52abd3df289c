"""What came in an interval is what sums grew by, over as many harvests as there are."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.statistics.minute import BY, Minute, columns, increases

_BEGAN = datetime(2026, 11, 23, 9, 58, 30, tzinfo=UTC)
_HARVESTS = st.lists(st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 1000)), min_size=1), max_size=5)


@given(_HARVESTS, st.sampled_from(sorted(BY)))
def test_the_intervals_add_up_to_what_harvests_had_in_the_end(
    harvests: list[list[tuple[int, int]]], by: str
) -> None:
    at, minutes, totals = _BEGAN, list[Minute](), 0
    for number, steps in enumerate(harvests):
        tweets = 0
        for seconds, posts in steps:
            at += timedelta(seconds=seconds)
            tweets += posts
            minutes.append(Minute(f"{number}", at, {"tweets": tweets, "rss_mb": posts}))
        totals += tweets
    rows = list(increases(minutes, by=by))
    assert sum(row["tweets"] for _, row in rows) == totals
    assert [begin for begin, _ in rows] == sorted({begin for begin, _ in rows})
    # Of memory, the most counts.
    assert max((row["rss_mb"] for _, row in rows), default=0) == max(
        (posts for steps in harvests for _, posts in steps), default=0
    )


def test_of_the_depth_of_a_crawl_and_of_its_users_the_last_figure_counts() -> None:
    figures = [{"depth": 0, "users_left": 9}, {"depth": 0, "users_left": 2}, {"depth": 1, "users_left": 7}]
    harvests = ("a", "a", "b")
    minutes = [Minute(of, _BEGAN, each) for of, each in zip(harvests, figures, strict=True)]
    assert [row for _, row in increases(minutes[:2], by="hour")] == [{"depth": 0, "users_left": 2}]
    assert [row for _, row in increases(minutes, by="hour")] == [{"depth": 1, "users_left": 7}]


def test_the_usual_names_come_first() -> None:
    assert columns([{"pages": 1, "rss_mb": 2}, {"tweets": 1, "b": 2}]) == ["tweets", "rss_mb", "b", "pages"]


@pytest.mark.parametrize("line", [{}, {"at": 7}, {"at": "yesterday", "tweets": 1}])
def test_what_is_no_line_of_statistics_is_refused(line: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"time|isoformat"):
        Minute.of_line("h", line)


def test_a_harvest_of_2019_is_one_figure() -> None:
    summary = {"tweets": 12, "files": 1, "harvest_end_timestamp": "2019-05-01T10:00:00", "billed": None}
    found = Minute.of_summary("2019-05-01T09:00:00+00:00", summary)
    assert found.at == datetime(2019, 5, 1, 10, tzinfo=UTC)
    assert found.figures == {"tweets": 12, "files": 1, "gaps": 0, "requests": 0, "usd": 0}
