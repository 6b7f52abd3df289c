"""A crawl goes from depth to depth: one harvest for each, until it waits for a person or is over."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harvester.clock import Clock, Stop, Stopped, SystemClock
from harvester.collection.kinds import is_crawl
from harvester.commands import say_error
from harvester.commands.cli.output import print_line
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.harvest.progress import BUDGET, COMPLETE, PARTIAL, STOPPED, Outcome
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.text import counted, printable

if TYPE_CHECKING:
    from harvester.graph.approval import Next
    from harvester.graph.closing import Tell
    from harvester.graph.crawls import Crawl
    from harvester.harvest.crawl import SharedDepth, StoredCrawl

log = logging.getLogger("twarc-cloud")

APPROVAL = "approval"
# Seconds between two lines of the log while a depth is closed.
_TELL_EVERY = 10.0
# A part of a closing, some 8 MB of pages, takes a worker some seconds.
_PARTS_OF_A_FILE = 16
# Stands in each collection that is a crawl.
_MARK = b'"graph"'
_SIGNALS = {"SIGINT": Exit.INTERRUPTED, "SIGTERM": Exit.TERMINATED}


@dataclass
class Crawling:
    """Harvests one collection: of a crawl, depth after depth; of another kind, once.

    `harvest` runs one harvest. `scratch` is a folder for what does not fit in memory; `works` holds the work
    folders of harvests.
    """

    store: Store
    keys: CollectionKeys
    scratch: Path
    stop: Stop
    harvest: Callable[[], Outcome]
    works: Path = Path("temp")
    clock: Clock = field(default_factory=SystemClock)
    settings: Settings = field(default_factory=Settings)

    def run(self) -> Outcome:
        if not is_crawl(self._tree()):
            return self.harvest()
        try:
            return self._depths()
        except Stopped:
            return Outcome(STOPPED, self.stop.reason, _SIGNALS.get(self.stop.reason, Exit.OK))

    def _depths(self) -> Outcome:
        from harvester.graph import approval, crawls

        done: Outcome | None = None
        tried: set[tuple[str, int]] = set()
        while True:
            crawl = crawls.current(self.store, self.keys, self._tree())
            place = ("", 0)
            if crawl:
                step = approval.next_step(crawl, self.scratch)
                if step.step in (approval.WAIT, approval.SPENT):
                    return self._wait(step, APPROVAL if step.step == approval.WAIT else BUDGET)
                if step.step == approval.CLOSE:
                    self._close(crawl, step.depth)
                    continue
                if step.step == approval.OVER:
                    done = self._end(crawl, step.depth, done)
                    continue
                place = (crawl.started, step.depth)
            if done is not None and (crawl is None or place in tried):
                return done
            tried.add(place)
            ended = self.harvest()
            if ended.state not in (COMPLETE, PARTIAL):
                self._print_left(ended)
                return ended
            done = done if done and done.state == PARTIAL else ended

    def _print_left(self, ended: Outcome) -> None:
        """Say how many users are left when the money of a crawl is spent, and how to continue."""
        from harvester.graph import approval, crawls
        from harvester.harvest.crawl import OF_SETTING

        if ended.limit != BUDGET or ended.hint == OF_SETTING:
            return
        crawl = crawls.current(self.store, self.keys, self._tree())
        if crawl and crawl.depths():
            say_error(printable(approval.left_over(crawl, self.scratch)))

    def _close(self, crawl: "Crawl", depth: int) -> None:
        last = self.clock.elapsed()

        def tell(words: str, number: int) -> None:
            nonlocal last
            if self.stop.requested:
                raise Stopped
            if (now := self.clock.elapsed()) - last >= _TELL_EVERY:
                last = now
                log.info("Closing depth %d of %s: %s, %s", depth, self.keys.id, words, f"{number:,}")

        if (figures := self._closed(crawl, depth, tell)) is None:
            return
        print_line(
            f"{self.keys.id}: depth {depth} is closed. Depth {depth + 1} has "
            f"{counted(figures['users'], 'user')} of {figures['found']:,} that were found."
        )
        if not figures["users"]:
            say_error(printable(nothing_selected(self.keys.id, figures)))

    def _closed(self, crawl: "Crawl", depth: int, tell: "Tell") -> Tree | None:
        """The figures of the next depth; None if another worker closed this one."""
        if not crawl.harvested:
            from harvester.graph.close import close

            return close(crawl, depth, self.scratch, tell=tell)
        from harvester.graph.workers.parts import close_in_parts
        from harvester.graph.workers.settle import settle

        if not settle(crawl, depth, self.works, clock=self.clock, stop=self.stop):
            return None
        size = self.settings.bytes_per_file // _PARTS_OF_A_FILE
        return close_in_parts(crawl, depth, self.scratch, worker=self.keys.id, tell=tell, part_bytes=size)

    def _end(self, crawl: "Crawl", depth: int, done: Outcome | None) -> Outcome:
        from harvester.graph.ending import note_end

        note_end(crawl, depth)
        print_line(f"{self.keys.id}: the crawl is over at depth {depth}.")
        return done or Outcome(COMPLETE, "The crawl was over; the next harvest begins another.")

    def _wait(self, step: "Next", limit: str) -> Outcome:
        outcome = Outcome(STOPPED, step.why, Exit.RETRY_LATER, step.hint, limit)
        say_error(printable(f"{self.keys.id} => {STOPPED} ({limit}): {step.why}. {step.hint}"))
        return outcome

    def _tree(self) -> Tree:
        """The collection; empty if it is certainly no crawl, which need not be parsed: it may be large."""
        from harvester.collection import history

        try:
            stored = history.read(self.store, self.keys)
            return history.current(self.store, self.keys) if _MARK in stored.data else {}
        except HarvesterError:
            # The harvest says in words what is wrong with it.
            return {}


def sharing(shares: ExitStack, settings: Settings, stop: Stop) -> "Callable[[StoredCrawl], SharedDepth]":
    """How the harvest of a worker shares its depth with others, until `shares` ends."""

    def share(crawl: "StoredCrawl") -> "SharedDepth":
        from harvester.graph.workers.join import joined

        return shares.enter_context(joined(crawl, settings, SystemClock(), stop))

    return share


def nothing_selected(collection_id: str, figures: Tree) -> str:
    """Why a depth has no users, in one line."""
    new = figures["found"] - figures["known"]
    if not new:
        return f"Depth {figures['depth']} is empty: all accounts that were found are known already."
    others = {**figures["rejected"]}
    for name, number in figures["unknown"].items():
        others[name] = others.get(name, 0) + number
    most = max(others, key=lambda name: others[name], default="max_users")
    return (
        f"Depth {figures['depth']} is empty: graph.select rejects all of {counted(new, 'account')}, most by "
        f"{most}. Change it, then run `graph reselect {collection_id}`, which costs nothing."
    )
