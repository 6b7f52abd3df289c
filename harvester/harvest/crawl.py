"""A crawl of the social graph as a store holds it: which depth is harvested, and how its lists are."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harvester.clock import moment
from harvester.collection import history
from harvester.collection.begun_crawl import crawl_state, new_state, section_of
from harvester.collection.description import budget
from harvester.collection.kinds import is_crawl
from harvester.collection.kinds.kind import count
from harvester.collection.workers import WORKER_OF, as_worker, crawl_owner
from harvester.documents import Collection, Tree, object_in, text_in
from harvester.documents.lists import ListEnd, list_ends
from harvester.errors import Conflict, NotFound
from harvester.harvest.depth_files import lengths_in, packed_ids, visits_in
from harvester.harvest.progress import RUNNING
from harvester.harvest.stored_lists import StoredLists
from harvester.networks import Batch, Put
from harvester.networks.budget import Limit
from harvester.networks.crawl import (
    COMPLETE,
    DIRECTIONS,
    FAILED,
    FOLLOWERS,
    Crawl,
    Earlier,
    Waiting,
    chain_key,
)
from harvester.networks.validation import as_valid
from harvester.store import Store
from harvester.store.keys import HARVEST, LISTS, CollectionKeys, CrawlKeys, harvest_folder

# What is said of the setting budget_usd, which is spent anew by each harvest.
OF_SETTING = "It limits each harvest: the next one continues the crawl."


def depth_of(store: Store, here: CrawlKeys, section: Tree) -> int:
    """The depth to be harvested: the last one that is known, and 0 before the crawl has begun."""
    stored = {entry.key for entry in store.entries(f"{here.folder}depth-")}
    depths = range(count(section, "max_depth") + 1)
    return max((depth for depth in depths if here.depth(depth) in stored), default=0)


class SharedDepth(Crawl, Protocol):
    """A depth that several workers read."""

    def waits_for_checkpoint(self) -> bool:
        """Whether lists have ended since the last one."""
        ...

    def checkpoint(self) -> Callable[[], None]:
        """What to call once the lists that have ended by now are in the store."""
        ...


@dataclass(frozen=True)
class EarlierHarvest:
    """A harvest of the crawl: its depth, what it was billed, and what it has counted.

    One that is not over has died, or runs; its files are not all in its manifest.
    """

    timestamp: str
    depth: int
    usd: float
    counts: Mapping[str, int] = field(default_factory=dict)
    is_over: bool = True


def harvests_since(store: Store, keys: CollectionKeys, started: str, *, until: str) -> list[EarlierHarvest]:
    """The harvests of a crawl that began before `until`, in order; not those of a crawl after it."""
    first, last = keys.harvest(moment(started)).folder, keys.harvest(moment(until)).folder
    found = []
    for entry in store.entries(keys.harvests):
        folder = harvest_folder(entry.key)
        if entry.key == folder + HARVEST and first <= folder < last:
            summary = object_in(store.read(entry.key).data)
            if (_crawl_in(summary).get("started") or started) == started:
                found.append(_harvest(summary))
    return sorted(found, key=lambda each: each.timestamp)


def _crawl_in(summary: Tree) -> Tree:
    crawl = summary.get("crawl")
    return crawl if isinstance(crawl, dict) else {}


def _harvest(summary: Tree) -> EarlierHarvest:
    billed, counts = summary.get("billed"), summary.get("counts") or {}
    return EarlierHarvest(
        text_in(summary, "harvest_timestamp"),
        count(_crawl_in(summary), "depth"),
        float(billed.get("usd") or 0) if isinstance(billed, dict) else 0.0,
        {name: number for name, number in counts.items() if type(number) is int},
        is_over=summary.get("state") != RUNNING,
    )


@dataclass
class StoredCrawl:
    """The depth of a crawl that one harvest reads: what networks/crawl.py asks for, of a store."""

    store: Store
    keys: CollectionKeys
    collection: Collection
    harvest: str
    started: str
    depth: int
    lists: StoredLists
    before: list[EarlierHarvest]
    # By direction, the accounts of this depth whose list is finished.
    done: dict[str, set[str]] = field(default_factory=dict)
    _ends: dict[tuple[str, str], ListEnd] | None = None

    @property
    def section(self) -> Tree:
        return section_of(self.collection, self.started)

    @property
    def directions(self) -> tuple[str, ...]:
        return DIRECTIONS[self.section.get("direction", FOLLOWERS)]

    @property
    def here(self) -> CrawlKeys:
        """The keys of the crawl, which a worker shares with others."""
        return CollectionKeys(crawl_owner(self.collection)).crawl(moment(self.started))

    @property
    def is_shared(self) -> bool:
        return WORKER_OF in self.collection

    def waiting(self) -> Iterator[Waiting]:
        left_out = set(self.section.get("exclude") or ())
        for user, behind in self.visits():
            left = tuple(each for each in self.directions if user not in self.done[each])
            is_known = self.depth or self.is_shared or user in self.collection["users"]
            if left and user not in left_out and is_known:
                yield Waiting(user, left, self.lengths(behind))

    def chain(self, user: str, direction: str) -> Tree:
        found = (self._crawl.get("chains") or {}).get(chain_key(user, direction))
        return found if isinstance(found, dict) else {}

    def earlier(self, user: str, direction: str) -> Earlier | None:
        end = self._last_complete(user, direction)
        if end is None:
            return None
        begun, harvests = end.begun, list(end.harvests)
        last = harvests[-1] if harvests else ""
        return Earlier(last, lambda: self.lists.ids(harvests, user, direction, begun), end.received)

    def received(self, user: str, direction: str) -> Iterator[str]:
        chain = self.chain(user, direction)
        harvests = [each for each in chain.get("harvests") or () if each != self.harvest]
        return self.lists.ids(harvests, user, direction, text_in(chain, "from"))

    def finished(self, line: Tree) -> None:
        """The harvest has stored it."""

    def budget(self, *, setting: float) -> tuple[float | None, Limit | None]:
        """The dollars that this harvest may cost, and what limits them."""
        of = min(self._limits(setting), key=lambda each: each.left, default=None)
        return (max(0.0, of.left), of) if of else (None, None)

    def _limits(self, setting: float) -> Iterator[Limit]:
        """The budget of the crawl, what was approved for its depth, and the setting for each harvest."""
        spent = sum(each.usd for each in self.before)
        at_depth = sum(each.usd for each in self.before if each.depth == self.depth)
        approved = (self._crawl.get("approved") or {}).get(str(self.depth))
        owner = crawl_owner(self.collection)
        if (whole := budget({**self.collection}, setting=0)) is not None:
            yield Limit("The crawl's budget", whole, spent, f"Raise budget_usd of {owner} to go on.")
        if approved is not None:
            hint = f"`graph status {owner}` shows what the rest costs; `graph approve` approves it."
            yield Limit(f"The approval for depth {self.depth}", float(approved), at_depth, hint)
        if setting:
            yield Limit("The setting budget_usd", setting, 0.0, OF_SETTING)

    def summary(self) -> Tree:
        """What harvest.json says of the crawl."""
        waiting = sum(1 for _ in self.waiting())
        return {"started": self.started, "depth": self.depth, "users": waiting}

    @property
    def _crawl(self) -> Tree:
        return self.section.get("crawl") or {}

    def visits(self) -> Iterator[tuple[str, str]]:
        """The accounts of the depth in the order to be visited, each with what `lengths` takes."""
        try:
            yield from visits_in(self.store, self.here.order(self.depth))
        except NotFound:
            yield from visits_in(self.store, self.here.depth(self.depth))

    def lengths(self, behind: str) -> Mapping[str, int]:
        """How long the lists of an account are, by its profile, which was stored one depth before."""
        most = count(self.section, "max_edges_per_user")
        found = lengths_in(behind, self.directions)
        return {each: number for each, number in found.items() if not 0 < most <= number}

    def _last_complete(self, user: str, direction: str) -> ListEnd | None:
        """For a seed, the collection has the harvest; for others, all earlier harvests are searched."""
        if not self.depth and not self.is_shared:
            known: Tree = {**self.collection["users"][user]}
            harvest = (known.get("lists") or {}).get(direction)
            return self.lists.end(harvest, user, direction) if harvest else None
        if self._ends is None:
            self._ends = dict(self._complete_before())
        return self._ends.get((user, direction))

    def _complete_before(self) -> Iterator[tuple[tuple[str, str], ListEnd]]:
        first = self.keys.harvest(moment(self.started)).folder
        folders = (harvest_folder(entry.key) for entry in self._stored_lists())
        for folder in sorted(folder for folder in folders if folder < first):
            for end in list_ends(self.store.read(folder + LISTS).data):
                if end.outcome == COMPLETE:
                    yield (end.user, end.direction), end

    def _stored_lists(self) -> Iterator[Any]:
        return (each for each in self.store.entries(self.keys.harvests) if each.key.endswith("/" + LISTS))


def begin(
    store: Store, keys: CollectionKeys, collection: Collection, harvest: str, *, scratch: Path, put: Put
) -> StoredCrawl:
    """The crawl that a harvest continues, or one that it begins."""
    owner, own = crawl_owner(collection), crawl_state(collection)
    if owner != keys.id:
        collection = as_valid(as_worker(collection, history.current(store, CollectionKeys(owner))))
    section, crawl = collection.get("graph") or {}, crawl_state(collection)
    started = str(crawl.get("started") or harvest)
    here = CollectionKeys(owner).crawl(moment(started))
    if own.get("started") != started:
        # The crawl has a name before anything is stored under it.
        put(Batch(patch={"graph": {"crawl": new_state(started, section, own)}}, sync=True), wait=True)
    depth = depth_of(store, here, section)
    if not depth:
        _create(store, here.depth(0), collection)
    before = harvests_since(store, keys, started, until=harvest) if crawl else []
    lists = StoredLists(store, keys, scratch)
    found = StoredCrawl(store, keys, collection, harvest, started, depth, lists, before)
    found.done = finished_lists(lists.lines, before, depth, retried=text_in(crawl, "retry"))
    return found


def crawl_of_dead(store: Store, keys: CollectionKeys, harvest: str) -> Tree:
    """What harvest.json says of the crawl of a harvest that died before it was written there.

    No depth is closed before the lists of a dead harvest are stored, so it is the depth of today.
    """
    tree = history.current(store, keys)
    if not is_crawl(tree):
        return {}
    owner = crawl_owner(tree)
    whole = tree if owner == keys.id else history.current(store, CollectionKeys(owner))
    started = str(crawl_state(whole).get("started") or harvest)
    here = CollectionKeys(owner).crawl(moment(started))
    return {"started": started, "depth": depth_of(store, here, whole.get("graph") or {})}


def _create(store: Store, key: str, collection: Collection) -> None:
    try:
        store.create(key, packed_ids(sorted(collection["users"])))
    except Conflict:
        # Begun by an earlier harvest: users that were added since are the next crawl's.
        return


def finished_lists(
    lines: Callable[[str], bytes], harvests: list[EarlierHarvest], depth: int, *, retried: str = ""
) -> dict[str, set[str]]:
    """By direction, the accounts of a depth whose list is finished.

    One that failed is to be read again if the person asked for that since. Those of a harvest that died
    count when it is finished: they are stored before the manifest that names their pages.
    """
    done: dict[str, set[str]] = {direction: set() for direction in DIRECTIONS["both"]}
    for harvest in harvests:
        if not harvest.is_over:
            continue
        for end in list_ends(lines(harvest.timestamp)):
            if end.depth != depth or end.direction not in done:
                continue
            if end.outcome != FAILED or harvest.timestamp > retried:
                done[end.direction].add(end.user)
    return done
