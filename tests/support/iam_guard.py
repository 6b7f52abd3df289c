"""A guard before an emulator of AWS: who signs with the name of a role may do what its policy allows."""

import http.client
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support.iam_evaluator import Check, Checks, Request, Statement, allowing

_SCOPE = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/aws4_request")
_NOT_HANDED_ON = {"connection", "transfer-encoding", "content-length", "server", "date"}


@dataclass(frozen=True)
class Answered:
    """One question, by whom, and which statements allowed it."""

    who: str
    check: Check
    allowed_by: tuple[str, ...]


@dataclass
class Guard:
    """`url` is the endpoint to use, with a role's name as access key; any other key may do everything."""

    policies: Mapping[str, Sequence[Statement]]
    url: str = ""
    answered: list[Answered] = field(default_factory=list)
    without: tuple[str, str] = ("", "")
    checks: Checks = field(default_factory=Checks)

    @contextmanager
    def lacks(self, role: str, sid: str) -> Iterator[None]:
        """For so long one statement is not in a role's policy."""
        assert sid in {each["Sid"] for each in self.policies[role]}, sid
        self.without = (role, sid)
        try:
            yield
        finally:
            self.without = ("", "")

    def denied(self, who: str, request: Request) -> Check | None:
        """What the role may not do; None where it may do all that the request needs."""
        try:
            asked = self.checks.of(request)
        except LookupError as error:
            asked = [Check(f"{request.service}:not-known-here", f"{request.operation} {error}")]
        if who not in self.policies:
            return None
        statements = [each for each in self.policies[who] if (who, each["Sid"]) != self.without]
        for check in asked:
            found = Answered(who, check, tuple(allowing(statements, check)))
            self.answered.append(found)
            if not found.allowed_by:
                return check
        return None


@contextmanager
def guard(endpoint: str, policies: Mapping[str, Sequence[Statement]]) -> Iterator[Guard]:
    behind = urlsplit(endpoint)
    standing = Guard(policies)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            signed = _SCOPE.search(self.headers.get("Authorization", ""))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if signed:
                request = Request(signed[2], self.command, self.path, headers, body)
                if check := standing.denied(signed[1], request):
                    status, kind, words = _refusal(signed[2], check)
                    self.answer(
                        status, {"Content-Type": kind, "x-amzn-errortype": "AccessDeniedException"}, words
                    )
                    return
            connection = http.client.HTTPConnection(behind.hostname or "", behind.port, timeout=60)
            try:
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                found = connection.getresponse()
                self.answer(found.status, dict(found.getheaders()), found.read())
            finally:
                connection.close()

        def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            given = {name: value for name, value in headers.items() if name.lower() not in _NOT_HANDED_ON}
            length = headers.get("Content-Length", "") if self.command == "HEAD" else ""
            for name, value in {**given, "Content-Length": length or str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_one  # noqa: N815 - names of the library

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    standing.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield standing
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _refusal(service: str, check: Check) -> tuple[int, str, bytes]:
    """As the service words it."""
    words = f"not authorized to perform: {check.action} on resource: {check.resource}"
    if service == "s3":
        return (
            403,
            "application/xml",
            f"<Error><Code>AccessDenied</Code><Message>{words}</Message></Error>".encode(),
        )
    if service == "iam":
        error = f"<Error><Code>AccessDenied</Code><Message>{words}</Message></Error>"
        return 403, "text/xml", f"<ErrorResponse>{error}</ErrorResponse>".encode()
    if service == "ec2":
        error = f"<Error><Code>UnauthorizedOperation</Code><Message>{words}</Message></Error>"
        return 403, "text/xml", f"<Response><Errors>{error}</Errors></Response>".encode()
    return (
        400,
        "application/x-amz-json-1.1",
        f'{{"__type":"AccessDeniedException","message":"{words}"}}'.encode(),
    )
