"""A bucket by boto3, for settings of AWS that are rare: proxies, access points, other kinds of endpoints."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    ResponseStreamingError,
)

from harvester.aws.errors import Refusal, Unanswered, kinds_of
from harvester.aws.session import client_for
from harvester.aws.signature import Keys
from harvester.store.answers import BrokenAnswer
from harvester.store.connections import Limits


class Boto3Requests:
    """Uses a client of boto3, which retries."""

    def __init__(self, bucket: str, client: Any, keys: Callable[[], Keys | None]) -> None:
        self._bucket, self._client, self.keys = bucket, client, keys

    @property
    def endpoint(self) -> str:
        return str(self._client.meta.endpoint_url)

    @property
    def region(self) -> str:
        return str(self._client.meta.region_name)

    def __call__(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        with translated():
            answer: dict[str, Any] = getattr(self._client, operation)(Bucket=self._bucket, **parameters)
        if operation == "get_object" and "Body" in answer:
            answer["Body"] = _Arriving(answer["Body"])
        return answer


class _Arriving:
    def __init__(self, body: Any) -> None:
        self._body = body
        self.close = body.close

    def read(self) -> bytes:
        with translated():
            data: bytes = self._body.read()
            return data

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        pieces = self._body.iter_chunks(size)
        while True:
            with translated():
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece


def boto3_client(region: str, limits: Limits) -> Any:
    config = Config(
        connect_timeout=limits.connect,
        read_timeout=limits.read,
        retries={"mode": "standard", "total_max_attempts": limits.tries},
        max_pool_connections=16,
        # Checksums are sent where they are given; servers other than AWS's do not know the newer defaults.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    with translated():
        return client_for("s3", region=region, config=config)


def presigned(bucket: str, key: str, *, region: str, seconds: int) -> str:
    """A link with which anyone can read a page of the bucket, for a limited time."""
    config = Config(signature_version="s3v4")
    with translated():
        address: str = client_for("s3", region=region, config=config).generate_presigned_url(
            "get_object",
            Params={"Bucket": bucket, "Key": key, "ResponseContentType": "text/html; charset=utf-8"},
            ExpiresIn=seconds,
        )
        return address


@contextmanager
def translated() -> Iterator[None]:
    """Around what botocore does, which lets through what urllib3 and its own parsers raise."""
    try:
        yield
    except ClientError as error:
        raise Refusal(error.response, error.operation_name) from error
    except (FlexibleChecksumError, ResponseStreamingError) as error:
        raise BrokenAnswer(str(error)) from error
    except BotoCoreError as error:
        raise Unanswered(str(error), *kinds_of(error), again=False) from error
    except OSError as error:
        # A `credential_process` that is not there, a file of keys that may not be read.
        told = CredentialRetrievalError(provider="AWS", error_msg=error)
        raise Unanswered(str(told), *kinds_of(told), again=False) from error
