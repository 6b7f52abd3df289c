"""X as a network: implements the contract with the modules of this folder."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from harvester.collection.kinds import Rules
from harvester.documents import Collection, Tree
from harvester.errors import HarvesterError
from harvester.networks import Account, Network, Source, Waits
from harvester.networks.budget import Prices
from harvester.networks.check import Check
from harvester.networks.records import Post, Records
from harvester.networks.x import post_ids
from harvester.networks.x.screen_names import LIMITS, screen_name
from harvester.settings import Settings

# What speaks to X is imported only where that is done, so that commands begin quickly.
if TYPE_CHECKING:
    from harvester.networks.repair import Known, LiveRule, Searches, Used
    from harvester.networks.rows import Rows
    from harvester.networks.x.client import XClient
    from harvester.networks.x.forms.flat import XFlat
    from harvester.networks.x.keys import Keys
    from harvester.networks.x.matching.attribution import Attribution
    from harvester.networks.x.profiles import XLists

# docs.x.com, "Search": how far back a recent search goes.
_RECENT = timedelta(days=7)


class X(Network):
    """The X API v2."""

    name, title = "x", "X"
    delivery = post_ids.DELIVERY
    name_limits = LIMITS
    one_stream_per_app = True
    changes_streams = True
    # docs.x.com, "Rate limits": 300 pages of a thousand in 15 minutes.
    edges_a_second = 333

    @property
    def rules(self) -> Rules:
        from harvester.networks.x.description import RULES

        return RULES

    def name_in(self, text: str) -> str:
        return screen_name(text)

    def source(self, kind: str) -> Source[Any]:
        from harvester.networks.x.sources import source_for

        return source_for(kind)

    def published(self, post_id: str | None) -> datetime | None:
        return post_ids.published(post_id)

    def records(self, block: bytes, *, ids: bool) -> Records:
        from harvester.networks.x.records import records

        return records(block, ids=ids)

    def rule_values(self, tree: Mapping[str, Any], *, active: bool = False) -> Mapping[str, str]:
        from harvester.networks.x.rules.collection_rules import collection_rules

        rules = collection_rules(tree.get("filter") or {}, [])
        return {rule.id: rule.value for rule in rules if rule.active or not active}

    def searches(self, rules: Sequence["LiveRule"], *, archive: bool) -> "Searches":
        from harvester.networks.x.repair.queries import searches

        return searches(rules, archive=archive)

    def search_reach(self, *, archive: bool) -> timedelta | None:
        return None if archive else _RECENT

    def counted(
        self, client: "XClient", query: str, since: datetime, until: datetime, *, archive: bool
    ) -> Mapping[date, int]:
        from harvester.networks.x.repair.counting import counted

        return counted(client, query, since, until, archive=archive)

    def unseen(self, block: bytes) -> Sequence[str]:
        from harvester.networks.x.repair.retweets import retweets

        return retweets(block)

    def count_cost(self, since: datetime, until: datetime, *, archive: bool) -> float:
        from harvester.networks.x.repair.counting import count_cost

        return count_cost(since, until, archive=archive)

    def repair(self, known: "Known", used: "Used | None" = None) -> Source[Any]:
        from harvester.networks.repair import no_versions
        from harvester.networks.x.sources.repair import source

        return source(known, used or no_versions)

    def attribution(self, collections: Sequence[Tree], events: Iterable[Tree]) -> "Attribution":
        from harvester.networks.x.matching.attribution import attribution_of

        return attribution_of(collections, events)

    def posts(self, line: bytes) -> Sequence[Post]:
        from harvester.networks.x.posts import posts

        return posts(line)

    def rows(self, line: bytes) -> "Rows":
        from harvester.networks.x.forms import rows

        return rows(line)

    @property
    def lists(self) -> "XLists":
        from harvester.networks.x.profiles import XLists

        return XLists()

    @property
    def flat(self) -> "XFlat":
        from harvester.networks.x.forms.flat import XFlat

        return XFlat()

    @property
    def prices(self) -> Prices:
        from harvester.networks.x.prices import price_list

        return price_list()

    def holds_keys(self, tree: Mapping[str, Any]) -> bool:
        from harvester.networks.x.keys import in_collection

        return in_collection(tree).usable

    def keys(self, tree: Mapping[str, Any], settings: Settings) -> "Keys":
        from harvester.networks.x import credentials

        return credentials.keys(settings, tree)

    def require_keys(self, tree: Mapping[str, Any], settings: Settings) -> None:
        from harvester.networks.x import credentials

        credentials.require_for_harvests(settings, tree)

    def client(self, keys: "Keys", settings: Settings, waits: Waits) -> "XClient":
        from harvester.networks.x.client import XClient

        return XClient(
            keys,
            base_url=settings.x_api_url,
            clock=waits.clock,
            stop=waits.stop,
            patience=min(waits.patience, settings.x_patience),
            on_wait=waits.say,
        )

    def reach(self, settings: Settings) -> "datetime | None":
        from harvester.networks.x.http.reach import clock_at

        return clock_at(settings.x_api_url)

    def keys_refused(self, error: HarvesterError) -> bool:
        from harvester.networks.x.errors import ApiCode, XError

        return isinstance(error, XError) and error.outcome in (ApiCode.UNAUTHORIZED, ApiCode.FORBIDDEN)

    def require_accepted(self, client: "XClient") -> None:
        from harvester.networks.x.errors import ApiCode, XError

        try:
            client.rule_caps()
        except XError as error:
            if error.outcome in (ApiCode.UNAUTHORIZED, ApiCode.FORBIDDEN):
                raise

    def estimates(self, tree: Collection) -> Iterator[Check]:
        from harvester.networks.x import checks

        return checks.estimates(tree)

    def impossible(self, tree: Mapping[str, Any]) -> Sequence[str]:
        from harvester.networks.x.rules.wanted import impossible

        return impossible(tree.get("filter") or {})

    def least_cost(self, tree: Collection) -> float:
        from harvester.networks.x import checks

        return checks.least_cost(tree)

    def ask(self, tree: Collection, client: "XClient") -> Iterator[Check]:
        from harvester.networks.x import checks

        return checks.ask(tree, client)

    def ask_terms(self, tree: Collection) -> str:
        from harvester.networks.x import checks

        return checks.ask_terms(tree)

    def volume_terms(self, tree: Collection) -> str:
        from harvester.networks.x import checks

        return checks.volume_terms(tree)

    def volumes(self, tree: Collection, client: "XClient") -> Iterator[Check]:
        from harvester.networks.x import checks

        return checks.volumes(tree, client)

    def accepted_fields(self, client: "Callable[[], XClient]") -> Iterator[Check]:
        from harvester.networks.x import checks

        yield checks.accepted_fields(client)

    def look_up(self, client: "XClient", named: Sequence[str], *, by_id: bool = False) -> Iterator[Account]:
        from harvester.networks.x.look_up import accounts

        return accounts(client.users if by_id else client.users_by_name, named)

    def look_up_cost(self, accounts: int) -> float:
        from harvester.networks.x.prices import price

        return price("users/by", users=accounts)
