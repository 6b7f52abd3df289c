"""A request to a webhook says who sent it, and when: HMAC-SHA256 over its id, its time and its body.

The headers are those of Standard Webhooks, for which receivers find libraries:
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac

from harvester.errors import Exit, HarvesterError

_PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """The bytes of a secret: in base64 after `whsec_`, else the text itself."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        # Without the cause, which may repeat it.
        raise HarvesterError(
            "The webhook's secret is not base64 after whsec_.", exit_code=Exit.UNAUTHORIZED
        ) from None


def headers(key: bytes, *, name: str, sent: int, body: bytes) -> dict[str, str]:
    """Of a request with this id and body that is sent at this second; unsigned without a key."""
    found = {"webhook-id": name, "webhook-timestamp": str(sent)}
    if key:
        content = f"{name}.{sent}.".encode() + body
        signed = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        found["webhook-signature"] = f"v1,{signed}"
    return found
