"""The requests of S3 that a store needs, signed and sent by this project itself.

boto3 first reads a description of all of S3, which takes longer than most commands. What it does for a
request is done here as well: another try where that may help, another region where the bucket is in one.
"""

import hashlib
import http.client
import logging
import random
import ssl
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from harvester.aws.access import Access
from harvester.aws.address import Address
from harvester.aws.errors import Refusal, Unanswered, code_of, region_of, status_of
from harvester.aws.signature import EMPTY, UNSIGNED, Keys, path_of, query_of, signed
from harvester.clock import Clock, Stop
from harvester.store.answers import BrokenAnswer
from harvester.store.arriving import Arriving
from harvester.store.connections import Connections, Limits, answered, pieces_of, size_of
from harvester.store.replies import document, listing, parts_document, refusal, reply

log = logging.getLogger("twarc-cloud")

_VERBS = {
    **dict.fromkeys(("get_object", "list_objects_v2"), "GET"),
    **dict.fromkeys(("head_object", "head_bucket"), "HEAD"),
    **dict.fromkeys(("put_object", "upload_part", "upload_part_copy"), "PUT"),
    **dict.fromkeys(("delete_object", "abort_multipart_upload"), "DELETE"),
    **dict.fromkeys(("create_multipart_upload", "complete_multipart_upload"), "POST"),
}
# Their answers tell in a document what the headers do not.
_TELLING = {"create_multipart_upload", "upload_part_copy", "complete_multipart_upload"}
_HEADERS = {
    "IfMatch": "if-match",
    "IfNoneMatch": "if-none-match",
    "ChecksumMode": "x-amz-checksum-mode",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "ContentMD5": "content-md5",
    "CopySourceIfMatch": "x-amz-copy-source-if-match",
}
_UPLOAD = {"PartNumber": "partNumber", "UploadId": "uploadId"}
_QUERY = {
    "Prefix": "prefix",
    "Delimiter": "delimiter",
    "ContinuationToken": "continuation-token",
    "MaxKeys": "max-keys",
}
_BUSY_STATUS = {429, 500, 502, 503, 504}
_BUSY = {
    *("RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete", "SlowDown", "Throttling"),
    *("ThrottlingException", "ThrottledException", "RequestThrottledException", "TooManyRequestsException"),
    *("RequestLimitExceeded", "BandwidthLimitExceeded", "RequestThrottled", "EC2ThrottledException"),
}
_MOVED_STATUS = {301, 302, 307}
_MOVED = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "400"}


