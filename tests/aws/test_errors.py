"""Each error of botocore is explained: what failed, what to do, what the process returns."""

import string
from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.aws.advice import CLOUD
from harvester.aws.errors import Explained, explained
from harvester.errors import Exit, HarvesterError
from harvester.store.s3 import S3Store
from tests.support.examples import examples


def _made_here() -> Iterator[BotoCoreError]:
    """One of each kind of error that botocore makes on this machine."""
    for kind in vars(botocore.exceptions).values():
        if isinstance(kind, type) and issubclass(kind, BotoCoreError):
            fields = [
                name for _, name, _, _ in string.Formatter().parse(str(getattr(kind, "fmt", ""))) if name
            ]
            try:
                yield kind(**dict.fromkeys(fields, "x"))
            except TypeError:
                continue


@pytest.mark.parametrize("error", list(_made_here()), ids=lambda error: type(error).__name__)
def test_what_fails_on_this_machine_is_named_with_what_to_do(error: BotoCoreError) -> None:
    found = explained(error, CLOUD, action="use")
    assert found.message
    assert found.hint.endswith(".")
    assert found.exit_code in Exit


_ANYTHING: st.SearchStrategy[Any] = st.none() | st.integers() | st.text() | st.lists(st.text(), max_size=2)
_CODES = st.sampled_from(
    ["ExpiredToken", "SlowDown", "501", "PermanentRedirect", "", "NoSuchBucket", "Strange"]
)


@settings(max_examples=examples(400), derandomize=True)
@given(
    error=st.dictionaries(st.sampled_from(["Code", "Message", "Region"]), _CODES | _ANYTHING),
    metadata=st.dictionaries(
        st.sampled_from(["HTTPStatusCode", "HTTPHeaders"]),
        st.sampled_from([0, 200, 301, 400, 403, 500, 501, 503]) | _ANYTHING,
    ),
)
def test_a_refusal_of_any_shape_is_explained(error: Any, metadata: Any) -> None:
    found = explained(
        ClientError({"Error": error, "ResponseMetadata": metadata}, "GetObject"), CLOUD, action="use"
    )
    assert isinstance(found, Explained)
    assert "\n" not in found.said
    assert len(found.said) <= 300


@pytest.mark.parametrize(
    ("code", "said", "hint", "exit_code"),
    [
        (
            "InvalidSignatureException",
            "Signature expired: 2026 is now earlier than 2025",
            "clock",
            Exit.UNAUTHORIZED,
        ),
        ("SignatureDoesNotMatch", "does not match", "secret key", Exit.UNAUTHORIZED),
        ("RequestExpired", "Request has expired.", "aws sso login", Exit.UNAUTHORIZED),
        ("ThrottlingException", "Rate exceeded", "in a minute", Exit.RETRY_LATER),
        ("503", "", "in a minute", Exit.RETRY_LATER),
    ],
)
def test_the_shared_errors(code: str, said: str, hint: str, exit_code: Exit) -> None:
    found = explained(ClientError({"Error": {"Code": code, "Message": said}}, "X"), CLOUD, action="use")
    assert hint in found.hint
    assert found.exit_code == exit_code


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("s3://museum-posts", "Did you mean museum-posts?"),
        ("s3://museum-posts/", "Did you mean museum-posts?"),
        ("arn:aws:s3:::museum-posts", "Did you mean museum-posts?"),
        *(
            (name, "letters, digits")
            for name in ("b100%", "my bucket", "https://b.s3.amazonaws.com", "", "é", "a/b")
        ),
    ],
)
def test_what_is_no_name_of_a_bucket_is_refused_before_anything_is_asked(name: str, meant: str) -> None:
    with pytest.raises(HarvesterError, match="is not a bucket name") as told:
        S3Store(name)
    assert meant in told.value.hint
    assert told.value.exit_code == Exit.USAGE
