"""A stream adds the rules that a post matched to its record, but only where its collection asks for it."""

import gzip
import json
from functools import partial
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from harvester.clock import Stop, SystemClock
from harvester.curation.verify import verify
from harvester.documents import Tree
from harvester.harvest.lock_content import note_change
from harvester.networks import Job
from harvester.networks.validation import problems
from harvester.networks.x.client import XClient
from harvester.networks.x.matching.attribution import names_all
from harvester.networks.x.sources.stream_records import StreamRecords
from harvester.store.keys import CollectionKeys
from harvester.store.reading import reader
from tests.support.harvest_stage import Going, Stage, staged, until

_RULES: list[Tree] = [
    {"id": "wet", "type": "keyword", "value": "flood", "tag": "mood"},
    {"id": "dry", "type": "keyword", "value": "drought"},
]
_LINE = b'{"data":{"id":"1","text":"%b"},"matching_rules":[{"tag":"twarc-cloud:live:wet"}],"__twarc":{}}\n'
_EVENT: Tree = {
    "event": "rules",
    "rules": [{"value": "flood", "tag": "twarc-cloud:live:wet", "ids": ["wet"]}],
}
_ABSENT = cast(Any, None)


def _records(**section: Any) -> StreamRecords:
    collection = {"id": "live", "type": "filter", "filter": {"rules": _RULES, **section}}
    job: Job[XClient] = Job(
        cast(Any, collection), _ABSENT, SystemClock(), Stop(), _ABSENT, _ABSENT, _ABSENT, harvest="now"
    )
    found = StreamRecords(job)
    found.learn(collection, _EVENT)
    return found


