"""The same tables for Athena: their columns in Glue's words, their partitions, and five usual questions.

`python -m harvester.tables.glue` writes terraform/tables.json, which terraform/athena.tf reads.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from harvester.store.table_keys import Made, folder_of
from harvester.tables import columns

_TYPES = {
    columns.INT: "int",
    columns.BIG: "bigint",
    columns.TEXT: "string",
    columns.TIME: "timestamp",
    columns.REAL: "double",
    columns.BOOL: "boolean",
    columns.LIST: "array<string>",
}
_ONCE = (
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY collection, id "
    "ORDER BY retrieved_at DESC) AS place FROM posts WHERE collection = '{id}' AND NOT included) "
    "WHERE place = 1"
)
# Each queries one collection, which Athena requires; the user replaces {id}.
QUESTIONS: Mapping[str, str] = {
    "posts-by-day": f"SELECT day, count(*) AS posts FROM ({_ONCE}) GROUP BY day ORDER BY day",
    "top-hashtags": "SELECT lower(tag) AS tag, count(DISTINCT id) AS posts FROM hashtags "
    "WHERE collection = '{id}' AND NOT included GROUP BY lower(tag) ORDER BY posts DESC, tag LIMIT 10",
    "top-accounts": f"SELECT author_id, count(*) AS posts FROM ({_ONCE}) GROUP BY author_id "
    "ORDER BY posts DESC, author_id LIMIT 10",
    "links": "SELECT url, count(DISTINCT id) AS posts FROM urls "
    "WHERE collection = '{id}' AND NOT included GROUP BY url ORDER BY posts DESC, url LIMIT 10",
    "harvests": "SELECT harvest, state, posts, gaps FROM harvests WHERE collection = '{id}' "
    "ORDER BY harvest, folder",
}
_PLACE = "YOUR-COLLECTION"
# Partitions are not listed in Glue but worked out from these, so that new ones cost and need nothing.
_PROJECTION = {
    "projection.enabled": "true",
    "projection.collection.type": "injected",
    "projection.harvested.type": "date",
    "projection.harvested.format": "yyyy-MM-dd",
    "projection.harvested.range": "2019-01-01,NOW+1DAYS",
    "projection.harvested.interval": "1",
    "projection.harvested.interval.unit": "DAYS",
}


def described() -> dict[str, Any]:
    """The content of terraform/tables.json."""
    return {
        "tables": {
            name: {
                "folder": folder_of(name),
                "template": _template(name),
                "columns": [{"name": each, "type": _TYPES[kind]} for each, kind in of_table.items()],
            }
            for name, of_table in columns.TABLES.items()
        },
        "partitions": [{"name": each, "type": _TYPES[kind]} for each, kind in columns.PARTITIONS.items()],
        "parameters": {"EXTERNAL": "TRUE", "classification": "parquet", **_PROJECTION},
        "questions": {name: text.format(id=_PLACE) for name, text in QUESTIONS.items()},
    }


def _template(table: str) -> str:
    """The location of a partition's files, below the bucket; `${...}` is for Glue."""
    return Made("${collection}", "${harvested}", "").data(table).rpartition("/")[0] + "/"


def problems(parameters: Mapping[str, str], template: str, *keys: str) -> Iterator[str]:
    """The errors that Athena would report for a projection, and files with these keys that it would miss."""
    named = re.findall(r"\$\{(\w+)\}", template)
    for name in columns.PARTITIONS:
        if f"projection.{name}.type" not in parameters:
            yield f"projection.{name}.type is missing"
        if name not in named:
            yield f"the template does not hold ${{{name}}}"
    others = [each for each in named if each not in columns.PARTITIONS]
    yield from (f"the template holds {each}, which is no partition" for each in others)
    if not template.endswith("/"):
        yield "the template does not end with /"
    form = parameters.get("projection.harvested.format", "")
    if form != "yyyy-MM-dd":
        yield f"days are not written as {form!r}"
    first, _, last = parameters.get("projection.harvested.range", "").partition(",")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", first) or not re.fullmatch(r"NOW(?:[+-]\d+DAYS)?", last):
        yield f"the range of days {first},{last} is none"
    if parameters.get("projection.harvested.interval.unit") != "DAYS":
        yield "the interval is not of days"
    for key in keys:
        yield from _not_found(key, template, first)


def _not_found(key: str, template: str, first: str) -> Iterator[str]:
    pattern = re.escape(template)
    for name, values in (("collection", r"[^/]+"), ("harvested", r"\d{4}-\d\d-\d\d")):
        pattern = pattern.replace(re.escape(f"${{{name}}}"), f"(?P<{name}>{values})")
    found = re.fullmatch(pattern + r"[^/]+\.parquet", key)
    if found is None:
        yield f"{key} is not where the template leads"
    elif found["harvested"] < first:
        yield f"{key} is of a day before the range"


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(described(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
