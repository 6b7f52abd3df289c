"""The addresses of a bucket and its objects, as boto3 makes them."""

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from harvester.aws.signature import path_of

# Names with dots do not match the certificates of AWS's servers.
_IN_HOST = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class Address:
    """Of a `bucket`; without an `endpoint` it is one of AWS, in `region`."""

    bucket: str
    endpoint: str
    region: str

    @property
    def server(self) -> str:
        """The server's URL, by which it is known."""
        if self.endpoint:
            return self.endpoint
        # As boto3 has it, so that what is remembered of a server stays valid.
        return f"https://s3{'' if self.region == 'us-east-1' else f'.{self.region}'}.amazonaws.com"

    @property
    def url(self) -> str:
        """Where requests go: at AWS, to a server of the bucket's own name."""
        return self.server.replace("://", f"://{self.bucket}.", 1) if self._is_in_host else self.server

    def target(self, key: str) -> str:
        """The path of an object, or of the bucket itself; escaped."""
        return path_of(urlsplit(self.server).path.strip("/"), "" if self._is_in_host else self.bucket, key)

    def moved(self, region: str) -> "Address":
        return replace(self, region=region)

    @property
    def _is_in_host(self) -> bool:
        return not self.endpoint and bool(_IN_HOST.fullmatch(self.bucket))
