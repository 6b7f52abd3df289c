"""What lists of followers may cost, before the first is read: by what is known of the seeds."""

from collections.abc import Iterator, Mapping, Sequence

from harvester.collection.kinds.kind import count
from harvester.documents import Collection, Tree
from harvester.networks.check import Check
from harvester.networks.crawl import DIRECTIONS, FOLLOWERS, FOLLOWING, NOT_FOUND, PROTECTED, without_lists
from harvester.networks.x.client import LOOK_UP, XClient
from harvester.networks.x.decoding import member
from harvester.networks.x.page import name_in
from harvester.networks.x.prices import price
from harvester.networks.x.profiles import XLists
from harvester.networks.x.sources.accounts import STATES, state_of
from harvester.text import counted, in_dollars

_COUNTS = {FOLLOWERS: "followers_count", FOLLOWING: "following_count"}
# docs.x.com, "Rate limits": of each app and direction in 15 minutes, in pages of a thousand.
EDGES_A_WINDOW = 300_000


def price_of_edges(edges: int, *, own: bool = False) -> float:
    """The dollars for this many accounts on lists, or on those of the account whose keys are used."""
    return XLists().cost(FOLLOWERS, edges, own=own)


def list_lengths(profile: Tree) -> Mapping[str, int]:
    """How many accounts each list of an account has, as its profile says."""
    told = {direction: member(profile, "public_metrics", name) for direction, name in _COUNTS.items()}
    return {direction: number for direction, number in told.items() if type(number) is int}


def estimates(tree: Collection) -> Iterator[Check]:
    """Without a request: how long lists are is not known, unless the collection limits them."""
    users, section = tree["users"], tree.get("graph") or {}
    if not users:
        yield Check("users", False, "there are none.", "Add some: `collection-config screennames`.")
        return
    lists = _directions(section)
    yield Check("users", True, f"{len(users):,}, of each {' and '.join(lists)}.")
    look_ups = price("users", users=len(users))
    each = f"each account on a list costs ${price_of_edges(1):.3f}, and each user looked up as much"
    if most := count(section, "max_edges_per_user"):
        dollars = price_of_edges(len(users) * len(lists) * most) + look_ups
        words = f"at most ${dollars:,.2f} for depth 0 ({most:,} of each list)"
    else:
        words = f"depends on the lists; `--live` looks up how long they are, for ${look_ups:,.2f}"
    own = f"${price_of_edges(1, own=True):.3f} on lists of the account whose access token is used"
    yield Check("cost", True, f"{words}; {each} ({own}).")
    yield _budget(tree)


def _budget(tree: Collection) -> Check:
    dollars = tree.get("budget_usd")
    if not dollars:
        detail = "none: budget_usd limits what the crawl may cost, over all its harvests and depths."
        return Check("budget", True, detail)
    edges = int(dollars / price_of_edges(1))
    return Check(
        "budget", True, f"{in_dollars(dollars)}, which pays for {counted(edges, 'account')} on lists."
    )


def ask_terms(tree: Collection) -> str:
    """What it costs to look up how long the lists are, in words."""
    users = len(tree["users"])
    return f"a look-up of {counted(users, 'user')}, which costs at most ${price('users', users=users):,.2f}"


def ask(x: XClient, tree: Collection) -> Iterator[Check]:
    """Look the users up: what depth 0 costs at most."""
    section = tree.get("graph") or {}
    lists, limit = _directions(section), count(section, "max_edges_per_user")
    edges = own = found = 0
    without: dict[str, list[str]] = {}
    for profile in _looked_up(x, list(tree["users"]), without):
        number = sum(min(each, limit or each) for each in _lengths(profile, lists))
        edges += number
        own += number if profile["id"] == x.account else 0
        found += 1
        if state_of(profile) == PROTECTED:
            without.setdefault(PROTECTED, []).append(f"@{name_in(profile) or profile['id']}")
    dollars = price_of_edges(edges - own) + price_of_edges(own, own=True) + price("users", users=found)
    detail = (
        f"at most ${dollars:,.2f} for depth 0: {edges:,} accounts on the lists of {counted(found, 'user')}"
    )
    least = edges * 900 // EDGES_A_WINDOW // len(lists)
    yield Check("cost", True, f"{detail}; X's rate limit takes {_duration(least)}.", instead_of="cost")
    if without:
        counts = {f"users_{why}": len(users) for why, users in without.items()}
        named = "; ".join(f"{why.replace('_', ' ')}: {_some(without[why])}" for why in sorted(without))
        yield Check("users at X", True, f"{without_lists(counts)}; {named}.")


def _looked_up(x: XClient, ids: Sequence[str], without: dict[str, list[str]]) -> Iterator[Tree]:
    """The profiles of users; those that X has none of are added to `without`, by the reason."""
    for start in range(0, len(ids), LOOK_UP):
        page = x.users(ids[start : start + LOOK_UP])
        listed = {user["id"]: user for user in page.users}
        gone = {problem.resource_id: STATES.get(problem.outcome, "") for problem in page.problems}
        for user in ids[start : start + LOOK_UP]:
            if user not in listed:
                without.setdefault(gone.get(user) or NOT_FOUND, []).append(user)
        yield from listed.values()


def _lengths(profile: Tree, lists: Sequence[str]) -> list[int]:
    said = list_lengths(profile)
    return [said.get(direction, 0) for direction in lists]


def _some(users: Sequence[str]) -> str:
    return ", ".join(users[:5]) + (", …" if len(users) > 5 else "")


def _directions(section: Tree) -> tuple[str, ...]:
    return DIRECTIONS[section.get("direction", FOLLOWERS)]


def _duration(seconds: int) -> str:
    if seconds < 60:
        return "less than a minute"
    return counted(seconds // 60, "minute") if seconds < 7200 else counted(seconds // 3600, "hour")
