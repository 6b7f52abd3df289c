"""The container's commands: harvest a collection, or several, or remove a lock."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from harvester.clock import Stop
from harvester.commands import TYPED, Group, log_options, log_to_stderr
from harvester.commands.cli.printed_commands import typed
from harvester.commands.cli.signals import stop_on_signals
from harvester.commands.cli.version import version_option
from harvester.commands.cli.workspace import folder_store
from harvester.commands.container_harvest import HarvestOptions, HarvestRun
from harvester.commands.container_sink import aws_sink, local_sink
from harvester.commands.unlock import unlock
from harvester.harvest.progress import Outcome
from harvester.monitoring import heartbeat
from harvester.monitoring.alerts import watching
from harvester.settings import settings


@click.group(cls=Group, help="Collect the posts of a collection through the X API, into S3 or into a folder.")
@log_options
@version_option
def container(debug: bool, log_format: str | None) -> None:
    log_to_stderr(debug=debug, form=log_format)


@container.group(cls=Group, help="Harvest collections of an S3 bucket.")
def aws() -> None:
    pass


@container.group(cls=Group, help="Harvest collections of a folder.")
def local() -> None:
    pass


_folder_option = click.option(
    "--collections-path",
    default="collections",
    callback=typed,
    help="Folder of the collections.",
    show_default=True,
)


def _harvest_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--temp", help="Folder for files that are not stored yet.  [default: temp]"),
        click.option("--tweets-per-file", type=int, help="Number of posts per file.  [default: 250000]"),
        click.option(
            "--monitor", is_flag=True, help="Log CPU, memory and disk usage every 30 s and at the end."
        ),
        click.option(
            "--shutdown/--no-shutdown",
            default=True,
            help="Exit when the harvest ends, or, unless it failed, stay until a shutdown request.",
        ),
        click.option("--port", type=click.IntRange(0, 65535), help="Port for status and stop requests."),
        click.option("--address-file", type=click.Path(path_type=Path), hidden=True),
    ):
        command = option(command)
    return command


_ids = click.argument("collection_ids", nargs=-1, required=True, metavar="COLLECTION_ID...")


@aws.command("harvester", help="Harvest COLLECTION_ID of BUCKET, or keep several running side by side.")
@click.argument("bucket")
@_ids
@click.option("--host", default="0.0.0.0", hidden=True)  # noqa: S104 - in a container
@_harvest_options
def aws_harvest(bucket: str, collection_ids: Sequence[str], host: str, **options: Any) -> int:
    # First, for the kernel drops a signal that the first process of a container does not handle.
    stop = stop_on_signals()
    collection_id, *others = collection_ids
    if others:
        from harvester.commands.shared_task import carry

        return carry(collection_ids, ("aws", "harvester", bucket), lambda: _bucket(bucket), stop, **options)
    from harvester.commands.stream_service import service_of_ecs

    service = service_of_ecs(collection_id, stop)
    with watching(collection_id, bucket, unless=TYPED) as alerts:
        heartbeat.beat_if_asked()
        store, chosen = _bucket(bucket), HarvestOptions(host=host, **options)

        def harvest(stop: Stop) -> Outcome:
            store.require()
            # What an earlier try said is not said of this one.
            alerts.reported = False
            return HarvestRun(store, collection_id, bucket, chosen, stop, alerts, service).through()

        return service.run(harvest, store, tell=alerts.failed) if service else int(harvest(stop).exit_code)


@local.command("harvester", help="Harvest COLLECTION_ID of a folder, or keep several running side by side.")
@_ids
@_folder_option
@_harvest_options
def local_harvest(collection_ids: Sequence[str], collections_path: str, **options: Any) -> int:
    stop = stop_on_signals()
    collection_id, *others = collection_ids
    if others:
        from harvester.commands.shared_task import carry

        where = ("local", "harvester", "--collections-path", collections_path)
        return carry(collection_ids, where, lambda: folder_store(Path(collections_path)), stop, **options)
    with watching(collection_id, collections_path, unless=TYPED) as alerts:
        heartbeat.beat_if_asked()
        store, chosen = folder_store(Path(collections_path)), HarvestOptions(host="127.0.0.1", **options)
        return int(HarvestRun(store, collection_id, "local", chosen, stop, alerts).through().exit_code)


@aws.command("unlock", help="Remove the lock of COLLECTION_ID, even of a running harvest.")
@click.argument("bucket")
@click.argument("collection_id")
@click.option("--temp", hidden=True, expose_value=False)
def aws_unlock(bucket: str, collection_id: str) -> None:
    unlock(_bucket(bucket), collection_id)


@local.command("unlock", help="Remove the lock of COLLECTION_ID, even of a running harvest.")
@click.argument("collection_id")
@_folder_option
def local_unlock(collection_id: str, collections_path: str) -> None:
    unlock(folder_store(Path(collections_path)), collection_id)


for _group, _command in ((aws, aws_harvest), (local, local_harvest)):
    _group.add_command(_command, "harvest")
aws.add_command(aws_sink, "sink")
local.add_command(local_sink, "sink")


def _bucket(name: str) -> Any:
    from harvester.store.s3 import S3Store

    return S3Store(name, patience=settings().store_patience)
