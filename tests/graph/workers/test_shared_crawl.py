"""Each user of a depth is collected by one worker, whatever becomes of the queue and of the workers.

The queue is moto's over HTTP, the store a folder. Workers are played step by step, so that one can die
between any two.
"""

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.aws.service import Service
from harvester.clock import Stop, Stopped
from harvester.errors import HarvesterError
from harvester.graph.workers.marks import ABANDONED, TRIES, Marks
from harvester.graph.workers.pace import Pace
from harvester.graph.workers.queue import CrawlQueue
from harvester.graph.workers.shared_crawl import SharedCrawl
from harvester.harvest.depth_files import lengths_in
from harvester.networks.crawl import Waiting
from harvester.store.folder import FolderStore
from harvester.store.worker_keys import WorkerKeys
from tests.support.crawl_queues import PlayedLists, Queues, sqs
from tests.support.servers import S3Server

_CRAWL, _DEPTH = "libraries@20261127220000", 1
_KEYS = WorkerKeys("collections/libraries/graph/20261127220000/", _DEPTH)


class LaterStore(FolderStore):
    """A folder whose clock a test moves on."""

    later = timedelta()

    def now(self) -> datetime:
        return super().now() + self.later


class Hands:
    """A clock for which no wait takes time; who waits in it more than `most` times is stopped."""

    def __init__(self, store: LaterStore) -> None:
        self._store = store
        self.waits, self.most = 0, sys.maxsize

    def now(self) -> datetime:
        return self._store.now()

    def elapsed(self) -> float:
        return self._store.later.total_seconds()

    def wait(self, stop: Stop, seconds: float) -> bool:
        if self.waits >= self.most:
            stop.request("nothing comes")
        self.waits += 1
        self._store.later += timedelta(seconds=seconds)
        return stop.requested


@dataclass
class World:
    """A depth of a crawl: its users, the queue, and what each worker stored."""

    store: LaterStore
    queues: Queues
    queue: CrawlQueue
    users: list[str]
    directions: tuple[str, ...] = ("followers",)
    lists: dict[str, PlayedLists] = field(default_factory=dict)
    collected: Counter[tuple[str, str]] = field(default_factory=Counter)

    # What the order of the depth has behind users.
    behind: dict[str, str] = field(default_factory=dict)

    def visits(self) -> list[tuple[str, str]]:
        return [(user, self.behind.get(user, "")) for user in sorted(self.users)]

    def worker(self, name: str) -> "Worker":
        return Worker(self, name)

    def marks(self, name: str = "libraries.9") -> Marks:
        return Marks(self.store, _KEYS, name)


