"""Why a connection failed, in words and with what to do: one table for all that connects.

The libraries wrap the cause in errors of their own, whose texts repeat the address with all its parameters.
"""

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from harvester.text import printable


@dataclass(frozen=True)
class Cause:
    """`said` continues a sentence after a colon; `hint` is a sentence, or empty."""

    said: str
    hint: str = ""


_NETWORK = "Check the network connection of this machine."
_ADDRESS = "Check the address, and whether the service runs."
_TRUST = "If a proxy inspects TLS here, set REQUESTS_CA_BUNDLE to a file with its certificate."
_CLOCK = "Check the clock of this machine; if it is right, try again later."
_PROXY = "Check HTTPS_PROXY and HTTP_PROXY."
_LATER = "Try again in a minute."

# OpenSSL's X509_V_ERR_*, as `verify_code` has them.
_CERTIFICATES = {
    9: Cause("its TLS certificate is not valid yet", _CLOCK),
    10: Cause("its TLS certificate has expired", _CLOCK),
    18: Cause("its TLS certificate is self-signed, and not trusted here", _TRUST),
    19: Cause("its TLS certificate is from an authority that is not trusted here", _TRUST),
    20: Cause("its TLS certificate is from an authority that is not trusted here", _TRUST),
    62: Cause("its TLS certificate is for another host", _ADDRESS),
    64: Cause("its TLS certificate is for another host", _ADDRESS),
}
_VERSION = Cause("it offers no TLS version that is accepted here", "It must offer TLS 1.2 or newer.")
_NO_TLS = Cause("it does not use TLS on this port", "Use another port, or http for a server of this machine.")
_CLOSED = Cause("the connection was closed before the answer", _LATER)
# What OpenSSL calls it, in the older and the newer spelling.
_TLS = {
    "UNSUPPORTED_PROTOCOL": _VERSION,
    "TLSV1_ALERT_PROTOCOL_VERSION": _VERSION,
    "NO_PROTOCOLS_AVAILABLE": _VERSION,
    "WRONG_SSL_VERSION": _VERSION,
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "UNEXPECTED_EOF_WHILE_READING": _CLOSED,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": Cause("it refuses every kind of TLS that is offered here", _ADDRESS),
}
_NAME = "Check the network and its DNS server; of an address that was set, the spelling."
_LOOKUPS = {
    socket.EAI_NONAME: Cause("there is no host of this name", _NAME),
    socket.EAI_AGAIN: Cause("the name cannot be looked up now", "Check the network and its DNS server."),
    socket.EAI_FAIL: Cause("the name cannot be looked up", "Check the network and its DNS server."),
}
_ERRORS = {
    errno.ECONNREFUSED: Cause("the connection was refused", _ADDRESS),
    errno.ETIMEDOUT: Cause("there was no answer in time", _NETWORK),
    errno.ENETUNREACH: Cause("the network is unreachable", _NETWORK),
    errno.ENETDOWN: Cause("the network is down", _NETWORK),
    errno.EHOSTUNREACH: Cause("there is no route to the host", _NETWORK),
    errno.EADDRNOTAVAIL: Cause("the address cannot be used from here", _ADDRESS),
    errno.ECONNRESET: _CLOSED,
    errno.ECONNABORTED: _CLOSED,
    errno.EPIPE: _CLOSED,
}
# Of errors that have no number, what their text begins with or holds.
_TEXTS = (
    (r"Remote end closed connection", _CLOSED),
    (r"IncompleteRead|connection broken", Cause("the connection was closed within the answer", _LATER)),
    (r"timed out|TimeoutError: $", _ERRORS[errno.ETIMEDOUT]),
    (r"BadStatusLine|LineTooLong", Cause("what answers there does not speak HTTP", _ADDRESS)),
)
_SHOWN = 200


def cause_of(error: BaseException) -> Cause:
    """The innermost cause that is in the tables; else what the innermost error says of itself."""
    chain = list(_chain(error))
    found = next((found for each in reversed(chain) if (found := _cause(each))), None) or _unknown(chain[-1])
    if any(type(each).__name__ == "ProxyError" for each in chain) and found.hint != _PROXY:
        return Cause(f"the proxy cannot be used: {found.said}", _PROXY)
    return found


def _chain(error: BaseException) -> Iterator[BaseException]:
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        inner = inner.__cause__ or (None if inner.__suppress_context__ else inner.__context__)


def _cause(error: BaseException) -> Cause | None:
    return _of_lookup_or_tls(error) or _of_text(str(error)) or _of_connection(error)


def _of_lookup_or_tls(error: BaseException) -> Cause | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        other = Cause(f"its TLS certificate is not accepted here ({error.verify_message})", _TRUST)
        return _CERTIFICATES.get(error.verify_code, other)
    if isinstance(error, ssl.SSLError):
        return _of_tls(error)
    if isinstance(error, socket.gaierror):
        return _LOOKUPS.get(error.errno or 0, _LOOKUPS[socket.EAI_NONAME])
    return None


def _of_text(text: str) -> Cause | None:
    if refused := re.search(r"Tunnel connection failed: (\d{3})", text):
        return Cause(f"the proxy refuses the connection with HTTP status {refused[1]}", _PROXY)
    if missing := re.search(r"TLS CA certificate bundle, invalid path: (.+)", text):
        return Cause(f"there is no file of certificates {missing[1]}", "Check REQUESTS_CA_BUNDLE.")
    return None


def _of_connection(error: BaseException) -> Cause | None:
    if isinstance(error, OSError) and error.errno in _ERRORS:
        return _ERRORS[error.errno]
    if isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError):
        return _CLOSED
    named = f"{type(error).__name__}: {error}"
    return next((cause for pattern, cause in _TEXTS if re.search(pattern, named)), None)


def _of_tls(error: ssl.SSLError) -> Cause | None:
    reason = error.reason or ""
    if reason in _TLS:
        return _TLS[reason]
    # A time-out within it is a TimeoutError elsewhere.
    if "timed out" in str(error):
        return _ERRORS[errno.ETIMEDOUT]
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _CLOSED
    words = reason.removeprefix("TLSV1_").removeprefix("SSLV3_").replace("_", " ").lower()
    return Cause(f"TLS failed ({words or 'without a reason'})", _ADDRESS)


def _unknown(error: BaseException) -> Cause:
    """An error of ours has words; that of a library has some, or a name at least."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Cause(printable(" ".join(said.split())[:_SHOWN].rstrip(".")) or "no reason was given")
