"""All that the archive holds is delivered from any position on, whatever the sink and the store answer."""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from harvester.clock import Stop
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError, LockLost, StoreAway
from harvester.networks.x.network import X
from harvester.sinks import MOST_LINES, Asked, DeadLetter, Message, Position, SinkAway, SinkClosed
from harvester.sinks.archive.reader import Archive, Line
from harvester.sinks.backlog import Backlog
from harvester.sinks.dead_letters import DeadLetters
from harvester.sinks.follower import Follower
from harvester.sinks.messages import Messages
from harvester.sinks.state import SinkState
from tests.sinks.histories import KEYS, Site
from tests.support.stores import HandClock, Wrapped

_ASKED = Asked("s", "test", "stdout", {"type": "stdout"})

_ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Recorder:
    """A sink that keeps what it is given; `answer` may refuse or fail."""

    answer: Callable[[Sequence[Message]], Sequence[DeadLetter]] = lambda _: ()
    messages: list[Message] = field(default_factory=list)

    def deliver(self, messages: Sequence[Message]) -> Sequence[DeadLetter]:
        letters = self.answer(messages)
        self.messages += messages
        return letters

    def position(self) -> Position | None:
        return None

    def close(self) -> None:
        pass

    @property
    def posts(self) -> list[int]:
        return [int(message.subject) for message in self.messages if message.kind == "post"]


@dataclass
class _Slow:
    """An archive; much may happen until what was read is delivered."""

    archive: Archive
    meanwhile: Callable[[], object]

    def read(self) -> list[Line]:
        found = self.archive.read()
        self.meanwhile()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.archive, name)


@dataclass
class Stage:
    """One sink of a site, whose processes follow each other."""

    site: Site
    clock: HandClock = field(default_factory=HandClock)
    told: list[Tree] = field(default_factory=list)
    owners: int = 0

    def run(
        self,
        sink: Any,
        *,
        store: Any = None,
        here: bool = True,
        stop: Stop | None = None,
        follow: bool = False,
        kept: bool = True,
        before_delivery: Callable[[], object] = lambda: None,
    ) -> SinkState:
        self.owners += 1
        store, stop = store or self.site.store, stop or Stop()
        owner = f"owner-{self.owners}"
        state = SinkState(store, KEYS.sink("test"), _ASKED, owner=owner, clock=self.clock, stop=stop)
        state.acquire()
        follower = Follower(
            _Slow(self.site.archive(state.figures.position, here=here), before_delivery),  # type: ignore[arg-type]
            sink,
            Messages(_ASKED, X()),
            state.figures,
            DeadLetters(store, _ASKED, owner=owner),
            Backlog(store, KEYS, self.clock),
            self.clock,
            stop,
            state if kept else None,
            self.told.append,
        )
        try:
            follower.run(follow=follow)
        finally:
            state.release()
        return state

    @property
    def stored(self) -> Tree:
        return dict(orjson.loads(self.site.store.read(KEYS.sink("test")).data))


def test_a_sink_continues_where_it_was(tmp_path: Path) -> None:
    stage, sink = Stage(Site(tmp_path)), Recorder()
    stage.site.harvest([30, 10], gaps=[1])
    stage.run(sink)
    stage.site.harvest([5])
    stage.run(sink)
    assert sink.posts == list(range(1, 46))
    gaps = [message for message in sink.messages if message.kind == "gap"]
    assert len(gaps) == 1 and gaps[0].id.startswith("s/gap/") and gaps[0].time.startswith("2026-11-23T09:")
    assert (stage.stored["delivered"], stage.stored["of_harvest"], "released" in stage.stored) == (
        46,
        5,
        True,
    )
    assert stage.told[-1]["lag_records"] == 0


