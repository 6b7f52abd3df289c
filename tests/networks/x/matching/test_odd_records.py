"""Whatever a record holds, finding its rules ends without an error: a stream does not end for it."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.documents import Tree
from harvester.networks.attribution import Origin
from harvester.networks.records import BrokenLine, Post
from harvester.networks.x.matching.attribution import Attribution
from harvester.networks.x.matching.conditions import condition_of
from harvester.networks.x.matching.enrichment import Rules, enriched
from harvester.networks.x.matching.facts import Looks, facts_of, is_post
from harvester.networks.x.matching.reduced import reduced
from harvester.networks.x.matching.rule_index import RuleIndex, Seen
from harvester.networks.x.posts import posts
from harvester.networks.x.rules.collection_rules import collection_rules

_NAMES = (
    *("data", "includes", "matching_rules", "users", "tweets", "places", "id", "id_str", "text", "full_text"),
    *("author_id", "username", "entities", "urls", "hashtags", "mentions", "tag", "expanded_url", "title"),
    *("referenced_tweets", "type", "note_tweet", "geo", "coordinates", "place_id", "bbox", "created_at"),
    *("user", "screen_name", "retweeted_status", "quoted_status", "extended_tweet", "user_mentions", "media"),
    *("place", "bounding_box", "in_reply_to_user_id", "in_reply_to_user_id_str", "__twarc", "unwound"),
)
_TEXTS = st.sampled_from(["1", "p", "retweeted", "quoted", "twarc-cloud:c:pack-1", "cat", "今日 #cat @a", ""])
_TAGGED = st.sampled_from([{"tag": f"twarc-cloud:c:{name}"} for name in ("pack-1", "one")])
_NUMBERS = st.floats(allow_nan=False) | st.integers(-(1 << 63), (1 << 63) - 1) | st.sampled_from([0, 1, 0.5])
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6),
    max_leaves=25,
)
_POST = st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=8)
_RULES = collection_rules(
    {"track": "cat,今日,@a,#cat", "follow": "1,@a", "locations": "0,0,1,1", "rules": [{"value": "x"}]}, []
)
_IDS = [rule.id for rule in _RULES]
_ORIGIN = Origin("c", "now")


def _records() -> st.SearchStrategy[Tree]:
    v2 = st.fixed_dictionaries(
        {"data": _POST.map(lambda post: {**post, "id": "1"}), "includes": _VALUES},
        optional={
            "matching_rules": _VALUES | st.lists(_TAGGED, max_size=3),
            "__twarc": _VALUES | st.just({"retrieved_at": "now"}),
            "twarc_cloud": _VALUES,
        },
    )
    v1 = _POST.map(lambda post: {**post, "id_str": "1", "user": {"id": 1}})
    return v2 | v1 | _POST


def _posts(line: bytes) -> Sequence[Post]:
    try:
        return [post for post in posts(line) if post.value == line]
    except BrokenLine:
        return ()


@given(_records(), st.booleans())
def test_finding_the_rules_of_any_record_ends(record: Tree, traptor_names: bool) -> None:  # noqa: FBT001
    made = Attribution(_RULES, {"twarc-cloud:c:pack-1": _IDS, "twarc-cloud:c:one": _IDS[:1]})
    line = orjson.dumps(record)
    found = made.enriched(Post("", line), _ORIGIN, traptor_names=traptor_names)
    read: Any = orjson.loads(found)
    assert (
        found is line or read["traptor" if traptor_names else "twarc_cloud"]["collection_rules"] is not None
    )
    # As if all of it had been read, and whether its rules were stored or not.
    if is_post(record):
        rules = Rules(made.of(record))
        assert found == enriched(line, record, rules, _ORIGIN, traptor_names=traptor_names)
    told = orjson.dumps(made.matched(record))
    for post in (Post("", line), *_posts(line)):
        assert made.enriched(post, _ORIGIN, traptor_names=traptor_names, told=told) == found
    # No rule looks at what is left out of it.
    assert (facts_of(reduced(line)), made.matched(reduced(line))) == (facts_of(record), made.matched(record))


@given(_records())
def test_what_the_network_says_of_a_line_is_what_it_says_of_its_record(record: Tree) -> None:
    made = Attribution(_RULES, {"twarc-cloud:c:pack-1": _IDS, "twarc-cloud:c:one": _IDS[:1]})
    line = orjson.dumps({**record, "__twarc": {"retrieved_at": "now"}})
    # The second time it is remembered.
    assert made.matched_line(line) == made.matched_line(line) == made.matched(record)


@given(_records(), st.sets(st.sampled_from(range(len(_RULES)))), st.booleans())
def test_what_is_gathered_for_some_rules_is_all_that_these_look_at(
    record: Tree,
    numbers: set[int],
    wide: bool,  # noqa: FBT001
) -> None:
    conditions = {number: held for number in numbers if (held := condition_of(_RULES[number]))}
    index = RuleIndex(conditions)
    if (all_facts := facts_of(record)) and (facts := facts_of(record, index.looks)):
        found = index.matching(Seen(facts, index.looks), wide=wide)
        assert found == index.matching(Seen(all_facts, Looks()), wide=wide)


def test_what_no_rule_looks_at_is_not_read() -> None:
    post = {"id": "1", "author_id": "2", "text": "cat", "public_metrics": {"like_count": 3}, "lang": "en"}
    user = {"id": "2", "username": "a", "description": "long"}
    rules = [{"id": "7", "tag": "twarc-cloud:c:pack-1"}]
    record = {
        "data": {**post, "referenced_tweets": [{"type": "quoted", "id": "3"}]},
        "includes": {
            "users": [user],
            "tweets": [{**post, "id": "3", "text": "今日"}],
            "media": [{"url": "u"}],
        },
        "matching_rules": rules,
    }
    found = reduced(orjson.dumps(record))
    assert facts_of(found) == facts_of(record)
    kept = {"id": "1", "author_id": "2", "text": "cat", "referenced_tweets": [{"type": "quoted", "id": "3"}]}
    assert (found["data"], found["matching_rules"]) == (kept, rules)
    assert found["includes"]["users"] == [{"id": "2", "username": "a"}]
    # Half of a surrogate pair.
    assert reduced(b'{"data":{"id":"1","text":"\\ud83d"}}') == {"data": {"id": "1", "text": "\ud83d"}}


@pytest.mark.parametrize("number", [1e300, -1e300, 181.0, 1e17])
def test_what_is_no_degree_is_nowhere(number: float) -> None:
    made = Attribution(_RULES, {})
    for corners in ([number, 0.5], [0.0, 0.0, number, 1.0]):
        where = {"coordinates": {"coordinates": corners}, "place_id": "p"}
        places = [{"id": "p", "geo": {"bbox": corners}}]
        assert made.of({"data": {"id": "1", "geo": where}, "includes": {"places": places}}) == []
        assert made.of({"data": {"id": "1", "geo": {"place_id": "p"}}, "includes": {"places": places}}) == []
