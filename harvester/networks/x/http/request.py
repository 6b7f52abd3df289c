"""Sends requests as the requests library would, without its overhead for each one.

Proxy, certificates and connections are asked of requests once, the signature each time. The rest of its work
on a long address took as long as reading the page that came.
"""

import queue
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlsplit

from requests import PreparedRequest, RequestException
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from harvester.clock import Clock
from harvester.errors import Exit, HarvesterError
from harvester.errors.connections import cause_of
from harvester.networks.x.http.answer import Answer, asked, whole
from harvester.networks.x.http.interruptible import CONNECT_SECONDS, READ_SECONDS

# May stand in a query as they are, as in X's own examples. Without a "%" urllib3 takes an address as it is,
# with one it reads it character by character.
_PLAIN = ",:()"


@dataclass(frozen=True)
class Reply:
    """An answer whose body is still to be read, from `raw`, which is urllib3's."""

    status: int
    headers: Mapping[str, str]
    url: str
    raw: Any

    def close(self) -> None:
        """Release the connection; one whose answer was read to its end is used again."""
        self.raw.close()
        self.raw.release_conn()


class Wire:
    """The way from one of requests' sessions to one host; used by many threads at once."""

    def __init__(self, session: Any, *, base_url: str) -> None:
        self.session = session
        self._base = base_url
        self._pool: Any = None
        self._names_host = False
        self._host = _host(base_url)

    def send(
        self, method: str, url: str, *, params: Mapping[str, Any] | None, form: Any = None, json: Any = None
    ) -> Reply:
        """Send it once; `url` is below the base, in ASCII, without a query.

        Raises what urllib3 does, and HarvesterError if a setting lets nothing be sent at all.
        """
        if self._pool is None:
            self._pool = self._found()
        request = self._prepared(method, with_query(url, params), form, json)
        raw = self._pool.urlopen(
            request.method,
            request.url if self._names_host else request.path_url,
            body=request.body,
            headers=dict(request.headers),
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            timeout=Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        )
        return Reply(raw.status, raw.headers, str(request.url), raw)

    def ask(
        self, method: str, url: str, *, clock: Clock, params: Mapping[str, Any] | None, **content: Any
    ) -> Answer:
        """As `send`, with the answer read to its end; on a connection that is open already, if one is."""
        connection = self._open_connection() if method == "GET" and not self._names_host else None
        if connection is None:
            reply = self.send(method, url, params=params, **content)
            try:
                return Answer(reply.status, reply.headers, whole(reply.raw, clock), reply.url)
            finally:
                reply.close()
        request = self._prepared(method, with_query(url, params), None, None)
        try:
            connection.sock.settimeout(READ_SECONDS)
            answer = asked(connection.sock, self._head(request), url=str(request.url), clock=clock)
        except BaseException:
            connection.close()
            raise
        if not answer.keeps:
            connection.close()
        self._put_back(connection)
        return answer

    def _head(self, request: PreparedRequest) -> bytes:
        path = str(request.url).removeprefix(self._base)
        headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        return f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n{headers}\r\n".encode("latin-1")

    def _open_connection(self) -> Any:
        """An open and quiet connection out of the pool; None if there is none."""
        try:
            connection = self._pool.pool.get(block=False) if self._pool else None
        except (AttributeError, queue.Empty):
            # Closed, or all are in use.
            return None
        if connection is None or connection.is_connected:
            return connection
        connection.close()
        return None

    def _put_back(self, connection: Any) -> None:
        try:
            self._pool.pool.put(connection, block=False)
        except (AttributeError, queue.Full):
            connection.close()

    def _prepared(self, method: str, url: str, form: Any, json: Any) -> PreparedRequest:
        request = PreparedRequest()
        request.method, request.url = method, url
        request.headers = self.session.headers.copy()
        request.prepare_body(form, None, json)
        if self.session.auth:
            request.prepare_auth(self.session.auth)
        return request

    def _found(self) -> Any:
        """The pool of connections to the host, or to the proxy before it; nothing is sent for that."""
        session, probe = self.session, PreparedRequest()
        try:
            adapter = session.get_adapter(self._base)
            probe.prepare_url(self._base, None)
            pool = adapter.get_connection_with_tls_context(probe, session.verify, proxies=session.proxies)
            adapter.cert_verify(pool, self._base, session.verify, None)
            _require_certificates(session.verify)
            self._names_host = adapter.request_url(probe, session.proxies) != probe.path_url
        except (RequestException, HTTPError, OSError, ValueError) as error:
            reason = re.sub(r"(?<=://)[^/@\s]+(?=@)", "[hidden]", cause_of(error).said)
            raise HarvesterError(
                f"No connection to {self._base} can be set up: {reason}.",
                hint="Check HTTPS_PROXY, HTTP_PROXY and REQUESTS_CA_BUNDLE in the environment.",
                exit_code=Exit.USAGE,
            ) from error
        return pool


def require_address(base_url: str) -> None:
    """Raise unless it is http or https and a host, perhaps with a port."""
    if not _names_a_host(base_url):
        shown = re.sub(r"[^/@]+(?=@)", "[hidden]", base_url)
        raise HarvesterError(
            f"x_api_url is {shown!r}, which is not the address of a host.",
            hint="Use scheme and host only, e.g. https://api.x.com.",
            exit_code=Exit.USAGE,
        )


def _host(base_url: str) -> str:
    """As a request names it: without the port that belongs to the scheme."""
    parts = urlsplit(base_url)
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return parts.netloc.removesuffix(usual)


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        rest = (parts.path.rstrip("/"), parts.query, parts.fragment, parts.username, parts.password)
        return (
            parts.scheme in ("http", "https")
            and (parts.port or 1) > 0
            and bool(parts.hostname)
            and not any(rest)
        )
    except ValueError:
        return False


@lru_cache(maxsize=4)
def _require_certificates(verify: Any) -> None:
    """Raise where REQUESTS_CA_BUNDLE names a file or folder that holds no certificates."""
    if isinstance(verify, str):
        folder = Path(verify).is_dir()
        try:
            ssl.create_default_context(cafile=None if folder else verify, capath=verify if folder else None)
        except ssl.SSLError:
            raise OSError(f"{verify} holds no certificates") from None


def with_query(url: str, params: Mapping[str, Any] | None) -> str:
    """The address with its parameters; what is None is left out."""
    given = [f"{name}={_quoted(str(value))}" for name, value in (params or {}).items() if value is not None]
    return f"{url}?{'&'.join(given)}" if given else url


@lru_cache(maxsize=64)
def _quoted(value: str) -> str:
    return quote_plus(value, safe=_PLAIN)
