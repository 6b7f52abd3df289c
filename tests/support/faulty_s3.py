"""An S3 in this process, on a port of loopback: one that keeps the rules, or breaks some of them.

Its answers are written as they are, so that thousands of odd ones a minute pass through the parsers of a real
client.
"""

import hashlib
import socket
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from botocore.config import Config

from harvester.aws.signature import Keys
from harvester.store.by_boto3 import Boto3Requests
from harvester.store.client import Client
from harvester.store.conditions import FOLDER
from tests.support.servers import S3Server

BUCKET = "museum-posts"
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


class HangUp(Exception):  # noqa: N818 - what a script may do instead of answering
    """The server closes the connection without an answer."""


def _reserved_for(owner: object) -> int:
    """A port that no other process is given while the owner lives; a server here may listen on it."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    weakref.finalize(owner, reserved.close)
    port: int = reserved.getsockname()[1]
    return port


class S3InMemory:
    """One bucket. `objects` are what it holds; `script` may change each answer, or raise in its place."""

    def __init__(self, faults: FaultyS3 | None = None, *, page: int = 1000) -> None:
        self.faults = faults or FaultyS3()
        self.objects: dict[str, Kept] = {}
        self.asked: list[tuple[str, str]] = []
        self.script: Callable[[str, str, Reply], Reply] = _as_it_is
        self.calls_itself = "AmazonS3"
        self._port = _reserved_for(self)
        self._page = page
        self._removed: set[str] = set()
        self._guard = threading.Lock()
        self._written = 0
        self._ahead = timedelta()

    @contextmanager
    def served(self, *, tries: int = 1, boto3: bool = False) -> Iterator[Client]:
        """A client whose requests come here; each time at the same address."""
        with socket.create_server(("127.0.0.1", self._port)) as listening:
            threading.Thread(target=self._serve, args=(listening,), daemon=True).start()
            server = S3Server(f"http://127.0.0.1:{self._port}", "a", "b")
            try:
                yield _by_boto3(server, tries) if boto3 else server.requests(BUCKET, tries=tries)
            finally:
                # Closing alone ends nothing while another thread waits on it.
                listening.shutdown(socket.SHUT_RDWR)

    @property
    def remembered(self) -> str:
        """The key of what is known of this server."""
        return f"{FOLDER}127.0.0.1-{self._port}.json"

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

    def _serve(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=self._converse, args=(client,), daemon=True).start()

    def _converse(self, client: socket.socket) -> None:
        with suppress(OSError, HangUp), client, client.makefile("rb") as asking:
            while line := asking.readline():
                verb, target, _ = line.decode("ascii").split(" ", 2)
                if not self._answer(client, asking, verb, target):
                    return

    def _answer(self, client: socket.socket, asking: BinaryIO, method: str, target: str) -> bool:
        """Whether more may follow on this connection."""
        headers = _headers(asking)
        if headers.get("expect"):
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = asking.read(int(headers.get("content-length", 0)))
        parts = urlsplit(target)
        assert parts.path.startswith(f"/{BUCKET}")
        key = unquote(parts.path.removeprefix(f"/{BUCKET}").removeprefix("/"))
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        verb = "LIST" if "list-type" in query else method
        with self._guard:
            self.asked.append((verb, key))
        reply = self.script(verb, key, self._reply(verb, key, query, headers, body))
        client.sendall(_written(verb, reply))
        # After others, nobody knows where the next one would begin.
        return _is_framed(verb, reply)

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


def _by_boto3(server: S3Server, tries: int) -> Client:
    config = Config(
        retries={"mode": "standard", "total_max_attempts": tries},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return Boto3Requests(
        BUCKET, server.client(config=config), lambda: Keys(server.access_key, server.secret_key)
    )


def _headers(asking: BinaryIO) -> dict[str, str]:
    found: dict[str, str] = {}
    while (line := asking.readline().decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        found[name.lower()] = value.strip()
    return found


def _written(verb: str, reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} Said", *(f"{name}: {value}" for name, value in reply.headers.items())]
    head = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")
    return head + (b"" if verb == "HEAD" else reply.body[: reply.cut])


def _is_framed(verb: str, reply: Reply) -> bool:
    """Whether an answer is as long as it says."""
    if reply.status < 200:
        return False
    if verb == "HEAD" or reply.status in (204, 304):
        return verb == "HEAD" or not reply.body
    return reply.cut is None and reply.headers.get("content-length") == str(len(reply.body))


def _folder(name: str) -> str:
    return f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
