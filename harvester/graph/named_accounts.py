"""The collection that is made of a few accounts whose lists are read by one command, and its price."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from harvester.collection import history
from harvester.collection.kinds import CRAWLS, is_crawl
from harvester.collection.merge import plain
from harvester.documents import Tree
from harvester.errors import Conflict, Exit, HarvesterError
from harvester.graph import crawls
from harvester.networks import Account, Network
from harvester.networks.validation import require_valid
from harvester.store import Store
from harvester.store.keys import CollectionKeys, id_problem

# A list may grow between the look-up and its last page: by one account, and by one in this many.
_GROWS = 100


@dataclass(frozen=True)
class NamedAccounts:
    """Accounts whose lists of one direction are read, at most `most` accounts of each; 0: all.

    `own` is the id of the account whose keys are used, whose lists may cost less.
    """

    accounts: Sequence[Account]
    direction: str
    most: int = 0
    own: str = ""

    @property
    def collection_id(self) -> str:
        """The same for the same accounts and direction, so that a second command continues the first."""
        ids = sorted(each.id for each in self.accounts)
        name = f"edges-{self.direction}-{ids[0]}"
        if len(ids) == 1 and not id_problem(name):
            return name
        return f"edges-{self.direction}-{hashlib.sha256(' '.join(ids).encode()).hexdigest()[:12]}"

    def require_lengths(self) -> None:
        """Raise if nothing says how long a list is, and nothing limits it."""
        unknown = [each.name for each in self.accounts if self.direction not in each.lists]
        if unknown and not self.most:
            raise HarvesterError(
                f"Nothing says how many {self.direction} there are of {', '.join(unknown)}.",
                hint="Give a --limit.",
                exit_code=Exit.USAGE,
            )

    @property
    def edges(self) -> int:
        """How many accounts the lists have, as the profiles say, within the limit."""
        return sum(self._within(each.lists.get(self.direction, self.most)) for each in self.accounts)

    def at_most(self, network: Network) -> float:
        """The dollars of the lists, and of the look-up with which a harvest begins; in whole cents."""
        dollars = network.look_up_cost(len(self.accounts))
        for each in self.accounts:
            said = each.lists.get(self.direction, self.most)
            edges = self._within(said + 1 + said // _GROWS)
            dollars += network.lists.cost(self.direction, edges, own=each.id == self.own)
        return ceil(round(dollars * 100, 4)) / 100

    def store(self, store: Store, keys: CollectionKeys, usd: float, *, profile: str = "") -> Tree:
        """The stored collection, with this budget; raises if another has its id."""
        first: Tree = {
            "id": keys.id,
            "keys": {"profile": profile},
            "type": CRAWLS[0],
            "users": {each.id: {"screen_name": each.name} for each in self.accounts},
        }
        tree = self._asked(first, usd)
        require_valid(tree, keys.id)
        try:
            return history.add(store, keys, plain(tree))
        except Conflict:
            before = _billed(store, keys)
            return history.edit(store, keys, lambda stored: self._again(keys, stored, usd + before, profile))

    def _again(self, keys: CollectionKeys, stored: Tree, usd: float, profile: str) -> Tree:
        section = stored.get("graph") or {}
        same = {*(stored.get("users") or {})} == {each.id for each in self.accounts}
        if not (is_crawl(stored) and same and section.get("direction") == self.direction):
            raise HarvesterError(
                f"The collection {keys.id} is of other accounts or lists.",
                hint=f"`collection once {keys.id}` harvests it as it is.",
                exit_code=Exit.USAGE,
            )
        return self._asked({**stored, "keys": {**(stored.get("keys") or {}), "profile": profile}}, usd)

    def _asked(self, tree: Tree, usd: float) -> Tree:
        section = {**(tree.get("graph") or {}), "direction": self.direction, "max_depth": 0}
        section.pop("max_edges_per_user", None)
        if self.most:
            section["max_edges_per_user"] = self.most
        return {**tree, "graph": section, "budget_usd": round(usd, 4)}

    def _within(self, number: int) -> int:
        return min(number, self.most) if self.most else number


def _billed(store: Store, keys: CollectionKeys) -> float:
    """The dollars of the crawl that is continued: the budget of a collection is of all its harvests."""
    crawl = crawls.current(store, keys, history.current(store, keys))
    return crawls.spent(crawl.harvests()) if crawl else 0.0
