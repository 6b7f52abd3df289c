"""The HTTP server on loopback: checks, counts and answers requests, or fails them as scripted."""

import asyncio
import socket
from collections.abc import Coroutine
from email.utils import formatdate
from itertools import count
from typing import Any

from aiohttp import web

from emulator import control
from emulator.api.answers import Answer
from emulator.api.auth import Asked, bearer_token, token_answer
from emulator.api.errors import Refusal, old_version, plain
from emulator.endpoints.stream import recovered_since
from emulator.faults.script import Fault
from emulator.faults.stream_faults import Course, pump
from emulator.http import routes
from emulator.http.delivery import StreamWire, drop, packed, reset, sent
from emulator.http.dispatch import Asking, Desk, Served, refused
from emulator.options import Options
from emulator.service import Service, services_of
from emulator.streaming.generated_stream import Flow, flow_of
from emulator.streaming.stream import Connection, disconnect_message
from emulator.variety import Variety
from emulator.views.fields import view_of

BODY_LIMIT = 256 << 20
LINE_LIMIT = 128 << 10
# Seconds a client has to read what is left of a stream that is to end.
GRACE = 2.0
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


class Emulator:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.apps = services_of(options)
        self.service: Service = self.apps[0]
        self.flows: list[Flow] = [flow_of(app.world, app.stream) for app in self.apps]
        for app, flow in zip(self.apps, self.flows, strict=True):
            app.stream.source = flow
        self.variety = None if options.vary is None else Variety(options.vary)
        self.port = 0
        self._runner: web.ServerRunner | None = None
        self._site: web.TCPSite | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._replayed = not options.replay
        self._numbers = count(1)
        self._busy: set[web.RequestHandler] = set()

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
        await self._listen(self.options.port)
        self.port = self._runner.addresses[0][1]
        for flow in self.flows:
            self._keep(flow.run())

    async def _listen(self, port: int) -> None:
        assert self._runner is not None
        self._site = web.TCPSite(self._runner, self.options.host, port, backlog=1024)
        await self._site.start()

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        for app in self.apps:
            app.stream.kill(app.stream.living())
        if self._runner:
            await self._runner.cleanup()

    async def refuse_connections(self, seconds: float) -> None:
        """Nothing listens on the port for a while; what is being answered is answered, then closed."""
        if self._site is None or self._runner is None or self._runner.server is None:
            return
        site, self._site = self._site, None
        await site.stop()
        for connection in self._runner.server.connections:
            if connection in self._busy:
                connection.close()
            else:
                connection.force_close()
        self._keep(self._listen_again(seconds))

    async def _listen_again(self, seconds: float) -> None:
        # Bound and not listening: clients are refused, and the system gives the port to no other process.
        with socket.socket() as reserved:
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind((self.options.host, self.port))
            await asyncio.sleep(seconds)
            await self._listen(self.port)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._busy.add(request.protocol)
        try:
            return await self._handled(request)
        finally:
            self._busy.discard(request.protocol)

    async def _handled(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/emulator"):
            return await self._controlled(request)
        served = await self._served(request)
        for fault in served.spoiling:
            if fault.do in GONE:
                return await self._gone(request, fault, served)
        if served.endpoint == "stream" and served.answer.status == 200:
            return await self._streamed(request, served)
        return await self._delivered(request, served)

    async def _controlled(self, request: web.BaseRequest) -> web.Response:
        path = request.path.removeprefix("/emulator").strip("/")
        raw = await request.read()
        if path == "refuse":
            await self.refuse_connections(control.seconds(raw))
        number = int(request.query.get("app", "1"))
        app = self.apps[min(max(number, 1), len(self.apps)) - 1]
        status, body = control.answered(app, request.method, path, dict(request.query), raw)
        return web.Response(status=status, body=body, content_type="application/json")

    async def _served(self, request: web.BaseRequest) -> Served:
        try:
            if request.path == "/oauth2/token":
                return Served(token_answer(request.headers.get("Authorization", "")))
            if request.path.startswith("/1.1/"):
                raise old_version()
            app = self._app_of(request)
            kind = app.door.kind(asked_of(request))
            found = routes.found(request.method, request.path)
            if found is None:
                raise plain(404, "Not Found", outcome="no-endpoint")
            body = await request.read() if request.can_read_body else b""
            asking = Asking(request.method, request.path, dict(request.query), body, *found, kind)
            return await Desk(app).served(asking)
        except Refusal as refusal:
            return Served(refused(refusal))

    def _app_of(self, request: web.BaseRequest) -> Service:
        """The app of a request's bearer token; for an unknown token the first app, which refuses it."""
        token = request.headers.get("Authorization", "").partition(" ")[2].strip()
        tokens = {bearer_token(number): app for number, app in enumerate(self.apps, 1)}
        return tokens.get(token, self.service)

    def _headers(self, answer: Answer) -> dict[str, str]:
        surprises = self.service.surprises
        date = formatdate(self.service.clock.now() + (surprises.skew() if surprises else 0.0), usegmt=True)
        access = {} if answer.status == 401 else {"x-access-level": "read"}
        return {
            "Date": date,
            "x-response-time": "1",
            "x-transaction-id": f"{next(self._numbers):016x}",
            **access,
        }

    async def _delivered(self, request: web.BaseRequest, served: Served) -> web.StreamResponse:
        answer = served.answer
        fault = next(iter(served.spoiling), None)
        surprises, headers, closing = self.service.surprises, self._headers(answer), ""
        if surprises:
            answer.headers, closing = surprises.headers(answer.status, answer.headers), surprises.closing()
            headers |= {"Connection": "close"} if closing == "told" else {}
        squeeze = surprises.squeezes() if surprises else self.options.gzip
        response = packed(request, answer, headers, squeeze=squeeze, variety=self.variety)
        whole = False
        try:
            whole = await sent(request, response, fault, self.variety)
            if closing:
                drop(request)
        finally:
            outcome = answer.outcome if whole and fault is None else fault.do if fault else "client-gone"
            truth = self._app_of(request).truth
            truth.note(request.method, request.path_qs, answer.status, outcome)
            if served.endpoint:
                truth.served(served.endpoint, answer, whole=whole)
        return response

    async def _gone(self, request: web.BaseRequest, fault: Fault, served: Served) -> web.StreamResponse:
        """No answer at all."""
        truth = self._app_of(request).truth
        truth.note(request.method, request.path_qs, 0, fault.do)
        truth.served(served.endpoint, served.answer, whole=False)
        if fault.do == "refuse-connection":
            await self.refuse_connections(float(fault.more.get("seconds", 1)))
        GONE[fault.do](request)
        return web.Response(status=503)

    async def _streamed(self, request: web.BaseRequest, served: Served) -> web.StreamResponse:
        """One connection from its first byte to its end, however it ends."""
        app = self._app_of(request)
        stream, truth = app.stream, app.truth
        headers = {
            **self._headers(served.answer),
            **served.answer.headers,
            "Content-Type": "application/json; charset=utf-8",
        }
        squeeze = stream.surprises.squeezes() if stream.surprises else self.options.gzip
        wire = StreamWire(request, headers, squeeze=squeeze, variety=self.variety)
        connection = stream.connect(view_of(dict(request.query)))
        stream.recover(connection, begin=recovered_since(request.query, now=app.clock.now()))
        reason = "client went away"
        try:
            await wire.response.prepare(request)
            truth.note(request.method, request.path_qs, 200, "stream")
            truth.counts["stream"] += 1
            self._replay_once()
            in_time = await finished(pump(stream, connection, wire, Course(served.course)), connection)
            reason = connection.ending
            await self._end(connection, wire) if in_time else reset(request)
        except ConnectionError:
            pass
        finally:
            stream.disconnect(connection, reason)
        return wire.response

    def _replay_once(self) -> None:
        if not self._replayed:
            self._replayed = True
            self.service.stream.replay()

    async def _end(self, connection: Connection, wire: StreamWire) -> None:
        if kind := DISCONNECT_TYPES.get(connection.ending):
            await wire.write(disconnect_message(self.service.problems, kind))
        surprises = self.service.surprises
        if surprises and connection.ending != "reset" and surprises.cuts_blank_line():
            await wire.write(b"\r")
        await wire.end(connection.ending)


async def finished(pumping: Coroutine[Any, Any, None], connection: Connection) -> bool:
    """Whether the pump came to its end; a client that does not read keeps it from that, but not for ever."""
    work = asyncio.ensure_future(pumping)
    # A client that went away cancels this too, which then does not ask what became of the pump.
    work.add_done_callback(lambda done: done.cancelled() or done.exception())
    over = asyncio.ensure_future(connection.over.wait())
    try:
        await asyncio.wait({work, over}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({work}, timeout=GRACE)
        if work.done():
            work.result()
        return work.done()
    finally:
        work.cancel()
        over.cancel()


GONE = {"reset": reset, "drop": drop, "refuse-connection": reset}


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
