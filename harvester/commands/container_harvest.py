"""One harvest in a container or on a laptop, with all that reports on it."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harvester.capacity import described_task
from harvester.clock import Stop, SystemClock
from harvester.commands.cli import network_client
from harvester.commands.cli.harvest_end import print_end
from harvester.commands.cli.signals import wait_for_shutdown
from harvester.commands.container_sink import SinksBeside, sinks_beside
from harvester.commands.crawl import Crawling, sharing
from harvester.documents import Collection
from harvester.errors import Exit
from harvester.harvest.malloc import share_one_heap
from harvester.harvest.progress import Outcome, Progress
from harvester.monitoring import heartbeat
from harvester.monitoring.alerts import Alerts
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


@dataclass(frozen=True)
class HarvestOptions:
    """How a harvest is run, as it was typed."""

    host: str
    temp: str | None
    tweets_per_file: int | None
    monitor: bool
    shutdown: bool
    port: int | None
    address_file: Path | None


@dataclass(frozen=True)
class HarvestRun:
    """One harvest with all that reports on it; `work_folder` is the name of that of its unfinished files."""

    store: Store
    collection_id: str
    work_folder: str
    options: HarvestOptions
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
            # A failed one ends: starting it again spends a budget again, which a person decides.
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
