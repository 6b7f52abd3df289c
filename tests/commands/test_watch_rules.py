"""`import-rules --watch`: what changes in Redis becomes one edit, and what is away is waited for."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis

from harvester.clock import Stop
from harvester.commands.config.watch_rules import Watch
from harvester.errors import Exit, HarvesterError
from harvester.networks.x.imports.deadlines import away
from harvester.networks.x.imports.imported import FOLLOWED, imported
from harvester.networks.x.imports.rows import Row, Table
from harvester.networks.x.rules.collection_rules import collection_rules
from tests.support.cli_session import Person, until
from tests.support.databases import valkey_server
from tests.support.scripted_x import HandClock

_DOOR = Path(__file__).resolve().parents[2] / "twarc_cloud.py"


def _rows(*values: str) -> list[Row]:
    return [Row(value, {"id": value, "value": value, "type": "keyword"}) for value in values]


class _Redis:
    """Readings one after the other, the last one repeatedly; a stop after the given number."""

    def __init__(self, *readings: Sequence[Row] | HarvesterError, stop: Stop, most: int) -> None:
        self._readings, self._stop, self._most = list(readings), stop, most
        self.times = 0

    def read(self) -> Sequence[Row]:
        self.times += 1
        if self.times >= self._most:
            self._stop.request("SIGTERM")
        found = self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]
        if isinstance(found, HarvesterError):
            raise found
        return found


def _followed(
    *readings: Sequence[Row] | HarvesterError, store: Callable[[Any], None] | None = None, most: int = 20
) -> tuple[list[list[str]], list[str], HandClock]:
    """The edits, what is said meanwhile, and the clock."""
    stop, clock = Stop(), HandClock()
    edits: list[list[str]] = []
    said: list[str] = []
    source = _Redis(*readings, stop=stop, most=most)

    def heard(seconds: float) -> bool:
        clock.wait(stop, seconds)
        return False

    def keep(rows: Sequence[Row]) -> None:
        if store:
            store(rows)
        edits.append([row.place for row in rows])

    Watch(source.read, keep, heard, said.append, clock, stop).run()
    return edits, said, clock


def test_rules_that_are_being_loaded_are_one_edit_once_they_stay_as_they_are() -> None:
    loading = [_rows(*map(str, range(number))) for number in (1, 2, 3, 4)]
    edits, said, _ = _followed(*loading)
    assert (edits, said) == ([["0", "1", "2", "3"]], [])


def test_changes_that_never_end_are_taken_over_all_the_same() -> None:
    changing = [_rows(str(number)) for number in range(40)]
    edits, _, _ = _followed(*changing, most=40)
    assert len(edits) >= 2


def test_a_server_that_is_away_is_waited_for_in_words_said_once() -> None:
    gone = away("redis://here", "Connection refused")
    edits, said, _ = _followed(_rows("a"), _rows("a"), gone, gone, gone, _rows("b"))
    assert edits == [["a"], ["b"]]
    assert [words.partition(".")[0] for words in said] == [
        "redis://here cannot be read: Connection refused",
        "It can be read and stored again",
    ]


def test_what_cannot_be_stored_is_said_and_tried_again() -> None:
    failing = [HarvesterError("X would refuse this collection.", ["Rule b has 2000 characters"])]

    def store(rows: Sequence[Row]) -> None:
        if len(rows) == 2 and failing:
            raise failing.pop()

    edits, said, _ = _followed(_rows("a"), _rows("a"), _rows("a", "b"), store=store)
    assert edits == [["a"], ["a", "b"]]
    assert said[0].startswith("X would refuse this collection. Rule b has 2000 characters The rules of")


def test_a_mistake_at_the_start_is_raised_and_a_server_that_is_away_then_is_not() -> None:
    with pytest.raises(HarvesterError, match="There is no key"):
        _followed(HarvesterError("There is no key traptor-*.", exit_code=Exit.USAGE))
    edits, said, _ = _followed(away("redis://here", "no"), _rows("a"))
    assert (edits, len(said)) == ([["a"]], 2)


def test_rules_that_are_gone_from_the_source_go_and_those_of_others_stay() -> None:
    section = {"track": "happy", "rules": [{"id": "own", "value": "cat"}, {"id": "1", "value": "word"}]}
    first = imported(section, [Table("r", _rows("1", "2", "3"))], following="redis://here")
    assert [rule.get(FOLLOWED) for rule in first.section["rules"]] == [None, *["redis://here"] * 3]
    second = imported(first.section, [Table("r", _rows("1", "4"))], following="redis://here")
    assert [rule.id for rule in second.removed] == ["2", "3"]
    assert {rule.id for rule in collection_rules(second.section, [])} >= {"own", "1", "4"}
    other = imported(second.section, [Table("r", _rows("5"))], following="redis://there")
    assert not other.removed


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    made = Person(tmp_path)
    made.write({"id": "live", "type": "filter", "filter": {"rules": [{"id": "own", "value": "cat"}]}})
    made.output("collection", "add")
    yield made


def _ids(person: Person) -> dict[str, str]:
    return {rule.id: rule.value for rule in collection_rules(person.stored("live")["filter"], [])}


@pytest.mark.system
def test_a_real_server_is_followed_until_a_signal(person: Person, tmp_path: Path) -> None:
    folder = tmp_path / "valkey"
    folder.mkdir()
    with valkey_server(folder) as url:
        client = redis.Redis.from_url(url)

        def put(number: int, value: str) -> None:
            key = f"traptor-track:0:{number}"
            client.hset(key, mapping={"value": value, "tag": "t", "rule_id": f"t{number}"})
            client.publish("traptor-notify", f"track:{number}")

        put(1, "happy")
        command = [sys.executable, str(_DOOR), "collection-config", "import-rules", "--redis", url, "--watch"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                until(lambda: _ids(person).get("t1") == "happy")
                put(2, "sad")
                put(1, "happier")
                until(lambda: _ids(person) == {"own": "cat", "t1": "happier", "t2": "sad"})
                client.delete("traptor-track:0:2")
                client.publish("traptor-notify", "track:2")
                until(lambda: _ids(person) == {"own": "cat", "t1": "happier"})
                # The file is written after what is stored.
                until(lambda: person.file["filter"] == person.stored("live")["filter"])
            finally:
                process.send_signal(signal.SIGTERM)
                said = process.communicate(timeout=30)[0]
        assert process.returncode == Exit.TERMINATED
        assert said.startswith(
            f"Following the rules in {url} for live; Ctrl-C ends it.\n1 rule added, 0 changed"
        )
        assert "0 rules added, 0 changed, 1 removed; 0 unusable." in said
        client.close()


def test_watch_follows_redis_alone(person: Person) -> None:
    for more in (("rules.csv",), ("--replace", "--redis", "redis://localhost/5"), ()):
        told = person("collection-config", "import-rules", "--watch", *more)
        assert (told.code, "--watch follows --redis, and nothing else." in told.err) == (Exit.USAGE, True)