def test_stored_records_have_the_rules_that_they_matched(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        stage.add("live", type="filter", filter={"rules": _RULES, "attribution": "record"})
        with stage.harvesting("live") as going:
            until(stage.connected)
            for text in ("a flood", "a drought, no flood"):
                stage.control.publish(stage.accounts[0], text=text)
            until(lambda: going.summary()["tweets"] == 2)
        found = [line["twarc_cloud"] for line in going.end.lines]
        assert [[rule["id"] for rule in each["collection_rules"]] for each in found] == [
            ["wet"],
            ["wet", "dry"],
        ]
        assert found[0]["collection_rules"][0]["rule_tag"] == "mood"
        assert {each["harvest_id"] for each in found} == {going.end.summary["harvest_timestamp"]}
        assert all(each["received_at"] and each["created_at_iso"] for each in found)
        stage.require_tidy("live")


def test_a_rule_that_is_added_while_the_stream_runs_is_stored_with_its_posts(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        stage.add("live", type="filter", filter={"rules": _RULES[:1], "attribution": "record"})
        with stage.harvesting("live") as going:
            until(stage.connected)
            edited = {"rules": _RULES, "attribution": "record"}
            stage.edit("live", lambda tree: {**tree, "filter": edited})
            note_change(stage.store, CollectionKeys("live").lock)
            going.renew()
            until(lambda: _is_live(stage, "dry"))
            until(lambda: _publish(stage, text="a drought") and _has_posts(going))
        last = going.end.lines[-1]["twarc_cloud"]
        assert [rule["id"] for rule in last["collection_rules"]] == ["dry"]


def _publish(stage: Stage, *, text: str) -> list[str]:
    """A post, a second after the one before."""
    stage.clock.advance(1.0)
    return stage.control.publish(stage.accounts[0], text=text)


def _has_posts(going: Going) -> bool:
    """Whether several came: the first ones may be read before it is known that their rule is live."""
    return going.summary()["tweets"] >= 5


def _has(going: Going, posts: int) -> bool:
    return bool(going.summary()["tweets"] == posts)


def _is_live(stage: Stage, rule_id: str) -> bool:
    stage.clock.advance(1.0)
    tags = [rule.get("tag") for rule in stage.control.call("GET", "stream/rules")["rules"]]
    return f"twarc-cloud:live:{rule_id}" in tags


def test_without_that_they_stay_as_they_came() -> None:
    lines = [_LINE % b"x"]
    assert _records().stored(lines) is lines


def test_all_else_in_a_record_stays_byte_by_byte() -> None:
    line = _LINE % b"a \\u00e9"
    (found,) = _records(attribution="record").stored([line])
    assert found.startswith(line[:-2] + b',"twarc_cloud":{')
    assert orjson.loads(found)["twarc_cloud"]["collection_rules"][0]["id"] == "wet"


def test_a_record_that_cannot_be_read_is_stored_as_it_came() -> None:
    lines = [_LINE % b"\\ud83d"]
    assert _records(attribution="record").stored(lines) == lines


def test_rules_that_became_live_later_are_known_too() -> None:
    records = _records(attribution="record")
    late: Tree = {"id": "late", "type": "keyword", "value": "storm"}
    event = {"event": "rules", "new": [{"value": "storm", "tag": "twarc-cloud:live:late", "ids": ["late"]}]}
    records.learn({"filter": {"rules": [late]}}, event)
    lines = [_LINE % b"x", (_LINE % b"x").replace(b"live:wet", b"live:late")]
    found = [orjson.loads(line)["twarc_cloud"]["collection_rules"] for line in records.stored(lines)]
    assert [[rule["id"] for rule in rules] for rules in found] == [["wet"], ["late"]]


@pytest.mark.parametrize("value", ["side", True, ""])
def test_another_attribution_is_refused(value: Any) -> None:
    tree = {"id": "live", "type": "filter", "filter": {"track": "flood", "attribution": value}}
    assert problems(tree) == ['filter.attribution is not "record", "file" or "off".']


_WORDS = [*"abcdefghijkl"]


def _packed(stage: Stage, **section: Any) -> None:
    """A collection of twelve keywords, for an app of fewer rules."""
    rules = [{"id": f"r-{word}", "type": "keyword", "value": f"word{word}"} for word in _WORDS]
    stage.add("live", type="filter", filter={"rules": rules, **section})


def test_of_packed_rules_the_side_file_has_each_that_a_post_matched(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, rule_cap=4) as stage:
        _packed(stage)
        with stage.harvesting("live", tweets_per_file=3) as going:
            until(stage.connected)
            for number in range(8):
                texts = f"word{_WORDS[number]} and word{_WORDS[number + 4]}"
                stage.control.publish(stage.accounts[0], text=texts)
                until(partial(_has, going, number + 1))
        end = going.end
        told = end.matches
        assert len({segment for segment, _ in told}) == end.summary["files"] > 1
        lines = {
            (segment, number): json.loads(line)
            for segment in {segment for segment, _ in told}
            for number, line in enumerate(
                gzip.decompress(end.store.read(end.folder + segment).data).splitlines(), 1
            )
        }
        assert len(told) == len(lines) == 8
        for segment, each in told:
            record = lines[segment, each["line"]]
            assert (record["data"]["id"], "twarc_cloud" in record) == (each["id"], False)
            expected = sorted(f"r-{word}" for word in _WORDS if f"word{word}" in record["data"]["text"])
            assert [rule["id"] for rule in each["rules"]] == expected
        assert {rule["by"] for _, each in told for rule in each["rules"]} <= {"network", "local"}
        stage.require_tidy("live")
        assert verify(reader(stage.store), CollectionKeys("live"), stop=Stop()).parts[0].posts == 8


@pytest.mark.parametrize(
    ("cap", "asked", "exists"),
    [
        (1000, {}, False),
        (1000, {"attribution": "file"}, True),
        (4, {"attribution": "off"}, False),
        (4, {}, True),
    ],
)
def test_a_side_file_is_kept_where_it_is_asked_for_or_tags_say_less(
    tmp_path: Path,
    cap: int,
    asked: Tree,
    exists: bool,  # noqa: FBT001
) -> None:
    with staged(tmp_path, users=1, rule_cap=cap) as stage:
        _packed(stage, **asked)
        with stage.harvesting("live") as going:
            until(stage.connected)
            stage.control.publish(stage.accounts[0], text="worda")
            until(lambda: going.summary()["tweets"] == 1)
        rules = [each["rules"][0]["id"] for _, each in going.end.matches]
        assert rules == (["r-a"] if exists else [])


def test_rules_that_an_edit_packs_are_told_from_then_on(tmp_path: Path) -> None:
    rules = [{"id": f"r-{word}", "type": "keyword", "value": f"word{word}"} for word in _WORDS]
    with staged(tmp_path, users=1, rule_cap=4) as stage:
        stage.add("live", type="filter", filter={"rules": rules[:2]})
        with stage.harvesting("live") as going:
            until(stage.connected)
            stage.control.publish(stage.accounts[0], text="worda")
            until(lambda: going.summary()["tweets"] == 1)
            stage.edit("live", lambda tree: {**tree, "filter": {"rules": rules}})
            note_change(stage.store, CollectionKeys("live").lock)
            going.renew()
            until(lambda: _publish(stage, text="wordl") and _has_posts(going))
        told = going.end.matches
        assert told and min(each["line"] for _, each in told) > 1
        assert {rule["id"] for _, each in told for rule in each["rules"]} == {"r-l"}


def test_a_record_with_half_a_character_has_its_rules_in_the_side_file() -> None:
    (found,) = _records(attribution="file").matches([_LINE % b"flood \\ud83d"], ["1"])
    assert (found.line, found.id, found.rules) == (1, "1", [{"id": "wet", "by": "network"}])


def test_a_rule_of_two_ids_or_of_another_collection_first_is_told_in_the_side_file() -> None:
    live = {"value": "flood", "tag": "twarc-cloud:live:wet", "ids": ["wet"]}
    assert names_all({"event": "rules", "rules": [live]})
    assert names_all({"event": "rules", "rules": [live], "foreign": [{"value": "else", "tag": "t"}]})
    assert not names_all({"event": "rules", "new": [{**live, "ids": ["wet", "wetter"]}]})
    assert not names_all({"event": "rules", "rules": [live], "foreign": [{"value": "flood", "tag": "t"}]})
