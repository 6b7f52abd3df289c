"""What is added to the line of a post: its rules, its origin and its time, under names of two systems."""

from collections.abc import Sequence
from typing import Any

import orjson

from harvester.documents import Tree
from harvester.networks.attribution import Origin
from harvester.networks.x.decoding import member
from harvester.networks.x.forms.times import moment_in
from harvester.networks.x.matching.facts import is_post
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


def enriched(
    line: bytes, record: Tree, matches: Sequence[Match], origin: Origin, *, traptor_names: bool
) -> bytes:
    """The line with what is known of its post; the same bytes where it holds none."""
    if not is_post(record):
        return line
    name = TRAPTORS if traptor_names else OURS
    made = _traptors(record, matches) if traptor_names else _ours(record, matches, origin)
    if name in record:
        # A name must not be there twice.
        return orjson.dumps({**record, name: made}) + line[line.rindex(b"}") + 1 :]
    end = line.rindex(b"}")
    return line[:end] + b',"%b":' % name.encode() + orjson.dumps(made) + line[end:]


def _ours(record: Tree, matches: Sequence[Match], origin: Origin) -> Tree:
    return {
        "collection_id": origin.collection_id,
        "created_at_iso": created_at(record),
        "received_at": member(record, "__twarc", "retrieved_at"),
        "harvest_id": origin.harvest_id,
        "backfill": origin.backfill,
        "collection_rules": [
            {
                "id": match.rule.id,
                "rule_type": match.rule.type,
                "rule_tag": match.rule.tag,
                "rule_value": match.rule.value,
                "matched_by": match.by,
                "metadata": match.rule.metadata,
            }
            for match in matches
        ],
    }


def _traptors(record: Tree, matches: Sequence[Match]) -> Tree:
    """The first rule stands beside all of them, where the versions before 4 have it."""
    rules = [_traptor_rule(match) for match in matches]
    post_id = str(_post(record).get("id_str") or _post(record).get("id"))
    first = rules[0] if rules else dict.fromkeys(("rule_type", "rule_tag", "rule_value"), NOT_FOUND)
    return {
        **first,
        "id_str": int(post_id) if post_id.isdigit() and len(post_id) < 20 else post_id,
        "created_at_iso": created_at(record),
        "collection_rules": rules,
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
    """When the post was published, with its offset from UTC; None where neither its time nor its id tells."""
    post = _post(record)
    given = post.get("created_at")
    found = moment_in(given) if isinstance(given, str) else None
    found = found or published(str(post.get("id_str") or post.get("id")))
    return found.replace(microsecond=0).isoformat() if found else None


def _post(record: Tree) -> dict[str, Any]:
    data = record.get("data")
    return data if isinstance(data, dict) else record
