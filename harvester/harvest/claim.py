"""A harvest claims its own folder in the store and on this machine before it collects anything."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from harvester.clock import moment, timestamp
from harvester.collection.begun_crawl import section_of
from harvester.collection.kinds import is_crawl
from harvester.collection.secrets import without_secrets
from harvester.documents import Collection, text_in
from harvester.errors import Conflict
from harvester.harvest import missed_interval
from harvester.harvest.context import Context
from harvester.harvest.manifest import Manifests
from harvester.harvest.workdir import State, Work
from harvester.store.keys import SEGMENTS, USER_SEGMENTS, HarvestKeys
from harvester.store.pointer import Pointer


@dataclass(frozen=True)
class Claim:
    """What belongs to one harvest alone.

    `checkpoint` and `summary` write checkpoint.json and harvest.json; both exist. The manifests may not yet.
    """

    here: HarvestKeys
    work: Work
    checkpoint: Pointer
    summary: Pointer
    manifests: Manifests

    @property
    def state(self) -> State:
        return self.work.state


def claim(context: Context, collection: Collection) -> Claim:
    """Take a harvest folder that is not in use, and record that it is from now on."""
    store, keys, progress = context.store, context.keys, context.progress
    begun = store.now()
    started = max(begun.replace(microsecond=0), _behind_its_crawl(context, collection))
    # The one of a harvest that died is gone once that one is finished.
    checkpoint = Pointer(store, keys.checkpoint, new=True)
    while True:
        here = keys.harvest(started)
        state = State(harvest=timestamp(started), owner=context.owner, begun=timestamp(begun))
        # First, so that a successor knows of whatever the folder gets.
        checkpoint.write({"state": state.to_tree()})
        summary = Pointer(store, here.harvest)
        progress.begin(state.harvest)
        try:
            summary.create(progress.summary(state))
            break
        except Conflict:
            started += timedelta(seconds=1)
    Pointer(store, here.collection).create(without_secrets(collection))
    begin = USER_SEGMENTS if is_crawl(collection) else SEGMENTS
    work = Work.begin(context.work_root, state, begin=begin)
    return Claim(here, work, checkpoint, summary, Manifests(store, here))


def _behind_its_crawl(context: Context, collection: Collection) -> datetime:
    """The second after the last harvest of the crawl under way, which a clock that was set back would hide.

    What lies between its begin and this harvest is what it has paid for.
    """
    begun = (section_of(collection).get("crawl") or {}).get("started")
    if not is_crawl(collection) or not begun:
        return datetime.min.replace(tzinfo=UTC)
    after = moment(begun)
    # Where last_harvest.json is damaged, the clock alone counts, as for any other collection.
    with suppress(ValueError):
        last = missed_interval.last(context.store, context.keys)
        after = max(after, moment(text_in(last, "harvest_id")))
    return after + timedelta(seconds=1)
