"""What an older system was tested with, message by message: posts of API 1.1 and the rules they matched.

The 15 messages are not part of this repository; these tests need `shared/data/real-v1` beside the checkout.
"""

from pathlib import Path

import orjson
import pytest

from harvester.documents import Tree
from harvester.networks.attribution import Origin
from harvester.networks.records import Post
from harvester.networks.x.matching.attribution import Attribution
from harvester.networks.x.rules.collection_rules import CollectionRule, collection_rules
from harvester.networks.x.streaming.parser import LineSplitter

_MESSAGES = Path(__file__).resolve().parents[5] / "shared" / "data" / "real-v1"
pytestmark = pytest.mark.skipif(not _MESSAGES.is_dir(), reason=f"there is no {_MESSAGES}")

_ORIGIN = Origin("live", "2016-02-22T01:00:00Z")
_EXTENDED = ("classic", "classic_hidden", "extended_hidden")
_NO_POSTS = ("delete", "disconnect", "limit", "scrub_geo", "status_withheld", "user_withheld", "warning")


def _rule(name: str) -> CollectionRule:
    """A rule as that system had it, with all of its further fields."""
    given = orjson.loads((_MESSAGES / f"{name}_rules.json").read_bytes())
    known = ("rule_id", "orig_type", "value", "tag", "status")
    rule = {
        "id": str(given["rule_id"]),
        "type": given["orig_type"],
        **{name: given[name] for name in known[2:]},
        "metadata": {name: value for name, value in given.items() if name not in known},
    }
    problems: list[str] = []
    (found,) = collection_rules({"rules": [rule]}, problems)
    assert problems == []
    return found


def _line(name: str) -> bytes:
    return (_MESSAGES / f"{name}.json").read_bytes()


def _enriched(line: bytes, *rules: CollectionRule) -> Tree:
    post = Post("", line)
    found: Tree = orjson.loads(Attribution(rules, {}).enriched(post, _ORIGIN, traptor_names=True))
    traptor: Tree = found["traptor"]
    ours = orjson.loads(Attribution(rules, {}).enriched(post, _ORIGIN))["twarc_cloud"]
    assert ours["created_at_iso"] == traptor["created_at_iso"]
    assert [r["id"] for r in ours["collection_rules"]] == [r["rule_id"] for r in traptor["collection_rules"]]
    return traptor


@pytest.mark.parametrize(
    ("name", "kind", "rule_id", "value", "moment"),
    [
        ("track", "track", "12347", "happy", "2016-02-22T01:34:53+00:00"),
        ("follow", "follow", "12345", "17919972", "2016-02-20T03:52:59+00:00"),
        ("locations", "locations", "12346", "-122.75,36.8,-121.75,37.8", "2016-02-23T02:02:54+00:00"),
    ],
)
def test_the_post_of_a_rule_has_all_fields_of_it(
    name: str, kind: str, rule_id: str, value: str, moment: str
) -> None:
    rule = _rule(name)
    traptor = _enriched(_line(f"{name}_tweet"), rule)
    assert traptor["created_at_iso"] == moment
    (first,) = traptor["collection_rules"]
    assert (first["rule_id"], first["rule_type"], first["rule_tag"]) == (rule_id, kind, "test")
    assert first["rule_value"] == value
    assert first["status"] == "active"
    assert {"description", "appid", "date_added"} <= rule.metadata.keys() <= first.keys()


def test_each_post_matches_its_rule_alone_among_all_three() -> None:
    rules = [_rule(name) for name in ("track", "follow", "locations")]
    found = {
        name: [r["rule_type"] for r in _enriched(_line(f"{name}_tweet"), *rules)["collection_rules"]]
        for name in ("track", "follow", "locations", "no_match")
    }
    assert found == {
        "track": ["track"],
        # It has the word, too.
        "follow": ["track", "follow"],
        "locations": ["locations"],
        "no_match": [],
    }


def test_a_post_that_matches_nothing_says_not_found() -> None:
    traptor = _enriched(_line("no_match_tweet"), _rule("track"))
    assert traptor["created_at_iso"] == "2016-02-22T01:34:53+00:00"
    assert (traptor["rule_tag"], traptor["rule_value"]) == ("Not Found", "Not Found")


@pytest.mark.parametrize("rule", ["track", "follow"])
@pytest.mark.parametrize("name", _EXTENDED)
def test_extended_posts_match_by_account_and_by_word(name: str, rule: str) -> None:
    traptor = _enriched(_line(f"extended_tweets/{name}"), _rule(f"extended_tweets/{rule}"))
    assert [each["rule_type"] for each in traptor["collection_rules"]] == [rule]
    assert traptor["rule_value"] == {"track": "tweet", "follow": "735369652956766200"}[rule]


@pytest.mark.parametrize("name", [f"{name}_message" for name in _NO_POSTS] + ["other_tweet_messages"])
@pytest.mark.parametrize("traptor_names", [False, True])
def test_other_messages_stay_as_they_are(name: str, *, traptor_names: bool) -> None:
    line = _line(name)
    made = Attribution([_rule("track")], {})
    assert made.enriched(Post("", line), _ORIGIN, traptor_names=traptor_names) is line


def test_these_are_all_15_messages() -> None:
    told = [f"{name}_tweet" for name in ("track", "follow", "locations", "no_match")]
    told += [f"extended_tweets/{name}" for name in _EXTENDED]
    told += [*(f"{name}_message" for name in _NO_POSTS), "other_tweet_messages"]
    found = [path for path in _MESSAGES.rglob("*.json") if not path.stem.endswith("_rules")]
    assert sorted(_MESSAGES / f"{name}.json" for name in told) == sorted(found)


@pytest.mark.parametrize("name", _NO_POSTS)
def test_other_messages_of_a_stream_are_one_event_each_with_all_of_them(name: str) -> None:
    line = _line(f"{name}_message")
    read = LineSplitter().split(line.replace(b"\n", b" ") + b"\r\n", b"{}")
    assert (read.lines, read.unread) == ([], 0)
    (event,) = read.events
    assert event["event"] == {"disconnect": "disconnect", "limit": "limit"}.get(name, "message")
    assert event["message"] == orjson.loads(line)
