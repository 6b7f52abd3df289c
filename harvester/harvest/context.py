"""What all parts of one harvest share, passed as one value."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harvester.clock import Clock, Stop
from harvester.errors import HarvesterError
from harvester.harvest.checkpoints import Checkpoints
from harvester.harvest.progress import Progress
from harvester.networks import Batch
from harvester.networks.rule_counts import RuleCounts
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys


@dataclass(frozen=True)
class Context:
    """One harvest of one collection: `store` writes only while `owner` holds the lock."""

    store: Store
    keys: CollectionKeys
    settings: Settings
    work_root: Path
    clock: Clock
    stop: Stop
    owner: str
    progress: Progress
    rule_counts: RuleCounts | None = None
    # Takes the time up to which all of a stream is stored, and the last record before it.
    note_heard: Callable[[str, str], None] = lambda heard, last_id: None  # noqa: ARG005
    # Receives all that a source hands over.
    note_batch: Callable[[Batch], None] = lambda batch: None  # noqa: ARG005
    # Takes the app whose one stream this harvest is to be; raises if another's stream holds it.
    hold_app: Callable[[str], None] = lambda app: None  # noqa: ARG005
    # Why another harvest has the app now, which ends this one.
    app_lost: Callable[[], HarvesterError | None] = lambda: None
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
