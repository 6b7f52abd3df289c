"""Lists of followers over many harvests, against the emulator's truth: what was gained, lost and paid."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harvester.clock import Stop
from harvester.errors import Exit
from harvester.graph import crawls
from harvester.graph.close import close
from harvester.harvest.progress import BUDGET, COMPLETE, PARTIAL, STOPPED
from harvester.networks import Source
from harvester.networks.registry import usual
from harvester.networks.x import Keys, XClient
from harvester.networks.x.job import Job
from harvester.store.keys import CollectionKeys
from tests.support.graph_stage import edges_of, end_crawl, ids_of_list, lists_of
from tests.support.harvest_stage import DAY, KEYS, Ended, Stage, staged

_SEEN: set[str] = set()
_FOLLOWERS = "GET /2/users/*/followers"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("graph")
    with staged(folder, users=4000, posts_per_user=0, degrees="pareto:0.8:20", hubs="0:3500") as found:
        yield found


def before_each_page(act: Callable[[Job, int], None]) -> Callable[[str], Source[Any]]:
    """The source of X, of which each request for followers is preceded by this, with its number."""

    def collect(job: Job) -> None:
        ask, asked = job.client.followers, [0]

        def followers(user: str, **how: Any) -> Any:
            asked[0] += 1
            act(job, asked[0])
            return ask(user, **how)

        vars(job.client)["followers"] = followers
        usual().source("graph")(job)

    return lambda _: collect


def test_who_was_gained_and_lost_is_the_difference_of_the_complete_lists(tmp_path: Path) -> None:
    with staged(tmp_path, users=150, posts_per_user=0, hubs="0:100,1:30", churn=0.05) as stage:
        users = stage.accounts[:4]
        stage.add("watch", type="graph", users={user: {} for user in users}, graph={})
        known: dict[tuple[str, str], set[str]] = {}
        harvests: dict[tuple[str, str], str] = {}
        for day in range(10):
            most = 50 if day in (3, 6) else None
            stage.edit("watch", partial(limited, most=most))
            ended = stage.harvest("watch", concurrency=3)
            assert ended.outcome.state == COMPLETE
            for end in lists_of(stage, ended):
                of = end["user"], end["direction"]
                truth = set(getattr(stage.control, end["direction"])(end["user"]))
                received = set(ids_of_list(edges_of(stage, ended), end))
                assert end["outcome"] == ("cut" if most and len(truth) > most else "complete")
                assert received == truth if end["outcome"] == "complete" else len(received) == most
                assert as_set(end["gained"]) == (received - known[of] if of in known else None)
                is_fact = of in known and end["outcome"] == "complete"
                assert as_set(end["lost"]) == (known[of] - truth if is_fact else None)
                assert end["compared_with"] == harvests.get(of)
                if end["outcome"] == "complete":
                    known[of], harvests[of] = truth, ended.summary["harvest_timestamp"]
            assert len(known) == 4
            end_crawl(stage, "watch")
            stage.clock.advance(DAY)
        assert day == 9


def limited(tree: dict[str, Any], *, most: int | None) -> dict[str, Any]:
    return {**tree, "graph": {**tree["graph"], "max_edges_per_user": most}}


def as_set(ids: list[str] | None) -> set[str] | None:
    assert ids is None or len(set(ids)) == len(ids)
    return None if ids is None else set(ids)


def test_a_list_that_changes_while_it_is_read_gives_no_false_loss_and_counts_nobody_twice(
    stage: Stage,
) -> None:
    hub = stage.accounts[0]
    stage.add("moves", type="graph", users={hub: {}})
    first = stage.harvest("moves")
    (before,) = lists_of(stage, first)
    end_crawl(stage, "moves")
    listed = stage.control.followers(hub)
    everyone = [user["id"] for user in stage.control.users(count=4000)]
    strangers = [each for each in everyone if each not in listed and each != hub]
    newcomers = strangers[:1]

    def change(_: Job, number: int) -> None:
        if number > 1:
            stage.control.follow(hub, add=newcomers, remove=[listed[-number]])
            newcomers.clear()

    second = stage.harvest("moves", source=before_each_page(change))
    (end,) = lists_of(stage, second)
    pages = ids_of_list(edges_of(stage, second), end)
    after = set(stage.control.followers(hub))
    assert len(pages) > len(set(pages)) == end["received"] == second.summary["counts"]["edges"]
    assert before["received"] == len(listed)
    assert set(end["lost"]) <= set(listed) - after
    assert end["gained"] == []


def test_a_list_that_was_cut_by_a_stop_continues_where_it_was_and_no_page_is_paid_twice(
    stage: Stage,
) -> None:
    hub, small = stage.accounts[0], stage.accounts[7]
    stage.add("parts", type="graph", users={hub: {}, small: {}})
    harvests: list[Ended] = []
    for _ in range(4):
        stop = Stop()

        def halt(_: Job, number: int, stop: Stop = stop) -> None:
            if number == 2:
                stop.request("enough")

        harvests.append(stage.harvest("parts", stop=stop, source=before_each_page(halt)))
        stage.require_tidy("parts")
    harvests.append(stage.harvest("parts"))
    ends = {end["user"]: end for end in lists_of(stage, *harvests)}
    truth = {user: stage.control.followers(user) for user in (hub, small)}
    edges = edges_of(stage, *harvests)
    assert {user: ids_of_list(edges, end) for user, end in ends.items()} == truth
    assert len(ends[hub]["harvests"]) == 4
    assert sum(len(each) for each in truth.values()) == billed(*harvests)
    crawl = stage.collection("parts")["graph"]["crawl"]
    assert crawl["started"] == harvests[0].summary["harvest_timestamp"] and crawl["chains"] == {}
    end_crawl(stage, "parts")
    (end, _) = sorted(lists_of(stage, stage.harvest("parts")), key=lambda end: -end["received"])
    assert (end["gained"], end["lost"]) == ([], []) and end["compared_with"] == ends[hub]["harvests"][-1]


@pytest.mark.parametrize("damage", ["cut", "not gzip", "missing"])
def test_a_list_whose_earlier_one_is_damaged_is_stored_and_not_compared(stage: Stage, damage: str) -> None:
    name, hub = f"damaged-{damage.split()[0]}", stage.accounts[0]
    stage.add(name, type="graph", users={hub: {}})
    before = stage.harvest(name)
    spoil(stage, before, damage)
    end_crawl(stage, name)
    again = stage.harvest(name)
    (end,) = lists_of(stage, again)
    assert again.outcome.state == COMPLETE
    assert set(ids_of_list(edges_of(stage, again), end)) == set(stage.control.followers(hub))
    assert (end["outcome"], end["gained"], end["lost"], end["compared_with"]) == ("complete", *[None] * 3)
    (event,) = again.events
    assert (event["event"], event["user_id"]) == ("list not compared", hub)
    assert before.summary["harvest_timestamp"] in event["detail"]
    end_crawl(stage, name)
    (end,) = lists_of(stage, stage.harvest(name))
    assert (end["gained"], end["lost"]) == ([], [])


@pytest.mark.parametrize("damage", ["cut", "missing"])
def test_a_list_of_which_pages_are_damaged_is_read_to_its_end_and_not_compared(
    stage: Stage, damage: str
) -> None:
    name, hub = f"pages-{damage}", stage.accounts[0]
    stage.add(name, type="graph", users={hub: {}})
    stop = Stop()

    def halt(_: Job, number: int) -> None:
        if number == 2:
            stop.request("enough")

    before = stage.harvest(name, stop=stop, source=before_each_page(halt))
    spoil(stage, before, damage)
    again = stage.harvest(name)
    (end,) = lists_of(stage, again)
    assert again.outcome.state == COMPLETE
    assert (end["outcome"], end["received"]) == ("complete", len(stage.control.followers(hub)))
    assert [event["event"] for event in again.events] == ["list not compared"]


def spoil(stage: Stage, ended: Ended, damage: str) -> None:
    (entry,) = stage.store.entries(f"{ended.folder}edges-")
    stored = stage.store.read(entry.key)
    if damage == "missing":
        stage.store.remove(entry.key)
    else:
        stage.store.replace(
            entry.key, stored.data[:-20] if damage == "cut" else b"[]", version=stored.version
        )


def billed(*harvests: Ended) -> int:
    """The accounts of lists that were paid for."""
    name = "users/:id/followers"
    each = (ended.summary["billed"]["by_endpoint"].get(name, {}) for ended in harvests)
    return sum(of.get("users", 0) for of in each)


def of_emulator(stage: Stage) -> float:
    """The dollars that the emulator charges for accounts."""
    of = stage.control.truth()["billed"]
    return round((of["users"] - of["users_owned"]) * 0.01 + of["users_owned"] * 0.001, 4)


def test_lists_of_the_account_whose_keys_are_used_cost_less_in_the_estimate_and_on_both_bills(
    tmp_path: Path,
) -> None:
    world: dict[str, Any] = {"users": 60, "posts_per_user": 0, "hubs": "0:40,1:9"}
    with staged(tmp_path / "asked", **world) as stage:
        own, other = stage.accounts[:2]
    with staged(tmp_path, owner=int(own), **world) as stage:
        given = stage.control.call("GET", "credentials")
        of_a_user = Keys(**{name: value for name, value in given.items() if name != "bearer_token"})
        asking = XClient(of_a_user, base_url=stage.emulated.url, clock=stage.clock, stop=Stop())
        tree: Any = {"id": "x", "type": "graph", "graph": {"direction": "both"}}
        for name, users, keys in (
            ("own", [own], of_a_user),
            ("both", [own, other], of_a_user),
            ("app", [own, other], KEYS),
        ):
            tree["users"] = {user: {} for user in users}
            asking.account = keys.account
            at_most = next(check.detail for check in usual().ask(tree, asking) if check.check == "cost")
            stage.keys = keys
            stage.add(name, **{**tree, "id": name})
            stage.control.reset_truth()
            billed = stage.harvest(name).summary["billed"]["usd"]
            assert f"at most ${billed:,.2f} for depth 0" in at_most
            # That of an app does not know whose app it is.
            assert billed > of_emulator(stage) if name == "app" else billed == of_emulator(stage)
        stage.keys = of_a_user
        stage.add("pinch", type="graph", users={own: {}}, graph={}, budget_usd=0.015)
        pinched = stage.harvest("pinch")
        assert pinched.outcome.limit == BUDGET
        assert pinched.summary["billed"]["usd"] == 0.015
        (page,) = edges_of(stage, pinched)
        assert len(page["ids"]) == 5


@pytest.mark.parametrize(
    ("budget", "setting", "words"),
    [
        (0.5, 9.0, "The crawl's budget of $0.50 is used up: "),
        (9.0, 0.5, "The setting budget_usd of $0.50 is used up: "),
    ],
)
def test_what_has_ended_a_crawl_is_named_and_how_it_continues(
    stage: Stage, budget: float, setting: float, words: str
) -> None:
    name = f"ended-{budget}-{setting}"
    stage.add(name, type="graph", users={stage.accounts[0]: {}}, budget_usd=budget)
    ended = stage.harvest(name, budget_usd=setting).outcome
    assert (ended.limit, ended.exit_code) == (BUDGET, Exit.RETRY_LATER)
    assert ended.reason.startswith(words)
    raised = f"Raise budget_usd of {name} to go on."
    each = "It limits each harvest: the next one continues the crawl."
    assert ended.hint == (raised if budget < setting else each)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cents=st.integers(100, 5000), concurrency=st.integers(1, 8), times=st.integers(1, 3))
def test_a_budget_is_used_to_the_last_account_and_never_exceeded(
    stage: Stage, cents: int, concurrency: int, times: int
) -> None:
    name = f"budget-{cents}-{concurrency}-{times}"
    users: dict[str, Any] = {user: {} for user in stage.accounts[:5]}
    if name in _SEEN:
        # Shown again when the law fails.
        name += f"-{len(_SEEN)}"
    _SEEN.add(name)
    stage.add(name, type="graph", users=users, budget_usd=cents / 100)
    # Each harvest may spend a part of it, and all of them no more than the whole.
    harvests = [
        stage.harvest(name, concurrency=concurrency, budget_usd=cents / 100 / times if times > 1 else 0.0)
        for _ in range(times + 1)
    ]
    spent = round(sum(ended.summary["billed"].get("usd", 0) for ended in harvests) * 100)
    wanted = sum(len(stage.control.followers(user)) for user in users) + len(users)
    assert spent <= cents
    if harvests[-1].outcome.state == COMPLETE:
        # Accounts that were looked up, and of which no page was paid for any more, are looked up again.
        assert wanted <= spent <= wanted + concurrency * times
    else:
        assert harvests[-1].outcome.limit == BUDGET and harvests[-1].outcome.exit_code is Exit.RETRY_LATER
        # Thirds of a budget are rounded down to whole accounts.
        assert cents - spent < times


@pytest.fixture
def faulty(stage: Stage) -> Iterator[Stage]:
    yield stage
    stage.control.clear_faults()


def test_a_token_that_comes_again_ends_the_list_with_an_event(faulty: Stage) -> None:
    hub = faulty.accounts[0]
    faulty.add("stuck", type="graph", users={hub: {}})
    faulty.control.faults([{"on": _FOLLOWERS, "when": {"nth": 2}, "do": "stuck-token"}])
    ended = faulty.harvest("stuck")
    (end,) = lists_of(faulty, ended)
    assert (end["outcome"], end["received"], end["lost"]) == ("cut", 2000, None)
    assert (ended.outcome.state, ended.outcome.reason) == (PARTIAL, "1 list cut by what the network answered")
    assert [(event["event"], event["user_id"]) for event in ended.events] == [("list cut", hub)]
    assert end["why"] == ended.events[0]["detail"] == "X gave a token of this list for a second time"


def _retried(stage: Stage, name: str, *, after: Ended) -> dict[str, Any]:
    """The only list as the next harvest ends it, once it was asked to read those that failed."""
    stage.control.clear_faults()
    stage.edit(name, partial(_asking_again, at=after.summary["harvest_timestamp"]))
    (end,) = lists_of(stage, stage.harvest(name))
    return end


def _asking_again(tree: dict[str, Any], *, at: str) -> dict[str, Any]:
    return {**tree, "graph": {**tree["graph"], "crawl": {**tree["graph"]["crawl"], "retry": at}}}


# Of X's second page: what comes in its place, how often it is waited for, and why the list ends after that.
_HICCUPS = {
    "empty pages with a token": ("empty-page", 6, 2, "X gave 4 empty pages in a row"),
    "empty answers": ("nothing", 5, 1, "X ended it with an empty page, after 1000 of the 3"),
    "tokens that cannot be sent": ("long-token", 1, 1, "the token of the next page has 100,000 characters"),
    "lost tokens": ("lost-token", 1, 1, "X ended it with a full page, after 2000 of the 3"),
}


@pytest.mark.parametrize(("do", "times", "more", "why"), _HICCUPS.values(), ids=_HICCUPS)
def test_a_hiccup_of_minutes_is_waited_for_and_after_a_longer_one_the_list_continues_at_its_token(
    faulty: Stage, do: str, times: int, more: int, why: str
) -> None:
    hub = faulty.accounts[0]
    truth = faulty.control.followers(hub)
    for name, many in ((f"passes-{do}", times), (f"stays-{do}", times + more)):
        faulty.add(name, type="graph", users={hub: {}})
        faulty.control.faults([{"on": _FOLLOWERS, "when": {"nth": 2 + n}, "do": do} for n in range(many)])
        ended = faulty.harvest(name)
        (end,) = lists_of(faulty, ended)
        assert end["outcome"] == ("complete" if many == times else "failed")
        assert end["received"] == len(truth) or end["why"].startswith(why)
    assert (ended.outcome.state, ended.outcome.reason) == (PARTIAL, "1 user failed")
    assert ended.outcome.hint == f"`graph retry {name}` collects their lists again."
    assert [event["detail"] for event in ended.events] == [end["why"]]
    assert ended.seconds > 150 or times == 1
    again = _retried(faulty, name, after=ended)
    assert (again["outcome"], again["received"], again["from"]) == ("complete", len(truth), end["from"])


@pytest.mark.parametrize(
    ("do", "direction"), [("lost-token", "followers"), ("nothing", "followers"), ("lost-token", "both")]
)
def test_below_the_seeds_the_profiles_that_came_with_pages_tell_that_a_list_is_not_whole(
    faulty: Stage, tmp_path: Path, do: str, direction: str
) -> None:
    hub, seed, name = faulty.accounts[0], faulty.accounts[-1], f"below-{do}-{direction}"
    faulty.control.follow(seed, add=[hub])
    section = {"direction": direction, "max_depth": 1, "select": {"ids": [hub]}}
    faulty.add(name, type="graph", users={seed: {}}, graph=section)
    faulty.harvest(name)
    crawl = crawls.current(faulty.store, CollectionKeys(name), faulty.collection(name))
    assert crawl and close(crawl, 0, tmp_path, tell=lambda *_: None)["users"] == 1
    faulty.control.faults([{"on": _FOLLOWERS, "when": {"from": 2}, "do": do}])
    ended = faulty.harvest(name)
    (end,) = (line for line in lists_of(faulty, ended) if line["direction"] == "followers")
    truth = faulty.control.followers(hub)
    assert (end["user"], end["depth"], end["outcome"]) == (hub, 1, "failed")
    assert end["count_said"] == len(truth) and "users_looked_up" not in ended.summary["counts"]
    again = _retried(faulty, name, after=ended)
    assert (again["outcome"], again["received"]) == ("complete", len(truth))


# What X does in two harvests, one after the other, and how the second of them ends the list.
_TWICE = {
    "an end": (("lost-token", "lost-token"), "complete", ", in two harvests"),
    "tokens that cannot be sent": (("long-token", "long-token"), "cut", " characters"),
    "empty pages, and an end": (("empty-page", "lost-token"), "failed", " that the profile counts"),
}


@pytest.mark.parametrize(("twice", "outcome", "why"), _TWICE.values(), ids=_TWICE)
def test_what_x_does_in_two_harvests_ends_the_list_and_only_two_ends_make_it_complete(
    faulty: Stage, twice: tuple[str, str], outcome: str, why: str
) -> None:
    hub, name = faulty.accounts[0], "-".join(("twice", *twice))
    faulty.add(name, type="graph", users={hub: {}})
    ends = []
    for do in twice:
        faulty.control.faults([{"on": _FOLLOWERS, "do": do}])
        ended = faulty.harvest(name)
        ends += lists_of(faulty, ended)
        faulty.edit(name, partial(_asking_again, at=ended.summary["harvest_timestamp"]))
    assert [end["outcome"] for end in ends] == ["failed", outcome]
    assert ends[1]["why"].endswith(why)


@pytest.mark.parametrize("nth", [1, 2])
def test_a_page_that_may_have_lost_its_token_is_kept_when_a_stop_comes_before_it_is_asked_for_again(
    faulty: Stage, nth: int
) -> None:
    hub, name = faulty.accounts[0], f"kept-{nth}"
    truth, stop = faulty.control.followers(hub), Stop()
    faulty.add(name, type="graph", users={hub: {}})
    faulty.control.reset_truth()
    faulty.control.faults([{"on": _FOLLOWERS, "when": {"nth": nth}, "do": "lost-token"}])
    faulty.clock.before_wait = lambda seconds: stop.request("enough") if seconds == 5.0 else None
    stopped = faulty.harvest(name, stop=stop)
    faulty.clock.before_wait = lambda _: None
    assert (stopped.summary["counts"]["users"], len(edges_of(faulty, stopped))) == (1000 * nth, nth)
    ended = faulty.harvest(name)
    (end,) = lists_of(faulty, ended)
    assert (end["outcome"], end["received"], "repeated" in end) == ("complete", len(truth), False)
    counted = stopped.summary["counts"]["edges"] + ended.summary["counts"]["edges"]
    assert (counted, billed(stopped, ended)) == (len(truth), len(truth) + 1000)


def test_a_page_that_was_kept_may_hold_others_than_when_it_is_asked_for_again(faulty: Stage) -> None:
    hub, stop = faulty.accounts[0], Stop()
    faulty.add("others", type="graph", users={hub: {}})
    faulty.control.faults([{"on": _FOLLOWERS, "when": {"nth": 2}, "do": "lost-token"}])
    faulty.clock.before_wait = lambda seconds: stop.request("enough") if seconds == 5.0 else None
    stopped = faulty.harvest("others", stop=stop)
    faulty.clock.before_wait = lambda _: None
    on_it = edges_of(faulty, stopped)[1]["ids"]
    faulty.control.follow(hub, remove=on_it[:3])
    ended = faulty.harvest("others")
    (end,) = lists_of(faulty, ended)
    pages = ids_of_list(edges_of(faulty, stopped, ended), end)
    counted = stopped.summary["counts"]["edges"] + ended.summary["counts"]["edges"]
    assert (end["received"], counted) == (len({*pages}), len({*pages}))
    assert {*on_it} <= {*pages}
    assert end.get("repeated", 0) >= 0


def test_a_page_that_comes_again_by_ever_new_tokens_ends_the_list(faulty: Stage) -> None:
    hub = faulty.accounts[0]
    faulty.add("again", type="graph", users={hub: {}})
    faulty.control.faults([{"on": _FOLLOWERS, "do": "same-page"}])
    ended = faulty.harvest("again")
    (end,) = lists_of(faulty, ended)
    why = "X gave a page of this list for a second time"
    assert (end["outcome"], end["received"], end["why"]) == ("cut", 1000, why)
    assert ended.outcome.state == PARTIAL and ended.summary["billed"]["users"] <= 2001


def test_a_list_with_a_page_that_lacks_accounts_tells_no_losses_also_after_a_stop(faulty: Stage) -> None:
    hub = faulty.accounts[0]
    faulty.add("lacking", type="graph", users={hub: {}})
    assert lists_of(faulty, faulty.harvest("lacking"))[0]["outcome"] == "complete"
    end_crawl(faulty, "lacking")
    faulty.control.faults([{"on": _FOLLOWERS, "when": {"nth": 2}, "do": "miscount", "count": 7}])
    stop = Stop()
    stopping = before_each_page(lambda _job, asked: stop.request("enough") if asked == 4 else None)
    faulty.harvest("lacking", stop=stop, source=stopping)
    (end,) = lists_of(faulty, faulty.harvest("lacking"))
    assert (end["outcome"], end["lost"]) == ("cut", None)
    assert end["why"] == "X spoke of 1000 accounts of a page and gave 993"


_ODD = (
    "nothing",
    "errors-only",
    "empty-page",
    "short-page",
    "lost-token",
    "long-token",
    "stuck-token",
    "same-page",
    "miscount",
    "html",
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(_ODD), st.integers(1, 6)), min_size=1, max_size=4))
def test_a_list_that_is_told_complete_is_whole_or_says_why_it_may_not_be(
    faulty: Stage, odd: list[tuple[str, int]]
) -> None:
    name = f"odd-{len(_SEEN)}"
    _SEEN.add(name)
    hub = faulty.accounts[0]
    faulty.add(name, type="graph", users={hub: {}})
    faulty.control.faults([{"on": _FOLLOWERS, "when": {"nth": nth}, "do": what} for what, nth in odd])
    ended = faulty.harvest(name)
    (end,) = lists_of(faulty, ended)
    received = set(ids_of_list(edges_of(faulty, ended), end))
    faulty.control.clear_faults()
    if end["outcome"] == "complete" and "why" not in end:
        assert received == set(faulty.control.followers(hub))
    assert end["outcome"] == "complete" or ended.outcome.state == PARTIAL


@pytest.mark.parametrize("state", ["protected", "suspended", "deleted"])
def test_an_account_without_a_list_has_that_as_its_outcome(stage: Stage, state: str) -> None:
    user, other = stage.accounts[30:32]
    stage.control.user(user, state=state)
    stage.add(f"no-{state}", type="graph", users={user: {}, other: {}})
    ended = stage.harvest(f"no-{state}")
    stage.control.user(user, state="ok")
    ends = {end["user"]: end["outcome"] for end in lists_of(stage, ended)}
    assert ends == {user: {"deleted": "not_found"}.get(state, state), other: "complete"}
    assert ended.summary["counts"]["users_unavailable"] == 1
    again = stage.harvest(f"no-{state}")
    assert again.summary["billed"]["users"] == 0


def test_a_token_that_x_refuses_begins_the_list_anew_once(stage: Stage) -> None:
    hub = stage.accounts[0]
    stage.add("refused", type="graph", users={hub: {}})
    stop = Stop()

    def halt(_: Job, number: int) -> None:
        if number == 2:
            stop.request("enough")

    first = stage.harvest("refused", stop=stop, source=before_each_page(halt))
    assert first.outcome.state == STOPPED

    def spoil(tree: dict[str, Any]) -> dict[str, Any]:
        crawl = tree["graph"]["crawl"]
        ((name, chain),) = crawl["chains"].items()
        changed = {**crawl, "chains": {name: {**chain, "token": "stale"}}}
        return {**tree, "graph": {**tree["graph"], "crawl": changed}}

    stage.edit("refused", spoil)
    second = stage.harvest("refused")
    (end,) = lists_of(stage, second)
    assert [event["event"] for event in second.events] == ["list begun anew"]
    assert ids_of_list(edges_of(stage, first, second), end) == stage.control.followers(hub)
    assert (end["outcome"], len(end["harvests"])) == ("complete", 1)


def test_lists_that_fail_while_none_is_read_are_read_by_the_next_harvest(faulty: Stage) -> None:
    users = faulty.accounts[40:43]
    faulty.add("outage", type="graph", users={user: {} for user in users})
    faulty.control.faults([{"on": _FOLLOWERS, "do": "unavailable"}])
    first = faulty.harvest("outage")
    assert first.outcome.exit_code is not Exit.OK and lists_of(faulty, first) == []
    faulty.control.clear_faults()
    second = faulty.harvest("outage")
    assert {end["user"]: end["outcome"] for end in lists_of(faulty, second)} == dict.fromkeys(
        users, "complete"
    )


def test_a_list_that_fails_beside_others_is_said_to_and_retried_when_that_is_asked_for(faulty: Stage) -> None:
    user, other = faulty.accounts[43:45]
    faulty.add("retry", type="graph", users={user: {}, other: {}})
    faulty.control.faults([{"on": f"GET /2/users/{user}/followers", "do": "unavailable"}])
    first = faulty.harvest("retry")
    ends = {end["user"]: end["outcome"] for end in lists_of(faulty, first)}
    assert (ends, first.outcome.state) == ({user: "failed", other: "complete"}, PARTIAL)
    faulty.control.clear_faults()
    assert lists_of(faulty, faulty.harvest("retry")) == []
    end = _retried(faulty, "retry", after=first)
    assert (end["user"], end["outcome"]) == (user, "complete")
