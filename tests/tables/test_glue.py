"""What terraform/tables.json tells Athena is where `tables build` puts its files, and what they hold."""

from pathlib import Path

import orjson
import pytest

from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.tables import columns
from harvester.tables.catalog import catalog
from harvester.tables.glue import QUESTIONS, described, problems
from tests.support import record_forms
from tests.support.record_store import store_harvest
from tests.support.table_rows import asked, build

_FILE = Path(__file__).resolve().parents[2] / "terraform" / "tables.json"
_KEYS = CollectionKeys("election")
_LATER = "2026-10-05T10:00:00Z"
# What DuckDB says of a column, in Glue's words.
_IN_FILES = {
    "INTEGER": "int",
    "BIGINT": "bigint",
    "VARCHAR": "string",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "VARCHAR[]": "array<string>",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_MS": "timestamp",
}


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "collections")
    store_harvest(store, _KEYS, record_forms.made_up_lines(), gaps=[{"from": "a", "to": "b", "reason": "c"}])
    store_harvest(store, _KEYS.repairs, record_forms.made_up_lines()[:1], at=_LATER)
    build(store, _KEYS)
    return store


def test_the_file_that_terraform_reads_is_up_to_date() -> None:
    told = orjson.loads(_FILE.read_bytes())
    assert told == described(), "Run python -m harvester.tables.glue > terraform/tables.json"


def test_the_projection_leads_to_every_file_that_is_made(store: FolderStore) -> None:
    told = orjson.loads(_FILE.read_bytes())
    found = catalog(store, "election")
    for name, table in told["tables"].items():
        keys = [entry.key for entry in found.files(name)]
        assert keys, name
        assert list(problems(told["parameters"], table["template"], *keys)) == []


def test_the_columns_of_each_file_are_those_that_glue_is_told(store: FolderStore) -> None:
    for name, table in described()["tables"].items():
        inside = [
            {"name": row["column_name"], "type": _IN_FILES[row["column_type"]]}
            for row in asked(store, f"DESCRIBE {name}")
            if row["column_name"] not in columns.PARTITIONS
        ]
        assert inside == table["columns"]


@pytest.mark.parametrize(
    ("spoilt", "template", "words"),
    [
        ({"projection.collection.type": None}, None, "projection.collection.type is missing"),
        ({"projection.harvested.format": "dd.MM.yyyy"}, None, "days are not written as 'dd.MM.yyyy'"),
        ({"projection.harvested.range": "2027-01-01,NOW"}, None, "is of a day before the range"),
        ({"projection.harvested.range": "today"}, None, "the range of days today, is none"),
        ({"projection.harvested.interval.unit": "HOURS"}, None, "the interval is not of days"),
        ({}, "tables/v1/posts/collection=${collection}/", "the template does not hold ${harvested}"),
        ({}, "tables/v1/posts/${collection}/${harvested}/", "is not where the template leads"),
        ({}, "tables/v1/posts/collection=${collection}/harvested=${harvested}", "does not end with /"),
        ({}, "tables/${kind}/collection=${collection}/harvested=${harvested}/", "holds kind"),
    ],
)
def test_a_wrong_projection_is_found(spoilt: dict[str, str | None], template: str | None, words: str) -> None:
    told = described()
    parameters = {name: text for name, text in (told["parameters"] | spoilt).items() if text is not None}
    key = "tables/v1/posts/collection=election/harvested=2026-10-05/20261005090000-000001.parquet"
    found = list(problems(parameters, template or told["tables"]["posts"]["template"], key))
    assert any(words in each for each in found), found


def test_the_usual_questions_are_answered_by_the_same_tables(store: FolderStore) -> None:
    answers = {name: asked(store, text.format(id="election")) for name, text in QUESTIONS.items()}
    once = asked(store, "SELECT count(*) AS n FROM posts_once")[0]["n"]
    assert sum(row["posts"] for row in answers["posts-by-day"]) == once
    assert answers["top-hashtags"][0]["tag"] == "flood" and answers["top-accounts"] and answers["links"]
    assert [row["gaps"] for row in answers["harvests"]] == [1, 0]
