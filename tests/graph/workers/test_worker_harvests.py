"""Workers harvest one depth with a real client and the emulator: each list is read once, by one of them."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from harvester.aws.service import Service
from harvester.clock import Stop, SystemClock
from harvester.collection.workers import worker_ids, worker_tree
from harvester.commands.crawl import Crawling
from harvester.errors import HarvesterError
from harvester.graph.approval import approve
from harvester.graph.reopen import retry
from harvester.graph.workers.begin import begin_crawl, take_queue
from harvester.graph.workers.join import joined
from harvester.graph.workers.status import depth_status
from harvester.harvest.crawl import SharedDepth, StoredCrawl
from harvester.harvest.progress import COMPLETE, STOPPED, Outcome
from harvester.settings import Settings
from harvester.store.keys import CollectionKeys
from tests.support.crawl_queues import Queues
from tests.support.crawl_queues import sqs as _sqs
from tests.support.crawls import frontiers, latest, truth
from tests.support.harvest_stage import Ended, Stage, staged
from tests.support.servers import S3Server


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("workers"), users=300, degrees="pareto:0.8:8") as found:
        yield found


@pytest.fixture(scope="module")
def service(moto_server: S3Server) -> Iterator[Service]:
    with _sqs(moto_server) as made:
        yield made


@pytest.fixture
def queues(service: Service, moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Queues:
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    return Queues(moto_server)


def _planned(stage: Stage, name: str, workers: int, users: int, **section: Any) -> CollectionKeys:
    profiles = [f"profile-{number}" for number in range(workers)]
    chosen: dict[str, Any] = {user: {} for user in stage.accounts[:users]}
    keys = stage.add(name, type="graph", users=chosen, graph=section, workers={"profiles": profiles})
    tree = stage.collection(name)
    for number, worker in enumerate(worker_ids(tree), 1):
        made = worker_tree(tree, number)
        stage.add(worker, **{key: value for key, value in made.items() if key != "id"})
    return keys


def _worked(stage: Stage, queue: str, worker: str, stop: Stop | None = None) -> Ended:
    """One harvest of a worker to its end."""
    stop = stop or Stop()
    settings: dict[str, Any] = {"graph_queue": queue, "region": "us-east-1", "checkpoint_seconds": 0.3}
    run = stage._run(worker, stop, {"concurrency": 3, **settings})
    with ExitStack() as shares:

        def share(crawl: StoredCrawl) -> SharedDepth:
            return shares.enter_context(joined(crawl, Settings(**settings), SystemClock(), stop))

        return stage._harvested(replace(run, share=share))


def _all_at_once(stage: Stage, queues: Queues, name: str) -> dict[str, Ended]:
    ended: dict[str, Ended] = {}
    ids = worker_ids(stage.collection(name))

    def work(worker: str) -> None:
        ended[worker] = _worked(stage, queues.url, worker)

    with ExitStack() as stack:
        for worker in ids:
            thread = threading.Thread(target=work, args=(worker,), daemon=True)
            thread.start()
            stack.callback(thread.join, 60)
    assert ended.keys() == {*ids}
    return ended


def _lists(ended: Ended) -> list[dict[str, Any]]:
    return ended._lines("lists.jsonl")


def test_two_workers_read_each_list_of_the_seeds_once(stage: Stage, queues: Queues) -> None:
    keys = _planned(stage, "seeds", 2, 12, direction="both")
    begin_crawl(stage.store, keys, stage.collection("seeds"))  # type: ignore[arg-type]
    ended = _all_at_once(stage, queues, "seeds")
    assert {each.outcome.state for each in ended.values()} == {COMPLETE}
    read = Counter((line["user"], line["direction"]) for each in ended.values() for line in _lists(each))
    directions = ("followers", "following")
    assert read == {(user, each): 1 for user in stage.accounts[:12] for each in directions}
    received = {
        line["user"]: line["received"]
        for each in ended.values()
        for line in _lists(each)
        if line["direction"] == "followers"
    }
    assert received == {user: len(stage.control.followers(user)) for user in stage.accounts[:12]}
    status = depth_status(stage.store, stage.collection("seeds"))  # type: ignore[arg-type]
    assert status is not None
    assert (status.depth, status.users, status.done, status.failed, status.in_hand) == (0, 12, 12, {}, {})
    # A second crawl of the same workers begins anew, with a name of its own.
    for worker in ended:
        stage.require_tidy(worker)


def test_a_worker_without_a_queue_is_one_line(stage: Stage) -> None:
    keys = _planned(stage, "queueless", 1, 1)
    begin_crawl(stage.store, keys, stage.collection("queueless"))  # type: ignore[arg-type]
    ended = _worked(stage, "", "queueless.1")
    assert ended.outcome.reason.startswith("Workers of a crawl need a queue")
    assert "graph_workers = true" in ended.outcome.hint


def test_a_worker_of_a_crawl_that_has_not_begun_is_one_line(stage: Stage, queues: Queues) -> None:
    _planned(stage, "idle", 1, 1)
    ended = _worked(stage, queues.url, "idle.1")
    assert ended.outcome.reason.startswith("The crawl of idle, of which idle.1 is a worker, has not begun")


def test_a_collection_with_workers_is_not_harvested_in_their_place(stage: Stage) -> None:
    _planned(stage, "whole", 1, 1)
    with pytest.raises(HarvesterError, match="whole has workers"):
        stage.harvest("whole")


def test_a_queue_serves_one_crawl_at_a_time(stage: Stage, queues: Queues) -> None:
    _planned(stage, "one", 1, 1)
    _planned(stage, "other", 1, 1)
    take_queue(stage.store, queues.url, "one")
    take_queue(stage.store, queues.url, "one")
    # None of its workers lives.
    take_queue(stage.store, queues.url, "other")
    lock = CollectionKeys("other.1").lock
    version = stage.store.create(lock, b'{"owner": "x", "ttl": 60}')
    with pytest.raises(HarvesterError, match=r"serves the crawl of other, whose workers run: other\.1"):
        take_queue(stage.store, queues.url, "one")
    stage.store.remove(lock, version=version)


def test_a_crawl_is_begun_once(stage: Stage) -> None:
    keys = _planned(stage, "begun", 1, 3)
    first = begin_crawl(stage.store, keys, stage.collection("begun"))  # type: ignore[arg-type]
    assert begin_crawl(stage.store, keys, stage.collection("begun")) == first  # type: ignore[arg-type]
    assert stage.collection("begun")["graph"]["crawl"]["started"] == first


def _crawled(stage: Stage, queue: str, name: str) -> dict[str, Outcome]:
    """Each worker goes from depth to depth, until it waits or the crawl is over."""
    ended: dict[str, Outcome] = {}

    def work(worker: str) -> None:
        def harvest() -> Outcome:
            return _worked(stage, queue, worker).outcome

        keys, scratch = CollectionKeys(worker), stage.work / "closing" / worker
        ended[worker] = Crawling(stage.store, keys, scratch, Stop(), harvest, stage.work).run()

    threads = [
        threading.Thread(target=work, args=(each,), daemon=True)
        for each in worker_ids(stage.collection(name))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return ended


def test_workers_wait_for_the_approval_of_a_depth_and_go_on_with_it(stage: Stage, queues: Queues) -> None:
    keys = _planned(stage, "approved", 2, 3, max_depth=1)
    begin_crawl(stage.store, keys, stage.collection("approved"))  # type: ignore[arg-type]
    before = _crawled(stage, queues.url, "approved")
    assert {(each.state, each.limit) for each in before.values()} == {(STOPPED, "approval")}
    crawl = latest(stage, "approved")
    assert crawl.depths() == [0, 1]
    approve(stage.store, keys, crawl, depth=1, usd=1000)
    after = _crawled(stage, queues.url, "approved")
    assert {each.state for each in after.values()} <= {COMPLETE}, after
    assert frontiers(stage, "approved") == truth(stage, stage.accounts[:3], depths=1)
    assert stage.collection("approved")["graph"]["crawl"] is None


def test_users_that_were_given_up_are_collected_again_after_a_retry(stage: Stage, queues: Queues) -> None:
    keys = _planned(stage, "poison", 1, 2)
    user = stage.accounts[0]
    begin_crawl(stage.store, keys, stage.collection("poison"))  # type: ignore[arg-type]
    crawl = latest(stage, "poison")
    crawl.marks(0).mark_done(user, {"outcome": "failed", "why": "8 workers ended"})
    first = _worked(stage, queues.url, "poison.1")
    assert [line["user"] for line in _lists(first)] == [stage.accounts[1]]
    depth, found = retry(crawl, stage.work / "closing", dry_run=False)
    assert (depth, [(each.user, each.direction) for each in found]) == (0, [(user, "followers")])
    again = _worked(stage, queues.url, "poison.1")
    assert [line["user"] for line in _lists(again)] == [user]


def test_a_list_that_failed_is_read_again_after_a_retry_though_the_other_of_its_user_did_not(
    stage: Stage, queues: Queues
) -> None:
    keys = _planned(stage, "half", 1, 1, direction="both")
    user = stage.accounts[0]
    begin_crawl(stage.store, keys, stage.collection("half"))  # type: ignore[arg-type]
    lists = f"GET /2/users/{user}"
    last = {"on": f"{lists}/following", "do": "delay", "seconds": 0.5}
    stage.control.faults([{"on": f"{lists}/followers", "do": "not-found"}, last])
    first = _worked(stage, queues.url, "half.1")
    stage.control.faults([])
    assert [line["outcome"] for line in _lists(first)] == ["failed", "complete"]
    _, found = retry(latest(stage, "half"), stage.work / "closing", dry_run=False)
    assert [(each.user, each.direction) for each in found] == [(user, "followers")]
    again = _worked(stage, queues.url, "half.1")
    assert [(line["direction"], line["outcome"]) for line in _lists(again)] == [("followers", "complete")]


def test_lists_that_went_with_a_removed_checkpoint_are_collected_again_after_a_retry(
    stage: Stage, queues: Queues
) -> None:
    keys = _planned(stage, "removed", 1, 2)
    lost, kept = stage.accounts[:2]
    begin_crawl(stage.store, keys, stage.collection("removed"))  # type: ignore[arg-type]
    crawl, worker = latest(stage, "removed"), CollectionKeys("removed.1")
    # As of a worker whose machine is gone: the list is in `open/`, and its user is done.
    crawl.marks(0).mark_done(lost, {"outcome": "complete"})
    version = stage.store.create(worker.checkpoint, b'{"state": {}')
    with pytest.raises(HarvesterError, match="`graph retry removed` then has the lists collected again"):
        _worked(stage, queues.url, "removed.1")
    stage.store.remove(worker.checkpoint, version=version)
    assert [line["user"] for line in _lists(_worked(stage, queues.url, "removed.1"))] == [kept]
    _, found = retry(crawl, stage.work / "closing", dry_run=False)
    assert [(each.user, each.direction) for each in found] == [(lost, "followers")]
    assert [line["user"] for line in _lists(_worked(stage, queues.url, "removed.1"))] == [lost]
