"""Who asks a bucket: this project's own requests, or boto3 where the settings of AWS are rare ones.

Both take the operations and parameters of S3 as boto3 calls them, and answer in its form. They raise
Refusal, Unanswered, or BrokenAnswer.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from harvester.aws.access import Access, access
from harvester.aws.signature import Keys
from harvester.clock import Clock
from harvester.errors import Exit, HarvesterError
from harvester.store.connections import Limits
from harvester.store.s3_requests import S3Requests

# Regions whose servers have other names end otherwise: those of China and of closed networks.
_USUAL_REGION = re.compile(r"|(af|ap|ca|eu|il|me|mx|sa|us)-([a-z]+-)?[a-z]+-[0-9]{1,2}")
# Access points, and directory buckets, whose requests need a session.
_UNUSUAL_BUCKET = re.compile(r"arn:.*|.*--x-s3")


class Client(Protocol):
    """Asks one bucket; safe to use from many threads."""

    @property
    def endpoint(self) -> str:
        """The server, without the bucket."""
        ...

    @property
    def region(self) -> str: ...

    @property
    def keys(self) -> Callable[[], Keys | None]:
        """The keys at the moment; None if there are none."""
        ...

    def __call__(self, operation: str, **parameters: Any) -> Mapping[str, Any]: ...


def client(bucket: str, *, region: str, limits: Limits, clock: Clock) -> Client:
    """For the AWS settings of this process; raises HarvesterError or Unanswered if they cannot be used."""
    found = access(region)
    if found is None or not _is_usual(bucket, found):
        from harvester.store.by_boto3 import Boto3Requests, boto3_client

        return Boto3Requests(bucket, boto3_client(region, limits), _fetched(region))
    try:
        return S3Requests(bucket, found, _keys(found, region), limits=limits, clock=clock)
    except OSError as error:
        words = f"The certificates of {found.ca_bundle} cannot be used: {error}."
        raise HarvesterError(words, hint="Check AWS_CA_BUNDLE.", exit_code=Exit.USAGE) from error


def _is_usual(bucket: str, found: Access) -> bool:
    if _UNUSUAL_BUCKET.fullmatch(bucket):
        return False
    return bool(found.endpoint or _USUAL_REGION.fullmatch(found.region))


def _keys(found: Access, region: str) -> Callable[[], Keys | None]:
    return (lambda: found.keys) if found.keys else _fetched(region)


def _fetched(region: str) -> Callable[[], Keys | None]:
    from harvester.aws.session import fetched_keys
    from harvester.store.by_boto3 import translated

    with translated():
        fetched = fetched_keys(region)

    def keys() -> Keys | None:
        with translated():
            return fetched()

    return keys
