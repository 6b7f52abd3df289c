"""A store in an S3 bucket (or any server with S3's conditional writes): the only user of boto3's S3."""

import base64
import hashlib
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from harvester.clock import SystemClock
from harvester.errors import Conflict, Exit, HarvesterError, NotFound, StoreAway
from harvester.session import session
from harvester.store import Entry, Stored, require_key
from harvester.store.disk import told, whole

# S3 answers 412 to a condition that does not hold, 409 to two conditional writes at the same moment, and
# 404 to If-Match on a missing key:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_LOST = {"PreconditionFailed", "412"}
_AT_ONCE = {"ConditionalRequestConflict", "OperationAborted", "409"}
_GONE = {"NoSuchKey", "NotFound", "404"}
_TRIES_AT_ONCE = 5

_DATE_SECONDS = 60.0
_elapsed = SystemClock().elapsed

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
    "AccessDenied": "The AWS keys or the role may not do this: check the bucket's and the role's policy.",
    "ExpiredToken": "The AWS session is over: sign in again.",
    "InvalidAccessKeyId": "The AWS access key is not known: check the keys in use.",
    "SignatureDoesNotMatch": "The AWS secret key is wrong: check the keys in use.",
    "RequestTimeTooSkewed": "This machine's clock is wrong: set it, for AWS refuses requests 15 minutes off.",
}


