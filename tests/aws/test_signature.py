"""Requests are signed as botocore signs them."""

import hashlib
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
import time_machine
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.aws.signature import Keys, path_of, query_of, signed
from tests.support.examples import examples

_HOST = "s3.library.example:9000"
_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=8)
_VALUES = st.from_regex(r"[!-~]( {0,3}[!-~]){0,6}", fullmatch=True)


@settings(max_examples=examples(400), deadline=None, derandomize=True)
@given(
    verb=st.sampled_from(["GET", "HEAD", "PUT", "DELETE"]),
    parts=st.lists(_NAMES, max_size=3),
    query=st.dictionaries(_NAMES, _NAMES, max_size=3),
    more=st.dictionaries(st.sampled_from(["If-Match", "x-amz-meta-write", "x-amz-meta-sha256"]), _VALUES),
    token=st.sampled_from(["", "a-token+of/a=role"]),
    when=st.datetimes(datetime(2020, 1, 1), datetime(2037, 1, 1)),
)
def test_the_same_request_has_the_same_signature(
    verb: str,
    parts: list[str],
    query: dict[str, str],
    more: dict[str, str],
    token: str,
    when: datetime,
) -> None:
    path, text = path_of("bucket", *parts), query_of(query)
    with time_machine.travel(when.replace(tzinfo=UTC), tick=False):
        headers = {"host": _HOST, "x-amz-content-sha256": hashlib.sha256(b"body").hexdigest(), **more}
        ours = signed(verb, path, text, headers, keys=Keys("A", "s3cret/+", token), region="eu-west-1")
        request = AWSRequest(verb, f"http://{_HOST}{path}?{text}", headers=dict(more), data=b"body")
        S3SigV4Auth(Credentials("A", "s3cret/+", token or None), "s3", "eu-west-1").add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]
    assert ours.get("x-amz-security-token", "") == request.headers.get("X-Amz-Security-Token", "")


@pytest.mark.parametrize("key", ["plain/1.gz", "a b", "a+b", "a%2Fb", "a~b", "é", "a?b#c", "=&", "a:b@c"])
def test_a_path_is_escaped_once(key: str) -> None:
    assert path_of("bucket", key) == "/bucket/" + quote(key, safe="/-_.~")


def test_keys_are_not_shown() -> None:
    assert repr(Keys("AKIA", "s3cret", "t0ken")) == "Keys(access='AKIA')"
