"""Before a depth is closed, the harvests of all workers are over: what they read is in closed files then."""

import logging
from pathlib import Path

from harvester.clock import Clock, Stop, Stopped
from harvester.errors import Exit, HarvesterError
from harvester.graph.crawls import Crawl
from harvester.harvest import lock_content
from harvester.harvest.harvest import Harvest
from harvester.networks import Client
from harvester.settings import settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys

log = logging.getLogger("twarc-cloud")

_PAUSE, _WITHIN = 2.0, 900.0


def settle(crawl: Crawl, depth: int, works: Path, *, clock: Clock, stop: Stop) -> bool:
    """Wait for the harvests of the workers of a depth to end, and finish those that died.

    `works` holds the work folders of those of this machine. Whether the depth is still to be closed, which
    another worker may have done meanwhile.
    """
    began = clock.elapsed()
    while left := crawl.unfinished():
        if depth + 1 in crawl.depths():
            return False
        for keys in left:
            if lock_content.holder(crawl.store, keys.lock) is None:
                _finish(crawl.store, keys, works, clock, stop)
        if not (left := crawl.unfinished()):
            break
        if clock.elapsed() - began > _WITHIN:
            raise HarvesterError(
                f"{left[0].id} has not ended, though all users of depth {depth} are done.",
                hint=f"See `harvest log {left[0].id}`; start the workers again when it has ended.",
                exit_code=Exit.RETRY_LATER,
            )
        if clock.wait(stop, _PAUSE):
            raise Stopped
    return depth + 1 not in crawl.depths()


def _finish(store: Store, keys: CollectionKeys, works: Path, clock: Clock, stop: Stop) -> None:
    log.info("The worker %s died; its last harvest is finished.", keys.id)
    try:
        Harvest(store, keys, _no_client, settings(), works / keys.id, clock, stop).finish()
    except HarvesterError as error:
        # It came back, or another worker does it.
        if error.exit_code is not Exit.LOCKED:
            raise


def _no_client(*_: object) -> Client:
    raise AssertionError("what is only finished asks for nothing")
