"""Serves the dashboard on this machine's loopback address, and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from harvester.clock import Stop
from harvester.dashboard.app import dashboard_app
from harvester.dashboard.guard import Guard
from harvester.dashboard.pages import (
    accounts,
    collection,
    collections,
    costs,
    harvest,
    health,
    live,
    search,
    statistics,
)
from harvester.dashboard.place import Place
from harvester.monitoring.bounded_http import serving

HOST = "127.0.0.1"
# Each open page with live figures occupies one.
THREADS = 24
# Seconds that a connection may last: streams of events end before, and browsers open them again.
WITHIN = 300.0

ROUTES = (
    collections.add,
    collection.add,
    harvest.add,
    costs.add,
    health.add,
    live.add,
    search.add,
    statistics.add,
    accounts.add,
)


@contextmanager
def served(place: Place, *, port: int) -> Iterator[str]:
    """Serve for as long as the block runs; the address that lets one browser in."""
    guard = Guard(read_only=place.read_only)
    stop = Stop()
    app = dashboard_app(place, guard, *ROUTES, stop=stop)
    with serving(app, host=HOST, port=port, within=WITHIN, threads=THREADS) as address:
        guard.open_at(urlsplit(address).port or 0)
        try:
            yield f"{address}/?token={guard.token}"
        finally:
            stop.request("the dashboard ends")
