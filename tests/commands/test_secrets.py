"""No secret is in a bucket, its history, a download or a log; and the search for them finds planted ones."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import emulator
from harvester.aws.parameters import Parameters
from harvester.errors import Exit
from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.support import secret_scan
from tests.support.cli_session import Person, a_profile, at_a_terminal
from tests.support.container_process import Desk
from tests.support.honeybadger_server import listening
from tests.support.servers import Bucket, S3Server

_KEYS = CollectionKeys("it")
_TOKEN = emulator.CREDENTIALS["bearer_token"]
_PLANTED = f'{{"keys": {{"bearer_token": "{_TOKEN}"}}}}'.encode()


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A versioned bucket in which a secret may be planted, for it is not searched at the end."""
    made = Bucket(f"planted-{uuid4().hex}", s3_server)
    client = s3_server.client()
    client.create_bucket(Bucket=made.name)
    client.put_bucket_versioning(Bucket=made.name, VersioningConfiguration={"Status": "Enabled"})
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    for each in secret_scan.versions(made):
        client.delete_object(Bucket=made.name, Key=each.key, VersionId=each.id)
    client.delete_bucket(Bucket=made.name)


def test_a_secret_is_found_in_an_object_in_a_compressed_one_and_in_one_that_was_replaced(
    bucket: Bucket,
) -> None:
    store = S3Store(bucket.name)
    store.create(_KEYS.last_harvest, b'{"harmless": true}')
    assert secret_scan.in_bucket(bucket) == []
    version = store.create(_KEYS.collection, _PLANTED)
    store.replace(_KEYS.collection, b'{"keys": {"profile": "museum"}}', version=version)
    store.create(f"{_KEYS.folder}tweets.gz", gzip.compress(_PLANTED))
    store.create(f"{_KEYS.folder}cut.gz", gzip.compress(_PLANTED * 100)[:-8])
    store.create(_KEYS.stop, b'{"reason": "s3cret-that-a-test-made-up"}')
    store.remove(_KEYS.stop)
    found = secret_scan.in_bucket(bucket)
    names = sorted(line.partition(" ")[0].rpartition("/")[2] for line in found)
    assert names == ["collection.json", "cut.gz", "stop.json", "tweets.gz"]


def test_keys_that_a_bucket_of_2019_was_given_with_are_its_own_but_a_copy_of_them_is_not(
    bucket: Bucket,
) -> None:
    bucket.server.client().put_object(Bucket=bucket.name, Key=_KEYS.collection, Body=_PLANTED)
    store = S3Store(bucket.name)
    given = store.read(_KEYS.collection)
    store.replace(_KEYS.collection, given.data + b" ", version=given.version)
    assert secret_scan.in_bucket(bucket) == []
    store.create(_KEYS.checkpoint, given.data)
    assert len(secret_scan.in_bucket(bucket)) == 1


def test_a_secret_is_found_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "log.txt").write_text(f"Authorization: Bearer {_TOKEN}\n")
    (tmp_path / "harmless.txt").write_text("Bearer of good news\n")
    assert secret_scan.in_folder(tmp_path) == [f"inner/log.txt: {_TOKEN}"]


@pytest.fixture
def cloud(moto_server: S3Server, s3: Bucket) -> dict[str, str]:
    """A parameter store and a bucket, which here are two servers."""
    return {
        **s3.server.environment,
        "AWS_ENDPOINT_URL_S3": s3.server.endpoint,
        "AWS_ENDPOINT_URL": moto_server.endpoint,
        "TWARC_CLOUD_BUCKET": s3.name,
        "TWARC_CLOUD_PARAMETER_PATH": f"/twarc-cloud/{uuid4().hex}",
    }


@pytest.fixture
def person(tmp_path: Path, cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    home, desk = tmp_path / "home", tmp_path / "desk"
    desk.mkdir()
    monkeypatch.setenv("HOME", str(home))
    a_profile(home)
    for name, value in cloud.items():
        monkeypatch.setenv(name, value)
    with at_a_terminal(desk, monkeypatch, users=2, posts_per_user=5, search_posts=30) as (made, _):
        monkeypatch.delenv("BEARER_TOKEN")
        yield made


def _harvested(desk: Path, collection_id: str, bucket: str, *options: str, **environment: str) -> list[str]:
    """What two harvests said as loudly as they can; the second has keys that are refused."""
    said = []
    for refused in ({}, {"BEARER_TOKEN": "s3cret-that-is-refused"}):
        made = Desk(desk, environment["X_API_URL"], {"BEARER_TOKEN": "", **refused, **environment})
        heard = made.said("--debug", "aws", "harvester", bucket, collection_id, *options)
        assert heard.code == (Exit.UNAUTHORIZED if refused else Exit.OK), heard
        said.append(heard.out + heard.err)
    return said


def test_from_end_to_end_no_secret_is_in_bucket_logs_downloads_or_notices(
    person: Person, s3: Bucket, cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    searched: dict[str, Any] = {"id": "it", "type": "search", "search": {"query": "flood"}}
    person.write(searched)
    commands: tuple[tuple[str, ...], ...] = (
        ("collection-config", "keys", "--profile", "museum"),
        ("collection", "add"),
        ("collection-config", "check", "--live"),
    )
    told += [person(*command).words for command in commands]
    parameters = Parameters(cloud["TWARC_CLOUD_PARAMETER_PATH"])
    parameters.write("honeybadger", "s3cret-of-honeybadger")
    with listening() as heard:
        environment = {"X_API_URL": os.environ["X_API_URL"], "HONEYBADGER_ENDPOINT": heard.url}
        told += _harvested(person.folder, "it", s3.name, "--port", "0", **cloud, **environment)
        assert heard.context["name"] == "unauthorized"
    told.append(json.dumps(heard.notices))
    commands = (
        ("collection-config", "changes", "it"),
        ("collection-config", "download", "it", "--force"),
        ("collection", "download", "it"),
        ("collection-config", "keys", "--list"),
        ("harvest", "history", "it", "--json"),
        ("doctor",),
    )
    told += [person(*command).words for command in commands]
    known = secret_scan.secrets()
    assert _TOKEN in known
    assert [held for words in told if (held := secret_scan.found_in(words.encode(), known))] == []
    assert secret_scan.in_folder(person.folder) == []
    assert secret_scan.in_bucket(s3) == []
    written = {each.key.rpartition("/")[2] for each in secret_scan.versions(s3)}
    assert {"collection.json", "harvest.json", "lock.json", "checkpoint.json", "notices.json"} <= written
