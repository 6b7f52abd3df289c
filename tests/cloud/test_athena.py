"""Athena's usual questions, as Terraform stores them, have the answers that are counted in the records.

ministack answers SQL by DuckDB; which partitions there are it sees in the bucket, and not by the projection,
which tests/tables/test_glue.py checks. `make cloud-test` runs this.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import orjson
import pytest

from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.cloud.parts import REGION
from tests.support.cli_session import until
from tests.support.podman import ROOT
from tests.support.record_store import store_harvest
from tests.support.servers import S3Server, guarded, own_ports, reachable, ready
from tests.support.table_rows import build
from tests.support.terraform import Terraform, lacking, prepared

_MINISTACK = ROOT / ".venv/cloud/bin/ministack"
_ASKED_FOR = os.environ.get("CLOUD_TEST") and _MINISTACK.exists()
_LACKING = lacking() or ("" if _ASKED_FOR else "no account is emulated here: `make cloud-test` does")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(_LACKING), reason=_LACKING)]

_BUCKET = "the-museum"
_VARIABLES = ("-input=false", f"-var=bucket={_BUCKET}", "-var=destroy_bucket=true")
_TARGETS = tuple(
    f"-target={name}"
    for name in (
        *("aws_s3_bucket.collections", "aws_glue_catalog_database.tables", "aws_glue_catalog_table.tables"),
        *("aws_athena_workgroup.tables", "aws_athena_named_query.questions"),
    )
)
_KEYS = CollectionKeys("election")
_WITHIN = 60.0


@dataclass(frozen=True)
class Cloud:
    server: S3Server

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": self.server.access_key, "aws_secret_access_key": self.server.secret_key}
        return boto3.client(service, endpoint_url=self.server.endpoint, region_name=REGION, **keys)

    def questions(self) -> dict[str, str]:
        athena = self.client("athena")
        ids = athena.list_named_queries(WorkGroup="twarc-cloud")["NamedQueryIds"]
        found = [athena.get_named_query(NamedQueryId=each)["NamedQuery"] for each in ids]
        return {each["Name"]: each["QueryString"] for each in found}

    def answer(self, statement: str) -> list[tuple[str | None, ...]]:
        athena = self.client("athena")
        started = athena.start_query_execution(
            QueryString=statement,
            WorkGroup="twarc-cloud",
            QueryExecutionContext={"Database": "twarc_cloud"},
        )

        def status() -> Any:
            told = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])
            return told["QueryExecution"]["Status"]

        until(lambda: status()["State"] not in ("QUEUED", "RUNNING"), within=_WITHIN)
        assert status()["State"] == "SUCCEEDED", status()
        rows = athena.get_query_results(QueryExecutionId=started["QueryExecutionId"])["ResultSet"]["Rows"]
        # The first has the names of the columns.
        return [tuple(each.get("VarCharValue") for each in row["Data"]) for row in rows[1:]]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("account")
    with own_ports(1) as (port,):
        told = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "S3_DATA_DIR": str(folder / "s3"),
            "ATHENA_ENGINE": "duckdb",
            "MINISTACK_REGION": REGION,
            "TMPDIR": str(folder),
        }
        log = folder / "log.txt"
        server = S3Server(f"http://127.0.0.1:{port}", "test", "test")
        with guarded([str(_MINISTACK)], log=log, environment={**os.environ, **told}) as process:
            up = ready(lambda: reachable(f"{server.endpoint}/_ministack/health"), process, within=60)
            assert up, log.read_text()[-3000:]
            yield Cloud(server)


@pytest.fixture(scope="module")
def terraform(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    made = prepared(tmp_path_factory.mktemp("terraform"), cloud.server)
    made("apply", "-auto-approve", *_VARIABLES, "-var=athena=true", *_TARGETS)
    return made


_POSTS: list[dict[str, Any]] = [
    {
        "id": str(1577000000000000000 + number),
        "text": f"post {number}",
        "author_id": str(10 + number % 3),
        "created_at": f"2022-10-0{1 + number % 4}T18:00:00.000Z",
        "entities": {
            "hashtags": [{"tag": ("Flood", "flood", "relief")[number % 3]}],
            "urls": [{"url": "https://t.co/x", "expanded_url": f"https://example.org/{number % 2}"}],
        },
    }
    for number in range(40)
]


def _pages(posts: list[dict[str, Any]], at: str) -> list[bytes]:
    retrieved = {"url": "https://api.twitter.com/2/tweets", "version": "2.14.0", "retrieved_at": at}
    parts = (posts[start : start + 10] for start in range(0, len(posts), 10))
    return [orjson.dumps({"data": part, "__twarc": retrieved}) for part in parts]


def _top(counted: "Counter[str]") -> list[tuple[str, str]]:
    ordered = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    return [(name, str(posts)) for name, posts in ordered]


def test_the_five_questions_have_the_answers_of_the_records(cloud: Cloud, terraform: Terraform) -> None:
    store = S3Store(_BUCKET, client=cloud.server.requests(_BUCKET))
    # Twenty posts were collected twice, and those of another collection count in no answer.
    store_harvest(store, _KEYS, _pages(_POSTS, "2026-10-05T09:00:01Z"), tweets=40)
    again = _pages(_POSTS[:20], "2026-10-06T09:00:01Z")
    store_harvest(store, _KEYS, again, at="2026-10-06T09:00:00Z", tweets=20)
    store_harvest(store, CollectionKeys("museums"), _pages(_POSTS[:7], "2026-10-05T09:00:01Z"))
    for keys in (_KEYS, CollectionKeys("museums")):
        build(store, keys)
    answers = {
        name: cloud.answer(text.replace("YOUR-COLLECTION", "election"))
        for name, text in cloud.questions().items()
    }
    days = Counter(post["created_at"][:10] for post in _POSTS)
    tags = Counter(post["entities"]["hashtags"][0]["tag"].lower() for post in _POSTS)
    links = Counter(post["entities"]["urls"][0]["expanded_url"] for post in _POSTS)
    assert answers["posts-by-day"] == [(day, str(posts)) for day, posts in sorted(days.items())]
    assert answers["top-hashtags"] == _top(tags)
    assert answers["top-accounts"] == _top(Counter(post["author_id"] for post in _POSTS))
    assert answers["links"] == _top(links)
    assert [row[1:] for row in answers["harvests"]] == [("complete", "40", "0"), ("complete", "20", "0")]
    assert set(answers) == set(cloud.questions()) and len(answers) == 5


def test_a_second_plan_changes_nothing(terraform: Terraform) -> None:
    assert terraform.changes(*_VARIABLES, "-var=athena=true", *_TARGETS) == {}
