"""Streams that are cut while posts of every class are published, and their repair."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from harvester.clock import Stop
from harvester.curation.repair.gaps import closed_by, gaps_of, repairs_of
from harvester.curation.repair.plan import Plan, describe, plan_of
from harvester.curation.repair.run import Repair, work_root
from harvester.harvest import catalog
from harvester.harvest.progress import Outcome
from harvester.networks.registry import usual
from harvester.networks.x.post_ids import created
from harvester.settings import Settings
from harvester.store.keys import CollectionKeys
from harvester.store.reading import reader
from tests.support.harvest_stage import Going, Stage, until

WORD = "flood"
_HEARS_NOTHING = 18.0
# Of an account that exists, with a text that matches.
_ORIGINAL = f"the {WORD} is coming"


def publish_each_class(stage: Stage, *, author: str, quoted: str) -> None:
    """An original, a reply, a quote that matches by its own text, one by the quoted text, and a retweet."""

    def refer(kind: str) -> dict[str, Any]:
        return {"referenced_tweets": [{"type": kind, "id": quoted}]}

    # One by one, for those of one millisecond lie on both sides of a gap that begins there.
    stage.control.publish(author, text=_ORIGINAL)
    stage.control.publish(author, text=f"a {WORD}?", in_reply_to_user_id=author, **refer("replied_to"))
    stage.control.publish(author, text=f"more on the {WORD}", **refer("quoted"))
    stage.control.publish(author, text="look at this", **refer("quoted"))
    stage.control.publish(author, text=f"RT: {_ORIGINAL}", **refer("retweeted"))


@dataclass
class BrokenStream:
    """A collection of one stream on a stage; `cut` ends a connection, and posts come while there is none."""

    stage: Stage
    collection_id: str = "live"
    author: str = ""
    quoted: str = ""
    missed: int = 0

    @property
    def keys(self) -> CollectionKeys:
        return CollectionKeys(self.collection_id)

    def begin(self, **section: Any) -> None:
        """Describe the stream, and publish the post that others refer to, before it begins."""
        self.stage.add(self.collection_id, type="filter", filter=section or {"track": WORD})
        self.author = self.stage.accounts[0]
        (self.quoted,) = self.stage.control.publish(self.author, text=f"first: a {WORD}")

    @contextmanager
    def streaming(self, **settings: Any) -> Iterator[Going]:
        before = self.stage.opened
        with self.stage.harvesting(self.collection_id, **settings) as going:
            until(lambda: self.stage.opened > before)
            yield going

    def hear(self) -> None:
        """Posts that a connection brings."""
        before = len(self.stage.control.stream()["ids"])
        publish_each_class(self.stage, author=self.author, quoted=self.quoted)
        until(lambda: all(self.stage.control.stream()["written"][before:]))

    def miss(self) -> None:
        """Posts while no connection is open."""
        publish_each_class(self.stage, author=self.author, quoted=self.quoted)

    def cut(self, *, seconds: float = 0.0) -> None:
        """End the connection, and let posts be published before the next one; then let time pass.

        What would be taken for a silence of the stream passes while there is none.
        """
        behind = min(seconds, _HEARS_NOTHING)
        before = self.stage.opened
        self.stage.clock.before_wait = self._published_once(seconds - behind)
        self.stage.control.disconnect("close")
        until(lambda: self.stage.opened > before)
        self.stage.clock.before_wait = lambda _: None
        if behind:
            self.stage.clock.advance(behind)

    def _published_once(self, seconds: float) -> Callable[[float], None]:
        done: list[bool] = []

        def publish(_: float) -> None:
            if not done:
                done.append(True)
                self.missed += 5
                publish_each_class(self.stage, author=self.author, quoted=self.quoted)
                self.stage.clock.advance(seconds)

        return publish

    def plan(self, *, archive: bool = False) -> Plan:
        """What a repair would search for half an hour later; the clock of a stream that runs stays."""
        now = self.stage.clock.now() + timedelta(seconds=1800)
        return plan_of(self.stage.store, self.keys, usual(), archive=archive, now=now)

    def repaired(self, *, archive: bool = False, stop: Stop | None = None, **settings: Any) -> Outcome:
        """The outcome of a repair of all that can be repaired now."""
        plan = self.plan(archive=archive)
        describe(self.stage.store, self.keys, self.stage.collection(self.collection_id), plan)
        return self.carried_out(stop=stop, **settings)

    def carried_out(self, *, stop: Stop | None = None, **settings: Any) -> Outcome:
        """The outcome of the repair that is described."""
        stage, ended = self.stage, stop or Stop()
        repair = Repair(
            store=stage.store,
            reader=reader(stage.store),
            keys=self.keys,
            client=lambda _, progress: stage._client(ended, progress.waits),
            settings=Settings(**settings),
            work_root=work_root(stage.work, "local", self.keys),
            clock=stage.clock,
            stop=ended,
        )
        outcome, _ = repair.run()
        return outcome

    @property
    def paid_for(self) -> int:
        """Posts that X charged for searches."""
        repairs = repairs_of(self.stage.store, self.keys)
        return sum(summary["billed"].get("posts", 0) for summary in repairs)

    @property
    def backfills(self) -> list[dict[str, Any]]:
        """What all repairs say of gaps, as their harvest.json do."""
        return [
            event
            for summary in repairs_of(self.stage.store, self.keys)
            for event in summary.get("repairs", [])
        ]

    def account(self) -> "Account":
        """Where each post is that existed while the stream was asked for."""
        return Account.of(self)


@dataclass
class Account:
    """How many posts of each class existed, and what became of them."""

    existing: Counter[str] = field(default_factory=Counter)
    collected: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)
    out_of_reach: Counter[str] = field(default_factory=Counter)
    open: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)
    doubled: int = 0

    @classmethod
    def of(cls, broken: BrokenStream) -> "Account":
        stage, made = broken.stage, cls()
        store, keys = stage.store, broken.keys
        told = stage.control.stream()
        collected = stage.stored(broken.collection_id)
        repaired = stage.stored_in(keys.repairs)
        made.doubled = sum((collected + repaired).values()) - len({*collected, *repaired})
        gaps = gaps_of(catalog.all_of(store, keys), closed_by(repairs_of(store, keys)))
        first = told["connections"][0]["published_before"]
        for post, what in list(zip(told["ids"], told["classes"], strict=True))[first:]:
            made.existing[what] += 1
            if post in collected:
                made.collected[what] += 1
            elif post in repaired:
                made.repaired[what] += 1
            elif within := [gap for gap in gaps if gap.since <= created(post) <= gap.until]:
                named = {name for gap in within for name in gap.repaired.get("out_of_reach", ())}
                if _is_named(what, named):
                    made.out_of_reach[what] += 1
                elif any(not gap.repaired for gap in within):
                    made.open[what] += 1
                else:
                    made.unexplained.append(post)
            else:
                made.unexplained.append(post)
        return made

    @property
    def explained(self) -> Counter[str]:
        return self.collected + self.repaired + self.out_of_reach + self.open


def _is_named(what: str, named: set[str]) -> bool:
    return {"retweet": "retweets", "quote": "quoted text"}.get(what) in named


def figures(account: Account) -> Mapping[str, dict[str, int]]:
    """For a message."""
    return {
        name: dict(getattr(account, name))
        for name in ("existing", "collected", "repaired", "out_of_reach", "open")
    }
