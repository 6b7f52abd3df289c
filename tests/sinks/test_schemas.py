"""Consumers may rely on the schemas of messages: a later one accepts whatever the first one accepted."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from harvester.networks.gap import Gap

_NOW = Path(__file__).resolve().parents[2] / "harvester" / "sinks" / "schemas"
# As they were when the type of event was published. These files do not change.
_PUBLISHED = Path(__file__).with_name("schemas")
_NAMES = sorted(path.name for path in _PUBLISHED.glob("*.json"))


# These limit nothing, or are compared below.
_WORDS = {"title", "description", "properties", "$id", "$schema"}


def _schema(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def narrowed(former: Any, later: Any, place: str = "") -> Iterator[str]:
    """Each place where a later schema may refuse what the former one accepted."""
    yield from (f"{place}: {word} is new" for word in sorted(later.keys() - former.keys() - _WORDS))
    yield from (
        f"{place}: {name} is required"
        for name in sorted(set(later.get("required", ())) - set(former.get("required", ())))
    )
    if "type" in later and not set(_types(former)) <= set(_types(later)):
        yield f"{place}: {_types(former)} became {_types(later)}"
    if "const" in later and later["const"] != former["const"]:
        yield f"{place}: const changed"
    for each in former.get("anyOf", ()):
        if "anyOf" in later and each not in later["anyOf"]:
            yield f"{place}: {each} is no longer enough"
    yield from _narrowed_below(former, later, place)


def _narrowed_below(former: Any, later: Any, place: str) -> Iterator[str]:
    before, now = former.get("properties", {}), later.get("properties", {})
    for name in sorted(before.keys() & now.keys()):
        yield from narrowed(before[name], now[name], f"{place}/{name}")
    if "items" in former and "items" in later:
        yield from narrowed(former["items"], later["items"], f"{place}[]")
    # Under a name that was free anything was accepted. What this project adds had no such names.
    if not place.startswith("/twarc_cloud"):
        yield from (f"{place}/{name} was free" for name in sorted(now.keys() - before.keys()))


def _types(schema: Any) -> list[str]:
    found = schema.get("type", ["any"])
    return [found] if isinstance(found, str) else found


@pytest.mark.parametrize("name", _NAMES)
def test_each_schema_is_one_and_accepts_what_the_published_one_accepts(name: str) -> None:
    later = _schema(_NOW, name)
    Draft202012Validator.check_schema(later)
    assert list(narrowed(_schema(_PUBLISHED, name), later)) == []
    assert later["title"] == f"social.twarc-cloud.{name.removesuffix('.json')}"


def test_no_published_schema_was_removed() -> None:
    assert set(_NAMES) <= {path.name for path in _NOW.glob("*.json")}
    assert _NAMES == ["gap.v1.json", "post.v1.json"]


@pytest.mark.parametrize(
    "change",
    [
        lambda schema: schema["required"].append("seconds"),
        lambda schema: schema["properties"]["seconds"].update(type="integer"),
        lambda schema: schema["properties"]["first_id_after"].update(type="string"),
        lambda schema: schema["properties"]["reason"].update(pattern="^a"),
        lambda schema: schema["properties"]["event"].update(const="hole"),
        lambda schema: schema.update(additionalProperties=False),
        lambda schema: schema["properties"].update(rules={"type": "array"}),
    ],
)
def test_a_schema_that_accepts_less_is_seen(change: Any) -> None:
    later = _schema(_PUBLISHED, "gap.v1.json")
    change(later)
    assert list(narrowed(_schema(_PUBLISHED, "gap.v1.json"), later)) != []


def test_a_gap_fits_its_schema() -> None:
    moment = datetime(2026, 11, 23, 9, 10, tzinfo=UTC)
    check = Draft202012Validator(_schema(_NOW, "gap.v1.json"))
    check.validate(Gap(moment, moment, "the harvest died", before="20").event())
    check.validate(Gap(moment, moment, "a page is missing", after="20", more={"user_id": "7"}).event())
    with pytest.raises(ValidationError):
        check.validate({"event": "disconnect"})


def test_posts_of_every_network_and_those_that_are_enriched_fit_their_schema() -> None:
    check = Draft202012Validator(_schema(_NOW, "post.v1.json"))
    rule = {"id": "12347", "rule_type": "keyword", "rule_tag": "mood", "rule_value": "happy"}
    added = {"collection_id": "live", "created_at_iso": "2016-02-22T01:34:53+00:00", "backfill": False}
    post = {"data": {"id": "20", "text": "happy"}, "matching_rules": [{"id": "1", "tag": "a"}]}
    check.validate(post)
    check.validate({**post, "twarc_cloud": {**added, "collection_rules": [{**rule, "matched_by": "local"}]}})
    check.validate({"id": 20, "id_str": "20", "text": "happy"})
    check.validate({"id": "wall-7"})
    broken: list[Any] = [{}, {"data": {}}, {"data": {"id": 20}}, {"id": 20.5}]
    for each in broken:
        with pytest.raises(ValidationError):
            check.validate(each)
