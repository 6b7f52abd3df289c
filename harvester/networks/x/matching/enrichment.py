"""What is added to the line of a post: its rules, its origin and its time, under names of two systems."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import orjson

from harvester.documents import Tree, object_in
from harvester.networks.attribution import Origin
from harvester.networks.records import Post
from harvester.networks.x.decoding import member
from harvester.networks.x.forms.times import moment_in
from harvester.networks.x.matching.match import Match
from harvester.networks.x.post_ids import published

OURS, TRAPTORS = "twarc_cloud", "traptor"
# What traptor writes where no rule is known.
NOT_FOUND = "Not Found"
_TRAPTOR_TYPES = {
    "keyword": "track",
    "hashtag": "track",
    "username": "follow",
    "userid": "follow",
    "geo": "locations",
}


def looked_at(post: Post) -> Tree:
    """The record of a post, or as much of it as is looked at here; {} if it is no JSON."""
    if post.is_plain:
        return {
            "data": {"id": post.id, "created_at": post.published},
            "__twarc": {"retrieved_at": post.received},
        }
    return object_in(post.value)


class Rules:
    """The rules that posts matched, which are written once for all of these."""

    def __init__(self, matches: Sequence[Match]) -> None:
        self._matches = matches

    @cached_property
    def ours(self) -> orjson.Fragment:
        rules = [
            {
                "id": match.rule.id,
                "rule_type": match.rule.type,
                "rule_tag": match.rule.tag,
                "rule_value": match.rule.value,
                "matched_by": match.by,
                "metadata": match.rule.metadata,
            }
            for match in self._matches
        ]
        return orjson.Fragment(orjson.dumps(rules))

    @cached_property
    def traptors(self) -> list[Tree]:
        return [_traptor_rule(match) for match in self._matches]


def enriched(line: bytes, record: Tree, rules: Rules, origin: Origin, *, traptor_names: bool) -> bytes:
    """The line of a post with what is known of it."""
    name = TRAPTORS if traptor_names else OURS
    made = _traptors(record, rules) if traptor_names else _ours(record, rules, origin)
    end = line.rindex(b"}")
    if name in record:
        return orjson.dumps({**record, name: made}) + line[end + 1 :]
    return b"".join((memoryview(line)[:end], b',"%b":' % name.encode(), orjson.dumps(made), line[end:]))


def _ours(record: Tree, rules: Rules, origin: Origin) -> Tree:
    return {
        "collection_id": origin.collection_id,
        "created_at_iso": created_at(record),
        "received_at": member(record, "__twarc", "retrieved_at"),
        "harvest_id": origin.harvest_id,
        "backfill": origin.backfill,
        "collection_rules": rules.ours,
    }


def _traptors(record: Tree, rules: Rules) -> Tree:
    """The first rule stands beside all of them, where the versions before 4 have it."""
    post_id = str(_post(record).get("id_str") or _post(record).get("id"))
    missing = dict.fromkeys(("rule_type", "rule_tag", "rule_value"), NOT_FOUND)
    first = rules.traptors[0] if rules.traptors else missing
    return {
        **first,
        "id_str": int(post_id) if post_id.isdigit() and len(post_id) < 20 else post_id,
        "created_at_iso": created_at(record),
        "collection_rules": rules.traptors,
    }


def _traptor_rule(match: Match) -> Tree:
    rule = match.rule
    return {
        "tag": rule.tag,
        "value": rule.value,
        "status": rule.status,
        "orig_type": rule.type,
        **rule.metadata,
        "rule_id": rule.id,
        "rule_type": _TRAPTOR_TYPES.get(rule.type, rule.type),
        "rule_tag": rule.tag,
        "rule_value": rule.value,
        "matched_by": match.by,
    }


def created_at(record: Tree) -> str | None:
    """When the post was published, with its offset from UTC; None if neither its time nor its id tells."""
    post = _post(record)
    given = post.get("created_at")
    if isinstance(given, str) and (found := _to_the_second(given)):
        return found
    by_id = published(str(post.get("id_str") or post.get("id")))
    return by_id.isoformat(timespec="seconds") if by_id else None


def _to_the_second(given: str) -> str:
    """A time with its offset from UTC; empty if it is not one."""
    # Of the posts of one second, the time of the first is read for all.
    is_usual = given[16:20:3] == ":." and given[23:] == "Z" and given[20:23].isdecimal() and given.isascii()
    return _written(f"{given[:19]}Z" if is_usual else given)


@lru_cache(maxsize=64)
def _written(given: str) -> str:
    found = moment_in(given)
    return found.isoformat(timespec="seconds") if found else ""


def _post(record: Tree) -> dict[str, Any]:
    data = record.get("data")
    return data if isinstance(data, dict) else record
