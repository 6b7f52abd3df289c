"""Runs a sink in this process until it is through, a signal, or the end of the process that started it."""

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harvester.clock import Stop, SystemClock
from harvester.commands import SECRETS
from harvester.commands.cli.signals import stop_on_signals
from harvester.documents import Tree
from harvester.sinks.supervision import CATCHES_UP
from harvester.store.keys import CollectionKeys

if TYPE_CHECKING:
    from harvester.settings import Settings
    from harvester.sinks import Asked
    from harvester.sinks.state import Figures
    from harvester.store import Store


def run_sink(
    store: "Store",
    tree: Tree,
    asked: "Asked",
    settings: "Settings",
    *,
    work_root: Path,
    follow: bool,
    supervised: bool = False,
    repairs: bool = False,
    **more: Any,
) -> "Figures":
    """Run a sink of a collection; `more` is as SinkRun has it.

    One that is `supervised` by a harvest ends with its process, and says in a file how it is doing.
    """
    from harvester.sinks.opening import secret_of
    from harvester.sinks.run import SinkRun
    from harvester.sinks.status_file import status_path, write_status

    stop, clock = stop_on_signals(), SystemClock()
    secret = secret_of(asked.settings, region=settings.region)
    SECRETS.hide([secret])
    if supervised:
        more["finish"] = finish = Stop()
        threading.Thread(target=_hear_the_end, args=(finish, stop), name="end", daemon=True).start()
        path = status_path(work_root, asked.name)
        more["tell"] = lambda status: write_status(path, {"type": asked.type, **status}, now=clock.now())
    keys = CollectionKeys(asked.collection)
    run = SinkRun(
        *(store, keys.repairs if repairs else keys, tree, asked, work_root, clock, stop, secret),
        repairs=repairs,
        **more,
    )
    return run.run(follow=follow)


def _hear_the_end(finish: Stop, stop: Stop) -> None:
    """Standard input ends with the process that holds its other end, however that ended."""
    while sys.stdin and os.read(sys.stdin.fileno(), 4096):
        continue
    finish.request("the harvest has ended")
    stop.wait(CATCHES_UP)
    stop.request("the time to catch up is over")


def run_of_harvest(
    store: "Store", collection_id: str, name: str, settings: "Settings", *, work_root: Path
) -> None:
    """The sink that a harvest started; its collection is valid, or else the harvest has ended."""
    from harvester.collection import history
    from harvester.networks.validation import parsed
    from harvester.sinks.opening import asked_of, named

    keys = CollectionKeys(collection_id)
    where = f"The collection.json of {collection_id} in {store.name}"
    tree: Tree = dict(parsed(history.read(store, keys).data, where, collection_id=collection_id))
    asked = named(asked_of(tree, collection_id), name, collection_id)
    begin = str(asked.settings.get("from") or "start")
    run_sink(
        *(store, tree, asked, settings),
        work_root=work_root,
        follow=True,
        supervised=True,
        begin=begin,
    )
