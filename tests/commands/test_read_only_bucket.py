"""A bucket that may be read and not written: what reads works, and what writes there names another place."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.store.s3 import S3Store
from tests.support import record_forms
from tests.support.cli_session import Person
from tests.support.iam_guard import Guard, guard
from tests.support.servers import Bucket
from tests.support.stored_records import collection_of


@pytest.fixture
def guarded(moto_s3: Bucket) -> Iterator[Guard]:
    """Of this bucket, a reader may list and read everything, and write nothing; a writer removes nothing."""
    arn = f"arn:aws:s3:::{moto_s3.name}"
    policy = [
        {"Sid": "List", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [arn]},
        {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"{arn}/*"]},
    ]
    write = {"Sid": "Write", "Effect": "Allow", "Action": ["s3:PutObject"], "Resource": [f"{arn}/*"]}
    roles = {"reader": policy, "writer": [*policy, write]}
    with guard(moto_s3.server.endpoint, roles) as standing:
        yield standing


@pytest.fixture
def person(guarded: Guard, moto_s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """At this bucket, which holds the collection `museums`."""
    collection_of(tmp_path / "collections", "museums", [[record_forms.page()]])
    for path in (tmp_path / "collections").rglob("*.*"):
        key = path.relative_to(tmp_path).as_posix()
        moto_s3.server.client().put_object(Bucket=moto_s3.name, Key=key, Body=path.read_bytes())
    environment = moto_s3.server.environment
    here = {"AWS_ENDPOINT_URL": guarded.url, "AWS_ACCESS_KEY_ID": "reader", "TWARC_CLOUD_PROGRESS": "none"}
    for name, value in {**environment, **here}.items():
        monkeypatch.setenv(name, value)
    desk = tmp_path / "desk"
    desk.mkdir()
    monkeypatch.chdir(desk)
    return Person(desk)


def _keys(bucket: Bucket) -> list[str]:
    listed = bucket.server.client().list_objects_v2(Bucket=bucket.name)
    return [found["Key"] for found in listed["Contents"]]


def test_what_would_be_written_there_is_one_line_with_another_place(person: Person, moto_s3: Bucket) -> None:
    before = _keys(moto_s3)
    for command, place in (
        (("tables", "build"), "`--to FOLDER` keeps tables elsewhere"),
        (("report", "publish", "museums"), "writes it to a file instead"),
    ):
        told = person(*command, "--bucket", moto_s3.name)
        assert told.code == 1 and not told.out, told
        (line,) = told.err.splitlines()
        assert "s3:PutObject" in line
        assert place in line
    assert _keys(moto_s3) == before


def test_reading_it_works_without_a_write(person: Person, guarded: Guard, moto_s3: Bucket) -> None:
    for command, words in (
        (("tables", "build", "--to", "tables"), "3 posts"),
        (("tables", "sql", "select count(*) as n from posts", "--from", "tables", "--csv"), "n\n3"),
        (("search", "flood"), "2 posts"),
        (("accounts", "lookup", "12"), "@jack"),
        (("export", "csv", "museums", "-o", "museums.csv"), "2 posts written"),
        (("export", "bag", "museums", "-o", "museums-bag"), "4 files written"),
        (("report", "museums", "-o", "museums.html"), "Written to"),
        (("harvest", "tail", "museums", "--once"), "flood"),
    ):
        told = person(*command, "--bucket", moto_s3.name)
        assert told.code == 0, (command, told)
        assert words in told.words, (command, told)
    assert {each.check.action for each in guarded.answered} <= {"s3:ListBucket", "s3:GetObject"}


def test_a_deletion_that_is_refused_names_what_remains_and_leaves_no_lock(
    person: Person, moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anyone")
    S3Store(moto_s3.name).probe()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "writer")
    before = _keys(moto_s3)
    told = person("collection", "delete", "museums", "--yes", "--bucket", moto_s3.name)
    assert (told.code, told.out) == (1, ""), told
    assert told.err.startswith("Deleted nothing of museums: ")
    assert "s3:DeleteObject" in told.err
    assert [key for key in _keys(moto_s3) if not key.endswith("lock.json")] == before
    assert person.output("collection", "unlock", "museums", "--bucket", moto_s3.name) == (
        "museums is not locked.\n"
    )
