"""The AWS keys that an ini of 2019 holds count last, and are shown nowhere."""

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harvester.aws.parameters import Parameters
from harvester.aws.session import session
from harvester.errors import NotFound
from harvester.store.reading import S3Reader
from harvester.store.s3 import S3Store
from tests.support.cli_session import at_a_terminal
from tests.support.servers import Bucket

_ROOT = Path(__file__).resolve().parents[2]
_INI = "[DEFAULT]\naccess_key = AKIA2019\nsecret_key = of-2019\n"


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    path = tmp_path / "twarc_cloud.ini"
    path.write_text(_INI)
    return path


def test_keys_of_an_ini_are_used_where_nothing_else_names_any(ini: Path) -> None:
    found = session(ini=ini).get_credentials()
    assert (found.access_key, found.secret_key) == ("AKIA2019", "of-2019")
    assert session("eu-west-1", ini=ini).region_name == "eu-west-1"


def test_the_environment_and_a_profile_go_before_them(
    ini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles = tmp_path / "credentials"
    profiles.write_text("[museum]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profiles))
    monkeypatch.setenv("AWS_PROFILE", "museum")
    assert session(ini=ini).get_credentials().access_key == "AKIAPROFILE"
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    assert session(ini=ini).get_credentials().access_key == "AKIAENVIRONMENT"


def test_the_region_is_that_of_the_setting_or_of_the_environment_as_other_tools_of_aws_read_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert session().region_name == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    assert session().region_name == "eu-west-1"
    assert session("eu-south-1").region_name == "eu-south-1"
    monkeypatch.delenv("AWS_REGION")
    assert session().region_name == "eu-north-1"


@pytest.mark.parametrize("text", ["[DEFAULT]\naccess_key = AKIA2019\n", "[DEFAULT]\nbucket = b\n"])
def test_half_a_pair_is_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "twarc_cloud.ini"
    path.write_text(text)
    assert session(ini=path).get_credentials() is None
    assert session(ini=tmp_path / "none.ini").get_credentials() is None


def test_a_bucket_is_used_with_them_and_no_message_names_them(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = s3.server
    with at_a_terminal(tmp_path, monkeypatch) as (person, _):
        text = f"[DEFAULT]\nbucket = {s3.name}\naccess_key = {server.access_key}\nsecret_key = %s\n"
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        (tmp_path / "twarc_cloud.ini").write_text(text % server.secret_key)
        person.output("collection-config", "template", "search", "--id", "one")
        person.write({**person.file, "search": {"query": "cats"}})
        person.output("collection", "add")
        assert person.output("collection", "list").endswith("one\n")
        # obstore's part of reading, too.
        person.output("collection", "verify", "one")
        told = person("doctor")
        assert "contains secrets: access_key, secret_key." in told.out
        assert server.secret_key not in told.words

        (tmp_path / "twarc_cloud.ini").write_text(text % "wrong-secret")
        told = person("--debug", "collection", "list")
        assert told.code == 1, told
        assert "wrong-secret" not in told.words


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "twarc-cloud"]


def test_debug_tells_each_operation_of_every_service_and_no_parameter(
    moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in moto_s3.server.environment.items():
        monkeypatch.setenv(name, value)
    store, parameters = S3Store(moto_s3.name), Parameters("/twarc-cloud/told")
    by_obstore = S3Reader(store)
    caplog.set_level(logging.INFO, "twarc-cloud")
    store.create("collections/a/collection.json", b"{}")
    assert _told(caplog) == []
    caplog.set_level(logging.DEBUG, "twarc-cloud")
    with pytest.raises(NotFound):
        store.read("collections/b/collection.json")
    list(store.entries("collections/"))
    assert b"".join(by_obstore.pieces("collections/a/collection.json")) == b"{}"
    parameters.write("x", "s3cret-that-is-told-nobody")
    assert _told(caplog) == [
        f"AWS s3 GetObject /{moto_s3.name}/collections/b/collection.json => 404",
        f"AWS s3 ListObjectsV2 /{moto_s3.name} => 200",
        f"AWS s3 GetObject /{moto_s3.name}/collections/a/collection.json => 200",
        "AWS ssm PutParameter / => 200",
    ]
    assert "s3cret" not in caplog.text


def test_what_a_service_is_like_is_read_once_for_all_sessions() -> None:
    """A command uses three or four services, and to read botocore's files anew took 0.3 s of each client."""
    done = subprocess.run([sys.executable, "-c", _COUNTED], capture_output=True, text=True, check=True)
    first, second, paths = map(int, done.stdout.split())
    assert first > 3
    assert second == 0
    assert paths == 1


_COUNTED = """
import sys
from harvester.aws.session import session
found = []
sys.addaudithook(lambda event, told: event == "open" and "/data/" in str(told[0]) and found.append(told[0]))
for _ in range(2):
    made = session("us-east-1")
    made.client("ssm")
    print(len(found))
    found.clear()
paths = made._session.get_component("data_loader").search_paths
print(sum("boto3" in path.split("/") for path in paths))
"""


def test_the_image_keeps_what_botocore_knows_of_each_service_that_is_asked() -> None:
    kept = set(re.findall(r"! -name ([\w-]+)", (_ROOT / "Dockerfile").read_text()))
    source = "".join(path.read_text() for path in (_ROOT / "harvester").rglob("*.py"))
    asked = set(re.findall(r'\b(?:Service|client_for)\("([\w-]+)"', source))
    assert {"ecs", "s3", "ssm"} <= asked <= kept
    # botocore asks these for credentials.
    assert {"signin", "sso", "sso-oidc", "sts"} <= kept
