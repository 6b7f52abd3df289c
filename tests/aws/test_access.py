"""What is read of AWS's settings without botocore is what botocore reads; all else is left to it."""

from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

from harvester.aws.access import UNUSUAL, access
from harvester.aws.address import Address
from harvester.aws.session import fetched_keys, session
from harvester.aws.signature import Keys

_KEYS = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "b"}
_CONFIG = "[default]\nregion = eu-west-1\n[profile museum]\nregion = eu-north-1\nendpoint_url = http://c:9\n"
_CREDENTIALS = """
[default]
aws_access_key_id = D
aws_secret_access_key = d
[museum]
aws_access_key_id = M
aws_secret_access_key = m
aws_session_token = t
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with AWS's two files, of which there are none yet."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def _given(
    files: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], config: str, credentials: str
) -> None:
    for name, text in (("config", config), ("credentials", credentials)):
        if text:
            (files / name).write_text(text)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("environment", "config", "credentials"),
    [
        (_KEYS, "", ""),
        ({**_KEYS, "AWS_REGION": "eu-west-2"}, "", ""),
        ({**_KEYS, "AWS_DEFAULT_REGION": "eu-west-3"}, _CONFIG, ""),
        ({**_KEYS, "AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}, "", ""),
        ({**_KEYS, "AWS_SESSION_TOKEN": "t"}, _CONFIG, _CREDENTIALS),
        ({**_KEYS, "AWS_SESSION_TOKEN": "t", "AWS_SECURITY_TOKEN": "older"}, "", ""),
        ({**_KEYS, "AWS_ENDPOINT_URL": "http://a:1/base"}, _CONFIG, ""),
        ({**_KEYS, "AWS_ENDPOINT_URL": "http://a:1", "AWS_ENDPOINT_URL_S3": "https://b:2"}, "", ""),
        ({}, _CONFIG, _CREDENTIALS),
        ({"AWS_PROFILE": "museum"}, _CONFIG, _CREDENTIALS),
        ({"AWS_PROFILE": "museum"}, "", _CREDENTIALS),
        ({"AWS_PROFILE": "museum", "AWS_ENDPOINT_URL": "http://a:1"}, _CONFIG, _CREDENTIALS),
        ({"AWS_DEFAULT_PROFILE": "museum", "AWS_PROFILE": "default"}, _CONFIG, _CREDENTIALS),
        ({"AWS_PROFILE": "museum", **_KEYS}, _CONFIG, _CREDENTIALS),
        ({}, "[profile default]\nregion = eu-south-1\n", _CREDENTIALS),
        ({}, "[default]\nregion = eu-west-1\naws_access_key_id = C\naws_secret_access_key = c\n", ""),
        ({}, "[default]\naws_access_key_id = C\naws_secret_access_key = c\n", _CREDENTIALS),
        (_KEYS, "# nothing\n", "[other]\n"),
    ],
)
@pytest.mark.parametrize("region", ["", "ap-south-1"])
def test_it_is_what_boto3_finds(
    environment: dict[str, str],
    config: str,
    credentials: str,
    region: str,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _given(files, monkeypatch, environment, config, credentials)
    found = access(region)
    assert found is not None
    made = session(region)
    client = made.client("s3")
    keys = made.get_credentials().get_frozen_credentials()
    assert found.keys == Keys(keys.access_key, keys.secret_key, keys.token or "")
    assert Address("b", found.endpoint, found.region or "us-east-1").server == client.meta.endpoint_url
    assert (found.region or "us-east-1") == client.meta.region_name
    assert fetched_keys(region)() == found.keys


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "us-gov-west-1"])
@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9", "https://library.example/s3/"])
def test_an_object_has_the_address_that_boto3_asks_at(
    region: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _KEYS.items():
        monkeypatch.setenv(name, value)
    client = session(region).client("s3", endpoint_url=endpoint or None)
    asked: list[str] = []

    def instead(request: Any, **_: object) -> None:
        asked.append(request.url.partition("?")[0])
        raise InterruptedError

    client.meta.events.register("before-send.s3", instead)
    for bucket in ("museum-posts", "museum.posts", "Museum_posts", "ab", "a" * 63):
        for key in ("", "collections/a b/c+d/é=.gz"):
            with pytest.raises(InterruptedError):
                client.get_object(Bucket=bucket, Key=key) if key else client.list_objects_v2(Bucket=bucket)
            address = Address(bucket, endpoint, region)
            assert urljoin(address.url, address.target(key)) == asked[-1]


@pytest.mark.parametrize(
    "profile",
    [
        "role_arn = arn:aws:iam::1:role/x\nsource_profile = other\n",
        "sso_session = museum\n",
        "credential_process = /bin/keys\n",
        "web_identity_token_file = /token\n",
        "",
    ],
)
def test_keys_that_are_not_written_down_are_left_to_botocore(profile: str, files: Path) -> None:
    (files / "config").write_text(f"[default]\nregion = eu-west-1\n{profile}")
    found = access()
    assert found is not None
    assert (found.region, found.keys) == ("eu-west-1", None)
    if profile:
        (files / "credentials").write_text(_CREDENTIALS)
        again = access()
        assert again is not None and again.keys is None


@pytest.mark.parametrize(
    ("environment", "config"),
    [
        *(({**_KEYS, name: "true"}, "") for name in sorted(UNUSUAL)),
        ({**_KEYS, "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "regional"}, ""),
        ({**_KEYS, "HTTPS_PROXY": "http://proxy:8080"}, ""),
        ({**_KEYS, "all_proxy": "http://proxy:8080"}, ""),
        ({**_KEYS, "AWS_PROFILE": "nobody"}, _CONFIG),
        ({**_KEYS, "AWS_ENDPOINT_URL": "not an address"}, ""),
        ({**_KEYS, "AWS_ENDPOINT_URL": "ftp://a"}, ""),
        (_KEYS, "[default]\ns3 =\n  addressing_style = virtual\n"),
        (_KEYS, "[default]\nservices = local\n[services local]\ns3 =\n  endpoint_url = http://s:1\n"),
        (_KEYS, "[default]\nuse_fips_endpoint = true\n"),
        (_KEYS, "[default]\nregion =\n  eu-west-1\n"),
        (_KEYS, "no section\n"),
    ],
)
def test_rare_settings_are_left_to_boto3(
    environment: dict[str, str], config: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _given(files, monkeypatch, environment, config, "")
    assert access() is None


# What botocore reads of the environment that is the same for these requests, or is read here, too.
_SAME = {
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_CA_BUNDLE"),
    *("AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG", "BOTOCORE_TCP_KEEPALIVE"),
    # Of where keys are fetched, which botocore does.
    *("AWS_METADATA_SERVICE_TIMEOUT", "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "AWS_IMDS_USE_IPV6"),
    *("AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"),
    *("AWS_EC2_METADATA_V1_DISABLED", "AWS_STS_REGIONAL_ENDPOINTS"),
    # Set for these requests by this project, or nothing to S3's.
    *("AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS", "AWS_REQUEST_CHECKSUM_CALCULATION"),
    *("AWS_RESPONSE_CHECKSUM_VALIDATION", "AWS_SDK_UA_APP_ID", "AWS_DISABLE_REQUEST_COMPRESSION"),
    *(
        "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",
        "AWS_ENDPOINT_DISCOVERY_ENABLED",
        "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    ),
    *("AWS_CSM_HOST", "AWS_CSM_PORT", "AWS_CSM_CLIENT_ID"),
}


def test_every_setting_that_botocore_reads_is_known() -> None:
    """A new one of botocore's has to be looked at: is it the same for these requests, or unusual?"""
    read: set[str] = set()
    for _, names, _, _ in BOTOCORE_DEFAUT_SESSION_VARIABLES.values():
        read |= {names} if isinstance(names, str) else set(names or ())
    assert {name for name in read - UNUSUAL - _SAME if not name.startswith("AWS_S3_")} == set()
