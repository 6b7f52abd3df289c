"""Requests for the objects of one bucket: a complete response, or a clear error.

What answers may be a proxy, a login page or a server that is not quite S3, and a connection may break
anywhere. An answer that lacks what S3 always tells is therefore no answer.
"""

import base64
import hashlib
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, BinaryIO, TypeVar

from harvester.aws.errors import Refusal, Unanswered, code_of
from harvester.clock import Clock, Stop, SystemClock
from harvester.errors import Conflict, HarvesterError, NotFound
from harvester.errors.connections import cause_of
from harvester.store.answers import BrokenAnswer, Head, date_of, head_of, is_removal, is_whole
from harvester.store.client import Client
from harvester.store.keys import ROOT
from harvester.store.refusals import Garbled, garbled, in_words
from harvester.store.slow import SlowRequests

log = logging.getLogger("twarc-cloud")
_T = TypeVar("_T")

# S3 answers 412 to a condition that does not hold, 409 to two conditional writes at the same moment, and
# 404 to If-Match on a missing key:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_UNMET = {"PreconditionFailed", "412"}
_AT_ONCE = {"ConditionalRequestConflict", "OperationAborted", "409"}
_MISSING = {"NoSuchKey", "NotFound", "404"}
_TRIES_AT_ONCE = 5
_TRIES_TO_READ = 3


