"""The line of a crawl's harvest says how fast it is, and what X allows only where that can be compared."""

from typing import Any

import pytest

from harvester.harvest.summary import amount


@pytest.mark.parametrize(
    ("updated", "words"),
    [
        ("2026-11-28T00:01:00+00:00", "Edges: 60,000 (1,000 edges/s). "),
        ("2026-11-28T00:20:00+00:00", "Edges: 60,000 (50 edges/s; X allows 333 on average). "),
    ],
)
def test_the_speed_is_compared_with_what_x_allows_once_a_window_is_over(updated: str, words: str) -> None:
    crawl = {"started": "", "depth": 0, "users": 1, "edges_a_second": 333}
    summary: Any = {"harvest_timestamp": "2026-11-28T00:00:00+00:00", "updated": updated, "crawl": crawl}
    summary["counts"] = {"edges": 60_000}
    assert amount(summary).startswith(words)
