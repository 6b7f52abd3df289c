"""An S3 in this process, asked by a real client of boto3: one that keeps the rules, or breaks some of them.

No socket is opened: what the client is about to send is answered where it would be sent. So thousands of odd
answers a minute pass through botocore's own parsers.
"""

import hashlib
import http.client
import io
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError
from urllib3 import HTTPResponse

from harvester.store.conditions import FOLDER

BUCKET = "museum-posts"
_HOST = "s3.faulty.example"
_AT_ONCE = 0.05
# Tokens of listings are known by it.
_TOKEN = "after/"


@dataclass(frozen=True)
class FaultyS3:
    """What a server does wrong: headers that it drops, looks at in a step of its own, or refuses."""

    drops: frozenset[str] | set[str] = frozenset()
    in_two_steps: frozenset[str] | set[str] = frozenset()
    refuses: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    drops_on_removal: bool = False
    leaves_markers: bool = False
    lists_removed: bool = False
    no_etag: bool = False
    keeps_no_metadata: bool = False


@dataclass(frozen=True)
class Reply:
    """An answer before it is sent; of a body that is `cut` no more than so many bytes arrive."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    cut: int | None = None


@dataclass(frozen=True)
class Kept:
    data: bytes
    etag: str
    headers: Mapping[str, str]
    modified: datetime


def _as_it_is(_verb: str, _key: str, reply: Reply) -> Reply:
    return reply


class S3InMemory:
    """One bucket. `objects` are what it holds; `script` may change each answer, or raise in its place."""

    def __init__(self, faults: FaultyS3 | None = None, *, page: int = 1000) -> None:
        self.faults = faults or FaultyS3()
        self.objects: dict[str, Kept] = {}
        self.asked: list[tuple[str, str]] = []
        self.script: Callable[[str, str, Reply], Reply] = _as_it_is
        self.calls_itself = "AmazonS3"
        self.remembered = f"{FOLDER}{_HOST}.json"
        self._page = page
        self._removed: set[str] = set()
        self._guard = threading.Lock()
        self._written = 0
        self._ahead = timedelta()

    @contextmanager
    def served(self, *, tries: int = 1) -> Iterator[Any]:
        """A client whose requests come here."""
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{_HOST}",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            region_name="us-east-1",
            config=Config(
                retries={"mode": "standard", "total_max_attempts": tries},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path"},
            ),
        )
        client.meta.events.register("before-send.s3", self._send)
        yield client
        client.close()

    # -- what a test does to it ------------------------------------------------------------------------

    def ahead(self, **by: int) -> None:
        """Move the server's clock."""
        self._ahead += timedelta(**by)

    def stored(self, data: bytes, headers: Mapping[str, str] | None = None) -> Kept:
        self._written += 1
        etag = hashlib.md5(data + b"%d" % self._written).hexdigest()
        return Kept(data, f'"{etag}"', headers or {}, self.now().replace(microsecond=0))

    def forget_metadata(self) -> None:
        for key, kept in self.objects.items():
            self.objects[key] = replace(kept, headers={})

    def answer_wrongly(self, status: int, *, times: int) -> None:
        """The next writes that are accepted are answered as if they were not, and are not done."""
        left = [times]
        put = self._put

        def wrong(key: str, headers: Mapping[str, str], body: bytes) -> Reply:
            if left[0]:
                left[0] -= 1
                return self._error(status, "PreconditionFailed")
            return put(key, headers, body)

        self._put = wrong  # type: ignore[method-assign]

    def lose_answer_of(self, key: str) -> None:
        """The first write of a key is done, and tried again as its answer is lost on the way."""
        lost: list[str] = []

        def lose(verb: str, asked: str, reply: Reply) -> Reply:
            if verb == "PUT" and asked == key and not lost:
                lost.append(key)
                return self._error(409, "ConditionalRequestConflict")
            return reply

        self.script = lose

    # -- the server ------------------------------------------------------------------------------------

    def _send(self, request: Any, **_: Any) -> AWSResponse:
        parts = urlsplit(request.url)
        assert parts.path.startswith(f"/{BUCKET}")
        key = unquote(parts.path.removeprefix(f"/{BUCKET}").removeprefix("/"))
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        body = request.body.read() if hasattr(request.body, "read") else request.body or b""
        verb = "LIST" if "list-type" in query else request.method
        with self._guard:
            self.asked.append((verb, key))
        reply = self.script(verb, key, self._reply(verb, key, query, headers, body))
        return _sent(request.url, verb, reply)

    def _reply(
        self, verb: str, key: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        if verb == "LIST":
            return self._list(query)
        if verb in ("PUT", "DELETE"):
            return (self._put if verb == "PUT" else self._delete_of)(key, headers, body)
        if not key:
            return self._made(200)
        kept = self.objects.get(key)
        if kept is None:
            return self._error(404, "NoSuchKey")
        return self._made(200, kept.data, {**self._told(kept), "content-length": str(len(kept.data))})

    def _put(self, key: str, headers: Mapping[str, str], body: bytes) -> Reply:
        for name, (status, code) in self.faults.refuses.items():
            if name.lower() in headers:
                return self._error(status, code)
        missing, same = (
            headers.get(name.lower()) if name not in self.faults.drops else None
            for name in ("If-None-Match", "If-Match")
        )
        slow = [name for name in self.faults.in_two_steps if name.lower() in headers]
        with self._guard:
            refused = self._refusal(key, missing, same)
            if refused or not slow:
                return refused or self._keep(key, headers, body)
        threading.Event().wait(_AT_ONCE)
        with self._guard:
            return self._keep(key, headers, body)

    def _refusal(self, key: str, missing: str | None, same: str | None) -> Reply | None:
        kept = self.objects.get(key)
        if missing and (kept or (self.faults.leaves_markers and key in self._removed)):
            return self._error(412, "PreconditionFailed")
        if same and kept is None:
            return self._error(404, "NoSuchKey")
        if same and kept and kept.etag != same:
            return self._error(412, "PreconditionFailed")
        return None

    def _keep(self, key: str, headers: Mapping[str, str], body: bytes) -> Reply:
        told = {
            name: value
            for name, value in headers.items()
            if name.startswith("x-amz-meta-") or name == "x-amz-checksum-sha256"
        }
        self.objects[key] = kept = self.stored(body, {} if self.faults.keeps_no_metadata else told)
        return self._made(200, headers={} if self.faults.no_etag else {"etag": kept.etag})

    def _delete_of(self, key: str, headers: Mapping[str, str], _: bytes) -> Reply:
        same = None if self.faults.drops_on_removal else headers.get("if-match")
        with self._guard:
            kept = self.objects.get(key)
            if same and kept and kept.etag != same:
                return self._error(412, "PreconditionFailed")
            if self.objects.pop(key, None):
                self._removed.add(key)
            return self._made(204)

    def _list(self, query: Mapping[str, str]) -> Reply:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        gone = self._removed if self.faults.lists_removed else set()
        names: dict[str, str] = {}
        for key in sorted({*self.objects, *gone}):
            if key.startswith(prefix):
                folder, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
                name = f"{prefix}{folder}{found}" if found else key
                names.setdefault(name, _folder(name) if found else self._entry(key))
        token = query.get("continuation-token", "")
        if token and not token.startswith(_TOKEN):
            return self._error(400, "InvalidArgument")
        after = token.removeprefix(_TOKEN)
        due = [name for name in names if name > after]
        page = due[: self._page]
        more = len(due) > len(page)
        following = (
            f"<NextContinuationToken>{escape(_TOKEN + page[-1])}</NextContinuationToken>" if more else ""
        )
        body = (
            "<?xml version='1.0' encoding='UTF-8'?>"
            "<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
            f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{following}"
            f"{''.join(names[name] for name in page)}</ListBucketResult>"
        )
        return self._made(200, body.encode(), {"content-type": "application/xml"})

    def _entry(self, key: str) -> str:
        kept = self.objects.get(key) or self.stored(b"")
        return (
            f"<Contents><Key>{escape(key)}</Key><LastModified>{kept.modified:%Y-%m-%dT%H:%M:%S.000Z}"
            f"</LastModified><ETag>{escape(kept.etag)}</ETag><Size>{len(kept.data)}</Size></Contents>"
        )

    def _told(self, kept: Kept) -> dict[str, str]:
        etag = {} if self.faults.no_etag else {"etag": kept.etag}
        return {**kept.headers, **etag, "last-modified": format_datetime(kept.modified, usegmt=True)}

    def _error(self, status: int, code: str) -> Reply:
        words = f"<Code>{code}</Code><Message>{code}, as a test has it</Message>"
        body = f"<?xml version='1.0'?><Error>{words}</Error>"
        return self._made(status, body.encode(), {"content-type": "application/xml"})

    def _made(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        own = {"date": format_datetime(self.now(), usegmt=True), "server": self.calls_itself}
        return Reply(status, {"content-length": str(len(body)), **own, **(headers or {})}, body)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead


def hang_up(url: str) -> Exception:
    """What the client sees of a server that hangs up before it answers."""
    return ConnectionClosedError(endpoint_url=url)


class _BrokenOff(io.RawIOBase):
    """A body that ends too early."""

    def __init__(self, data: bytes) -> None:
        self._left = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._left.read(size)
        if not data or size < 0:
            raise http.client.IncompleteRead(data)
        return data


def _sent(url: str, verb: str, reply: Reply) -> AWSResponse:
    body = b"" if verb == "HEAD" else reply.body
    raw = HTTPResponse(
        body=io.BytesIO(body) if reply.cut is None or verb == "HEAD" else _BrokenOff(body[: reply.cut]),
        headers=reply.headers,
        status=reply.status,
        preload_content=False,
        decode_content=False,
        request_method=verb,
    )
    return AWSResponse(url, reply.status, raw.headers, raw)


def _folder(name: str) -> str:
    return f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
