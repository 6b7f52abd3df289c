"""The container's commands: harvest a collection, or several, or remove a lock."""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester.capacity import described_task
from harvester.clock import Stop, SystemClock
from harvester.commands import TYPED, Group, log_options, log_to_stderr
from harvester.commands.cli import network_client
from harvester.commands.cli.harvest_end import print_end
from harvester.commands.cli.printed_commands import typed
from harvester.commands.cli.signals import stop_on_signals, wait_for_shutdown
from harvester.commands.cli.version import version_option
from harvester.commands.cli.workspace import folder_store
from harvester.commands.container_sink import SinksBeside, aws_sink, local_sink, sinks_beside
from harvester.commands.crawl import Crawling, sharing
from harvester.commands.unlock import unlock
from harvester.documents import Collection
from harvester.errors import Exit
from harvester.harvest.malloc import share_one_heap
from harvester.harvest.progress import Outcome, Progress
from harvester.monitoring import heartbeat
from harvester.monitoring.alerts import Alerts, watching
from harvester.monitoring.run_token import RunToken, token_of_run
from harvester.settings import Settings, settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys

if TYPE_CHECKING:
    from harvester.commands.stream_service import StreamService
    from harvester.harvest.harvest import Harvest
    from harvester.networks import Client

log = logging.getLogger("twarc-cloud")

_REPORT_SECONDS = 10.0
_MONITOR_SECONDS = 30.0
_SUCCESS_CODES = (Exit.OK, Exit.PARTIAL)


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


@dataclass(frozen=True)
class _Options:
    """How a harvest is run, as it was typed."""

    host: str
    temp: str | None
    tweets_per_file: int | None
    monitor: bool
    shutdown: bool
    port: int | None
    address_file: Path | None


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
        store = _bucket(bucket)

        def harvest(stop: Stop) -> Outcome:
            store.require()
            # What an earlier try said is not said of this one.
            alerts.reported = False
            run = _Run(store, collection_id, bucket, _Options(host=host, **options), stop, alerts, service)
            return run.through()

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
        store, chosen = folder_store(Path(collections_path)), _Options(host="127.0.0.1", **options)
        return int(_Run(store, collection_id, "local", chosen, stop, alerts).through().exit_code)


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


@dataclass(frozen=True)
class _Run:
    """One harvest with all that reports on it; `work_folder` is the name of that of its unfinished files."""

    store: Store
    collection_id: str
    work_folder: str
    options: _Options
    stop: Stop
    alerts: Alerts
    service: "StreamService | None" = None

    def through(self) -> Outcome:
        """Harvest, and of a crawl one depth after the other."""
        chosen, keys = self._chosen(), CollectionKeys(self.collection_id)
        scratch = Path(chosen.temp) / "closing" / self.collection_id
        works = scratch.parent.with_name(self.work_folder)
        return Crawling(self.store, keys, scratch, self.stop, self.run, works, settings=chosen).run()

    def _chosen(self) -> Settings:
        options = self.options
        return settings(flags={"temp": options.temp, "tweets_per_file": options.tweets_per_file})

    def run(self) -> Outcome:
        options, chosen = self.options, self._chosen()
        share_one_heap()
        self.alerts.settings, self.alerts.store = chosen, self.store
        token = RunToken("") if options.port is None else token_of_run(chosen, self.collection_id)
        sinks = sinks_beside(self.store, self.collection_id, self.work_folder, temp=chosen.temp)
        last, stopped = ExitStack(), threading.Event()
        harvest = self._harvest(chosen, token, sinks, last)
        answering = self._answering(harvest, sinks, stopped, token.value)
        with closing(token), last, answering as asked_to_shut_down:
            with self._reporting(harvest, sinks, Path(chosen.temp)), sinks:
                outcome = harvest.run()
            stopped.set()
            self.alerts.ended(outcome, harvest.summary(), dead=harvest.found_dead)
            print_end(self.collection_id, outcome, harvest.summary(), err=sinks.print_posts)
            # One that failed ends: who wants it to go on starts it again, which would spend a budget again.
            if not options.shutdown and (outcome.exit_code in _SUCCESS_CODES or outcome.limit):
                self._stay(asked_to_shut_down)
        return outcome

    def _harvest(self, chosen: Settings, token: RunToken, sinks: SinksBeside, last: ExitStack) -> "Harvest":
        # What speaks to the network is imported only here, so that --help and unlock are quick.
        from harvester.harvest.harvest import Harvest

        def client(collection: Collection, progress: Progress) -> "Client":
            sinks.begin(collection)
            return make(collection, progress)

        make = network_client.client_of_harvest(chosen, self.stop, self.alerts, begun=token.publish)
        return Harvest(
            store=self.store,
            keys=CollectionKeys(self.collection_id),
            client=client,
            settings=chosen,
            work_root=Path(chosen.temp) / self.work_folder / self.collection_id,
            clock=SystemClock(),
            stop=self.stop,
            share=sharing(last, chosen, self.stop),
            task=described_task(os.environ.get("TWARC_CLOUD_TASK", "")),
            waits_for=self.service.waits_for(self.store) if self.service else None,
        )

    @contextmanager
    def _reporting(self, harvest: "Harvest", sinks: SinksBeside, temp: Path) -> Iterator[None]:
        """Log how the harvest is doing while the block runs."""
        over = threading.Event()
        heartbeat.every(_REPORT_SECONDS, over, lambda: heartbeat.report(harvest.summary()))
        self.alerts.beats(over, harvest.summary)
        self.alerts.watch_sinks(over, sinks.statuses)
        if self.options.monitor:
            heartbeat.every(_MONITOR_SECONDS, over, lambda: heartbeat.monitor(temp))
        try:
            yield
        finally:
            over.set()
            if self.options.monitor:
                heartbeat.monitor(temp)

    @contextmanager
    def _answering(
        self, harvest: "Harvest", sinks: SinksBeside, stopped: threading.Event, token: str
    ) -> Iterator[Callable[[float], bool]]:
        """Serve the harvest's status where a port is wanted; a wait for the request to shut down.

        The address is written to the `address_file`, for the process that started this one.
        """
        options = self.options
        if options.port is None:
            yield threading.Event().wait
            return
        from harvester.monitoring.status_server import Shutdown, served, status_app

        shutdown = Shutdown()
        app = status_app(
            summary=harvest.summary,
            stopped=stopped.is_set,
            stop=self.stop,
            shutdown=shutdown,
            token=token,
            sinks=sinks.statuses,
        )
        with served(app, host=options.host, port=options.port, token=token) as address:
            log.info("Status on %s", address)
            if options.address_file:
                options.address_file.write_text(f"{address}\n")
            yield shutdown.wait

    def _stay(self, asked_to_shut_down: Callable[[float], bool]) -> None:
        """Stay until the end is asked for, which the service of a finished stream is by its own task."""
        if self.service and not self.stop.requested:
            self.service.end()
        log.info("The harvest has ended; waiting for a shutdown request.")
        wait_for_shutdown(asked_to_shut_down)