def test_the_id_of_a_message_is_the_same_each_time(tmp_path: Path) -> None:
    stage, first, second = Stage(Site(tmp_path)), Recorder(), Recorder()
    stage.site.harvest([3], gaps=[0])
    stage.run(first)
    stage.site.store.remove(KEYS.sink("test"))
    stage.run(second, here=False)
    assert [message.id for message in first.messages] == [message.id for message in second.messages]
    assert {message.id for message in first.messages} > {"s/1", "s/2", "s/3"}


def test_a_sink_that_is_away_is_tried_again_with_pauses_and_loses_nothing(tmp_path: Path) -> None:
    stage, draw = Stage(Site(tmp_path)), Random(3)
    stage.site.harvest([400, 400], per_file=90)

    def away(_: Sequence[Message]) -> Sequence[DeadLetter]:
        if draw.random() < 0.7:
            raise SinkAway("it is away", after=2.0)
        return ()

    sink = Recorder(away)
    stage.run(sink)
    assert sink.posts == list(range(1, 801))
    assert [note["event"] for note in stage.stored["notes"]][:2] == ["away", "recovered"]
    assert stage.clock.waits[0] == 2.0 and stage.stored["last_error"] == ""


def test_what_is_refused_for_good_stands_aside_and_blocks_nothing(tmp_path: Path) -> None:
    stage = Stage(Site(tmp_path))
    stage.site.harvest([20])

    def refuses(messages: Sequence[Message]) -> Sequence[DeadLetter]:
        return [DeadLetter(each, "too large") for each in messages if each.subject in ("7", "9")]

    sink = Recorder(refuses)
    stage.run(sink)
    assert (len(sink.posts), stage.stored["dead_letters"]) == (20, 2)
    kept = stage.site.store.read(stage.stored["newest_dead_letters"]).data.splitlines()
    assert [orjson.loads(line)["id"] for line in kept] == ["s/7", "s/9"]
    assert orjson.loads(kept[0])["reason"] == "too large"
    assert orjson.loads(orjson.loads(kept[0])["value"])["data"]["id"] == "7"


def test_dead_letters_whose_write_was_not_answered_are_stored_once(tmp_path: Path) -> None:
    stage, answered = Stage(Site(tmp_path)), iter([False])
    stage.site.harvest([2])
    # Its state is there, so that the first object that it creates has its dead letters.
    stage.site.store.create(KEYS.sink("test"), b"{}")

    def lost() -> None:
        if not next(answered, True):
            raise StoreAway("The answer did not arrive.")

    def refuses(messages: Sequence[Message]) -> Sequence[DeadLetter]:
        return [DeadLetter(each, "too large") for each in messages]

    stage.run(Recorder(refuses), store=Wrapped(stage.site.store, after=lost))
    files = [entry.key for entry in stage.site.store.entries(f"{KEYS.sinks}test/dead/")]
    assert files == [stage.stored["newest_dead_letters"]]
    assert (stage.stored["dead_letters"], stage.stored["last_error"]) == (2, "")


def test_a_line_that_is_no_record_is_a_dead_letter(tmp_path: Path) -> None:
    stage, sink = Stage(Site(tmp_path)), Recorder()
    stage.site.harvest([2])
    (segment,) = stage.site.store.root.rglob("tweets-*.gz")
    segment.write_bytes(gzip.compress(b'{"data":{"id":"1"}}\n\xff\xfe\n{"data":{"id":"2"}}\n'))
    stage.run(sink)
    assert sink.posts == [1, 2]
    (letter,) = stage.site.store.read(stage.stored["newest_dead_letters"]).data.splitlines()
    assert orjson.loads(letter)["base64"] == "//4="


def test_the_position_is_stored_after_what_it_passes_was_delivered(tmp_path: Path) -> None:
    stage = Stage(Site(tmp_path))
    stage.site.harvest([1500])
    delivered = 0

    def look(messages: Sequence[Message]) -> Sequence[DeadLetter]:
        nonlocal delivered
        stage.clock.seconds += 10
        assert stage.stored["delivered"] <= delivered
        delivered += len(messages)
        return ()

    stage.run(Recorder(look))
    assert delivered == 1500