class S3Store:
    """Keys of one bucket. Credentials, region and endpoint (AWS_ENDPOINT_URL) are those `session` finds."""

    def __init__(self, bucket: str, *, region: str = "", client: Any = None) -> None:
        self.bucket = bucket
        with self._told("the AWS settings"):
            try:
                self._s3 = client or session(region).client("s3", config=_CONFIG)
            except ValueError as error:
                raise HarvesterError(
                    f"The AWS settings cannot be used: {error}.", exit_code=Exit.USAGE
                ) from error
        self._heard: tuple[datetime, float] | None = None
        self._s3.meta.events.register("after-call.s3", self._hear_date)

    @property
    def name(self) -> str:
        return f"s3://{self.bucket}"

    def read(self, key: str) -> Stored:
        require_key(key)
        with self._told(key):
            answer = self._answer(key)
            return Stored(answer["Body"].read(), answer["ETag"], answer["LastModified"])

    def create(self, key: str, data: bytes) -> str:
        return self._write(key, data, IfNoneMatch="*")

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        return self._write(key, data, IfMatch=version)

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        with self._told(key), told(str(path)), path.open("rb") as body:
            version, there = self._put(key, body, sha256, IfNoneMatch="*")
            if not version and there != sha256:
                raise self._conflict(key)
            return version

    def download(self, key: str, path: Path) -> None:
        require_key(key)
        with self._told(key), told(str(path)):
            body = self._answer(key)["Body"]
            with whole(path) as partial, partial.open("wb") as file:
                for chunk in body.iter_chunks(1 << 20):
                    file.write(chunk)

    def remove(self, key: str, *, version: str | None = None) -> None:
        require_key(key)
        with self._told(key):
            condition = {} if version is None else {"IfMatch": version}
            try:
                self._s3.delete_object(Bucket=self.bucket, Key=key, **condition)
            except ClientError as error:
                if _code(error) in _GONE:
                    return
                # Some servers hold that what is gone does not match either.
                if _code(error) in _LOST | _AT_ONCE and self._head(key)[0]:
                    raise Conflict(f"{key} was changed in {self.name}.") from error
                if _code(error) not in _LOST | _AT_ONCE:
                    raise

    def entries(self, prefix: str) -> Iterator[Entry]:
        require_key(prefix)
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        with self._told(prefix):
            for page in pages:
                for found in page.get("Contents", ()):
                    yield Entry(found["Key"], found["Size"], found["ETag"], found["LastModified"])

    def folders(self, prefix: str) -> Iterator[str]:
        require_key(prefix)
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, Delimiter="/"
        )
        with self._told(prefix):
            for page in pages:
                for found in page.get("CommonPrefixes", ()):
                    yield found["Prefix"][len(prefix) : -1]

    def now(self) -> datetime:
        # Every answer carries the store's date, that of a refusal too; one a minute old is asked for anew.
        if self._heard is None or _elapsed() - self._heard[1] > _DATE_SECONDS:
            with self._told("the store's clock"):
                try:
                    self._s3.head_bucket(Bucket=self.bucket)
                except ClientError:
                    if self._heard is None:
                        raise
        if self._heard is None:
            return datetime.now(UTC)
        date, heard = self._heard
        return date + timedelta(seconds=_elapsed() - heard)

    def address(self) -> tuple[str, str]:
        """Where another client finds this bucket: endpoint, empty where it is AWS's own, and region."""
        with self._told("the bucket"):
            found = self._s3.head_bucket(Bucket=self.bucket)
        meta = self._s3.meta
        own = meta.endpoint_url.endswith(".amazonaws.com")
        return "" if own else meta.endpoint_url, found.get("BucketRegion") or meta.region_name

    def require(self) -> None:
        """Raise, with what to do, when the bucket is not there or not ours to use."""
        try:
            with self._told("the bucket"):
                self._s3.head_bucket(Bucket=self.bucket)
        except NotFound as error:
            raise HarvesterError(
                f"The bucket {self.bucket} does not exist.", hint=_HINTS["NoSuchBucket"]
            ) from error

    def _answer(self, key: str) -> Any:
        """The object as it begins to arrive; without its length a broken line would look like its end."""
        answer = self._s3.get_object(Bucket=self.bucket, Key=key)
        if not {"ContentLength", "ETag", "LastModified"} <= set(answer):
            raise StoreAway(f"{self.name} broke off its answer for {key}.", hint="Check the network.")
        return answer

    def _hear_date(self, http_response: Any, **_: Any) -> None:
        date = http_response.headers.get("Date")
        if date:
            self._heard = (parsedate_to_datetime(date), _elapsed())

    def _write(self, key: str, data: bytes, **condition: str) -> str:
        with self._told(key):
            version, _ = self._put(key, data, hashlib.sha256(data).hexdigest(), **condition)
            if not version:
                raise self._conflict(key)
            return version

    def _put(self, key: str, body: Any, sha256: str, **condition: str) -> tuple[str, str]:
        """The new version; or "" and the hash of what is there, where the condition did not hold."""
        require_key(key)
        write = uuid.uuid4().hex
        version = self._conditional(
            Key=key,
            Body=body,
            ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
            Metadata={"sha256": sha256, "write": write},
            **condition,
        )
        if version:
            return version, sha256
        # Lost against ourselves, when the answer to a first try did not arrive? Then it is written.
        version, metadata = self._head(key)
        return version if metadata.get("write") == write else "", metadata.get("sha256", "")

    def _head(self, key: str) -> tuple[str, dict[str, str]]:
        """The version and the metadata of an object; both empty when it is not there."""
        try:
            head = self._s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if _code(error) in _GONE:
                return "", {}
            raise
        return head["ETag"], head["Metadata"]

    def _conditional(self, **request: Any) -> str:
        """Put the object; the new version, or "" where the condition did not hold."""
        tried = 0
        while True:
            try:
                return str(self._s3.put_object(Bucket=self.bucket, **request)["ETag"])
            except ClientError as error:
                tried += 1
                code = _code(error)
                if code in _AT_ONCE and tried < _TRIES_AT_ONCE:
                    time.sleep(0.05 * 2**tried)
                    if hasattr(request["Body"], "seek"):
                        request["Body"].seek(0)
                elif code in _LOST | _AT_ONCE or ("IfMatch" in request and code in _GONE):
                    return ""
                else:
                    raise

    def _conflict(self, key: str) -> Conflict:
        return Conflict(f"{key} was written by somebody else in {self.name}.")

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
        except NoCredentialsError as error:
            hint = "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the task a role."
            raise StoreAway(f"There are no AWS keys to use {self.name} with.", hint=hint) from error
        except BotoCoreError as error:
            hint = "Check the network, the region and the AWS keys; what was collected is kept."
            raise StoreAway(f"{self.name} cannot be reached for {key}: {error}", hint=hint) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
