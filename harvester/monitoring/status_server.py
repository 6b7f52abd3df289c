"""Serves a harvest's status and accepts stop requests over HTTP, with the run's token only."""

import hmac
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from flask import Flask, Response, abort, jsonify, request

from harvester.clock import Stop
from harvester.documents import HarvestSummary, Tree
from harvester.errors import Exit, HarvesterError
from harvester.harvest.heartbeat_word import WORDS
from harvester.monitoring.bounded_http import serving

_LOOPBACK = ("127.0.0.1", "::1")


class Shutdown:
    """Set once the process may end after its harvest has."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def request(self) -> None:
        self._event.set()

    def wait(self, seconds: float) -> bool:
        return self._event.wait(seconds)


def status_app(
    *,
    summary: Callable[[], HarvestSummary],
    stopped: Callable[[], bool],
    stop: Stop,
    shutdown: Shutdown,
    token: str,
    sinks: Callable[[], Sequence[Tree]] = tuple,
) -> Flask:
    """The WSGI application. Without a `token`, which is allowed on loopback only, it answers every caller.

    `sinks` says how the collection's sinks are doing.
    """
    app = Flask(__name__)

    @app.before_request
    def require_token() -> None:
        if request.path == "/health" or not token:
            return
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            abort(401)

    @app.get("/health")
    def health() -> str:
        return "ok"

    @app.get("/")
    @app.get("/status")
    def status() -> Response:
        return jsonify(summary())

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(_metrics(summary(), sinks()), mimetype="text/plain; version=0.0.4")

    @app.get("/is_stopped")
    def is_stopped() -> Response:
        return jsonify(stopped())

    _hear(app, stop, shutdown)
    return app


def _hear(app: Flask, stop: Stop, shutdown: Shutdown) -> None:
    """Requests that change something must be POST."""

    @app.post("/stop")
    def request_stop() -> str:
        stop.request("a stop was requested")
        return "Stopping (but not shutting down) ..."

    @app.post("/shutdown")
    def request_shutdown() -> str:
        shutdown.request()
        stop.request("a stop was requested")
        return "Stopping and shutting down..."

    @app.errorhandler(405)
    def tell_how(_: Exception) -> tuple[str, int]:
        return f"Use POST: curl -X POST -H 'Authorization: Bearer <token>' {request.base_url}\n", 405


_METRICS = (
    ("tweets", "counter", "Posts collected since the harvest began."),
    ("files", "gauge", "Record files, including the open one."),
    ("file_bytes", "counter", "Compressed bytes in them."),
    ("gaps", "counter", "Intervals in which posts may be missing."),
    ("billed_usd", "counter", "Dollars charged by the network."),
)


_OF_SINKS = (
    ("lag_records", "gauge", "Stored posts that the sink has not delivered."),
    (
        "lag_seconds",
        "gauge",
        "How long ago the sink's last post was received; 0 without lag.",
    ),
    ("behind", "gauge", "1 once the lag is more than ten minutes."),
    ("delivered", "counter", "Messages delivered since the sink's first start."),
    ("dead_letters", "counter", "Messages refused for good."),
    ("age", "gauge", "Seconds since the sink's process last said how it is doing."),
)


def _of_sinks(collection_id: str, sinks: Sequence[Tree]) -> Iterator[str]:
    for name, kind, description in _OF_SINKS if sinks else ():
        full = f"twarc_cloud_sink_{name}" + ("_total" if kind == "counter" else "")
        yield f"# HELP {full} {description}"
        yield f"# TYPE {full} {kind}"
        for sink in sinks:
            yield f'{full}{{collection="{collection_id}",sink="{sink["name"]}"}} {+sink.get(name, 0)}'


def _metrics(summary: HarvestSummary, sinks: Sequence[Tree]) -> str:
    """The summary as Prometheus reads it; ids need no escaping, for they hold no quotes or backslashes."""
    values = {
        **summary,
        "gaps": len(summary.get("gaps") or ()),
        "billed_usd": (summary.get("billed") or {}).get("usd", 0),
    }
    label = f'{{collection="{summary["collection_id"]}"}}'
    lines = []
    for name, kind, description in _METRICS:
        full = f"twarc_cloud_{name}" + ("_total" if kind == "counter" else "")
        lines += [f"# HELP {full} {description}", f"# TYPE {full} {kind}", f"{full}{label} {values[name]}"]
    for name, value in sorted((summary.get("counts") or {}).items()):
        lines.append(f'twarc_cloud_counts{{collection="{summary["collection_id"]}",what="{name}"}} {value}')
    if word := summary.get("heartbeat"):
        full = "twarc_cloud_heartbeat"
        lines += [f"# HELP {full} 1 for the word that says how the stream is.", f"# TYPE {full} gauge"]
        lines += [f'{full}{label[:-1]},word="{each}"}} {int(each == word)}' for each in WORDS]
    lines += _rule_metrics(summary.get("rule_counts") or {}, summary["collection_id"])
    return "\n".join([*lines, *_of_sinks(summary["collection_id"], sinks), ""])


def _rule_metrics(counts: Tree, collection: str) -> Iterator[str]:
    """Posts by rule; an id of a rule may hold any character."""
    if not counts:
        return
    full = "twarc_cloud_rule_posts_total"
    yield f"# HELP {full} Posts that matched a rule of the collection since the harvest began."
    yield f"# TYPE {full} counter"
    for rule in counts["rules"]:
        escaped = rule["id"].replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        yield f'{full}{{collection="{collection}",rule="{escaped}"}} {rule["total"]}'
    full = "twarc_cloud_foreign_posts_total"
    yield f"# HELP {full} Posts that only rules of others matched since the harvest began."
    yield f"# TYPE {full} counter"
    yield f'{full}{{collection="{collection}"}} {counts["foreign"]["total"]}'


@contextmanager
def served(app: Flask, *, host: str, port: int, token: str) -> Iterator[str]:
    """Serve the application from a thread for as long as the block runs; its address."""
    if host not in _LOOPBACK and not token:
        raise HarvesterError(
            f"A status server on {host} needs a token.",
            hint="Set TWARC_CLOUD_TOKEN, or omit --port.",
            exit_code=Exit.USAGE,
        )
    with serving(app, host=host, port=port) as address:
        yield address
