"""The container's commands: harvest one collection, or remove its lock."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester.clock import Stop, SystemClock
from harvester.commands import TYPED, Group, log_options, log_to_stderr, say_error
from harvester.commands.cli import x_client
from harvester.commands.cli.output import print_line
from harvester.commands.cli.signals import stop_on_signals, wait_for_shutdown
from harvester.commands.cli.version import version_option
from harvester.commands.cli.workspace import folder_store
from harvester.commands.stream_service import StreamService, service_of_ecs
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.harvest.malloc import share_one_heap
from harvester.harvest.progress import Outcome
from harvester.monitoring import heartbeat
from harvester.monitoring.alerts import Alerts, watching
from harvester.monitoring.run_token import RunToken, token_of_run
from harvester.settings import settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.text import printable, size

if TYPE_CHECKING:
    from harvester.harvest.harvest import Harvest

log = logging.getLogger("twarc-cloud")

_REPORT_SECONDS = 10.0
_MONITOR_SECONDS = 30.0
_BEAT_SECONDS = 10.0
_WELL = (Exit.OK, Exit.PARTIAL)


@click.group(cls=Group, help="Collect the posts of a collection through the X API, into S3 or into a folder.")
@log_options
@version_option
def container(debug: bool, log_format: str | None) -> None:
    log_to_stderr(debug=debug, form=log_format)


@container.group(cls=Group, help="Harvest from and to an S3 bucket.")
def aws() -> None:
    pass


@container.group(cls=Group, help="Harvest from and to a folder.")
def local() -> None:
    pass


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
            help="Exit when the harvest ends; or, unless it failed, stay until a shutdown request.",
        ),
        click.option("--port", type=click.IntRange(0, 65535), help="Port for status and stop requests."),
        click.option("--address-file", type=click.Path(path_type=Path), hidden=True),
    ):
        command = option(command)
    return command


@aws.command("harvester", help="Harvest COLLECTION_ID of BUCKET.")
@click.argument("bucket")
@click.argument("collection_id")
@click.option("--host", default="0.0.0.0", hidden=True)  # noqa: S104 - in a container
@_harvest_options
def aws_harvest(bucket: str, collection_id: str, host: str, **options: Any) -> int:
    # First, for the kernel drops a signal that the first process of a container does not handle.
    stop = stop_on_signals()
    service = service_of_ecs(os.environ.get("TWARC_CLOUD_SERVICE", ""), collection_id, stop)
    with watching(collection_id, bucket, unless=TYPED) as alerts:
        _beat()
        store = _bucket(bucket)
        store.require()

        def harvest(stop: Stop) -> Outcome:
            # What an earlier try said is not said of this one.
            alerts.told = False
            return _harvest(
                *(store, collection_id, bucket),
                **{"stop": stop, "alerts": alerts, "host": host, "service": service, **options},
            )

        return service.run(harvest, store) if service else int(harvest(stop).exit_code)


@local.command("harvester", help="Harvest COLLECTION_ID of a folder.")
@click.argument("collection_id")
@click.option(
    "--collections-path", default="collections", help="Folder of the collections.", show_default=True
)
@_harvest_options
def local_harvest(collection_id: str, collections_path: str, **options: Any) -> int:
    stop = stop_on_signals()
    with watching(collection_id, collections_path, unless=TYPED) as alerts:
        _beat()
        store = _folder(collections_path)
        outcome = _harvest(
            *(store, collection_id, "local"), stop=stop, alerts=alerts, host="127.0.0.1", **options
        )
        return int(outcome.exit_code)


@aws.command("unlock", help="Remove the lock of COLLECTION_ID, even of a running harvest.")
@click.argument("bucket")
@click.argument("collection_id")
@click.option("--temp", hidden=True, expose_value=False)
def aws_unlock(bucket: str, collection_id: str) -> None:
    _unlock(_bucket(bucket), collection_id)


@local.command("unlock", help="Remove the lock of COLLECTION_ID, even of a running harvest.")
@click.argument("collection_id")
@click.option(
    "--collections-path", default="collections", help="Folder of the collections.", show_default=True
)
def local_unlock(collection_id: str, collections_path: str) -> None:
    _unlock(_folder(collections_path), collection_id)


for _group, _command in ((aws, aws_harvest), (local, local_harvest)):
    _group.add_command(_command, "harvest")


def _bucket(name: str) -> Any:
    from harvester.store.s3 import S3Store

    return S3Store(name, patience=settings().store_patience)


def _folder(path: str) -> Store:
    return folder_store(Path(path))


def _unlock(store: Store, collection_id: str) -> None:
    from harvester.collection import history
    from harvester.errors import NotFound
    from harvester.harvest.lock import content

    keys = CollectionKeys(collection_id)
    history.read(store, keys)
    try:
        held = store.read(keys.lock)
    except NotFound:
        click.echo(f"{collection_id} was not locked.")
        return
    store.remove(keys.lock, version=held.version)
    owner = content(held).get("owner", "an unknown owner")
    click.echo(f"Unlocked. The lock was held by {owner}; if that harvest still runs, it will stop.")


def _harvest(
    store: Store,
    collection_id: str,
    place: str,
    *,
    stop: Stop,
    alerts: Alerts,
    host: str,
    temp: str | None,
    tweets_per_file: int | None,
    monitor: bool,
    shutdown: bool,
    port: int | None,
    address_file: Path | None,
    service: StreamService | None = None,
) -> Outcome:
    # What speaks to the network is imported only here, so that --help and unlock are quick.
    from harvester.compute.cost import described_task
    from harvester.harvest.harvest import Harvest

    share_one_heap()
    chosen = settings(flags={"temp": temp, "tweets_per_file": tweets_per_file})
    alerts.settings, alerts.store = chosen, store
    token = RunToken("") if port is None else token_of_run(chosen, collection_id)
    run = Harvest(
        store=store,
        keys=CollectionKeys(collection_id),
        client=x_client.client_of_harvest(chosen, stop, alerts, begun=token.publish),
        settings=chosen,
        work_root=Path(chosen.temp) / place / collection_id,
        clock=SystemClock(),
        stop=stop,
        task=described_task(os.environ.get("TWARC_CLOUD_TASK", "")),
        waits_for=service.waits_for(store) if service else None,
    )
    over, stopped = threading.Event(), threading.Event()
    heartbeat.every(_REPORT_SECONDS, over, lambda: heartbeat.report(run.account()))
    alerts.beats(over, run.account)
    if monitor:
        heartbeat.every(_MONITOR_SECONDS, over, lambda: heartbeat.monitor(Path(chosen.temp)))
    with (
        closing(token),
        _answering(
            run, stop, stopped, host=host, port=port, token=token.value, address_file=address_file
        ) as asked_to_shut_down,
    ):
        try:
            outcome = run.run()
        finally:
            over.set()
            if monitor:
                heartbeat.monitor(Path(chosen.temp))
        stopped.set()
        alerts.ended(outcome, run.account(), dead=run.found_dead)
        _print(collection_id, outcome, run.account())
        # One that failed ends: who wants it to go on starts it again, which would spend a budget again.
        if not shutdown and (outcome.exit_code in _WELL or outcome.limit):
            _stay(service, stop, asked_to_shut_down)
    return outcome


@contextmanager
def _answering(
    run: "Harvest",
    stop: Stop,
    stopped: threading.Event,
    *,
    host: str,
    port: int | None,
    token: str,
    address_file: Path | None,
) -> Iterator[Callable[[float], bool]]:
    """Serve the harvest's status where a port is wanted; a wait for the request to shut down.

    The address is written to the `address_file`, for the process that started this one.
    """
    if port is None:
        yield threading.Event().wait
        return
    from harvester.monitoring.status_server import Shutdown, served, status_app

    shutdown = Shutdown()
    app = status_app(account=run.account, stopped=stopped.is_set, stop=stop, shutdown=shutdown, token=token)
    with served(app, host=host, port=port, token=token) as address:
        log.info("Status on %s", address)
        if address_file:
            address_file.write_text(f"{address}\n")
        yield shutdown.wait


def _beat() -> None:
    if file := os.environ.get("TWARC_CLOUD_HEARTBEAT"):
        heartbeat.beat(_BEAT_SECONDS, Path(file))


def _stay(service: StreamService | None, stop: Stop, asked_to_shut_down: Callable[[float], bool]) -> None:
    """Stay until the end is asked for, which the service of a stream that is through is by its own task."""
    if service and not stop.requested:
        service.end()
    log.info("The harvest has ended; waiting for a shutdown request.")
    wait_for_shutdown(asked_to_shut_down)


def _print(collection_id: str, outcome: Outcome, account: Tree) -> None:
    """What came of it on stdout; why it failed and what to do, in one line, on stderr."""
    if not account["harvest_timestamp"]:
        raise HarvesterError(
            outcome.reason or outcome.state, hint=outcome.hint, exit_code=Exit(outcome.exit_code)
        )
    failed = bool(outcome.exit_code and outcome.hint)
    reason = f" ({outcome.reason})" if outcome.reason and not failed else ""
    print_line(
        f"{collection_id} => {outcome.state}{reason}. Harvest timestamp: {account['harvest_timestamp']}. "
        f"Tweets: {account['tweets']:,}. Files: {account['files']:,} ({size(account['file_bytes'])}). "
        f"Billed: ${account['billed'].get('usd', 0):.2f}."
    )
    for gap in account["gaps"][:5]:
        print_line(f"Gap from {gap['from']} to {gap['to']}: {gap['reason']}.")
    if len(account["gaps"]) > 5:
        click.echo(f"... and {len(account['gaps']) - 5} further gaps, all in harvest.json.")
    if failed:
        say_error(printable(f"{outcome.reason.rstrip('.')}. {outcome.hint}"))
