"""Identifies the caller: an app by bearer token, or a user by OAuth 1.0a signature."""

import base64
import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote

from emulator.api.answers import Answer, json_answer
from emulator.api.errors import unauthorized

# Known to everybody who reads this: they open a toy on loopback and nothing else.
CREDENTIALS = {
    "bearer_token": "emulator-bearer",
    "consumer_key": "emulator-consumer-key",
    "consumer_secret": "emulator-consumer-secret",
    "access_token": "7-emulator-access",
    "access_token_secret": "emulator-access-secret",
}
APP, USER = "app", "user"
CLOCK_SKEW = 300
NONCES = 200_000
# A client whose transport is redirected here signs the address it believes to talk to.
STOOD_IN_FOR = ("https://api.twitter.com", "https://api.x.com")


@dataclass(frozen=True)
class Asked:
    """The parts of a request that are signed."""

    method: str
    origin: str
    path: str
    query: str
    authorization: str
    form: str = ""


def bearer_token(app: int) -> str:
    """The bearer token of an app. From the second app on, only this is accepted, and no signature."""
    return CREDENTIALS["bearer_token"] + (f"-{app}" if app > 1 else "")


def credentials(owner: int | None) -> dict[str, str]:
    """What the first app accepts; an access token begins with the id of its account."""
    token = CREDENTIALS["access_token"] if owner is None else f"{owner}-emulator-access"
    return {**CREDENTIALS, "access_token": token}


class Door:
    """Refuses with the 401 of the X API; remembers nonces, so that a replayed signature is refused."""

    def __init__(self, app: int = 1, owner: int | None = None) -> None:
        self._token = bearer_token(app)
        self._access = credentials(owner)["access_token"]
        self._nonces: OrderedDict[str, None] = OrderedDict()
        self.revoked = False

    def kind(self, asked: Asked) -> str:
        """`app` or `user`; a Refusal for anybody else."""
        scheme, _, rest = asked.authorization.partition(" ")
        checks = {"bearer": self._bearer, "oauth": self._signature}
        check = checks.get(scheme.lower())
        if self.revoked or check is None or not check(asked, rest):
            raise unauthorized()
        return APP if scheme.lower() == "bearer" else USER

    def _bearer(self, _asked: Asked, token: str) -> bool:
        return hmac.compare_digest(unquote(token.strip()), self._token)

    def _signature(self, asked: Asked, header: str) -> bool:
        given = header_parameters(header)
        nonce = f"{given.get('oauth_timestamp')}:{given.get('oauth_nonce')}"
        if not self._is_ours(given) or nonce in self._nonces:
            return False
        signed = {signature(asked, given, origin) for origin in (asked.origin, *STOOD_IN_FOR)}
        if not any(hmac.compare_digest(given.get("oauth_signature", ""), good) for good in signed):
            return False
        self._nonces[nonce] = None
        if len(self._nonces) > NONCES:
            self._nonces.popitem(last=False)
        return True

    def _is_ours(self, given: Mapping[str, str]) -> bool:
        # Signatures carry the client's real time, so the emulator's own clock does not judge them.
        moment = given.get("oauth_timestamp", "")
        return (
            given.get("oauth_consumer_key") == CREDENTIALS["consumer_key"]
            and given.get("oauth_token") == self._access
            and given.get("oauth_signature_method") == "HMAC-SHA1"
            and given.get("oauth_version", "1.0") == "1.0"
            and bool(given.get("oauth_nonce"))
            and moment.isdigit()
            and abs(int(moment) - time.time()) <= CLOCK_SKEW
        )


def header_parameters(header: str) -> dict[str, str]:
    parts = (part.strip().partition("=") for part in header.split(","))
    return {unquote(name): unquote(value.strip('"')) for name, sign, value in parts if sign}


def signature(asked: Asked, given: Mapping[str, str], origin: str) -> str:
    """HMAC-SHA1 of a request as RFC 5849 section 3.4 defines it."""
    pairs = [(name, value) for name, value in given.items() if name not in ("oauth_signature", "realm")]
    pairs += parse_qsl(asked.query, keep_blank_values=True) + parse_qsl(asked.form, keep_blank_values=True)
    encoded = sorted((escaped(name), escaped(value)) for name, value in pairs)
    normal = "&".join(f"{name}={value}" for name, value in encoded)
    text = "&".join((asked.method.upper(), escaped(origin + asked.path), escaped(normal)))
    key = f"{escaped(CREDENTIALS['consumer_secret'])}&{escaped(CREDENTIALS['access_token_secret'])}"
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha1).digest()).decode()


def escaped(text: str) -> str:
    return quote(text, safe="-._~")


def is_consumer(authorization: str) -> bool:
    """Whether Basic credentials are the app's, as the bearer token endpoint wants them."""
    scheme, _, rest = authorization.partition(" ")
    wanted = f"{escaped(CREDENTIALS['consumer_key'])}:{escaped(CREDENTIALS['consumer_secret'])}"
    try:
        return scheme.lower() == "basic" and base64.b64decode(rest).decode() == wanted
    except ValueError:
        return False


def token_answer(authorization: str) -> Answer:
    """Of `/oauth2/token`: the first app's bearer token, for its consumer key and secret."""
    if not is_consumer(authorization):
        error: Mapping[str, object] = {
            "code": 99,
            "message": "Unable to verify your credentials",
            "label": "authenticity_token_error",
        }
        return json_answer({"errors": [error]}, status=403, outcome="unauthorized")
    return json_answer({"token_type": "bearer", "access_token": CREDENTIALS["bearer_token"]})
