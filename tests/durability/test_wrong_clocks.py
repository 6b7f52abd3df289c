"""A machine whose clock is an hour off: harvests go on, and where the network minds, the clock is named."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

import emulator
from harvester.errors import Exit
from harvester.networks.x import Keys
from harvester.store.folder import FolderStore
from tests.support.harvest_stage import MovableClock, Stage, staged

_USER = Keys(
    **{name: emulator.CREDENTIALS[name] for name in Keys.__dataclass_fields__ if name != "bearer_token"}
)
_HOUR = timedelta(hours=1)


class WrongClock(MovableClock):
    """A clock whose hands are off, but count seconds as others do."""

    off = timedelta()

    def now(self) -> datetime:
        return super().now() + self.off


@pytest.mark.parametrize("off", [-_HOUR, _HOUR], ids=["behind", "ahead"])
def test_a_wait_for_the_rate_limit_is_as_long_as_the_network_says(off: timedelta, tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=350) as stage:
        stage.clock = WrongClock(stage.control)
        stage.clock.off = off
        stage.add("it", type="search", search={"query": "flood"})
        stage.control.faults([{"on": "GET /2/tweets/search/recent", "when": {"nth": 3}, "do": "rate-limit"}])
        ended = stage.harvest("it")
        assert ended.outcome.state == "complete"
        assert 890 < ended.seconds < 960
        assert stage.lost_and_doubled("it", stage.control.search("flood")) == (0, 0)


@pytest.mark.parametrize("off", [-_HOUR, _HOUR], ids=["behind", "ahead"])
def test_signatures_that_are_refused_for_their_time_name_the_clock(off: timedelta, tmp_path: Path) -> None:
    with emulator.spawned("--search-posts", "50") as emulated:
        store = FolderStore(tmp_path / "collections")
        stage = Stage(emulated, store, tmp_path / "work", MovableClock(emulated.control), keys=_USER)
        stage.add("it", type="search", search={"query": "flood"})
        with time_machine.travel(datetime.now(UTC) + off):
            ended = stage.harvest("it")
        assert (ended.outcome.state, ended.outcome.exit_code) == ("failed", Exit.UNAUTHORIZED)
        assert "clock is 60 minutes off" in ended.outcome.hint
        assert stage.harvest("it").outcome.state == "complete"
        assert stage.lost_and_doubled("it", stage.control.search("flood")) == (0, 0)
