"""A store in an S3 bucket (or any server with S3's conditional writes): the only user of boto3's S3."""

import base64
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harvester.errors import Conflict, HarvesterError, NotFound, StoreAway
from harvester.store import Entry, Stored

# S3 answers 412 to a condition that does not hold, 409 to two conditional writes at the same moment, and
# 404 to If-Match on a missing key:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_LOST = {"PreconditionFailed", "412"}
_AT_ONCE = {"ConditionalRequestConflict", "OperationAborted", "409"}
_GONE = {"NoSuchKey", "NotFound", "404"}
_TRIES_AT_ONCE = 5

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=16,
    # Checksums are sent where they are given; servers other than AWS's do not know the newer defaults.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)

_HINTS = {
    "NoSuchBucket": "Check the bucket's name, and that `terraform apply` made it.",
    "AccessDenied": "The AWS keys or the task's role may not do this: check the bucket's and the role's policy.",
    "ExpiredToken": "The AWS session is over: sign in again.",
    "InvalidAccessKeyId": "The AWS access key is not known: check the keys in use.",
    "SignatureDoesNotMatch": "The AWS secret key is wrong: check the keys in use.",
    "RequestTimeTooSkewed": "This machine's clock is wrong: set it, for AWS refuses requests 15 minutes off.",
}


class S3Store:
    """Keys of one bucket. Credentials, region and endpoint (AWS_ENDPOINT_URL) are those boto3 finds."""

    def __init__(self, bucket: str, *, client: Any = None) -> None:
        self.bucket = bucket
        with self._told("the AWS settings"):
            self._s3 = client or boto3.client("s3", config=_CONFIG)
        self._date: datetime | None = None
        self._heard = 0.0
        self._s3.meta.events.register("after-call.s3", self._hear_date)

    @property
    def name(self) -> str:
        return f"s3://{self.bucket}"

    def read(self, key: str) -> Stored:
        with self._told(key):
            answer = self._s3.get_object(Bucket=self.bucket, Key=key)
            return Stored(answer["Body"].read(), answer["ETag"], answer["LastModified"])

    def create(self, key: str, data: bytes) -> str:
        return self._write(key, data, IfNoneMatch="*")

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        return self._write(key, data, IfMatch=version)

    def upload(self, key: str, path: Path, *, sha256: str) -> None:
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        with self._told(key), path.open("rb") as body:
            try:
                self._conditional(
                    Key=key, Body=body, ChecksumSHA256=checksum, Metadata={"sha256": sha256}, IfNoneMatch="*"
                )
            except Conflict:
                # A first try may have arrived although its answer did not.
                head = self._s3.head_object(Bucket=self.bucket, Key=key)
                if head["Metadata"].get("sha256") != sha256:
                    raise

    def download(self, key: str, path: Path) -> None:
        partial = path.with_name(f"{path.name}.part")
        with self._told(key):
            path.parent.mkdir(parents=True, exist_ok=True)
            body = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"]
            with partial.open("wb") as file:
                for chunk in body.iter_chunks(1 << 20):
                    file.write(chunk)
            partial.replace(path)

    def remove(self, key: str, *, version: str | None = None) -> None:
        with self._told(key):
            condition = {} if version is None else {"IfMatch": version}
            try:
                self._s3.delete_object(Bucket=self.bucket, Key=key, **condition)
            except ClientError as error:
                if _code(error) in _GONE:
                    return
                if _code(error) in _LOST | _AT_ONCE:
                    raise Conflict(f"{key} was changed in {self.name}.") from error
                raise

    def entries(self, prefix: str) -> Iterator[Entry]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        with self._told(prefix):
            for page in pages:
                for found in page.get("Contents", ()):
                    yield Entry(found["Key"], found["Size"], found["ETag"], found["LastModified"])

    def folders(self, prefix: str) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, Delimiter="/"
        )
        with self._told(prefix):
            for page in pages:
                for found in page.get("CommonPrefixes", ()):
                    yield found["Prefix"][len(prefix) : -1]

    def now(self) -> datetime:
        # Every answer carries the store's date, that of a refusal too; one a minute old is asked for anew.
        if self._date is None or time.monotonic() - self._heard > 60:
            with self._told("the store's clock"):
                try:
                    self._s3.head_bucket(Bucket=self.bucket)
                except ClientError:
                    if self._date is None:
                        raise
        if self._date is None:
            return datetime.now(UTC)
        return self._date + timedelta(seconds=time.monotonic() - self._heard)

    def require(self) -> None:
        """Raise, with what to do, when the bucket is not there or not ours to use."""
        try:
            with self._told("the bucket"):
                self._s3.head_bucket(Bucket=self.bucket)
        except NotFound as error:
            raise HarvesterError(
                f"The bucket {self.bucket} does not exist.", hint=_HINTS["NoSuchBucket"]
            ) from error

    def _hear_date(self, http_response: Any, **_: Any) -> None:
        date = http_response.headers.get("Date")
        if date:
            self._date = parsedate_to_datetime(date)
            self._heard = time.monotonic()

    def _write(self, key: str, data: bytes, **condition: str) -> str:
        with self._told(key):
            try:
                digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
                return str(self._conditional(Key=key, Body=data, ContentMD5=digest, **condition)["ETag"])
            except Conflict:
                # Lost against ourselves, when the answer to a first try did not arrive? Then it is written.
                current = self._read_or_none(key)
                if current and current.data == data:
                    return current.version
                raise

    def _read_or_none(self, key: str) -> Stored | None:
        try:
            return self.read(key)
        except NotFound:
            return None

    def _conditional(self, **request: Any) -> Any:
        tried = 0
        while True:
            try:
                return self._s3.put_object(Bucket=self.bucket, **request)
            except ClientError as error:
                tried += 1
                code = _code(error)
                if code in _AT_ONCE and tried < _TRIES_AT_ONCE:
                    time.sleep(0.05 * 2**tried)
                    if hasattr(request["Body"], "seek"):
                        request["Body"].seek(0)
                elif code in _LOST | _AT_ONCE or ("IfMatch" in request and code in _GONE):
                    raise Conflict(
                        f"{request['Key']} was written by somebody else in {self.name}."
                    ) from error
                else:
                    raise

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """Errors of AWS in the words of a store."""
        try:
            yield
        except ClientError as error:
            code = _code(error)
            if code in _GONE:
                raise NotFound(f"{key} is not in {self.name}.") from error
            words = error.response.get("Error", {}).get("Message") or code
            if code in ("403", "401"):
                code = "AccessDenied"
            hint = _HINTS.get(code, "Try again later; what was collected is kept.")
            raise StoreAway(f"{self.name} refuses {key}: {code} ({words}).", hint=hint) from error
        except BotoCoreError as error:
            raise StoreAway(
                f"{self.name} cannot be reached for {key}: {error}",
                hint="Check the network, the region and the AWS keys; what was collected is kept.",
            ) from error
        except OSError as error:
            raise StoreAway(f"{key} cannot be copied: {error.strerror or error}.") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
