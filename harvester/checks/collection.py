"""What can be known of a collection before anything is spent on it, each thing with what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harvester.collection.description import FILTER, SEARCH, USER_TIMELINE, budget, count, problems
from harvester.collection.filter_terms import same_values
from harvester.documents import Tree
from harvester.errors import HarvesterError
from harvester.settings import Settings
from harvester.text import counted

if TYPE_CHECKING:
    from harvester.networks.x import XClient

# docs.x.com, "Search": recent and full archive.
_QUERY_LENGTH = {False: 512, True: 1024}
_TIMELINE_DEPTH = 3200
_PAGE = {False: 100, True: 500}
# Neither a post nor an account has this id, so that asking for it is not billed.
_NOBODYS = "1"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    what: str
    good: bool
    told: str
    advice: str = ""


def of_description(tree: Tree, settings: Settings) -> Iterator[Check]:
    """Asks nobody, but whether the keys are where the settings say they are."""
    reasons = problems(tree)
    if reasons:
        for reason in reasons:
            yield Check("description", False, reason, "Correct it.")
        return
    yield Check("description", True, f"a valid {tree['type']}.")
    yield keys_of(tree, settings)
    yield from _OF_KIND[tree["type"]](tree)
    yield _budget(tree, settings)


def keys_of(tree: Tree, settings: Settings) -> Check:
    """Whether a harvest finds keys, here or where the cluster runs it."""
    from harvester.networks.x import credentials
    from harvester.networks.x.keys import in_collection

    kept = tree.get("keys") or {}
    try:
        if in_collection(tree).usable:
            told = "the collection itself holds them, for all to see who may read it."
            return Check("keys", False, told, "`collection-config keys --move-to PROFILE` takes them out.")
        if settings.cluster:
            credentials.require_for_harvests(settings, tree)
            return Check("keys", True, f"those of profile {kept['profile']}, in the parameter store.")
        keys = credentials.keys(settings, tree)
    except HarvesterError as error:
        return Check("keys", False, error.message, error.hint)
    return Check("keys", True, "those of a person." if keys.of_a_user else "those of an app.")


def _timelines(tree: Tree) -> Iterator[Check]:
    from harvester.networks.x.prices import price

    users = tree["users"]
    if not users:
        yield Check("users", False, "there are none.", "Add some: `collection-config screennames`.")
        return
    told = [user.get("tweet_count") for user in users.values() if not user.get("since_id")]
    known = [each for each in told if isinstance(each, int) and each >= 0]
    new, unknown = len(told), len(told) - len(known)
    posts = sum(min(each, _TIMELINE_DEPTH) for each in known) + unknown * _TIMELINE_DEPTH
    most = price("users/:id/tweets", posts=posts)
    yield Check(
        "users", True, f"{len(users):,}, of which {new:,} {'was' if new == 1 else 'were'} never harvested."
    )
    depth = f", {unknown:,} of them reckoned with {_TIMELINE_DEPTH:,} posts, for they were not looked up"
    words = f"at most ${most:,.2f} for what the new ones have posted until now{depth if unknown else ''}"
    yield Check("cost", True, f"{words}; each post after that costs ${price('', posts=1)}.")
    yield _look_ups(tree)


def _look_ups(tree: Tree) -> Check:
    """What profiles cost, or what is missed without them."""
    from harvester.networks.x.prices import price

    all_of_them = f"${price('users', users=len(tree['users'])):,.2f}"
    if days := count(tree, "look_up_days"):
        told = f"every account once in {counted(days, 'day')}, for {all_of_them}: users.jsonl, and renames."
        return Check("look-ups", True, told)
    told = "only accounts whose name is not known; a rename is seen when the account posts."
    return Check("look-ups", True, told, f'"look_up_days": 30 looks up all every 30 days, for {all_of_them}.')


def _search(tree: Tree) -> Iterator[Check]:
    search = tree["search"]
    most = _QUERY_LENGTH[bool(search.get("archive"))]
    length = len(search["query"])
    advice = "" if length <= most else "Shorten it, or divide it among collections."
    yield Check("query", length <= most, f"{length} characters; at most {most} are allowed.", advice)
    yield _limit(search)


def _filter(tree: Tree) -> Iterator[Check]:
    from harvester.networks.x import compile_rules

    try:
        rules = compile_rules(tree["filter"])
    except HarvesterError as error:
        for problem in error.problems or (error.message,):
            yield Check("rules", False, problem, error.hint)
        return
    yield Check("rules", True, f"{len(rules)}: " + "; ".join(rule.value for rule in rules[:3]))
    for told in same_values(tree["filter"].get("rules")):
        yield Check("rules", True, told, "Give the value once.")
    yield _limit(tree["filter"])


def _limit(section: Tree) -> Check:
    from harvester.networks.x.prices import price

    most = count(section, "max_records")
    if not most:
        return Check("cost", True, f"no limit: each post costs ${price('', posts=1)}; max_records sets one.")
    return Check(
        "cost", True, f"at most ${price('', posts=most):,.2f} a harvest ({counted(most, 'record')})."
    )


def _budget(tree: Tree, settings: Settings) -> Check:
    from harvester.networks.x.prices import price

    most = budget(tree, setting=settings.budget_usd)
    if most is None:
        advice = '"budget_usd": 5 in the collection, or the setting, sets one.'
        return Check("budget", True, "none: a harvest may cost what it takes.", advice)
    # Smaller requests are not made.
    archive = (tree.get("search") or {}).get("archive")
    page = 0.0 if tree["type"] == FILTER else price("", posts=_PAGE[bool(archive)])
    if most < page:
        told = f"${most:,.2f} a harvest, and one request may cost ${page:,.2f}: nothing would be asked for."
        return Check("budget", False, told, "Raise `budget_usd`.")
    return Check("budget", True, f"a harvest stops before it costs more than ${most:,.2f}.")


_OF_KIND: dict[str, Callable[[Tree], Iterator[Check]]] = {
    USER_TIMELINE: _timelines,
    SEARCH: _search,
    FILTER: _filter,
}


def of_network(tree: Tree, client: Callable[[], "XClient"]) -> Iterator[Check]:
    """Asks the X API: are the keys accepted, and what the collection asks for."""
    x = client()
    try:
        yield _usage(x.usage())
        if tree["type"] == SEARCH:
            yield _accepted_query(x, tree["search"])
        elif tree["type"] == FILTER:
            yield from _accepted_rules(x, tree)
    except HarvesterError as error:
        yield Check("network", False, error.message, error.hint)
    finally:
        x.close()


def _usage(answer: Tree) -> Check:
    from harvester.networks.x.decoding import member, number

    used, cap = (number(member(answer, "data", name)) for name in ("project_usage", "project_cap"))
    told = f"accepted; {used:,} of {cap:,} posts used this month." if cap else "accepted."
    return Check("keys at X", True, told)


def accepted_fields(client: Callable[[], "XClient"]) -> Check:
    """Whether X accepts all that harvests ask for of posts and accounts; costs nothing."""
    try:
        x = client()
        try:
            x.hydrate([_NOBODYS])
            x.users([_NOBODYS])
        finally:
            x.close()
    except HarvesterError as error:
        return Check("fields", True, f"X could not be asked: {error.message}")
    if x.fields.refused:
        told = f"X no longer accepts {', '.join(x.fields.refused)}; harvests go on without."
        return Check("fields", False, told, "Look for a newer version of Twarc-Cloud that asks otherwise.")
    return Check("fields", True, "X accepts all that harvests ask for.")


def _accepted_query(x: "XClient", search: Tree) -> Check:
    from harvester.networks.x.decoding import member, number

    meta = member(x.counts(search["query"]), "meta")
    # X's older and newer name for it.
    total = sum(number(member(meta, name)) for name in ("total_tweet_count", "total_post_count"))
    return Check("query at X", True, f"accepted; {total:,} posts of the last seven days match.")


def _accepted_rules(x: "XClient", tree: Tree) -> Iterator[Check]:
    from harvester.networks.x import compile_rules, plan_rules, tag_prefix

    caps, prefix = x.rule_caps(), tag_prefix(tree["id"])
    rules = compile_rules(tree["filter"], caps, prefix=prefix)
    plan = plan_rules(rules, x.rules(), prefix=prefix, caps=caps)
    if plan.foreign:
        values = "; ".join(str(rule.get("value")) for rule in plan.foreign[:3])
        many = counted(len(plan.foreign), "rule")
        told = f"{many}, and what they match is collected and paid for, too: {values}"
        yield Check("rules of others", True, told, "`collection rules` lists them with their collections.")
    result = x.add_rules(rules, dry_run=True)
    for problem in result.problems:
        yield Check("rules at X", False, problem.detail or problem.title, "Correct the filter.")
    if not result.problems:
        told = f"accepted; {len(rules)} needed, {caps.rules} allowed, {caps.in_use} there now."
        yield Check("rules at X", True, told)
