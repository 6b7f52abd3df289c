"""What is added to a post: exactly that, behind all that was there, and nothing to what is no post."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.documents import Tree
from harvester.networks.attribution import Origin
from harvester.networks.records import Post
from harvester.networks.x.matching.attribution import Attribution
from harvester.networks.x.matching.enrichment import created_at
from harvester.networks.x.posts import posts
from harvester.networks.x.rules.collection_rules import CollectionRule

_ORIGIN = Origin("live", "2016-02-22T01:00:00Z", backfill=True)
_RULES = [
    CollectionRule("12347", "keyword", "happy", tag="mood", metadata={"appid": "a", "tag": "theirs"}),
    CollectionRule("u", "userid", "7"),
    CollectionRule("g", "geo", "0,0,1,1", status="inactive"),
]
_TAGS = {"twarc-cloud:live:12347": ["12347"], "twarc-cloud:live:pack-1": ["u", "g"]}
_LINE = (
    b'{"data":{"id":"700890866920067072","text":"sad \\ud83d\\ude22 \\"x","author_id":"7",  "created_at":'
    b'"2016-02-22T01:34:53.000Z","big":123456789012345678901234567890},"matching_rules":[{"id":"1",'
    b'"tag":"twarc-cloud:live:12347"},{"id":"2","tag":"twarc-cloud:live:pack-1"}],'
    b'"__twarc":{"retrieved_at":"2016-02-22T01:34:59Z"}}\n'
)


def _record(line: bytes) -> Tree:
    found: Tree = orjson.loads(line)
    return found


def _enriched(line: bytes, *, traptor_names: bool = False) -> bytes:
    made = Attribution(_RULES, _TAGS)
    return made.enriched(Post("", line), _ORIGIN, traptor_names=traptor_names)


def test_a_post_gets_its_rules_its_origin_and_its_time() -> None:
    assert _record(_enriched(_LINE))["twarc_cloud"] == {
        "collection_id": "live",
        "created_at_iso": "2016-02-22T01:34:53+00:00",
        "received_at": "2016-02-22T01:34:59Z",
        "harvest_id": "2016-02-22T01:00:00Z",
        "backfill": True,
        "collection_rules": [
            {
                "id": "12347",
                "rule_type": "keyword",
                "rule_tag": "mood",
                "rule_value": "happy",
                "matched_by": "network",
                "metadata": {"appid": "a", "tag": "theirs"},
            },
            {
                "id": "u",
                "rule_type": "userid",
                "rule_tag": "",
                "rule_value": "7",
                "matched_by": "local",
                "metadata": {},
            },
        ],
    }


def test_traptors_names_hold_the_first_rule_and_all_of_them() -> None:
    made = _record(_enriched(_LINE, traptor_names=True))["traptor"]
    first, second = made.pop("collection_rules")
    assert made == {
        **first,
        "id_str": 700890866920067072,
        "created_at_iso": "2016-02-22T01:34:53+00:00",
    }
    assert first == {
        "appid": "a",
        "tag": "theirs",
        "value": "happy",
        "status": "active",
        "orig_type": "keyword",
        "rule_id": "12347",
        "rule_type": "track",
        "rule_tag": "mood",
        "rule_value": "happy",
        "matched_by": "network",
    }
    assert (second["rule_id"], second["rule_type"], second["orig_type"]) == ("u", "follow", "userid")


def test_without_a_match_the_list_is_empty_and_traptor_finds_nothing() -> None:
    line = _LINE.replace(b"twarc-cloud:live", b"twarc-cloud:other")
    assert _record(_enriched(line))["twarc_cloud"]["collection_rules"] == []
    made = _record(_enriched(line, traptor_names=True))["traptor"]
    assert made["collection_rules"] == []
    assert {made[name] for name in ("rule_type", "rule_tag", "rule_value")} == {"Not Found"}


@pytest.mark.parametrize("traptor_names", [False, True])
def test_all_that_was_there_stays_byte_by_byte(*, traptor_names: bool) -> None:
    made = _enriched(_LINE, traptor_names=traptor_names)
    assert made.startswith(_LINE[:-2] + b',"t')
    assert made.endswith(b"}}\n")


@pytest.mark.parametrize("traptor_names", [False, True])
def test_to_enrich_twice_is_to_enrich_once(*, traptor_names: bool) -> None:
    once = _enriched(_LINE, traptor_names=traptor_names)
    twice = _enriched(once, traptor_names=traptor_names)
    assert _record(twice) == _record(once)
    assert twice.count(b'"collection_rules":') == 1


@pytest.mark.parametrize("traptor_names", [False, True])
@pytest.mark.parametrize(
    ("line", "is_plain"),
    [
        (_LINE, True),
        (_LINE.replace(b'"created_at"', b'"created"'), True),
        (_LINE.replace(b'"text"', b'"id_str":"8","text"'), False),
        (_LINE.replace(b"retrieved_at", b"sent"), False),
        (_enriched(_LINE), False),
        (_enriched(_LINE, traptor_names=True), False),
    ],
)
def test_what_is_known_of_a_post_need_not_be_read_again(
    line: bytes, *, is_plain: bool, traptor_names: bool
) -> None:
    (post,) = posts(line)
    assert post.is_plain is is_plain
    found = Attribution(_RULES, _TAGS).enriched(post, _ORIGIN, traptor_names=traptor_names)
    assert found + b"\n" == _enriched(line, traptor_names=traptor_names)


def test_half_of_a_surrogate_pair_stays_the_same_bytes() -> None:
    line = _LINE.replace(b"\\ude22", b"")
    assert _enriched(line) is line


@given(
    st.dictionaries(st.text(alphabet=st.characters(codec="utf-8")), st.integers(0, 1 << 60), max_size=5),
    st.booleans(),
)
def test_what_is_no_post_stays_the_same_bytes(message: Tree, traptor_names: bool) -> None:  # noqa: FBT001
    line = orjson.dumps(message) + b"\n"
    assert _enriched(line, traptor_names=traptor_names) is line


@pytest.mark.parametrize(
    ("post", "moment"),
    [
        ({"created_at": "Mon Feb 22 01:34:53 +0000 2016"}, "2016-02-22T01:34:53+00:00"),
        ({"created_at": "Mon Feb 22 01:34:53 +0530 2016"}, "2016-02-22T01:34:53+05:30"),
        ({"created_at": "2016-02-22T01:34:53.999Z"}, "2016-02-22T01:34:53+00:00"),
        ({"created_at": "2016-02-22T01:34:53"}, "2016-02-22T01:34:53+00:00"),
        ({"created_at": "2016-02-22T01:34:53.999+01:00"}, "2016-02-22T01:34:53+01:00"),
        ({"created_at": "2016-02-22T01:34:61.999Z"}, None),
        ({"created_at": "2016-02-22T01:34.53.999Z"}, None),
        ({"id_str": "700890866920067072"}, "2016-02-20T03:52:59+00:00"),
        ({"created_at": "Mon Foo 99 01:34:53 +0000 2016", "id_str": "20"}, None),
        ({"created_at": 4}, None),
    ],
)
def test_the_time_of_a_post(post: Tree, moment: str | None) -> None:
    assert created_at(post) == moment
    assert created_at({"data": {**post, "id": post.get("id_str", "")}}) == moment
