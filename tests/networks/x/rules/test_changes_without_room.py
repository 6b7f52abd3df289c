"""Where old rules had to go before the new ones came, a refusal of these is not the end of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from harvester.clock import Stop
from harvester.documents import Tree
from harvester.networks import Job
from harvester.networks.edits import Edit
from harvester.networks.validation import as_valid
from harvester.networks.x import Keys, Rule, RuleCaps, XClient
from harvester.networks.x.rules.live_changes import LiveChanges
from tests.support.harvest_stage import until
from tests.support.scripted_x import HandClock, Reply, Request, scripted


def _collection(value: str) -> Any:
    return as_valid({"id": "live", "type": "filter", "filter": {"rules": [{"id": "r", "value": value}]}})


@dataclass
class _Edits:
    """One edit, which replaces the only rule."""

    pending: bool = True
    versions: list[int] = field(default_factory=list)
    refused: int = 0

    def look(self) -> None:
        pass

    def read(self) -> Edit:
        self.pending = False
        return Edit(_collection("dog"), 2, "change-2.json")

    def taken_over(self, edit: Edit) -> None:
        self.versions.append(edit.version)

    def not_yet(self, why: str) -> None:
        self.refused += 1


@dataclass
class _App:
    """An app at X with room for one rule, which another takes just before the new rule is added."""

    live: dict[str, str] = field(default_factory=lambda: {"1": "cat"})
    refusals: int = 3

    def answer(self, request: Request) -> Reply:
        if request.method == "GET":
            tag = "twarc-cloud:live:r"
            data = [{"id": rule, "value": value, "tag": tag} for rule, value in self.live.items()]
            return Reply(body={"data": data, "meta": {"result_count": len(data)}})
        body = json.loads(request.body)
        if gone := body.get("delete"):
            self.live = {rule: value for rule, value in self.live.items() if rule not in gone["ids"]}
            return Reply(body={"meta": {"summary": {"deleted": len(gone["ids"])}}})
        (rule,) = body["add"]
        if request.params.get("dry_run"):
            return Reply(body={"meta": {"summary": {"created": 1, "valid": 1}}})
        if self.refusals:
            self.refusals -= 1
            error = {"value": rule["value"], "title": "RulesCapExceeded", "detail": "No room."}
            return Reply(body={"errors": [error], "meta": {"summary": {"created": 0, "not_created": 1}}})
        self.live["2"] = rule["value"]
        return Reply(status=201, body={"data": [{"id": "2", **rule}], "meta": {"summary": {"created": 1}}})


@contextmanager
def _changing(app: _App, edits: _Edits, clock: HandClock) -> Iterator[LiveChanges]:
    with scripted(app.answer) as server:
        job = Job(
            collection=_collection("cat"),
            client=XClient(Keys(bearer_token="t"), base_url=server.url, clock=clock, stop=Stop()),
            clock=clock,
            stop=Stop(),
            put=lambda *_, **__: None,
            say=lambda _: None,
            waits=lambda *_: None,
            edits=edits,
        )
        yield LiveChanges(job, [Rule("cat", "twarc-cloud:live:r", ("r",))], caps=RuleCaps(rules=1))


def test_a_change_whose_room_another_took_is_tried_again_and_the_gap_is_told() -> None:
    app, clock, edits = _App(), HandClock(), _Edits()
    events: list[Tree] = []
    with _changing(app, edits, clock) as changes:

        def polled() -> _Edits:
            events.extend(changes.poll())
            return edits

        # Time passes only between two rounds, as requests that are under way have deadlines.
        for number in range(1, 4):
            until(lambda number=number: polled().refused == number)  # type: ignore[misc]
            clock.advance(900)
        until(lambda: polled().versions)
    assert [event["event"] for event in events] == ["rule refused", "rules", "gap"]
    assert (list(app.live.values()), edits.versions) == (["dog"], [2])


def test_a_change_that_is_through_when_the_stream_ends_is_recorded() -> None:
    events: list[Tree] = []
    with _changing(_App(refusals=0), _Edits(), HandClock()) as changes:
        assert changes.poll() == []

        def left() -> bool:
            # Until the round is through, the rules are missing.
            events[:] = changes.left()
            return len(events) > 1

        until(left)
    assert [event["event"] for event in events] == ["rules", "gap"]
