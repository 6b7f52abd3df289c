"""`import-rules --watch`: rules in Redis are followed; their changes become edits of the collection."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harvester.clock import Backoff, Clock, Stop, SystemClock
from harvester.commands.cli import collection_file
from harvester.commands.cli.output import print_line
from harvester.commands.cli.signals import stopped_by_signals
from harvester.commands.cli.workspace import Workspace
from harvester.commands.config import running_stream
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError, StoreAway
from harvester.networks.x.imports.imported import Imported, imported
from harvester.networks.x.imports.rows import CHANGED, NEW, UNUSABLE, Row, Table
from harvester.store.keys import CollectionKeys
from harvester.text import counted, one_line

# Rules that are being loaded are read again until they no longer change, but not for longer than this.
_SETTLES, _SETTLED_WITHIN = 2.0, 30.0
# A notification may be lost, so the source is also read without one.
_LOOKS_EVERY = 60.0
_TICK = 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 60.0
_SIGNALS = {"SIGINT": Exit.INTERRUPTED, "SIGTERM": Exit.TERMINATED}

Rows = Sequence[Row]


@dataclass
class Watch:
    """Follows a source until `stop`: `read` gives its rows, and `store` makes an edit of them.

    `heard` waits up to the given number of seconds for a notification of a change.
    """

    read: Callable[[], Rows]
    store: Callable[[Rows], None]
    heard: Callable[[float], bool]
    say: Callable[[str], None]
    clock: Clock
    stop: Stop
    _known: Rows | None = None
    _backoff: Backoff = field(default_factory=lambda: Backoff(_FIRST_PAUSE, _LONGEST_PAUSE))
    _said: str = ""

    def run(self) -> None:
        # Before it reads, so that no notification is lost in between.
        self.heard(0.0)
        while not self.stop.requested:
            try:
                rows = self._settled()
                if self.stop.requested:
                    return
                if rows != self._known:
                    self.store(rows)
                    self._known = rows
            except HarvesterError as error:
                self._wait_out(error)
                continue
            if self._said:
                self.say("It can be read and stored again.")
            self._said = ""
            self._backoff.reset()
            self._await_change()

    def _settled(self) -> Rows:
        """The rows, once two readings of them are the same; changes that come together are one edit."""
        rows, until = self.read(), self.clock.elapsed() + _SETTLED_WITHIN
        while rows != self._known and not self.clock.wait(self.stop, _SETTLES):
            before, rows = rows, self.read()
            if rows == before or self.clock.elapsed() > until:
                break
        return rows

    def _wait_out(self, error: HarvesterError) -> None:
        """Report once why nothing is stored; an error before the first edit is raised instead."""
        is_away = error.exit_code == Exit.RETRY_LATER or isinstance(error, StoreAway)
        if self._known is None and not is_away:
            raise error
        words = one_line(" ".join([error.message, *error.problems]))
        if words != self._said:
            self.say(f"{words} The rules of the collection stay as they are; trying again until Ctrl-C.")
        self._said = words
        self.clock.wait(self.stop, self._backoff.pause())

    def _await_change(self) -> None:
        until = self.clock.elapsed() + _LOOKS_EVERY
        while not self.stop.requested and self.clock.elapsed() < until:
            began = self.clock.elapsed()
            if self.heard(_TICK):
                return
            # Without notifications it does not wait.
            if self.clock.elapsed() - began < _TICK / 2:
                self.clock.wait(self.stop, _TICK)


def watch_rules(workspace: Workspace, path: Path, url: str, *, usual_type: str, strict: bool) -> int:
    """Follow the rules in Redis until Ctrl-C or SIGTERM; the exit code."""
    from harvester.collection import history
    from harvester.networks.x.imports import redis_rules

    keys = CollectionKeys(str(collection_file.read(path).get("id")))
    history.read(workspace.store, keys)
    server, _ = redis_rules.named(url)
    edits = _Edits(workspace, keys, path, server, usual_type=usual_type, strict=strict)
    notices = redis_rules.Notices(url, os.environ)
    print_line(f"Following the rules in {server} for {keys.id}; Ctrl-C ends it.", err=True)
    with stopped_by_signals() as stop:
        try:
            Watch(
                lambda: redis_rules.rows_in(url, os.environ)[1],
                edits.store,
                notices.heard,
                lambda words: print_line(words, err=True),
                SystemClock(),
                stop,
            ).run()
        finally:
            notices.close()
    return int(_SIGNALS.get(stop.reason, Exit.OK))


@dataclass
class _Edits:
    """Edits of one collection; its local file is updated, too, unless it has changes that are not stored."""

    workspace: Workspace
    keys: CollectionKeys
    path: Path
    server: str
    usual_type: str
    strict: bool

    def store(self, rows: Rows) -> None:
        from harvester.collection import history

        store, found = self.workspace.store, Table(self.server, rows)
        made: list[Imported] = []

        def change(now: Tree) -> Tree:
            made[:] = [
                imported(
                    now.get("filter") or {},
                    [found],
                    usual_type=self.usual_type,
                    strict=self.strict,
                    following=self.server,
                )
            ]
            new = {**now, "filter": made[0].section}
            collection_file.require_possible(new)
            return new

        before = history.current(store, self.keys)
        is_clean = self.path.exists() and not collection_file.holds_changes(self.path, store)
        stored = history.edit(store, self.keys, change, note=f"Rules of {self.server}.")
        self._tell(made[0])
        if stored.get("version") == before.get("version"):
            return
        if is_clean:
            collection_file.write(self.path, stored)
        running_stream.tell(self.workspace, self.keys, before, stored)

    def _tell(self, made: Imported) -> None:
        print_line(
            f"{counted(made.count(NEW), 'rule')} added, {made.count(CHANGED):,} changed, "
            f"{len(made.removed):,} removed; {made.count(UNUSABLE):,} unusable."
        )
        for outcome in made.outcomes:
            if outcome.became == UNUSABLE:
                print_line(f"unusable   {outcome.place} {outcome.value}: {outcome.reason}")
