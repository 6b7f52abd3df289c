"""Checks of an X collection before anything is spent, offline or by asking X."""

from collections.abc import Callable, Iterator

from harvester.collection.kinds import is_crawl, is_stream
from harvester.collection.kinds.kind import count
from harvester.collection.kinds.names import FILTER, GRAPH, SEARCH, USER_TIMELINE
from harvester.documents import Collection, FilterSection, SearchSection, Tree
from harvester.errors import Exit, HarvesterError
from harvester.networks.check import Check
from harvester.networks.x import graph_checks
from harvester.networks.x.client import XClient
from harvester.networks.x.decoding import member, number
from harvester.networks.x.endpoints import COUNTS
from harvester.networks.x.prices import price
from harvester.networks.x.repair.queries import QUERY_LENGTH
from harvester.networks.x.rules.arrangement import arranged, compile_rules
from harvester.networks.x.rules.collection_rules import repeated, unfinished
from harvester.networks.x.rules.live_rules import plan_rules, refusal, tag_prefix
from harvester.networks.x.rules.volume import matched, requests
from harvester.networks.x.rules.volume import volumes as rule_volumes
from harvester.networks.x.rules.wanted import active_rules
from harvester.networks.x.sources.search_pages import LEAST, PAGE
from harvester.networks.x.sources.timeline_depth import DEPTH
from harvester.text import counted

# docs.x.com, "Rate limits": of an app.
_COUNTS_A_WINDOW = 300
# Neither a post nor an account has this id, so that asking for it is not billed.
_NOBODYS = "1"


def estimates(tree: Collection) -> Iterator[Check]:
    """What the first harvest may bring and cost."""
    return _OF_KIND[tree["type"]](tree)


def least_cost(tree: Collection) -> float:
    """Smaller requests are not made."""
    if is_crawl(tree):
        return graph_checks.price_of_edges(1)
    archive = (tree.get("search") or {}).get("archive")
    return 0.0 if is_stream(tree) else price("", posts=PAGE[bool(archive)])


def _timelines(tree: Collection) -> Iterator[Check]:
    users = tree["users"]
    if not users:
        yield Check("users", False, "there are none.", "Add some: `collection-config screennames`.")
        return
    counts = [user.get("tweet_count") for user in users.values() if not user.get("since_id")]
    known = [each for each in counts if isinstance(each, int) and each >= 0]
    new, unknown = len(counts), len(counts) - len(known)
    posts = sum(min(each, DEPTH) for each in known) + unknown * DEPTH
    most = price("users/:id/tweets", posts=posts)
    yield Check(
        "users", True, f"{len(users):,}, of which {new:,} {'was' if new == 1 else 'were'} never harvested."
    )
    depth = f", {unknown:,} of them estimated at {DEPTH:,} posts because not looked up"
    words = f"at most ${most:,.2f} for what the new ones have posted until now{depth if unknown else ''}"
    yield Check("cost", True, f"{words}; each post after that costs ${price('', posts=1)}.")
    yield _look_ups(tree)


def _look_ups(tree: Collection) -> Check:
    """What profiles cost, or what is missed without them."""
    all_of_them = f"${price('users', users=len(tree['users'])):,.2f}"
    if days := count(tree, "look_up_days"):
        every = f"every account once in {counted(days, 'day')}, for {all_of_them}"
        detail = f"{every}: stores profiles and detects renames."
        return Check("look-ups", True, detail)
    detail = "only accounts whose name is not known; a rename is seen when the account posts."
    return Check(
        "look-ups",
        True,
        detail,
        f'"look_up_days": 30 looks up every account once in 30 days, for {all_of_them}.',
    )


def _search(tree: Collection) -> Iterator[Check]:
    search = tree["search"]
    most = QUERY_LENGTH[bool(search.get("archive"))]
    length = len(search["query"])
    hint = "" if length <= most else "Shorten it, or split it among collections."
    yield Check("query", length <= most, f"{length} characters; at most {most} are allowed.", hint)
    yield _limit(search, more=LEAST - 1)


def _filter(tree: Collection) -> Iterator[Check]:
    try:
        rules = active_rules(tree["filter"])
        live = arranged(rules, prefix=tag_prefix(tree["id"]))
    except HarvesterError as error:
        for problem in error.problems or (error.message,):
            yield Check("rules", False, problem, error.hint)
        return
    if wrong := unfinished(tree["filter"]):
        for problem in wrong:
            yield Check("rules", False, problem, "Correct it; X would refuse it.")
        return
    many = f"{counted(len(rules), 'rule')} in {counted(len(live), 'live rule')}"
    shown = f"{many}: {'; '.join(rule.value for rule in live[:3])}"
    yield Check("rules", True, shown if live else "all are inactive: a stream waits until one is not.")
    for problem in repeated(tree["filter"]):
        yield Check("rules", True, problem, "Remove the duplicate.")
    yield _limit(tree["filter"])


