"""One repair, run as a harvest: what was missed is stored beside the stream, and then its gaps are closed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvester.clock import Clock, Stop, moment
from harvester.collection import history
from harvester.curation.repair.closing import close_gaps
from harvester.curation.repair.gaps import GapKey
from harvester.curation.repair.stored_ids import Interval, stored_ids
from harvester.documents import Collection, HarvestSummary, Tree
from harvester.harvest.harvest import Harvest
from harvester.harvest.progress import Outcome, Progress
from harvester.networks import Client
from harvester.networks.registry import network_of
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.store.reading import Reader


@dataclass
class Repair:
    """The harvest of the plan that is described; `client` makes the connection that it asks with."""

    store: Store
    reader: Reader
    keys: CollectionKeys
    client: Callable[[Collection, Progress], Client]
    settings: Settings
    work_root: Path
    clock: Clock
    stop: Stop

    def __post_init__(self) -> None:
        self._harvest = Harvest(
            store=self.store,
            keys=self.keys.repairs,
            client=self.client,
            settings=self.settings,
            work_root=self.work_root,
            clock=self.clock,
            stop=self.stop,
            source=lambda _: self._network.repair(self._known, self._used),
        )

    def run(self) -> tuple[Outcome, list[GapKey]]:
        """How it ended, and the gaps that harvest.json says are closed since then."""
        outcome = self._harvest.run()
        return outcome, close_gaps(self.store, self.keys)

    def summary(self) -> HarvestSummary:
        return self._harvest.summary()

    @property
    def _described(self) -> Any:
        return history.current(self.store, self.keys.repairs)

    @property
    def _network(self) -> Any:
        return network_of(self._described)

    def _used(self, harvest: str) -> Sequence[Tree]:
        return history.versions_used(self.store, self.keys, harvest)

    def _known(self) -> frozenset[str]:
        described = self._described
        spans = [span for gap in described["repair"]["gaps"] for span in gap["spans"]]
        intervals = [Interval(moment(span["from"]), moment(span["to"])) for span in spans]
        return stored_ids(self.reader, self.keys, network_of(described), intervals)


def work_root(temp: Path, place: str, keys: CollectionKeys) -> Path:
    """Where a repair keeps what is not stored yet: apart from the stream, under a name that no id has."""
    return temp / place / f"{keys.id}+repairs"
