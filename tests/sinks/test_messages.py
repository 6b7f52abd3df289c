"""A message is one post with an id that stays, and with its rules where a sink asks for them."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from harvester.documents import Tree
from harvester.errors import HarvesterError
from harvester.networks.x.network import X
from harvester.sinks import Asked, Message, Position
from harvester.sinks.archive.reader import Line
from harvester.sinks.beginning import moment_of, position_at
from harvester.sinks.enrichment import Enrichment
from harvester.sinks.messages import Messages
from tests.sinks.histories import KEYS, Site, all_of, posts_of

_HARVEST = "2026-11-23T09:05:07.000000+00:00"
_BEFORE = Position(_HARVEST, "tweets-20261123090507-000001.jsonl.gz", 4)
_AT = Position(_HARVEST, "tweets-20261123090507-000001.jsonl.gz", 5)
_COLLECTION: Tree = {
    "id": "s", "type": "filter", "filter": {"rules": [{"id": "r7", "type": "keyword", "value": "happy"}]}
}  # fmt: skip


def _of(data: Tree, *, since: datetime | None = None, **entry: object) -> list[Message]:
    enrichment = None
    if entry.get("enrich"):
        enrichment = Enrichment(X(), "s", lambda _: [_COLLECTION])
    messages = Messages(Asked("s", "n", "stdout", entry), X(), since=since, enrichment=enrichment)
    found, dead = messages.of([Line("record", orjson.dumps(data), _AT)], _BEFORE)
    assert dead == []
    return found


def _post(number: int, text: str = "") -> Tree:
    return {"id": str(number), "author_id": "12", "created_at": "2026-11-23T09:05:06.000Z", "text": text}


def test_of_a_page_only_the_last_post_moves_the_position_past_it() -> None:
    found = _of({"data": [_post(1), _post(2), _post(3)]})
    assert [message.id for message in found] == ["s/1", "s/2", "s/3"]
    assert [message.position for message in found] == [_BEFORE, _BEFORE, _AT]
    assert found[0].time == "2026-11-23T09:05:06.000Z"


def test_the_key_is_the_post_or_its_author() -> None:
    assert [message.key for message in _of({"data": _post(7)})] == ["7"]
    assert [message.key for message in _of({"data": _post(7)}, key="author")] == ["12"]


def test_what_was_received_before_is_left_out() -> None:
    line = {"data": _post(7), "__twarc": {"retrieved_at": "2026-11-23T09:05:08+00:00"}}
    assert _of(line, since=datetime(2026, 11, 23, 9, 5, 9, tzinfo=UTC)) == []
    assert len(_of(line, since=datetime(2026, 11, 23, 9, 5, 8, tzinfo=UTC))) == 1


def test_a_post_is_passed_on_with_the_rules_that_it_matched() -> None:
    line = {"data": _post(7, "so happy today")}
    (plain,) = _of(line)
    assert plain.value == orjson.dumps(line)
    (enriched,) = _of(line, enrich=True)
    added = orjson.loads(enriched.value).pop("twarc_cloud")
    assert added["collection_id"] == "s" and added["harvest_id"] == _HARVEST
    assert [rule["id"] for rule in added["collection_rules"]] == ["r7"]
    assert (enriched.id, enriched.subject) == (plain.id, plain.subject)


def test_a_sink_may_begin_at_a_moment(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert position_at(site.store, KEYS, moment_of("2026-11-23")) is None
    site.harvest([10, 10, 10], per_file=10)
    at = position_at(site.store, KEYS, site.store.now())
    assert at and at.segment.endswith("-000003.jsonl.gz")
    assert posts_of(all_of(site.archive(at))) == list(range(21, 31))
    assert position_at(site.store, KEYS, moment_of("2001-01-01T00:00:00Z")) is None


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(HarvesterError, match="is not a date"):
        moment_of(text)