def _limit(section: SearchSection | FilterSection, *, more: int = 0) -> Check:
    """With `more` posts that the last answer may hold."""
    most = count(section, "max_records")
    if not most:
        return Check("cost", True, f"no limit: each post costs ${price('', posts=1)}; max_records sets one.")
    dollars, records = f"${price('', posts=most + more):,.2f}", counted(most, "record")
    late = "" if more else ", and what X sends until the stream is closed"
    return Check("cost", True, f"at most {dollars} a harvest ({records}){late}.")


_OF_KIND: dict[str, Callable[[Collection], Iterator[Check]]] = {
    USER_TIMELINE: _timelines,
    SEARCH: _search,
    FILTER: _filter,
    GRAPH: graph_checks.estimates,
}


def ask_terms(tree: Collection) -> str:
    """What asking costs, in words; empty if it is a cent at most."""
    return graph_checks.ask_terms(tree) if is_crawl(tree) and tree["users"] else ""


def ask(tree: Collection, x: XClient) -> Iterator[Check]:
    """Asks the X API: are the keys accepted, and what the collection asks for."""
    yield _usage(x.usage())
    if accepted := _ACCEPTED.get(tree["type"]):
        yield from accepted(x, tree)


def _usage(answer: Tree) -> Check:
    used, cap = (number(member(answer, "data", name)) for name in ("project_usage", "project_cap"))
    detail = f"accepted; {used:,} of {cap:,} posts used this month." if cap else "accepted."
    return Check("keys at X", True, detail)


def accepted_fields(client: Callable[[], XClient]) -> Check:
    """Whether X accepts all that harvests ask for of posts and accounts; costs nothing."""
    try:
        x = client()
        try:
            x.hydrate([_NOBODYS])
            x.users([_NOBODYS])
        finally:
            x.close()
    except HarvesterError as error:
        if error.exit_code is Exit.UNAUTHORIZED:
            return Check("keys at X", False, error.message, error.hint)
        return Check("fields", True, f"cannot ask X: {error.message}")
    if x.fields.refused:
        detail = f"X no longer accepts {', '.join(x.fields.refused)}; harvests continue without."
        return Check("fields", False, detail, "Check for a newer version of Twarc-Cloud.")
    return Check("fields", True, "X accepts every field that harvests request.")


def _accepted_query(x: XClient, tree: Collection) -> Iterator[Check]:
    total = matched(x.counts(tree["search"]["query"]))
    yield Check("query at X", True, f"accepted; {total:,} posts of the last seven days match.")


def _accepted_rules(x: XClient, tree: Collection) -> Iterator[Check]:
    caps, prefix = x.rule_caps(), tag_prefix(tree["id"])
    live = x.rules()
    rules = compile_rules(tree["filter"], caps, prefix=prefix, live=live)
    plan = plan_rules(rules, live, prefix=prefix, caps=caps)
    if plan.foreign:
        values = "; ".join(str(rule.get("value")) for rule in plan.foreign[:3])
        many = counted(len(plan.foreign), "rule")
        detail = f"{many}, and what they match is collected and paid for, too: {values}."
        yield Check("rules of others", True, detail, "`collection rules` lists them with their collections.")
    result = x.add_rules(rules, dry_run=True)
    for problem in result.problems:
        yield Check("rules at X", False, refusal(problem, rules), "Correct the filter.")
    if not result.problems:
        many = f"{counted(len(active_rules(tree['filter'])), 'rule')} in {counted(len(rules), 'live rule')}"
        detail = f"accepted: {many}; {caps.rules:,} allowed, {caps.in_use:,} there now."
        # Without a request to X, only an app without other rules can be checked.
        yield Check("rules at X", True, detail, instead_of="rules")


def volume_terms(tree: Collection) -> str:
    """What it takes to count what the rules of a stream match, in words."""
    needed = requests(_filter_of(tree))
    dollars = f"${price(COUNTS.name, requests=needed):,.2f}"
    minutes = (needed - 1) // _COUNTS_A_WINDOW * 15
    waits = f", and takes {minutes} minutes, as X answers {_COUNTS_A_WINDOW} in 15" if minutes > 0 else ""
    return f"{counted(needed, 'request')} for counts, which costs {dollars}{waits}"


def volumes(tree: Collection, x: XClient) -> Iterator[Check]:
    """The posts a day of each rule of a stream."""
    return rule_volumes(_filter_of(tree), x)


def _filter_of(tree: Collection) -> Tree:
    if not is_stream(tree):
        raise HarvesterError(
            "Only streams have rules to count.", hint="Leave out --volume.", exit_code=Exit.USAGE
        )
    return {**tree["filter"]}


_ACCEPTED: dict[str, Callable[[XClient, Collection], Iterator[Check]]] = {
    SEARCH: _accepted_query,
    FILTER: _accepted_rules,
    GRAPH: graph_checks.ask,
}