class S3Requests:
    """Of one bucket. `keys` are asked for before each request; None if there are none."""

    def __init__(
        self, bucket: str, access: Access, keys: Callable[[], Keys | None], *, limits: Limits, clock: Clock
    ) -> None:
        self.keys, self._limits, self._clock = keys, limits, clock
        self._ca_bundle = access.ca_bundle
        self._at = self._reached(Address(bucket, access.endpoint, access.region or "us-east-1"))
        self.endpoint = self._at[0].server
        # Callers that wait for a server that is away ask again by themselves, and hear a stop meanwhile.
        self._is_away = False

    @property
    def region(self) -> str:
        return self._at[0].region

    def __call__(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        tries, moved = 1, False
        while True:
            asked = self._at
            try:
                found = self._once(asked, operation, parameters)
                self._is_away = False
                return found
            except Refusal as error:
                self._is_away = False
                if not moved and self._moves(asked[0].region, error):
                    moved = True
                    continue
                if not _is_busy(error) or tries >= self._limits.tries:
                    raise
            except Unanswered as error:
                if not error.again or tries >= self._limits.tries or self._is_away:
                    self._is_away = error.again
                    raise
            except BrokenAnswer:
                self._is_away = False
                if tries >= self._limits.tries:
                    raise
            self._clock.wait(Stop(), random.random() * 2 ** (tries - 1))
            tries += 1

    def _once(
        self, at: tuple[Address, Connections], operation: str, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        (address, server), verb = at, _VERBS[operation]
        parameters = _with_body(parameters)
        query = _query(operation, parameters)
        target = address.target(parameters.get("Key", ""))
        unsigned = _unsigned(server, verb, parameters)
        headers = signed(verb, target, query, unsigned, keys=self._signing(), region=address.region)
        with _connecting(server.url):
            connection = server.take()
        try:
            with _asking(server.url):
                response = answered(
                    connection, verb, f"{target}?{query}" if query else target, headers, _pieces(parameters)
                )
        except BaseException:
            connection.close()
            raise
        log.debug("AWS s3 %s %s => %s", _title(operation), target, response.status)
        found = {name.lower(): value for name, value in response.getheaders()}
        is_object = operation == "get_object" and response.status < 300
        arriving = Arriving(
            response,
            found if is_object else {},
            free=lambda: server.give_back(connection),
            drop=connection.close,
        )
        if is_object:
            return {**reply(response.status, found), "Body": arriving}
        body = arriving.read()
        if response.status >= 300:
            raise refusal(operation, response.status, found, body)
        if operation == "list_objects_v2":
            return listing(operation, response.status, found, body)
        if operation in _TELLING:
            return document(operation, response.status, found, body)
        return reply(response.status, found)

    def _signing(self) -> Keys:
        keys = self.keys()
        if keys is None:
            raise Unanswered("Unable to locate credentials", "NoCredentialsError", again=False)
        return keys

    def _reached(self, address: Address) -> tuple[Address, Connections]:
        return address, Connections(address.url, self._limits, ca_bundle=self._ca_bundle)

    def _moves(self, asked: str, error: Refusal) -> bool:
        """Whether the bucket turns out to be in another region than was asked; all requests then go there."""
        if status_of(error) not in _MOVED_STATUS and code_of(error) not in _MOVED:
            return False
        region = region_of(error) or self._region_of_bucket()
        if not region or region == asked:
            return False
        if region != self.region:
            self._at = self._reached(self._at[0].moved(region))
        return True

    def _region_of_bucket(self) -> str:
        try:
            return str(self._once(self._at, "head_bucket", {}).get("BucketRegion", ""))
        except Refusal as error:
            return region_of(error)
        except (Unanswered, BrokenAnswer):
            return ""


def _unsigned(server: Connections, verb: str, parameters: Mapping[str, Any]) -> dict[str, str]:
    headers = {"host": server.host, "x-amz-content-sha256": EMPTY, **_named(_HEADERS, parameters)}
    if source := parameters.get("CopySource"):
        headers["x-amz-copy-source"] = path_of(source["Bucket"], source["Key"])
    headers |= {f"x-amz-meta-{name}": value for name, value in parameters.get("Metadata", {}).items()}
    if "Body" in parameters:
        # Under TLS nothing changes a body on the way, and the checksum is signed.
        payload = UNSIGNED if server.is_secure else _digest(parameters)
        headers |= {"content-length": str(size_of(parameters["Body"])), "x-amz-content-sha256": payload}
    elif verb in ("PUT", "POST"):
        headers["content-length"] = "0"
    return headers


def _named(names: Mapping[str, str], parameters: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(parameters[given]) for given, name in names.items() if given in parameters}


def _digest(parameters: Mapping[str, Any]) -> str:
    given = parameters.get("ChecksumSHA256")
    return b64decode(given).hex() if given else hashlib.sha256(parameters["Body"]).hexdigest()


def _query(operation: str, parameters: Mapping[str, Any]) -> str:
    if operation == "list_objects_v2":
        return query_of({"list-type": "2", "encoding-type": "url", **_named(_QUERY, parameters)})
    if operation == "create_multipart_upload":
        return query_of({"uploads": ""})
    return query_of(_named(_UPLOAD, parameters))


def _with_body(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the list of an upload's parts as the document that S3 takes."""
    if "MultipartUpload" not in parameters:
        return parameters
    return {**parameters, "Body": parts_document(parameters["MultipartUpload"]["Parts"])}


def _pieces(parameters: Mapping[str, Any]) -> Iterator[memoryview]:
    body: bytes | BinaryIO = parameters.get("Body", b"")
    return pieces_of(body)


def _title(operation: str) -> str:
    return operation.title().replace("_", "")


def _is_busy(error: Refusal) -> bool:
    return status_of(error) in _BUSY_STATUS or code_of(error) in _BUSY


@contextmanager
def _connecting(url: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise Unanswered(
            f'Connect timeout on endpoint URL: "{url}"', "ConnectionError", again=True
        ) from error
    except ssl.SSLError as error:
        raise Unanswered(f"SSL validation failed for {url} {error}", "SSLError", again=True) from error
    except OSError as error:
        words = f'Could not connect to the endpoint URL: "{url}"'
        raise Unanswered(words, "ConnectionError", again=True) from error


@contextmanager
def _asking(url: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise Unanswered(f'Read timeout on endpoint URL: "{url}"', "HTTPClientError", again=True) from error
    except (OSError, http.client.HTTPException) as error:
        words = f'Connection was closed before we received a valid response from endpoint URL: "{url}"'
        raise Unanswered(words, "HTTPClientError", again=True) from error
