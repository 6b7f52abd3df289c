"""Old charts continue: the names of Twittomatic's statistics, with the figures of harvests."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli_session import Person
from tests.support.crawls import crawl, latest
from tests.support.harvest_stage import staged

_JOBS = ("timeline", "follower", "analyzer", "update")


def heard(replay: Callable[[str], object]) -> dict[str, list[tuple[int, int]]]:
    """What a carbon is sent: of each name its values and times."""
    lines: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile() as file:
                lines.extend(file)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        replay(f"127.0.0.1:{server.getsockname()[1]}")
        thread.join(30)
    found: dict[str, list[tuple[int, int]]] = {}
    for line in lines:
        name, value, at = line.split()
        found.setdefault(name, []).append((int(value), int(at)))
    return found


def test_a_crawl_and_its_timelines_have_all_names_of_twittomatic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    person = Person(tmp_path)

    def replay(collection_id: str, *more: str) -> dict[str, list[tuple[int, int]]]:
        typed = ("stats", "replay", collection_id, "--twittomatic", *more, "--carbon")
        return heard(lambda address: person.output(*typed, address))

    with staged(tmp_path, users=60, posts_per_user=3, hubs="0:20,1:9") as stage:
        seeds = stage.accounts[:2]
        users: dict[str, Any] = {seed: {} for seed in seeds}
        select = {"min_followers": 21}
        stage.add("followers", type="graph", users=users, graph={"max_depth": 1, "select": select})
        crawl(stage, "followers")
        edges = sum(len(stage.control.followers(seed)) for seed in seeds)
        lists = replay("followers")
        selected = latest(stage, "followers").figures(1)["selected"]
        assert 0 < selected < edges
        assert {name: value for name, ((value, _),) in lists.items()} == {
            "follower.total_fetched": edges,
            "analyzer.total_fetched": edges,
            "analyzer.total_included": selected,
            **{f"stats.worker.ongoing.{job}": 0 for job in ("follower", "analyzer")},
            **{f"stats.worker.completed.{job}": 2 for job in ("follower", "analyzer")},
        }
        stage.add("posts", type="user_timeline", users=users)
        stage.harvest("posts")
        stage.harvest("posts")
        posts = replay("posts", "--prefix", "old")
    values = {name.removeprefix("old."): value for name, ((value, _),) in posts.items()}
    assert values["timeline.total_included"] == values["timeline.total_fetched"] == 6
    assert values["update.total_included"] == values["update.total_fetched"] == 0
    assert [values[f"stats.worker.completed.{job}"] for job in ("timeline", "update")] == [2, 2]
    totals = {f"{job}.total_{what}" for job in _JOBS for what in ("included", "fetched")}
    workers = {f"stats.worker.{what}.{job}" for job in _JOBS for what in ("ongoing", "completed")}
    assert {*lists, *values} == (totals | workers) - {"follower.total_included"}
    assert len({*lists, *values}) == 15
