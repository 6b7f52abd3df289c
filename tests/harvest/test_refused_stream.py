"""A stream that X refuses waits in its own harvest, hears a stop, and names what was missed as one gap."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.errors import Exit, HarvesterError
from harvester.harvest.journal import State
from harvester.harvest.refused_stream import FIRST_PAUSE, LONGEST_PAUSE, Holding
from harvester.networks import Batch
from harvester.networks.gap import MissedInterval
from harvester.networks.x.network import X
from tests.support.harvest_stage import Stage, staged, until
from tests.support.scripted_x import HandClock

_STREAM = "GET /2/tweets/search/stream"
_RULES = "GET /2/tweets/search/stream/rules"
_REFUSALS = ("usage-cap", "credits-depleted", "unauthorized", "not-enrolled")


def _always(_: Exception) -> bool:
    return True


def _refused(stage: Stage, fault: str, *, on: str = _STREAM, waits: int) -> None:
    """X refuses until so many waits have begun."""
    stage.control.faults([{"on": on, "do": fault}])

    def before_wait(_: float) -> None:
        if len(_pauses(stage)) == waits:
            stage.control.faults([])

    stage.clock.before_wait = before_wait


def _pauses(stage: Stage) -> list[float]:
    return [seconds for seconds in stage.clock.waits if seconds >= FIRST_PAUSE]


@pytest.mark.parametrize(("fault", "on"), [*itertools.product(_REFUSALS, (_STREAM, _RULES))])
def test_a_refused_stream_waits_longer_and_longer_and_goes_on_in_the_same_harvest(
    fault: str, on: str, tmp_path: Path
) -> None:
    with staged(tmp_path, users=2) as stage:
        stage.waits_for = _always
        stage.add("live", type="filter", filter={"track": "flood"})
        _refused(stage, fault, on=on, waits=8)
        with stage.harvesting("live") as going:
            until(stage.connected)
            posts = stage.control.publish(stage.accounts[0], count=20, text="a flood is coming")
            until(lambda: going.summary()["tweets"] == 20)
        assert going.end.ids == posts
        assert _pauses(stage) == [60, 120, 240, 480, 960, 1920, LONGEST_PAUSE, LONGEST_PAUSE]
        assert len(stage.folders("live")) == 1
        # Those of single connections have an outcome.
        refusals = [event for event in going.end.events if event["event"] == "refused"]
        assert sum("outcome" not in event for event in refusals) == 8
        # It was never open before, so that nothing was interrupted.
        assert going.end.gaps == []
        stage.require_tidy("live")


@pytest.mark.parametrize("fault", _REFUSALS)
def test_what_an_open_stream_misses_while_it_is_refused_is_a_gap(fault: str, tmp_path: Path) -> None:
    with staged(tmp_path, users=2) as stage:
        stage.waits_for = _always
        stage.add("live", type="filter", filter={"track": "flood"})
        with stage.harvesting("live") as going:
            until(stage.connected)
            _refused(stage, fault, waits=4)
            stage.control.disconnect("close")
            until(lambda: len(_pauses(stage)) == 4 and stage.connected())
            stage.control.publish(stage.accounts[0], count=20, text="a flood is coming")
            until(lambda: going.summary()["tweets"] == 20)
        closed, gap = going.end.gaps
        assert (closed["reason"], gap["reason"]) == ("closed", "X refused it")
        assert gap["from"] <= closed["to"]
        lasted = datetime.fromisoformat(gap["to"]) - datetime.fromisoformat(gap["from"])
        assert lasted >= timedelta(seconds=sum(_pauses(stage)))


def test_a_stop_is_heard_while_it_waits_and_the_gap_is_named(tmp_path: Path) -> None:
    with staged(tmp_path, users=2) as stage:
        stage.waits_for = _always
        stage.add("live", type="filter", filter={"track": "flood"})
        with stage.harvesting("live") as going:
            until(stage.connected)
            _refused(stage, "credits-depleted", waits=1000)
            stage.control.disconnect("close")
            # Time stands still in the last of them, until the stop.
            stage.clock.before_wait = lambda _: until(lambda: going.stop.requested or len(_pauses(stage)) < 4)
            until(lambda: len(_pauses(stage)) == 4)
            assert "X refuses the stream" in going.summary()["activity"]
            assert "credits are used up" in going.summary()["activity"]
        assert (going.end.outcome.state, going.end.outcome.exit_code) == ("stopped", Exit.OK)
        *_, gap = going.end.gaps
        lasted = datetime.fromisoformat(gap["to"]) - datetime.fromisoformat(gap["from"])
        assert lasted >= timedelta(seconds=60 + 120 + 240)


def test_what_was_billed_before_a_refusal_counts_for_the_budget_after_it(tmp_path: Path) -> None:
    with staged(tmp_path, stream_rate="200") as stage:
        stage.waits_for = _always
        stage.add("live", type="filter", filter={"track": "flood"}, budget_usd=1)
        script: list[dict[str, Any]] = [
            {"on": _STREAM, "when": {"nth": 1}, "do": "close", "after_posts": 50},
            {"on": _STREAM, "when": {"nth": 2}, "do": "usage-cap"},
        ]
        stage.control.faults(script)
        ended = stage.harvest("live")
        assert ended.outcome.limit == "budget"
        assert ended.summary["billed"]["posts"] >= len(ended.ids) >= 200
        # What comes in one read is billed at once.
        assert ended.summary["billed"]["usd"] == pytest.approx(1.0, abs=0.2)
        assert stage.unexplained("live") == []


def test_a_refusal_that_nobody_heard_of_yet_ends_the_harvest(tmp_path: Path) -> None:
    heard: list[str] = []

    def waits_for(error: Exception) -> bool:
        heard.append(str(error))
        return len(heard) > 1

    with staged(tmp_path, users=2) as stage:
        stage.waits_for = waits_for
        stage.add("live", type="filter", filter={"track": "flood"})
        _refused(stage, "unauthorized", waits=1)
        first = stage.harvest("live")
        assert (first.outcome.state, first.outcome.exit_code) == ("failed", Exit.UNAUTHORIZED)
        with stage.harvesting("live") as going:
            until(stage.connected)
        assert _pauses(stage) == [FIRST_PAUSE]
        assert len(stage.folders("live")) == 2
        assert "missed_interval" not in first.summary
        assert going.end.gaps == []


def _held(
    *seconds: float, missed: MissedInterval | None = None
) -> tuple[list[MissedInterval | None], list[float]]:
    """What a source is told that is refused each time, after so many seconds; and the pauses."""
    clock, state, told = HandClock(), State(harvest="2026-11-26T00:00:00+00:00", owner="me"), []
    pauses: list[float] = []
    lasts = iter(seconds)

    def source(given: MissedInterval | None) -> None:
        told.append(given)
        if (lasted := next(lasts, None)) is not None:
            clock.advance(lasted)
            raise HarvesterError("refused")

    def say(_: str, pause: float) -> None:
        pauses.extend([pause] if pause else [])

    def put(batch: Batch, *, wait: bool = False) -> None:
        """Nothing is kept here."""

    Holding(X(), _always, clock, Stop(), put, say).collect(source, missed, state=state)
    return told, pauses


def test_a_stream_that_was_heard_for_long_waits_shortly_again() -> None:
    assert _held(1, 1, LONGEST_PAUSE + 1, 1)[1] == [60, 120, 60, 120]


def test_where_nothing_came_between_two_refusals_what_was_missed_before_still_is() -> None:
    earlier = MissedInterval(datetime(2026, 11, 1, tzinfo=UTC), "17", "failed")
    assert _held(1, 1, missed=earlier)[0] == [earlier] * 3
