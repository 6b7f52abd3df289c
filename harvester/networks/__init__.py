"""The contract between harvests and a network of posts, which X and any other network implement."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from harvester.clock import Clock, Stop
from harvester.clock import Stopped as Stopped
from harvester.collection.kinds import Rules
from harvester.documents import Collection, Tree
from harvester.errors import Exit, HarvesterError
from harvester.networks.account import Account as Account
from harvester.networks.batch import Batch as Batch
from harvester.networks.batch import Put as Put
from harvester.networks.budget import Billing, Prices
from harvester.networks.check import Check
from harvester.networks.crawl import Crawl
from harvester.networks.edits import Edits, NoEdits
from harvester.networks.gap import Heard, MissedInterval, impossible
from harvester.networks.keys import Keys as Keys
from harvester.networks.records import Post, Records, one_post_a_line, only_post
from harvester.settings import Settings
from harvester.text import plain

# Modules that no harvest needs are imported where they are used.
if TYPE_CHECKING:
    from harvester.networks.attribution import Attributor
    from harvester.networks.flat import Flat
    from harvester.networks.profiles import Lists
    from harvester.networks.repair import Known, LiveRule, Searches, Used
    from harvester.networks.rows import Rows
    from harvester.networks.rule_counts import RuleCounts


class Client:
    """The connection of one harvest to its network; threads may share it.

    `app` and `account` are those of its keys: a network that allows one stream per app has the former.
    """

    billing: Billing
    app: str = ""
    account: str = ""

    def go_on_from(self, before: "Client") -> None:
        """Take the place of another client of the same harvest, and count what it was billed."""
        self.billing.go_on_from(before.billing)

    def on_refused_field(self, hear: Callable[[str], None]) -> None:
        """Tell `hear` of each field that the network no longer accepts."""

    def close(self) -> None:
        """Give up all connections."""


@dataclass(frozen=True)
class Waits:
    """How a client waits: by which clock, until which stop or for how many seconds, and who hears of it."""

    clock: Clock
    stop: Stop
    patience: float
    say: Callable[[str, float], None]


C = TypeVar("C")


@dataclass(frozen=True)
class Job(Generic[C]):
    """What a source needs to know. `gap_from` is set where a stream before this one died.

    `say` takes why a source is through before the network was, `waits` what it waits for and how long.
    """

    # It may hold API keys.
    collection: Collection = field(repr=False)
    client: C
    clock: Clock
    stop: Stop
    put: Put
    say: Callable[[str], None]
    waits: Callable[[str, float], None]
    concurrency: int = 32
    gap_from: datetime | None = None
    last_id: str = ""
    gap_why: str = "the harvest before died"
    # The timestamp of the harvest.
    harvest: str = ""
    # Where a stream counts the posts of its rules; None: it does not.
    rule_counts: "RuleCounts | None" = None
    # Of a stream: what is changed of the collection while it runs.
    edits: Edits = field(default_factory=NoEdits)
    # Of a graph: the depth that is harvested.
    crawl: Crawl | None = None


# Runs in a thread of its own, hands what it gets to `job.put`, and returns when it is through. It raises
# `Stopped` when a stop was requested, and a HarvesterError when the network refuses for good.
Source = Callable[[Job[C]], None]


class Network:
    """What is known of one network. What stands here holds for one without keys, prices and timed ids."""

    # As a collection names it, and as messages do.
    name: ClassVar[str]
    title: ClassVar[str]
    # How much later a post may come than one that was published after it.
    delivery: ClassVar[timedelta] = timedelta()
    # What the name of an account consists of, in words.
    name_limits: ClassVar[str] = ""
    # Whether it allows one stream only for the same keys.
    one_stream_per_app: ClassVar[bool] = False
    # Whether a running stream takes over a changed filter, by the edits of its job.
    changes_streams: ClassVar[bool] = False
    # How many accounts on lists of one direction it gives at most; 0: unknown.
    edges_a_second: ClassVar[int] = 0

    @property
    def rules(self) -> Rules:
        """What a collection may say of this network."""
        raise NotImplementedError

    def source(self, kind: str) -> Source[Any]:
        """The source of a kind of collection."""
        raise NotImplementedError

    def published(self, post_id: str | None) -> datetime | None:
        """When a post was published, as far as its id tells."""
        return None

    def records(self, block: bytes, *, ids: bool) -> Records:
        """What whole lines of stored records hold; raises BrokenLine for one that is no record."""
        return one_post_a_line(block, ids=ids)

    def attribution(self, collections: Sequence[Tree], events: Iterable[Tree]) -> "Attributor | None":
        """Says which rules of a collection its records matched; None if the network has none to tell of.

        `collections` are its versions that count, the last one most, and `events` those of its harvests.
        """
        return None

    def rule_values(self, tree: Mapping[str, Any], *, active: bool = False) -> Mapping[str, str]:
        """The value of each rule, or of each `active` one, by its id; empty if the network has no rules."""
        return {}

    def posts(self, line: bytes) -> Sequence[Post]:
        """The posts of one stored line, each with all that the line says of it; raises BrokenLine."""
        return only_post(line)

    def rows(self, line: bytes) -> "Rows":
        """The content of one stored line as rows of posts and accounts; raises BrokenLine."""
        from harvester.networks.rows import rows_of

        return rows_of(self.posts(line))

    @property
    def lists(self) -> "Lists":
        """What its lists of followers contain and cost."""
        raise HarvesterError(f"{self.title} has no lists of followers.", exit_code=Exit.USAGE)

    @property
    def flat(self) -> "Flat":
        """Its stored lines as one record a post, and as tables."""
        from harvester.networks.flat import Flat

        return Flat()

    def missed(self, heard: Heard) -> MissedInterval | None:
        """What may be missing of a stream whose harvest ended there.

        None if nothing is, as the next harvest has it replayed from a position that the patch keeps.
        """
        return MissedInterval.of(heard)

    def why_impossible(self, gap: Mapping[str, Any]) -> str:
        """Why an event of a gap cannot be true; empty if nothing speaks against it."""
        return impossible(gap, self.published, delivery=self.delivery)

    def searches(self, rules: Sequence["LiveRule"], *, archive: bool) -> "Searches":
        """What a search finds of what these rules would have brought."""
        raise HarvesterError(
            f"{self.title} cannot be searched for what a stream missed.", exit_code=Exit.USAGE
        )

    def search_reach(self, *, archive: bool) -> timedelta | None:
        """How far back a search goes; None if it has no limit."""
        return None

    def counted(
        self, client: Any, query: str, since: datetime, until: datetime, *, archive: bool
    ) -> Mapping[date, int]:
        """How many posts match a query in an interval, by the UTC day of their publication."""
        raise NotImplementedError

    def unseen(self, block: bytes) -> Sequence[str]:
        """The ids of the posts in whole lines that a search for words does not find."""
        return ()

    def count_cost(self, since: datetime, until: datetime, *, archive: bool) -> float:
        """The dollars of counting the posts of one query in an interval."""
        return 0.0

    def repair(self, known: "Known", used: "Used | None" = None) -> Source[Any]:
        """The source of repairs, which stores no post that is `known`; its rules are those of `used`."""
        raise NotImplementedError

    @property
    def prices(self) -> Prices | None:
        """What it charges; None if it is free."""
        return None

    def holds_keys(self, tree: Mapping[str, Any]) -> bool:
        """Whether a collection itself holds keys that could be used."""
        return False

    def keys(self, tree: Mapping[str, Any], settings: Settings) -> Keys:
        """The keys that a harvest of the collection uses; raises if it needs some and there are none."""
        return Keys()

    def require_keys(self, tree: Mapping[str, Any], settings: Settings) -> None:
        """Raise unless a harvest would find keys where it runs: on this machine, or on the cluster."""

    def client(self, keys: Any, settings: Settings, waits: "Waits") -> Client:
        """A connection with the network's own `keys`."""
        raise NotImplementedError

    def reach(self, settings: Settings) -> datetime | None:
        """The time by the network's clock, if it tells it; raises if the network cannot be reached."""
        return None

    def keys_refused(self, error: HarvesterError) -> bool:
        """Whether the error refuses the keys of an app for good, and not only the request."""
        return False

    def require_accepted(self, client: Any) -> None:
        """Raise if the network refuses the keys of its `client` for good; an outage is no refusal."""

    def estimates(self, tree: Collection) -> Iterator[Check]:
        """What the first harvest of a valid collection may bring and cost, without a request."""
        yield Check("cost", True, f"none: {self.title} is free.")

    def impossible(self, tree: Mapping[str, Any]) -> Sequence[str]:
        """Why a valid collection cannot be harvested with any keys, as far as known without a request."""
        return ()

    def least_cost(self, tree: Collection) -> float:
        """The dollars of the smallest request that a harvest makes."""
        return 0.0

    def ask(self, tree: Collection, client: Any) -> Iterator[Check]:
        """Whether the network accepts the keys, and what the collection asks for."""
        yield Check("network", True, f"{self.title} has nothing to check.")

    def ask_terms(self, tree: Collection) -> str:
        """What `ask` costs, in words, to be agreed to; empty if that is next to nothing."""
        return ""

    def volume_terms(self, tree: Collection) -> str:
        """What it takes to count the posts that a collection would receive, in words, to be agreed to."""
        raise HarvesterError(
            f"{self.title} counts no posts.", hint="Leave out --volume.", exit_code=Exit.USAGE
        )

    def volumes(self, tree: Collection, client: Any) -> Iterator[Check]:
        """How many posts a day a valid collection would receive, by the network's counts."""
        yield from ()

    def accepted_fields(self, client: Callable[[], Any]) -> Iterator[Check]:
        """Whether the network accepts all that is asked for of posts and accounts; costs nothing."""
        yield from ()

    def name_in(self, text: str) -> str:
        """The name of an account that a person's text means, without @; empty if it can be none."""
        return plain(text).lstrip("@ ")

    def look_up(self, client: Any, named: Sequence[str], *, by_id: bool = False) -> Iterator[Account]:
        """The accounts of these names, or ids; those that there are not are passed over."""
        raise HarvesterError(
            f"{self.title} cannot look up accounts by name.", hint="Add users by id.", exit_code=Exit.USAGE
        )

    def look_up_cost(self, accounts: int) -> float:
        """The dollars that a look-up of this many names or ids may cost."""
        return 0.0
