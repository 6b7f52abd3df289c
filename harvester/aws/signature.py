"""A request to S3 is signed, so that the server knows whose it is and that it was not changed on the way.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

# Only over TLS, which itself keeps a body as it was sent.
UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY = hashlib.sha256(b"").hexdigest()
_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Keys:
    """Of an AWS account, or of another server."""

    access: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


def path_of(*parts: str) -> str:
    """The path of a URL, each byte but the plainest escaped once, as the signature has it."""
    return "/" + quote("/".join(part for part in parts if part), safe="/-_.~")


def query_of(parameters: Mapping[str, str]) -> str:
    """The query of a URL, in the order that the signature has."""
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parameters.items()
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed(
    verb: str, path: str, query: str, headers: Mapping[str, str], *, keys: Keys, region: str
) -> dict[str, str]:
    """The `headers` with those that sign them; there are the host and the SHA-256 of the body among them."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    found = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    found["x-amz-date"] = now
    if keys.token:
        found["x-amz-security-token"] = keys.token
    lines = "".join(f"{name}:{found[name]}\n" for name in sorted(found))
    names = ";".join(sorted(found))
    request = "\n".join((verb, path, query, lines, names, found["x-amz-content-sha256"]))
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    text = "\n".join((_ALGORITHM, now, scope, hashlib.sha256(request.encode()).hexdigest()))
    secret = f"AWS4{keys.secret}".encode()
    for part in scope.split("/"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    signature = hmac.digest(secret, text.encode(), "sha256").hex()
    found["authorization"] = (
        f"{_ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return found
