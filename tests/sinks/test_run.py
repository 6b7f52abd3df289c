"""A process of a sink begins where the one before it was, or where the collection says."""

from pathlib import Path
from typing import Any

import orjson

from harvester.clock import Stop, SystemClock
from harvester.collection import history
from harvester.sinks.opening import asked_of
from harvester.sinks.run import SinkRun
from tests.sinks.histories import KEYS, Site
from tests.sinks.receiver import Answer, Request, receiving


def test_where_a_sink_that_begins_now_began_is_stored_before_it_delivers(tmp_path: Path) -> None:
    with receiving() as receiver:
        site = Site(tmp_path, sinks=[{"type": "webhook", "url": receiver.url, "from": "now"}])
        site.harvest([3])
        (asked,) = asked_of(orjson.loads(history.read(site.store, KEYS).data), KEYS.id)
        began: list[Any] = []
        stop, finish = Stop(), Stop()

        def answer(_: Request) -> Answer:
            # What a process that was killed at this moment would leave to the next one.
            began.append(orjson.loads(site.store.read(KEYS.sink("webhook")).data)["position"])
            finish.request("it has delivered")
            return 200, {}, b""

        def tell(_: object) -> None:
            if not began and site.posts == 3:
                site.harvest([1])

        receiver.answer = answer
        run = SinkRun(
            *(site.store, KEYS, {}, asked, None, SystemClock(), stop),
            begin="now",
            tell=tell,
            finish=finish,
        )
        assert run.run(follow=True).delivered == 1
    assert receiver.accepted == ["4"]
    assert [position["line"] for position in began] == [3]


def test_a_sink_that_begins_now_before_the_first_harvest_delivers_all_of_it(tmp_path: Path) -> None:
    with receiving() as receiver:
        site = Site(tmp_path, sinks=[{"type": "webhook", "url": receiver.url, "from": "now"}])
        (asked,) = asked_of(orjson.loads(history.read(site.store, KEYS).data), KEYS.id)

        def delivered() -> int:
            run = SinkRun(site.store, KEYS, {}, asked, None, SystemClock(), Stop(), begin="now")
            return run.run(follow=False).delivered

        assert delivered() == 0
        # The process that began has ended, or was killed, before it could deliver anything.
        site.harvest([2])
        assert delivered() == 2
    assert receiver.accepted == ["1", "2"]
