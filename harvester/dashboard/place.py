"""The content of the dashboard: a store, its processes on this machine, and the commands of its buttons."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harvester.clock import Clock, SystemClock
from harvester.ledger.cache import Cache, cache_of

if TYPE_CHECKING:
    from harvester.compute import Compute
    from harvester.networks.check import Check
    from harvester.settings import Settings
    from harvester.store import Store
    from harvester.store.keys import CollectionKeys


@dataclass(frozen=True)
class Place:
    """The collections of a folder or a bucket.

    `label` names it, `shown` gives the location of an object, `checks` are those of `doctor`,
    `work_root` is the folder of files that are not stored yet. `command` makes of a
    command's names with options, and of its arguments, the process that does what they do in a terminal;
    `program` is how people call it, and `complete` adds to commands in a text where the collections are.
    """

    store: "Store"
    compute: "Compute"
    settings: "Settings"
    label: str
    shown: Callable[[str], str]
    checks: Callable[[], Iterable["Check"]]
    work_root: Callable[["CollectionKeys"], Path]
    command: Callable[[Sequence[str], Sequence[str]], list[str]]
    program: str = "twarc_cloud.py"
    complete: Callable[[str], str] = str
    read_only: bool = False
    clock: Clock = field(default_factory=SystemClock)

    @property
    def cache(self) -> Cache:
        """The cache of this machine for the store."""
        return cache_of(self.store.name, getattr(self.settings, "cache", ""))