def test_a_reader_that_has_gone_ends_it_quietly(tmp_path: Path) -> None:
    stage = Stage(Site(tmp_path))
    stage.site.harvest([MOST_LINES, 600], per_file=10_000)

    def closes(messages: Sequence[Message]) -> Sequence[DeadLetter]:
        if messages[0].subject != "1":
            raise SinkClosed
        return ()

    stage.run(Recorder(closes))
    assert stage.stored["delivered"] == MOST_LINES


def test_of_two_owners_the_one_that_was_there_is_left_alone(tmp_path: Path) -> None:
    stage = Stage(Site(tmp_path))
    stage.site.harvest([600, 600])

    def second(_: Sequence[Message]) -> Sequence[DeadLetter]:
        with pytest.raises(HarvesterError, match="The sink test of s is run by owner-1 on ") as raised:
            stage.run(Recorder())
        assert raised.value.exit_code == Exit.LOCKED
        return ()

    sink = Recorder(second)
    stage.run(sink)
    assert sink.posts == list(range(1, 1201))


def test_an_owner_that_was_taken_over_stops_in_words(tmp_path: Path) -> None:
    stage = Stage(Site(tmp_path))
    stage.site.harvest([600, 600])

    def taken_over(_: Sequence[Message]) -> Sequence[DeadLetter]:
        version = stage.site.store.read(KEYS.sink("test")).version
        stage.site.store.replace(KEYS.sink("test"), b'{"owner": "other", "host": "there"}', version=version)
        stage.clock.seconds += 1000
        return ()

    with pytest.raises(LockLost, match="was taken over by other on there"):
        stage.run(Recorder(taken_over))
    assert stage.stored["owner"] == "other"


def test_who_slept_and_was_taken_over_delivers_nothing_more(tmp_path: Path) -> None:
    stage, sink = Stage(Site(tmp_path)), Recorder()
    stage.site.harvest([5])

    def sleep() -> None:
        version = stage.site.store.read(KEYS.sink("test")).version
        stage.site.store.replace(KEYS.sink("test"), b'{"owner": "other"}', version=version)
        stage.clock.seconds += 1000

    with pytest.raises(LockLost):
        stage.run(sink, before_delivery=sleep)
    assert sink.posts == []


def test_of_a_dead_owner_the_sink_is_free_when_its_time_is_over(tmp_path: Path) -> None:
    stage = Stage(Site(tmp_path))
    stage.site.harvest([3])
    key = KEYS.sink("test")
    position = {"harvest": "2026-01-01T00:00:00.000000+00:00", "segment": "", "line": 0, "events": 0}
    stage.site.store.create(key, orjson.dumps({"owner": "o", "ttl": 60, "position": position}))
    with pytest.raises(HarvesterError, match="is run by o on "):
        stage.run(Recorder())

    sink = Recorder()
    stage.run(sink, store=Wrapped(stage.site.store, ahead=timedelta(seconds=63)))
    assert sink.posts == [1, 2, 3]


def test_a_store_that_is_away_costs_nothing_but_time(tmp_path: Path) -> None:
    stage, draw = Stage(Site(tmp_path)), Random(5)
    stage.site.harvest([700, 700])

    class _Away(Wrapped):
        def replace(self, key: str, data: bytes, *, version: str) -> str:
            if draw.random() < 0.5:
                raise StoreAway("no answer")
            found: str = self.store.replace(key, data, version=version)
            if draw.random() < 0.5:
                raise StoreAway("its answer was lost")
            return found

    sink = Recorder(lambda _: stage.clock.wait(Stop(), 30.0) and () or ())
    store = _Away(stage.site.store)
    try:
        stage.run(sink, store=store)
    except StoreAway:
        # The last word was lost: the next owner waits until the time of this one is over.
        draw = Random(0)
    assert sink.posts == list(range(1, 1401))


