"""What a repair is said to cost is near its bill, and the bill is within the range that is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from harvester.clock import timestamp
from harvester.curation.repair.estimate import estimate
from harvester.curation.repair.gaps import StreamGap
from harvester.curation.repair.plan import Plan, Planned, known_progress
from harvester.documents import HarvestSummary, Tree
from harvester.networks.registry import usual
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.reading import reader
from tests.support.broken_streams import BrokenStream
from tests.support.harvest_stage import MovableClock, Stage, staged, until
from tests.support.record_store import store_harvest
from tests.support.searched_store import BEGAN, page, post, post_id

_EACH = 20


class _Store(FolderStore):
    """A folder whose clock is that of the stage."""

    clock: MovableClock | None = None

    def now(self) -> datetime:
        return self.clock.now() if self.clock else super().now()


@contextmanager
def _staged(folder: Path) -> Iterator[Stage]:
    store = _Store(folder / "collections")
    with staged(folder, store=store, users=2, posts_per_user=0) as stage:
        store.clock = stage.clock
        yield stage


def _hear(stage: Stage, broken: BrokenStream, *, seconds: int) -> None:
    """Posts of each class at a steady rate; a stream that hears nothing for 25 seconds would be cut."""
    for _ in range(seconds // _EACH):
        broken.hear()
        stage.clock.advance(_EACH)


def _miss(stage: Stage, broken: BrokenStream, *, seconds: int, at_once: int = 0) -> None:
    """The same while the stream is cut, and so many posts besides."""
    over: list[bool] = []

    def publish(_: float) -> None:
        if not over:
            over.append(True)
            stage.control.publish(broken.author, count=at_once, text="a flood")
            for _ in range(seconds // _EACH):
                broken.miss()
                stage.clock.advance(_EACH)

    before, stage.clock.before_wait = stage.opened, publish
    stage.control.disconnect("close")
    until(lambda: stage.opened > before)
    stage.clock.before_wait = lambda _: None


def _estimated(stage: Stage, broken: BrokenStream) -> tuple[float, float, float]:
    progress = known_progress(stage.store, broken.keys)
    found = estimate(reader(stage.store), broken.keys, usual(), broken.plan(), progress)
    return found.low, found.posts, found.high


@pytest.mark.parametrize("rule", ["flood", "flood -is:retweet"])
def test_the_times_around_a_gap_tell_what_it_costs_and_not_the_average_of_the_harvest(
    tmp_path: Path, rule: str
) -> None:
    with _staged(tmp_path) as stage:
        broken = BrokenStream(stage)
        broken.begin(rules=[{"value": rule}])
        with broken.streaming():
            # So many come only once.
            ids = stage.control.publish(broken.author, count=400, text="a flood")
            until(lambda: all(stage.control.stream()["written"][-len(ids) :]))
            _hear(stage, broken, seconds=400)
            _miss(stage, broken, seconds=300)
            _hear(stage, broken, seconds=400)
        low, posts, high = _estimated(stage, broken)
        average = broken.plan().posts
        broken.repaired()
        billed = broken.paid_for
        assert average > 2.5 * billed
        assert low <= billed <= high
        assert 0.75 * billed <= posts <= 1.5 * billed


def test_what_an_earlier_repair_has_found_is_not_estimated_again(tmp_path: Path) -> None:
    with _staged(tmp_path) as stage:
        broken = BrokenStream(stage)
        broken.begin()
        with broken.streaming():
            for _ in range(20):
                stage.control.publish(broken.author, count=20, text="a flood")
                _hear(stage, broken, seconds=20)
            _miss(stage, broken, seconds=300, at_once=300)
            _hear(stage, broken, seconds=40)
        _, before, _ = _estimated(stage, broken)
        broken.repaired(budget_usd=1.2)
        found = broken.paid_for
        assert 100 <= found <= 240
        _, after, _ = _estimated(stage, broken)
        assert after == pytest.approx(max(0, before - found), abs=5)


def test_what_a_repair_found_in_a_gap_nearby_says_nothing_of_another_one(tmp_path: Path) -> None:
    store, keys = FolderStore(tmp_path), CollectionKeys("storms")
    gap, other = _gap(3600, 3900, {}), _gap(3960, 4200, {"state": "repaired"})
    heard = [*range(3000, 3600, 10), *range(3900, 3960, 10)]
    posts = [[post(post_id(_at(second), number), "x")] for number, second in enumerate([*heard, 4000])]
    # So many come only in the gap that was repaired.
    found = [post(post_id(_at(3960 + second / 2), second), "x") for second in range(2, 400)]
    store_harvest(store, keys, [page(each, BEGAN) for each in posts], at=timestamp(BEGAN), state="complete")
    store_harvest(store, keys.repairs, [page(found, BEGAN)], at=timestamp(_at(9000)))
    ran: HarvestSummary = {
        "harvest_timestamp": timestamp(BEGAN),
        "harvest_end_timestamp": timestamp(_at(7200)),
    }
    planned = Planned(gap, (), (), BEGAN, (), 300.0, 30.0)
    plan = Plan(False, [ran], [gap, other], [planned])
    assert estimate(reader(store), keys, usual(), plan, {}).posts == pytest.approx(30, abs=1)


def _at(second: float) -> datetime:
    return BEGAN + timedelta(seconds=second)


def _gap(since: int, until: int, repaired: Tree) -> StreamGap:
    event = {"from": timestamp(_at(since)), "to": timestamp(_at(until))}
    return StreamGap(timestamp(BEGAN), event, repaired)
