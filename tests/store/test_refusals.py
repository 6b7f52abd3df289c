"""What S3 refuses names the permission that is missing, also where S3 itself does not."""

import pytest

from harvester.aws.errors import Refusal
from harvester.store.refusals import in_words


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("get_object", "s3:GetObject"),
        ("head_object", "s3:GetObject"),
        ("put_object", "s3:PutObject"),
        ("upload_part", "s3:PutObject"),
        ("delete_objects", "s3:DeleteObject"),
        ("list_objects_v2", "s3:ListBucket"),
        ("HeadBucket", "s3:ListBucket"),
        ("AbortMultipartUpload", "s3:AbortMultipartUpload"),
    ],
)
def test_the_missing_permission_is_named(operation: str, action: str) -> None:
    refused = Refusal({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, operation)
    told = in_words("s3://posts", "collections/a/collection.json", refused, ask=lambda: None)
    assert str(told) == (
        "s3://posts refuses collections/a/collection.json: AccessDenied (Access Denied). The AWS keys or the "
        f"role may not do this: the bucket's and the role's policy must allow {action}."
    )
