"""Page tokens: opaque, never expiring, bound to the request they belong to, and pinning its window."""

import base64
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

LAYOUT = struct.Struct(">4sBQQQQ")
# These may differ between the pages of one chain.
FREE = frozenset(["max_results", "pagination_token", "next_token"])


@dataclass(frozen=True)
class Place:
    """Where a chain of pages stands: below `top`, not under `floor`, next after `last`; or before it.

    The post `held` comes there, too. `salt` makes another token for the same place.
    """

    top: int
    floor: int
    last: int
    backwards: bool = False
    held: int = 0
    salt: int = 0


def fingerprint(endpoint: str, subject: str, params: Mapping[str, str]) -> bytes:
    """What a token is bound to: every parameter that decides which posts the chain holds."""
    decisive = sorted((name, value) for name, value in params.items() if name not in FREE and "." not in name)
    decisive = [(name, value) for name, value in decisive if name != "expansions"]
    return hashlib.sha256(repr((endpoint, subject, decisive)).encode()).digest()[:4]


def token(place: Place, bound: bytes) -> str:
    flags = int(place.backwards) | place.salt << 1
    raw = LAYOUT.pack(bound, flags, place.top, place.floor, place.last, place.held)
    return base64.b32encode(raw + checksum(raw)).decode().rstrip("=").lower()


def place_of(text: str, bound: bytes) -> Place | None:
    """The place a token names, None for a token of another request or no token at all."""
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        return None
    if len(raw) != LAYOUT.size + 3 or checksum(raw[:-3]) != raw[-3:]:
        return None
    given, flags, top, floor, last, held = LAYOUT.unpack(raw[:-3])
    return Place(top, floor, last, bool(flags & 1), held) if given == bound else None


def checksum(raw: bytes) -> bytes:
    return hashlib.sha256(b"page token" + raw).digest()[:3]