class Worker:
    """One life of a worker; another of the same name continues with its lists."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name, self.stop = world, name, Stop()
        self.lists = world.lists.setdefault(name, PlayedLists(all=world.lists))
        self.clock = Hands(world.store)
        self.crawl = SharedCrawl(
            _CRAWL,
            _DEPTH,
            world.directions,
            lambda: iter(sorted(world.users)),
            world.visits,
            lambda behind: lengths_in(behind, world.directions),
            self.lists,
            world.queue,
            world.marks(name),
            self.clock,
            self.stop,
            Pace(listen=0),
        )
        self.users = self.crawl.waiting()

    def take(self) -> Waiting | None:
        """The next user; None where there is none, or only those that others have."""
        self.clock.most = self.clock.waits + 3
        try:
            return next(self.users, None)
        except Stopped:
            return None
        finally:
            self.clock.most = sys.maxsize

    def store(self, waiting: Waiting) -> None:
        """Its lists are read to the end, and durable."""
        for direction in waiting.directions:
            self.world.collected[waiting.user, direction] += 1
            line = {"user": waiting.user, "direction": direction, "outcome": "complete"}
            self.lists.lines.setdefault(waiting.user, {})[direction] = line

    def collect(self, waiting: Waiting) -> None:
        self.store(waiting)
        for direction in waiting.directions:
            self.crawl.finished(self.lists.lines[waiting.user][direction])
        self.crawl.checkpoint()()

    def work(self) -> list[str]:
        """All that there is for it."""
        found = []
        while waiting := self.take():
            found.append(waiting.user)
            self.collect(waiting)
        return found


@pytest.fixture(scope="module")
def service(moto_server: S3Server) -> Iterator[Service]:
    with sqs(moto_server) as made:
        yield made


@pytest.fixture
def world(service: Service, moto_server: S3Server, tmp_path: Path) -> World:
    return _world(service, moto_server, tmp_path, [str(number) for number in range(1, 31)])


def _world(service: Service, server: S3Server, folder: Path, users: list[str]) -> World:
    made = Queues(server)
    return World(LaterStore(folder), made, CrawlQueue(made.url, service), users)


def test_two_workers_collect_each_user_once(world: World) -> None:
    first, second = world.worker("libraries.1"), world.worker("libraries.2")
    found = []
    for worker in [first, second] * len(world.users):
        if waiting := worker.take():
            found.append(waiting.user)
            worker.collect(waiting)
    assert sorted(found) == sorted(world.users)
    assert sorted(world.marks().done()) == sorted(world.users)
    assert world.queue.counts() == (0, 0)


def test_users_sent_twice_are_collected_once(world: World) -> None:
    world.queue.send(_CRAWL, _DEPTH, world.visits() * 2)
    assert sorted(world.worker("libraries.1").work()) == sorted(world.users)
    assert world.worker("libraries.2").work() == []


def test_a_user_that_another_worker_has_is_not_collected_twice(world: World) -> None:
    world.users = ["7"]
    world.queue.send(_CRAWL, _DEPTH, [("7", "")] * 2)
    first, second = world.worker("libraries.1"), world.worker("libraries.2")
    waiting = first.take()
    assert waiting == Waiting("7", ("followers",))
    assert second.take() is None
    first.collect(waiting)
    assert world.worker("libraries.2").take() is None
    assert world.collected == {("7", "followers"): 1}


def test_a_queue_that_was_emptied_is_filled_again(world: World) -> None:
    worker = world.worker("libraries.1")
    waiting = worker.take()
    assert waiting
    worker.collect(waiting)
    world.queues.emptied()
    worker.work()
    assert sorted(world.marks().done()) == sorted(world.users)


def test_messages_of_another_crawl_or_depth_and_what_is_none_are_deleted(world: World) -> None:
    world.users = ["1"]
    world.queues.put(f"another@1:{_DEPTH}:2", f"{_CRAWL}:{_DEPTH + 1}:3", "nothing", f"{_CRAWL}:x:4")
    assert world.worker("libraries.1").work() == ["1"]
    assert world.queues.emptied() == []


def test_one_worker_at_a_time_fills_the_queue(world: World) -> None:
    assert [world.marks(name).ticket() for name in ("libraries.1", "libraries.2")] == [True, False]
    world.store.later = timedelta(seconds=11)
    assert world.marks("libraries.2").ticket()


def test_a_worker_that_died_continues_the_users_it_had(world: World) -> None:
    died = world.worker("libraries.1")
    had = [died.take() for _ in range(3)]
    again = world.worker("libraries.1")
    assert {again.take() for _ in range(3)} == {*had}


def test_a_list_that_was_stored_before_a_death_is_not_read_again(world: World) -> None:
    died = world.worker("libraries.1")
    waiting = died.take()
    assert waiting
    died.store(waiting)
    world.worker("libraries.1").work()
    assert world.collected[waiting.user, "followers"] == 1
    assert world.marks().is_done(waiting.user)


def test_of_two_lists_the_one_that_was_not_stored_is_read_again(world: World) -> None:
    world.directions = ("followers", "following")
    died = world.worker("libraries.1")
    waiting = died.take()
    assert waiting
    died.store(Waiting(waiting.user, ("followers",)))
    died.crawl.finished(died.lists.lines[waiting.user]["followers"])
    died.crawl.checkpoint()()
    assert not world.marks().is_done(waiting.user)
    assert world.worker("libraries.1").take() == Waiting(waiting.user, ("following",))


def test_users_of_a_worker_that_is_gone_are_taken_over_after_a_while(world: World) -> None:
    world.users = ["7"]
    assert world.worker("libraries.1").take()
    assert world.marks("libraries.2").claim("7") is None
    world.store.later = timedelta(seconds=ABANDONED + 5)
    assert world.worker("libraries.2").work() == ["7"]
    # Who comes back finds that the user is another's, and done.
    assert world.worker("libraries.1").work() == []


@pytest.mark.parametrize("ended", [("followers",), ("following",), ("followers", "following")])
def test_a_list_that_ended_before_its_worker_was_gone_is_not_read_again(
    world: World, ended: tuple[str, ...]
) -> None:
    world.users, world.directions = ["7"], ("followers", "following")
    died = world.worker("libraries.1")
    assert died.take()
    died.store(Waiting("7", ended))
    world.store.later = timedelta(seconds=ABANDONED + 5)
    left = tuple(each for each in world.directions if each not in ended)
    assert world.worker("libraries.2").work() == (["7"] if left else [])
    assert world.collected == {("7", each): 1 for each in world.directions}
    assert world.marks().outcome("7")["outcome"] == "complete"
    assert world.worker("libraries.1").work() == []


@pytest.mark.parametrize("again", ["libraries.2", "libraries.3"])
def test_a_list_that_ended_two_lives_ago_is_not_read_again(world: World, again: str) -> None:
    world.users, world.directions = ["7"], ("followers", "following")
    died = world.worker("libraries.1")
    assert died.take()
    died.store(Waiting("7", ("followers",)))
    world.store.later = timedelta(seconds=ABANDONED + 5)
    assert world.worker("libraries.2").take() == Waiting("7", ("following",))
    world.store.later *= 2
    assert world.worker(again).work() == ["7"]
    assert world.collected == {("7", each): 1 for each in world.directions}


def test_a_user_at_which_its_worker_always_dies_is_given_up_and_no_other(world: World) -> None:
    world.users = [str(number) for number in range(1, 11)]
    lives = 0
    while not world.marks().is_done("3"):
        worker = world.worker("libraries.1")
        lives += 1
        assert lives < 4 * TRIES
        taken: list[Waiting] = []
        # It collects four at a time, and dies as soon as the poisonous one is among them.
        while (waiting := worker.take()) and waiting.user != "3":
            taken.append(waiting)
            if len(taken) > 3:
                worker.collect(taken.pop(0))
            if any(claim.tries >= 3 for claim in world.marks().claims().values()):
                worker.collect(taken.pop())
    world.worker("libraries.1").work()
    outcomes = {user: world.marks().outcome(user)["outcome"] for user in world.users}
    assert outcomes == dict.fromkeys(world.users, "complete") | {"3": "failed"}


def test_progress_between_deaths_does_not_count_against_a_user(world: World) -> None:
    world.users = ["7"]
    for life in range(3 * TRIES):
        worker = world.worker("libraries.1")
        worker.lists.chains["7", "followers"] = {"token": "x", "received": 1000 * life}
        assert worker.take()


def test_dead_letters_are_given_up_by_name_unless_they_are_done(world: World) -> None:
    world.users = ["1", "2", "3"]
    world.queue.send(_CRAWL, _DEPTH, [(each, "") for each in "123"])
    world.queues.put(f"{_CRAWL}:{_DEPTH}:2", f"{_CRAWL}:{_DEPTH}:1", "another@1:1:9", dead=True)
    worker = world.worker("libraries.1")
    while (waiting := worker.take()) and waiting.user != "2":
        worker.collect(waiting)
    # The one at which all died.
    world.store.remove(_KEYS.claim("2"))
    world.queues.emptied()
    world.worker("libraries.1").work()
    assert world.marks().outcome("2")["outcome"] == "failed"
    assert "8 workers" in world.marks().outcome("2")["why"]
    assert {world.marks().outcome(user)["outcome"] for user in "13"} == {"complete"}
    assert world.queues.emptied(dead=True) == []


def test_a_message_that_is_received_eight_times_becomes_a_dead_letter(world: World) -> None:
    world.queue.send(_CRAWL, _DEPTH, [("7", "")])
    for _ in range(8):
        message = world.queue.receive(wait=0)
        assert message
        world.queues.client.change_message_visibility(
            QueueUrl=world.queues.url, ReceiptHandle=message.receipt, VisibilityTimeout=0
        )
    assert world.queue.receive(wait=0) is None
    assert [message.user for message in world.queue.dead()] == ["7"]


def test_a_stop_is_heard_while_a_worker_waits_for_others(world: World) -> None:
    world.users = ["7"]
    assert world.worker("libraries.1").take()
    waits = world.worker("libraries.2")
    waits.stop.request("a person asked")
    with pytest.raises(Stopped):
        next(waits.users)


def test_a_queue_that_is_not_there_is_one_line(world: World) -> None:
    gone = CrawlQueue(world.queues.url + "-x", world.queue._service)
    with pytest.raises(HarvesterError, match="There is no queue") as caught:
        gone.counts()
    assert "graph_queue" in caught.value.hint


class Fate:
    """What becomes of some workers, by the dice."""

    def __init__(self, world: World, names: list[str], seed: int) -> None:
        self.world, self.names, self.dice = world, names, random.Random(seed)
        self.lives = 0
        self.living = {name: world.worker(name) for name in names}
        self.in_hand: dict[str, list[Waiting]] = {name: [] for name in names}

    def turn(self) -> None:
        name = self.dice.choice(self.names)
        turns: list[Callable[[str], None]] = [*[self.take] * 4, *[self.collect] * 4, self.disturb]
        self.dice.choice([*turns, self.store_and_die])(name)

    def take(self, name: str) -> None:
        if waiting := self.living[name].take():
            self.in_hand[name].append(waiting)
        else:
            self.live_again(name)

    def collect(self, name: str) -> None:
        if self.in_hand[name]:
            self.living[name].collect(self.in_hand[name].pop())

    def store_and_die(self, name: str) -> None:
        if self.in_hand[name]:
            self.living[name].store(self.in_hand[name].pop())
        self.live_again(name)

    def live_again(self, name: str) -> None:
        self.lives += 1
        self.living[name], self.in_hand[name] = self.world.worker(name), []

    def disturb(self, _: str) -> None:
        """A queue may be emptied, repeat messages, and lose some; time passes."""
        world = self.world
        what = self.dice.randrange(3)
        if what == 0:
            world.queues.emptied()
        elif what == 1:
            world.queue.send(_CRAWL, _DEPTH, self.dice.sample(world.visits(), 3))
        else:
            world.queue.receive(wait=0)
        world.store.later += timedelta(seconds=15)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), workers=st.integers(1, 4), both=st.booleans())
def test_each_user_is_collected_and_none_twice_whatever_happens(
    service: Service,
    moto_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    workers: int,
    both: bool,
) -> None:
    users = sorted({str(random.Random(seed + each).randrange(1, 10**6)) for each in range(12)})
    world = _world(service, moto_server, tmp_path_factory.mktemp("law"), users)
    world.directions = ("followers", "following") if both else ("followers",)
    names = [f"libraries.{number}" for number in range(1, workers + 1)]
    fate = Fate(world, names, seed)
    for _ in range(30):
        fate.turn()
    for name in names * 2:
        world.store.later += timedelta(seconds=15)
        world.worker(name).work()
    assert sorted(world.marks().done()) == users
    # Who had many lives may have given up a user that it had in all of them.
    given_up = {user for user in users if world.marks().outcome(user)["outcome"] == "failed"}
    assert not given_up or fate.lives > TRIES
    expected = {(user, direction) for user in users for direction in world.directions}
    assert {each for each in expected if each[0] not in given_up} <= world.collected.keys() <= expected
    assert {*world.collected.values()} == {1}


def test_a_user_is_done_once_its_list_is_in_the_store(world: World) -> None:
    worker = world.worker("libraries.1")
    waiting = worker.take()
    assert waiting
    stored_before = worker.crawl.checkpoint()
    worker.store(waiting)
    worker.crawl.finished(worker.lists.lines[waiting.user]["followers"])
    stored_before()
    assert not world.marks().is_done(waiting.user)
    worker.crawl.checkpoint()()
    assert world.marks().is_done(waiting.user)


def test_a_worker_knows_how_long_lists_are_also_when_it_begins_again(world: World) -> None:
    world.users, world.directions = ["7"], ("followers", "following")
    world.behind = {"7": "27\t20"}
    waiting = world.worker("libraries.1").take()
    again = world.worker("libraries.1").take()
    assert waiting and again
    assert waiting.said == again.said == {"followers": 20, "following": 7}


def test_users_are_sent_in_the_order_to_be_visited(world: World) -> None:
    worker = world.worker("libraries.1")
    worker.crawl.visits = lambda: [(each, "") for each in ("20", "3", "11")]
    assert worker.crawl._fill()
    assert [body.rpartition(":")[2] for body in world.queues.emptied()] == ["20", "3", "11"]
