"""Keeps the harvests of several collections running side by side, as processes of one container."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from harvester.capacity import described_task
from harvester.clock import Stop, SystemClock, moment
from harvester.commands import TYPED
from harvester.commands.cli.signals import wait_for_shutdown
from harvester.commands.cli.workspace import door
from harvester.commands.stream_service import service_of_ecs
from harvester.errors import Exit, HarvesterError
from harvester.monitoring import heartbeat
from harvester.monitoring.alerts import watching
from harvester.settings import settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys

if TYPE_CHECKING:
    from harvester.compute.stream_end import Membership


def carry(
    collection_ids: Sequence[str],
    where: Sequence[str],
    store_there: Callable[[], Store],
    stop: Stop,
    *,
    temp: str | None,
    tweets_per_file: int | None,
    monitor: bool,
    shutdown: bool,
    port: int | None,
    **_: object,
) -> int:
    """Until each is over, or `stop`. `where` is the command that harvests one of them, without its id."""
    from harvester.compute.shared_task import SharedTask

    _require_several(collection_ids, port=port)
    first = collection_ids[0]
    service = service_of_ecs(first, stop)
    options = [
        *(() if temp is None else ("--temp", temp)),
        *(() if tweets_per_file is None else ("--tweets-per-file", str(tweets_per_file))),
        *(("--monitor",) if monitor else ()),
    ]
    with watching(first, where[-1], unless=TYPED) as alerts:
        heartbeat.beat_if_asked()
        alerts.settings = settings()
        store = alerts.store = store_there()
        if service is None:
            _require_there(store, collection_ids)
        task = SharedTask(
            store,
            collection_ids,
            _membership(store),
            command=lambda each: [*door("tweet_harvester.py"), *where, each, *options],
            say=lambda line: click.echo(line, err=True),
            clock=SystemClock(),
            stop=stop,
            heartbeat=heartbeat.file_to_touch(),
        )
        code = task.run()
        if not shutdown and not stop.requested:
            if service:
                service.end()
            wait_for_shutdown(threading.Event().wait)
    return int(code)


def _require_several(collection_ids: Sequence[str], *, port: int | None) -> None:
    twice = [each for each, times in Counter(collection_ids).items() if times > 1]
    problems = [f"{each} is named twice." for each in twice]
    if port is not None:
        problems.append("--port serves the status of one collection.")
    for each in collection_ids:
        CollectionKeys(each)
    if problems:
        hint = "Give each collection once, and leave out --port."
        raise HarvesterError("These cannot run side by side.", problems, hint, exit_code=Exit.USAGE)


def _require_there(store: Store, collection_ids: Sequence[str]) -> None:
    """A person who typed an id that is none is to hear it at once, and not in the log of one of several."""
    from harvester.collection import history

    for each in collection_ids:
        history.read(store, CollectionKeys(each))


def _membership(store: Store) -> "Membership":
    """As the task definition says; of a command that was typed since now."""
    from harvester.compute.stream_end import Membership

    streams = described_task(os.environ.get("TWARC_CLOUD_TASK", "")).get("streams") or ()
    since = os.environ.get("TWARC_CLOUD_SERVICE_SINCE", "")
    return Membership(moment(since) if since else store.now(), streams)