def test_a_stop_ends_a_wait_and_what_is_not_acknowledged_comes_again(tmp_path: Path) -> None:
    stage, stop = Stage(Site(tmp_path)), Stop()
    stage.site.harvest([10])

    def never(_: Sequence[Message]) -> Sequence[DeadLetter]:
        stop.request("enough")
        raise SinkAway("never")

    stage.run(Recorder(never), stop=stop)
    assert stage.stored["delivered"] == 0
    sink = Recorder()
    stage.run(sink)
    assert sink.posts == list(range(1, 11))


class _Billed(Wrapped):
    is_billed = True


@pytest.mark.parametrize(("here", "pause"), [(True, 0.5), (False, 5.0)])
def test_where_each_look_is_paid_for_it_looks_rarely(tmp_path: Path, *, here: bool, pause: float) -> None:
    stage, waits = Stage(Site(tmp_path)), []

    def look() -> None:
        stop = Stop()
        stage.clock.waits.clear()
        stage.told = _Until(lambda: len(stage.clock.waits) >= 3, stop)  # type: ignore[assignment]
        stage.run(Recorder(), store=_Billed(stage.site.store), here=here, stop=stop, follow=True)
        waits.append(stage.clock.waits[0])

    stage.site.harvest([3], meanwhile=look)
    assert waits == [pause]


@dataclass
class _Until:
    """Asks for a stop as soon as something holds, each time that the follower says how it is doing."""

    holds: Callable[[], bool]
    stop: Stop

    def append(self, _: Tree) -> None:
        if self.holds():
            self.stop.request("enough")


def test_a_sink_that_falls_behind_says_so_once_and_once_that_it_has_caught_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As an alarm of Terraform's expects of its log."""
    stage = Stage(Site(tmp_path))
    stage.site.harvest([3])
    tries = iter(range(100))

    def away(_: Sequence[Message]) -> Sequence[DeadLetter]:
        if next(tries) < 30:
            raise SinkAway("It is away.")
        return ()

    stage.run(Recorder(away))
    behind = [status["behind"] for status in stage.told]
    assert (behind[0], behind[-1]) == (False, False) and True in behind
    events = [note["event"] for note in stage.stored["notes"]]
    assert events == ["away", "behind", "recovered", "caught up"]
    assert caplog.text.count("sink is behind") == 1
    filters = (_ROOT / "terraform/alarms.tf").read_text(encoding="utf-8")
    assert '?\\"sink is behind\\"' in filters


def test_a_sink_that_was_behind_when_its_process_ended_does_not_say_it_again(tmp_path: Path) -> None:
    stage, stop = Stage(Site(tmp_path)), Stop()
    stage.site.harvest([3])

    def away(_: Sequence[Message]) -> Sequence[DeadLetter]:
        if stage.told and stage.told[-1]["behind"]:
            stop.request("enough")
        raise SinkAway("It is away.")

    stage.run(Recorder(away), stop=stop)
    stage.run(Recorder())
    events = [note["event"] for note in stage.stored["notes"]]
    assert events.count("behind") == events.count("caught up") == 1


def test_an_old_archive_that_is_delivered_at_once_is_not_behind(tmp_path: Path) -> None:
    old = b'{"data":{"id":"%d"},"__twarc":{"retrieved_at":"2025-12-01T00:00:00Z"}}\n'
    stage = Stage(Site(tmp_path, line=lambda number: old % number))
    stage.site.harvest([3])
    stage.run(Recorder())
    assert stage.told[0]["lag_seconds"] > 600
    assert stage.stored["notes"] == []


def test_a_replay_of_old_posts_is_not_behind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(Site(tmp_path))
    stage.site.harvest([3])
    tries = iter(range(100))

    def away(_: Sequence[Message]) -> Sequence[DeadLetter]:
        if next(tries) < 30:
            raise SinkAway("It is away.")
        return ()

    stage.run(Recorder(away), kept=False)
    assert not any(status["behind"] for status in stage.told)
    assert stage.clock.seconds > 1700 and "behind" not in caplog.text
