"""After the fact it is known which rule brought which posts, from side files or from the records."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from harvester.networks.registry import usual
from harvester.sinks.matches import Matches, count_matches
from harvester.store.keys import CollectionKeys
from tests.support.broken_streams import BrokenStream
from tests.support.harvest_stage import Stage, staged, until

_KEYS = CollectionKeys("live")
_TEXTS = ("worda", "worda and wordb", "wordc", "worda")


def _collected(stage: Stage, **section: Any) -> None:
    rules = [{"id": f"r-{word}", "type": "keyword", "value": f"word{word}"} for word in "abcdefgh"]
    stage.add("live", type="filter", filter={"rules": rules, **section})
    with stage.harvesting("live", tweets_per_file=3) as going:
        until(stage.connected)
        for text in _TEXTS:
            stage.control.publish(stage.accounts[0], text=text)
        until(lambda: going.summary()["tweets"] == len(_TEXTS))


def _counted(stage: Stage) -> Matches:
    return count_matches(stage.store, _KEYS, usual(), tell=lambda _: None)


@pytest.mark.parametrize(("cap", "asked"), [(3, {}), (3, {"attribution": "off"}), (1000, {})])
def test_the_posts_of_each_rule_are_counted_however_they_were_stored(
    tmp_path: Path, cap: int, asked: dict[str, Any]
) -> None:
    with staged(tmp_path, users=1, rule_cap=cap) as stage:
        _collected(stage, **asked)
        found = _counted(stage)
        assert found.by_rule == {"r-a": 3, "r-b": 1, "r-c": 1}
        assert (found.posts, found.none, found.broken) == (4, 0, 0)
        assert bool(found.local) is (cap == 3)


def test_a_side_file_is_believed_where_it_is_there(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, rule_cap=3) as stage:
        _collected(stage)
        for entry in [*stage.store.entries(_KEYS.harvests)]:
            if "/matches-" in entry.key:
                lines = [
                    json.loads(line)
                    for line in gzip.decompress(stage.store.read(entry.key).data).splitlines()
                ]
                other = [{**line, "rules": [{"id": "gone", "by": "local"}]} for line in lines]
                data = gzip.compress("".join(json.dumps(line) + "\n" for line in other).encode())
                stage.store.replace(entry.key, data, version=entry.version)
        assert _counted(stage).by_rule == {"gone": 4}


@pytest.mark.parametrize("cap", [1, 1000])
def test_posts_of_a_repair_are_counted_by_the_rules_that_were_live_in_the_gap(
    tmp_path: Path, cap: int
) -> None:
    rules = [{"id": f"r-{word}", "type": "keyword", "value": word} for word in ("flood", "coming", "more")]
    with staged(tmp_path, users=2, posts_per_user=0, rule_cap=cap) as stage:
        broken = BrokenStream(stage)
        broken.begin(rules=rules)
        with broken.streaming():
            broken.hear()
            broken.cut(seconds=40)
            broken.hear()
        before = _counted(stage)
        # One is changed, one inactive and one removed by now.
        now = [{**rules[0], "value": "storm"}, {**rules[1], "status": "inactive"}]
        stage.edit("live", lambda tree: {**tree, "filter": {"rules": now}})
        broken.repaired()
        found = _counted(stage)
        # An original, a reply and a quote; a search finds no more of them.
        assert found.posts - before.posts == 3
        assert found.by_rule - before.by_rule == {"r-flood": 3, "r-coming": 1, "r-more": 1}


def test_of_a_collection_without_attribution_a_repair_has_none(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = BrokenStream(stage)
        broken.begin(track="flood", attribution="off")
        with broken.streaming():
            broken.hear()
            broken.cut(seconds=40)
            broken.hear()
        broken.repaired()
        assert not [each for each in stage.store.entries(_KEYS.repairs.harvests) if "/matches-" in each.key]
