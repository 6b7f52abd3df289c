"""The sinks that run beside a harvest, each as a process of the same program."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester.clock import SystemClock
from harvester.commands.cli.workspace import door, folder_store
from harvester.documents import Tree
from harvester.settings import settings
from harvester.store import Store
from harvester.store.folder import FolderStore

if TYPE_CHECKING:
    from harvester.sinks.supervision import Supervision

_LOCAL = "local"


class SinksBeside:
    """The sinks of one harvest. What keeps them is imported only for a collection that has some."""

    def __init__(self, supervision: Callable[[], "Supervision"]) -> None:
        self._supervision = supervision
        self._kept: Supervision | None = None
        # Whether standard output is one of them, and has posts only.
        self.print_posts = False

    def __enter__(self) -> "SinksBeside":
        return self

    def begin(self, collection: Mapping[str, Any]) -> None:
        """Start the sinks of a valid collection, if it has any and they do not run yet."""
        if self._kept is None and collection.get("sinks"):
            self._kept = self._supervision()
            self.print_posts = any(each["type"] == "stdout" for each in collection["sinks"])
        if self._kept:
            self._kept.begin(collection)

    def statuses(self) -> list[Tree]:
        return self._kept.statuses() if self._kept else []

    def __exit__(self, *raised: object) -> None:
        if self._kept:
            self._kept.__exit__(*raised)


def sinks_beside(store: Store, collection_id: str, work_folder: str, *, temp: str) -> SinksBeside:
    """Of a harvest whose work folders are below that one; `work_folder` names its bucket."""

    def command(name: str) -> list[str]:
        start = door("tweet_harvester.py")
        options = [collection_id, "--sink", name, "--temp", temp]
        if isinstance(store, FolderStore):
            return [*start, _LOCAL, "sink", *options, "--collections-path", str(store.root)]
        return [*start, "aws", "sink", work_folder, *options]

    def supervision() -> "Supervision":
        from harvester.sinks.supervision import Supervision

        root = Path(temp) / work_folder / collection_id
        return Supervision(command, root, collection_id=collection_id, clock=SystemClock())

    return SinksBeside(supervision)


@click.command("sink", hidden=True, help="Run a sink of COLLECTION_ID beside its harvest.")
@click.argument("bucket")
@click.argument("collection_id")
@click.option("--sink", "name", required=True)
@click.option("--temp", required=True)
def aws_sink(bucket: str, collection_id: str, name: str, temp: str) -> None:
    from harvester.store.s3 import S3Store

    _run(S3Store(bucket, patience=settings().store_patience), collection_id, name, bucket, temp)


@click.command("sink", hidden=True, help="Run a sink of COLLECTION_ID beside its harvest.")
@click.argument("collection_id")
@click.option("--sink", "name", required=True)
@click.option("--temp", required=True)
@click.option("--collections-path", required=True)
def local_sink(collection_id: str, name: str, temp: str, collections_path: str) -> None:
    _run(folder_store(Path(collections_path)), collection_id, name, _LOCAL, temp)


def _run(store: Store, collection_id: str, name: str, work_folder: str, temp: str) -> None:
    from harvester.commands.cli.sink_process import run_of_harvest

    root = Path(temp) / work_folder / collection_id
    run_of_harvest(store, collection_id, name, settings(flags={"temp": temp}), work_root=root)
