"""HTTP on loopback: every request is checked, counted and answered whole, or goes wrong as the script says."""

import asyncio
import gzip
import zlib
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import orjson
from aiohttp import web

from emulator import control, routes
from emulator.answers import Answer, Call, json_answer
from emulator.auth import APP, CREDENTIALS, Asked, is_consumer
from emulator.errors import Refusal, bad_parameter, old_version, plain
from emulator.flow import Flow, flow_of
from emulator.options import Options
from emulator.parameters import ACCEPTS, DIGITS, USERNAME, Checker
from emulator.routes import Route
from emulator.service import Service, service_of
from emulator.stream import Connection, disconnect_message, pump
from emulator.views import view_of

RECENT = frozenset(["search/recent", "counts/recent"])
BODY_LIMIT = 256 << 20
LINE_LIMIT = 128 << 10


class Emulator:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.service: Service = service_of(options)
        self.flow: Flow = flow_of(self.service.world, self.service.stream)
        self.service.stream.source = self.flow
        self._runner: web.ServerRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._replayed = not options.replay
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{self.options.host}:{self.port}"

    async def start(self) -> None:
        server = web.Server(
            self.handle,
            handler_cancellation=True,
            request_factory=large_request,
            access_log=None,
            max_line_size=LINE_LIMIT,
            max_field_size=LINE_LIMIT,
            keepalive_timeout=3600,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.options.host, self.options.port, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._tasks.append(asyncio.create_task(self.flow.run()))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.service.stream.kill(self.service.stream.living())
        if self._runner:
            await self._runner.cleanup()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/emulator"):
            return await self._control(request)
        answer = await self._answer_or_stream(request)
        return answer if isinstance(answer, web.StreamResponse) else await self._send(request, answer, "")

    async def _control(self, request: web.BaseRequest) -> web.Response:
        path = request.path.removeprefix("/emulator").strip("/")
        status, body = control.answered(
            self.service, request.method, path, dict(request.query), await request.read()
        )
        return web.Response(status=status, body=body, content_type="application/json")

    async def _answer_or_stream(self, request: web.BaseRequest) -> Answer | web.StreamResponse:
        try:
            if request.path == "/oauth2/token":
                return token_answer(request.headers.get("Authorization", ""))
            if request.path.startswith("/1.1/"):
                raise old_version()
            found = routes.found(request.method, request.path)
            kind = self.service.door.kind(asked_of(request))
            if found is None:
                raise plain(404, "Not Found", outcome="no-endpoint")
            return await self._routed(request, *found, kind)
        except Refusal as refusal:
            return refused(refusal, {})

    async def _routed(
        self, request: web.BaseRequest, route: Route, subject: str, kind: str
    ) -> Answer | web.StreamResponse:
        if self.options.latency and route.endpoint != "stream":
            await asyncio.sleep(self.options.latency / 1000)
        if route.app_only and kind != APP:
            raise unsupported(self.service)
        rate, over = self.service.limits.spend(route.endpoint, kind)
        if over:
            answer = json_answer(
                {
                    "title": "Too Many Requests",
                    "detail": "Too Many Requests",
                    "type": "about:blank",
                    "status": 429,
                },
                status=429,
                outcome="rate-limit",
            )
        else:
            answer = await self._checked(request, route, subject, kind)
        answer.headers |= rate
        if route.endpoint == "stream" and answer.status == 200:
            return await self._stream(request, answer)
        return await self._send(request, answer, route.endpoint)

    async def _checked(self, request: web.BaseRequest, route: Route, subject: str, kind: str) -> Answer:
        """The handler's answer; what is refused here still counts against the rate limit."""
        params = dict(request.query)
        try:
            self._check(route, subject, params)
            call = Call(
                endpoint=route.endpoint,
                method=request.method,
                path=request.path,
                subject=subject,
                params=params,
                kind=kind,
                view=view_of(params),
                body=await request.read() if request.can_read_body else b"",
            )
            return route.handler(self.service, call)
        except Refusal as refusal:
            return refused(refusal, {})

    def _check(self, route: Route, subject: str, params: Mapping[str, str]) -> None:
        problems = self.service.problems
        if self.options.refuse_tweet_fields and "tweet.fields" in params:
            message = "The query parameter [tweet.fields] is not one of [post.fields]"
            raise bad_parameter(problems, "tweet.fields", params["tweet.fields"], message)
        if subject and route.endpoint != "connections":
            name, pattern = ("id", DIGITS) if route.numeric else ("username", USERNAME)
            if not pattern.match(subject):
                message = f"The `{name}` query parameter value [{subject}] is not valid"
                raise bad_parameter(problems, name, subject, message)
        checker = Checker(ACCEPTS[route.endpoint], params, problems, self.service.clock)
        checker.check(recent=route.endpoint in RECENT)

    async def _send(self, request: web.BaseRequest, answer: Answer, endpoint: str) -> web.StreamResponse:
        body, headers = self._packed(request, answer)
        response = web.Response(status=answer.status, body=body, headers=headers)
        self.service.truth.note(request.method, request.path_qs, answer.status, answer.outcome)
        await response.prepare(request)
        await response.write_eof()
        if endpoint:
            self.service.truth.served(endpoint, answer)
        return response

    def _packed(self, request: web.BaseRequest, answer: Answer) -> tuple[bytes, dict[str, str]]:
        headers = {
            "Content-Type": answer.content_type,
            "Date": formatdate(self.service.clock.now(), usegmt=True),
            "x-access-level": "read",
            "x-response-time": "1",
            **answer.headers,
        }
        if self.options.gzip and "gzip" in request.headers.get("Accept-Encoding", ""):
            return gzip.compress(answer.body, 1), {**headers, "Content-Encoding": "gzip"}
        return answer.body, headers

    async def _stream(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        """One connection from its first byte to its end, however it ends."""
        stream = self.service.stream
        squeezed = self.options.gzip and "gzip" in request.headers.get("Accept-Encoding", "")
        headers = {
            **answer.headers,
            "Content-Type": "application/json; charset=utf-8",
            "Date": formatdate(self.service.clock.now(), usegmt=True),
        }
        response = web.StreamResponse(headers=headers | ({"Content-Encoding": "gzip"} if squeezed else {}))
        response.enable_chunked_encoding()
        await response.prepare(request)
        self.service.truth.note(request.method, request.path_qs, 200, "stream")
        self.service.truth.counts["stream"] += 1
        connection = stream.connect(view_of(dict(request.query)))
        self._replay_once()
        wire = ResponseWire(request, response, squeezed=squeezed)
        reason = "client went away"
        try:
            await pump(stream, connection, wire)
            reason = connection.ending
            await self._ended(connection, wire)
        except ConnectionError:
            pass
        finally:
            stream.disconnect(connection, reason)
        return response

    def _replay_once(self) -> None:
        if not self._replayed:
            self._replayed = True
            self.service.stream.replay()

    async def _ended(self, connection: Connection, wire: "ResponseWire") -> None:
        how = connection.ending
        if how == "reset":
            wire.abort()
        elif how in DISCONNECT_TYPES:
            await wire.write(disconnect_message(self.service.problems, DISCONNECT_TYPES[how]))


DISCONNECT_TYPES = {
    "operational-disconnect": "UpstreamOperationalDisconnect",
    **{
        name: name
        for name in (
            "OperationalDisconnect",
            "UpstreamOperationalDisconnect",
            "ForceDisconnect",
            "UpstreamUncleanDisconnect",
            "SlowReader",
            "InternalError",
            "ClientApplicationStateDegraded",
            "InvalidRules",
        )
    },
}


class ResponseWire:
    """A chunked response as the place a connection writes to."""

    def __init__(self, request: web.BaseRequest, response: web.StreamResponse, *, squeezed: bool) -> None:
        self._request = request
        self._response = response
        self._squeeze = zlib.compressobj(1, zlib.DEFLATED, 31) if squeezed else None

    async def write(self, data: bytes) -> None:
        if self._squeeze:
            data = self._squeeze.compress(data) + self._squeeze.flush(zlib.Z_SYNC_FLUSH)
        await self._response.write(data)

    def abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


def large_request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    """A request whose body may be as large as a control call that publishes many posts."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=BODY_LIMIT)


def asked_of(request: web.BaseRequest) -> Asked:
    return Asked(
        method=request.method,
        origin=f"http://{request.host.lower()}",
        path=request.rel_url.raw_path,
        query=request.rel_url.raw_query_string,
        authorization=request.headers.get("Authorization", ""),
    )


def refused(refusal: Refusal, rate: Mapping[str, str]) -> Answer:
    headers = {**(rate if refusal.rate_headers else {}), **refusal.headers}
    return Answer(
        status=refusal.status, body=orjson.dumps(refusal.body), headers=headers, outcome=refusal.outcome
    )


def token_answer(authorization: str) -> Answer:
    if not is_consumer(authorization):
        body = {
            "errors": [
                {
                    "code": 99,
                    "message": "Unable to verify your credentials",
                    "label": "authenticity_token_error",
                }
            ]
        }
        return json_answer(body, status=403, outcome="unauthorized")
    return json_answer({"token_type": "bearer", "access_token": CREDENTIALS["bearer_token"]})


def unsupported(service: Service) -> Refusal:
    body = {
        "title": "Unsupported Authentication",
        "detail": "Authenticating with OAuth 1.0a User Context is forbidden for this endpoint.  "
        "Supported authentication types are [OAuth 2.0 Application-Only].",
        "type": service.problems.type("unsupported-authentication"),
        "status": 403,
    }
    return Refusal(403, body, outcome="unsupported-authentication")