class BucketObjects:
    """Requests to one bucket, by a client."""

    def __init__(self, bucket: str, client: Client, clock: Clock) -> None:
        self.bucket, self.client, self._clock = bucket, client, clock
        self.name = f"s3://{bucket}"
        # The server's date, its arrival by our clock, and the server's name.
        self.heard: tuple[datetime, float] | None = None
        self.server = ""
        self._slow = SlowRequests(self.name, SystemClock().elapsed)

    def get(self, key: str, *, what: str = "") -> tuple[Head, Any]:
        """An object as it begins to arrive, and its body; raises NotFound. `what` is its name in messages."""
        what = what or key
        answer = self._reading(what, "get_object", Key=key, ChecksumMode="ENABLED")
        body, size = answer.get("Body"), answer.get("ContentLength")
        # Without a length a broken connection would look like the end.
        if body is None or not isinstance(size, int):
            raise self.garbled(what, "it does not tell the length")
        return self._head_of(what, answer), body

    def read(self, key: str, *, what: str = "") -> tuple[Head, bytes]:
        """An object whole; raises NotFound."""

        def whole() -> tuple[Head, bytes]:
            head, body = self.get(key, what=what)
            with self.arriving(what or key):
                return head, body.read()

        return self._again(whole)

    def head(self, key: str) -> Head | None:
        """None if it is not there."""
        with suppress(NotFound):
            return self._head_of(key, self._reading(key, "head_object", Key=key))
        # An answer to HEAD has no body, so that anything on the way may have said 404 to it.
        with suppress(NotFound):
            head, body = self.get(key)
            body.close()
            return head
        return None

    def write(self, key: str, data: bytes, **condition: str) -> str:
        """Put a few bytes; as `put`."""
        digest = hashlib.sha256(data).hexdigest()
        return self.put(key, data, sha256=digest, write=uuid.uuid4().hex, **condition)

    def put(self, key: str, body: bytes | BinaryIO, *, sha256: str, write: str, **condition: str) -> str:
        """The new version, empty if the answer does not tell it; Conflict if the condition fails.

        `write` is the name of this write, so that readers of the object can tell it from others.
        """
        how: dict[str, Any] = {
            "ChecksumSHA256": base64.b64encode(bytes.fromhex(sha256)).decode(),
            "Metadata": {"sha256": sha256, "write": write},
            **condition,
        }

        def put() -> Any:
            if not isinstance(body, bytes):
                body.seek(0)
            return self._ask(key, "put_object", Key=key, Body=body, **how)

        try:
            return str(self._alone(put).get("ETag") or "")
        except Refusal as error:
            code = code_of(error)
            if code in _UNMET | _AT_ONCE or ("IfMatch" in condition and code in _MISSING):
                raise self.conflict(key) from error
            raise self._away(key, error) from error

    def delete(self, key: str, **condition: str) -> bool:
        """Whether the answer proves that it is gone; Conflict if the condition may have failed."""
        try:
            answer = self._alone(lambda: self._ask(key, "delete_object", Key=key, **condition))
        except Refusal as error:
            if code_of(error) in _MISSING:
                return False
            if code_of(error) in _UNMET | _AT_ONCE:
                raise self.conflict(key) from error
            raise self._away(key, error) from error
        return is_removal(answer)

    def pages(self, prefix: str, **how: Any) -> Iterator[Any]:
        """All answers to a listing."""
        token: dict[str, str] = {}
        while True:
            page = self._again(lambda token=token: self._page(prefix, **how, **token))  # type: ignore[misc]
            yield page
            if not page["IsTruncated"]:
                return
            following = {"ContinuationToken": page["NextContinuationToken"]}
            if following == token:
                raise self.garbled(prefix, "its listing does not go on")
            token = following

    def ask_for_date(self) -> None:
        """Any answer will do, that of a refusal too; raises if none comes that has a date."""
        try:
            with self.translated("the store's clock"):
                self._ask("the store's clock", "head_bucket")
        except HarvesterError:
            if self.heard is None:
                raise

    def region(self) -> str:
        """Where the bucket is, as far as its server tells."""
        with self.translated("the bucket"):
            found = self._ask("the bucket", "head_bucket").get("BucketRegion")
        return str(found or self.client.region)

    @property
    def silent_for(self) -> float:
        """Seconds since the server told the date."""
        return self._clock.elapsed() - self.heard[1] if self.heard else float("inf")

    def date(self, now: datetime) -> None:
        """The server's clock shows this."""
        self.heard = (now, self._clock.elapsed())

    def now(self) -> datetime | None:
        """The server's clock, from its last answer; None if it told no date."""
        if self.heard is None:
            return None
        date, heard = self.heard
        return date + timedelta(seconds=self._clock.elapsed() - heard)

    def _reading(self, key: str, operation: str, **parameters: Any) -> Any:
        return self._again(lambda: self._read(key, operation, **parameters))

    def _read(self, key: str, operation: str, **parameters: Any) -> Any:
        try:
            return self._ask(key, operation, **parameters)
        except Refusal as error:
            if code_of(error) not in _MISSING:
                raise self._away(key, error) from error
            if operation == "get_object" and code_of(error) != "NoSuchKey":
                raise self.garbled(key, "a 404 that is not S3's") from error
            raise NotFound(f"{key} is not in {self.name}.") from error

    def _page(self, prefix: str, **parameters: Any) -> Any:
        with self.translated(prefix):
            page = self._ask(prefix, "list_objects_v2", Prefix=prefix, **parameters)
        if not is_whole(page, prefix):
            raise self.garbled(prefix, "its listing is not whole")
        return page

    def _head_of(self, key: str, answer: Mapping[str, Any]) -> Head:
        head = head_of(answer)
        if head is None:
            raise self.garbled(key, "it tells no ETag or no date of the object")
        return head

    def _ask(self, key: str, operation: str, **parameters: Any) -> Any:
        """Raises Refusal if S3 refuses, and in the words of a store where there is no answer of S3."""
        with self._slow.watched(key), self.arriving(key):
            try:
                answer = self.client(operation, **parameters)
            except Refusal as error:
                self._hear(error.response)
                raise
            self._hear(answer)
            return answer

    @contextmanager
    def arriving(self, key: str) -> Iterator[None]:
        """Around what a client does, and around the body of its answer."""
        try:
            yield
        except (HarvesterError, Refusal):
            raise
        except BrokenAnswer as error:
            raise self.garbled(key, str(error)) from error
        except Unanswered as error:
            raise self._away(key, error) from error
        except Exception as error:
            raise self.garbled(key, cause_of(error).said) from error

    def _hear(self, answer: Mapping[str, Any]) -> None:
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        self.server = str(headers.get("server", ""))[:100]
        if date := date_of(headers.get("date")):
            self.date(date)

    @contextmanager
    def translated(self, key: str) -> Iterator[None]:
        """A refusal of S3 as an error of a store."""
        try:
            yield
        except Refusal as error:
            raise self._away(key, error) from error

    def garbled(self, key: str, why: str) -> Garbled:
        return garbled(self.name, key, why)

    def conflict(self, key: str) -> Conflict:
        return Conflict(f"{key} was written by another process in {self.name}.")

    def _away(self, key: str, error: Refusal | Unanswered) -> HarvesterError:
        return in_words(self.name, key, error, ask=self._worded)

    def _worded(self) -> Refusal | None:
        """Why this bucket refuses, asked in a way whose answer has words, as that to HEAD has not."""
        try:
            self.client("list_objects_v2", Prefix=ROOT, MaxKeys=1)
        except Refusal as error:
            return error
        except Exception as error:  # noqa: BLE001 - the first refusal is reported instead
            log.debug("No words for a refusal: %s", error)
        return None

    def _again(self, read: Callable[[], _T]) -> _T:
        for tries in range(1, _TRIES_TO_READ):
            try:
                return read()
            except Garbled:
                self._pause(tries)
        return read()

    def _alone(self, ask: Callable[[], _T]) -> _T:
        """Ask once more after two writes of one key met."""
        for tries in range(1, _TRIES_AT_ONCE):
            try:
                return ask()
            except Refusal as error:
                if code_of(error) not in _AT_ONCE:
                    raise
            self._pause(tries)
        return ask()

    def _pause(self, tries: int) -> None:
        self._clock.wait(Stop(), 0.05 * 2**tries)
