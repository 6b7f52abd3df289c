"""Timelines: what is asked for, what is kept, and that no user's trouble is another's."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.collection.changeset import patched
from harvester.errors import Exit
from tests.support.harvest_stage import DAY, Ended, Stage, checked_by_sha256sum, staged

pytestmark = pytest.mark.usefixtures("x_in_any_form")

_NOBODY = "4"
_TIMELINE = "GET /2/users/*/tweets"


def _timelines(stage: Stage, users: list[str], **more: Any) -> None:
    stage.add("accounts", type="user_timeline", users={user: {} for user in users}, **more)


def _existing(stage: Stage, users: list[str]) -> list[str]:
    return [post for user in users for post in stage.control.timeline(user)]


def _asked(stage: Stage, path: str) -> list[str]:
    """The requests to an endpoint that the emulator has answered, with their parameters."""
    requests = stage.emulated.truth()["requests"]
    return [request["path"] for request in requests if request["path"].split("?")[0].startswith(path)]


def _change_of(ended: Ended, user: str) -> dict[str, Any]:
    (change,) = [change for change in ended.changes if change["user_id"] == user]
    return change


def test_all_that_exists_is_stored_once_and_whole(tmp_path: Path) -> None:
    with staged(tmp_path, users=3, posts_per_user=230) as stage:
        _timelines(stage, stage.accounts)
        ended = stage.harvest("accounts")
        assert (ended.outcome.state, ended.outcome.exit_code) == ("complete", Exit.OK)
        assert stage.lost_and_doubled("accounts", _existing(stage, stage.accounts)) == (0, 0)
        assert ended.summary["tweets"] == len(ended.ids) == 690
        stage.require_tidy("accounts")
        checked_by_sha256sum(tmp_path / "collections")


def test_the_next_harvest_takes_only_what_is_new_to_each_user(tmp_path: Path) -> None:
    with staged(tmp_path, users=3, posts_per_user=20) as stage:
        _timelines(stage, stage.accounts)
        stage.harvest("accounts")
        stage.control.reset_truth()
        new = stage.control.publish(stage.accounts[1], count=3)
        ended = stage.harvest("accounts")
        assert sorted(ended.ids) == sorted(new)
        assert stage.emulated.truth()["billed"]["posts"] == 3
        users = stage.collection("accounts")["users"]
        assert users[stage.accounts[1]]["since_id"] == max(new, key=int)


def test_what_newer_posts_push_below_the_depth_of_a_timeline_is_told(tmp_path: Path) -> None:
    """Of a first chain that was cut, and of an account that had no posts: neither has a since_id."""
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        cut, empty = stage.accounts
        _timelines(stage, stage.accounts)
        stage.control.publish(cut, count=300)
        stage.clock.advance(DAY)
        stage.control.faults([{"on": _TIMELINE, "when": {"param": "pagination_token"}, "do": "errors-only"}])
        assert len(stage.harvest("accounts").ids) == 100
        stage.control.clear_faults()
        stage.clock.advance(DAY)
        existed = stage.control.timeline(cut) + stage.control.publish(cut, count=3050)
        existed += stage.control.publish(empty, count=3250)
        stage.clock.advance(60)
        ended = stage.harvest("accounts")
        assert (ended.outcome.state, sorted(gap["user_id"] for gap in ended.gaps)) == (
            "partial",
            [cut, empty],
        )
        assert len(existed) - len(ended.ids) == 100 + 150 + 50
        assert stage.unexplained("accounts", existed) == []
        users = stage.collection("accounts")["users"]
        assert [user.keys() & {"resume", "read_until"} for user in users.values()] == [set(), set()]
        assert stage.harvest("accounts").gaps == []


def test_without_users_nothing_is_complete(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, posts_per_user=1) as stage:
        _timelines(stage, [])
        outcome = stage.harvest("accounts").outcome
        assert (outcome.state, outcome.reason) == ("failed", "The collection has no users.")
        assert outcome.exit_code == Exit.USAGE


def test_no_news_is_no_file_and_no_changeset(tmp_path: Path) -> None:
    """D-32: a quiet harvest made files of no records."""
    with staged(tmp_path, users=2, posts_per_user=20) as stage:
        _timelines(stage, stage.accounts)
        stage.harvest("accounts")
        before = stage.collection("accounts")
        ended = stage.harvest("accounts")
        assert ended.outcome.state == "complete"
        assert ended.lines == []
        assert ended.summary["files"] == 0
        assert stage.collection("accounts") == before


def test_users_are_looked_up_at_first_sight_in_batches_and_then_no_more(tmp_path: Path) -> None:
    with staged(tmp_path, users=130, posts_per_user=1) as stage:
        _timelines(stage, [user["id"] for user in stage.control.users(count=130)])
        ended = stage.harvest("accounts", concurrency=8)
        assert ended.summary["billed"]["by_endpoint"]["users"] == {"posts": 0, "users": 130, "requests": 2}
        assert len(ended.users) == 130
        again = stage.harvest("accounts", concurrency=8)
        assert "users" not in again.summary["billed"]["by_endpoint"]
        assert stage.emulated.truth()["billed"]["users"] == 130


def test_users_are_looked_up_again_in_the_rhythm_asked_for(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=1) as stage:
        _timelines(stage, stage.accounts, look_up_days=30)
        stage.harvest("accounts")
        stage.clock.advance(29 * DAY)
        assert "users_looked_up" not in stage.harvest("accounts").summary["counts"]
        stage.clock.advance(2 * DAY)
        assert stage.harvest("accounts").summary["counts"]["users_looked_up"] == 2
        # A clock that was ahead noted a day that is still to come.
        ahead = f"{stage.clock.now() + timedelta(days=400):%Y-%m-%d}"
        stage.edit(
            "accounts", lambda tree: patched(tree, {"users": {stage.accounts[0]: {"looked_up": ahead}}})
        )
        assert stage.harvest("accounts").summary["counts"]["users_looked_up"] == 1


def test_an_account_that_is_known_by_name_has_its_profile_stored_and_its_renaming_seen(
    tmp_path: Path,
) -> None:
    with staged(tmp_path, users=2, posts_per_user=1) as stage:
        users = {user: {"screen_name": "known"} for user in stage.accounts}
        stage.add("accounts", type="user_timeline", users=users, look_up_days=30)
        assert len(stage.harvest("accounts").users) == 2
        one = stage.accounts[0]
        stage.control.user(one, username="renamed")
        stage.clock.advance(31 * DAY)
        ended = stage.harvest("accounts")
        assert ended.ids == []
        change = _change_of(ended, one)
        assert (change["change"], change["screen_name"]) == ("screen name changed", "renamed")


def test_what_befell_each_user_is_kept_apart(tmp_path: Path) -> None:
    """D-14: one refused user ended the harvest of all, and their since_ids were lost."""
    with staged(tmp_path, users=7, posts_per_user=5) as stage:
        users = stage.accounts
        _timelines(stage, [*users, _NOBODY])
        stage.harvest("accounts")
        new = stage.control.publish(users[6], count=2)
        stage.control.publish(users[3], count=1)
        for user, state in zip(users, ("protected", "suspended", "deleted"), strict=False):
            stage.control.user(user, state=state)
        stage.control.user(users[3], username="another_name")
        stage.control.faults(
            [
                {"on": _TIMELINE, "when": {"user_id": users[4]}, "do": "unauthorized"},
                {"on": _TIMELINE, "when": {"user_id": users[5]}, "do": "internal-error"},
            ]
        )
        ended = stage.harvest("accounts")
        assert (ended.outcome.state, ended.outcome.exit_code) == ("partial", Exit.PARTIAL)
        changes = {user: _change_of(ended, user)["change"] for user in (*users[:6], _NOBODY)}
        assert list(changes.values()) == [
            *("protected", "suspended", "not_found", "screen name changed", "failed", "failed"),
            "not_found",
        ]
        assert _change_of(ended, users[3])["old_screen_name"].startswith("amber_")
        assert set(new) <= set(ended.ids)
        told = {name: ended.summary["counts"].get(name) for name in ("users_done", "users_failed")}
        assert told == {"users_done": 2, "users_failed": 2}
        assert ended.summary["counts"]["users_unavailable"] == 4
        assert all(user.get("since_id") for user in list(stage.collection("accounts")["users"].values())[:7])
        stage.require_tidy("accounts")


def test_a_state_is_confirmed_by_a_look_up_before_it_counts(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=5) as stage:
        user = stage.accounts[0]
        _timelines(stage, stage.accounts, delete_users_for=["not_found", "suspended"])
        stage.harvest("accounts")
        stage.control.faults([{"on": _TIMELINE, "when": {"user_id": user}, "do": "not-found"}])
        ended = stage.harvest("accounts")
        assert _change_of(ended, user)["change"] == "failed"
        assert user in stage.collection("accounts")["users"]


def test_a_user_is_removed_after_the_sightings_asked_for_and_can_be_put_back(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=5) as stage:
        user = stage.accounts[0]
        _timelines(stage, stage.accounts, delete_users_for=["suspended"], delete_users_after=3)
        stage.harvest("accounts")
        stage.control.user(user, state="suspended")
        assert _change_of(stage.harvest("accounts"), user)["sightings"] == 1
        assert _change_of(stage.harvest("accounts"), user)["sightings"] == 2
        before = stage.collection("accounts")["users"][user]
        assert before["sightings"] == {"suspended": 2}
        change = _change_of(stage.harvest("accounts"), user)
        assert (change["deleted"], change["sightings"]) == (True, 3)
        assert user not in stage.collection("accounts")["users"]
        stage.edit("accounts", lambda tree: {**tree, "users": {**tree["users"], user: change["was"]}})
        assert stage.collection("accounts")["users"][user] == before
        stage.control.user(user, state="ok")
        new = stage.control.publish(user, count=1)
        assert stage.harvest("accounts").ids == new


def test_sightings_count_only_in_a_row(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, posts_per_user=5) as stage:
        (user,) = stage.accounts
        _timelines(stage, [user], delete_users_for=["suspended", "protected"], delete_users_after=2)
        for state in ("suspended", "ok", "suspended", "protected", "ok"):
            stage.control.user(user, state=state)
            stage.harvest("accounts")
            assert user in stage.collection("accounts")["users"], state
        assert "sightings" not in stage.collection("accounts")["users"][user]


def test_by_default_one_sighting_removes_and_states_not_named_never_do(tmp_path: Path) -> None:
    with staged(tmp_path, users=3, posts_per_user=5) as stage:
        protected, suspended, well = stage.accounts
        _timelines(stage, stage.accounts, delete_users_for=["suspended"])
        stage.control.user(protected, state="protected")
        stage.control.user(suspended, state="suspended")
        stage.harvest("accounts")
        assert set(stage.collection("accounts")["users"]) == {protected, well}


def test_an_id_that_x_cannot_read_fails_alone(tmp_path: Path) -> None:
    with staged(tmp_path, users=5, posts_per_user=5) as stage:
        refused = "9" * 18
        _timelines(stage, [*stage.accounts, refused])
        asked = (_TIMELINE, "GET /2/users")
        stage.control.faults([{"on": on, "when": {"user_id": refused}, "do": "bad-param"} for on in asked])
        ended = stage.harvest("accounts")
        assert ended.outcome.state == "partial"
        assert _change_of(ended, refused)["change"] == "failed"
        assert ended.summary["counts"]["users_done"] == 5
        assert ended.summary["counts"]["users_looked_up"] == 5
        assert stage.lost_and_doubled("accounts", _existing(stage, stage.accounts)) == (0, 0)


def test_where_nobody_was_served_the_exit_code_says_why(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=5) as stage:
        _timelines(stage, stage.accounts)
        for fault, exit_code in (("unauthorized", Exit.UNAUTHORIZED), ("unavailable", Exit.RETRY_LATER)):
            stage.control.faults([{"on": _TIMELINE, "do": fault}])
            assert stage.harvest("accounts").outcome.exit_code == exit_code
        stage.control.clear_faults()
        stage.harvest("accounts")
        assert stage.lost_and_doubled("accounts", _existing(stage, stage.accounts)) == (0, 0)


def test_a_sweep_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    with staged(tmp_path, users=10, posts_per_user=5) as stage:
        users = stage.accounts
        _timelines(stage, users)
        stop = Stop()
        stage.clock.before_wait = lambda _: stop.request("enough")
        stage.control.faults([{"on": _TIMELINE, "when": {"user_id": users[6]}, "do": "internal-error"}])
        ended = stage.harvest("accounts", stop=stop)
        assert (ended.outcome.state, ended.outcome.reason) == ("stopped", "enough")
        assert stage.collection("accounts")["sweep"]["after"] == users[5]
        stage.clock.before_wait = lambda _: None
        stage.control.clear_faults()
        stage.control.reset_truth()
        assert stage.harvest("accounts").outcome.state == "complete"
        assert set(stage.emulated.truth(detail=True)["served"]["timelines"]) == set(users[6:])
        assert "sweep" not in stage.collection("accounts")
        assert stage.lost_and_doubled("accounts", _existing(stage, users)) == (0, 0)


def test_a_chain_that_was_stopped_goes_on_from_its_token_and_pays_nothing_twice(tmp_path: Path) -> None:
    """D-29: a stop moved the since_id over pages that had not been fetched."""
    with staged(tmp_path, users=1, posts_per_user=950) as stage:
        (user,) = stage.accounts
        existed = stage.control.timeline(user)
        _timelines(stage, [user])
        stop = Stop()
        stage.clock.before_wait = lambda _: stop.request("enough")
        stage.control.faults([{"on": _TIMELINE, "when": {"nth": 5}, "do": "internal-error"}])
        cut = stage.harvest("accounts", stop=stop)
        assert len(cut.ids) == 400
        assert "since_id" not in stage.collection("accounts")["users"][user]
        stage.clock.before_wait = lambda _: None
        published = stage.control.publish(user, count=3)
        ended = stage.harvest("accounts")
        assert ended.outcome.state == "complete"
        assert stage.lost_and_doubled("accounts", existed + published) == (0, 0)
        assert stage.emulated.truth()["billed"]["posts"] == 953
        assert stage.collection("accounts")["users"][user]["since_id"] == published[-1]


def test_what_lies_deeper_than_x_lets_be_read_is_a_named_gap(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, posts_per_user=5) as stage:
        (user,) = stage.accounts
        _timelines(stage, [user])
        stage.harvest("accounts")
        since_id = stage.collection("accounts")["users"][user]["since_id"]
        new = sorted(stage.control.publish(user, count=3300), key=int)
        ended = stage.harvest("accounts")
        assert (ended.outcome.state, ended.outcome.exit_code) == ("partial", Exit.PARTIAL)
        assert sorted(ended.ids, key=int) == new[100:]
        (gap,) = ended.summary["gaps"]
        assert (gap["user_id"], gap["last_id_before"], gap["first_id_after"]) == (user, since_id, new[100])
        assert ended.gaps == [gap]
        assert stage.harvest("accounts").outcome.state == "complete"


def test_a_cut_chain_still_tells_what_lies_too_deep(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, posts_per_user=5) as stage:
        (user,) = stage.accounts
        _timelines(stage, [user])
        stage.harvest("accounts")
        stage.control.publish(user, count=3300)
        stop = Stop()
        stage.clock.before_wait = lambda _: stop.request("enough")
        stage.control.faults([{"on": _TIMELINE, "when": {"nth": 12}, "do": "internal-error"}])
        assert stage.harvest("accounts", stop=stop).summary["gaps"] == []
        stage.clock.before_wait = lambda _: None
        ended = stage.harvest("accounts")
        assert len(ended.summary["gaps"]) == 1
        assert max(Counter(stage.stored("accounts")).values()) == 1


def test_posts_published_while_pages_are_read_come_in_the_next_harvest(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, posts_per_user=450) as stage:
        (user,) = stage.accounts
        _timelines(stage, [user])
        stage.control.faults([{"on": _TIMELINE, "when": {"every": 2}, "do": "publish"}])
        stage.harvest("accounts")
        stage.control.clear_faults()
        stage.harvest("accounts")
        assert stage.lost_and_doubled("accounts", stage.control.timeline(user)) == (0, 0)
        assert len(stage.control.timeline(user)) > 450


def test_the_rate_window_is_filled_at_a_latency_of_300_ms(tmp_path: Path) -> None:
    """X lets an app ask 10,000 times in 15 minutes; enough requests are under way at once to do so."""
    with staged(tmp_path, users=160, posts_per_user=1, latency=300) as stage:
        users = [user["id"] for user in stage.control.users(count=160)]
        named = {user: {"screen_name": f"n{user}"} for user in users}
        stage.add("accounts", type="user_timeline", users=named)
        stage.harvest("accounts", concurrency=32)
        assert stage.emulated.truth()["most_at_once"]["users/:id/tweets"] / 0.3 > 10_000 / 900
