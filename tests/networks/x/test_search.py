"""Searches: a chain of pages is finished before its since_id moves; what is out of reach is a named gap."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop, timestamp
from harvester.errors import Exit
from harvester.networks.x.checks import estimates
from harvester.networks.x.post_ids import created, first_id_at
from tests.support.harvest_stage import DAY, Stage, staged

pytestmark = pytest.mark.usefixtures("x_in_any_form")

_RECENT = "GET /2/tweets/search/recent"
_TOKENS_REFUSED = {
    "on": _RECENT,
    "when": {"param": "next_token"},
    "do": "bad-param",
    "parameter": "next_token",
}


def _search(stage: Stage, *, query: str = "flood", **more: Any) -> None:
    stage.add("flood", type="search", search={"query": query, **more})


def _section(stage: Stage) -> dict[str, Any]:
    return stage.collection("flood")["search"]


def _publish(stage: Stage, *, count: int, text: str = "a flood is coming") -> list[str]:
    return stage.control.publish(stage.accounts[0], count=count, text=text)


def _cut_at_page(stage: Stage, page: int) -> None:
    """A harvest that is stopped before this page of its chain arrives."""
    stop = Stop()
    stage.clock.before_wait = lambda _: stop.request("enough")
    stage.control.faults([{"on": _RECENT, "when": {"nth": page}, "do": "unavailable"}])
    assert stage.harvest("flood", stop=stop).outcome.state == "stopped"
    stage.clock.before_wait = lambda _: None
    stage.control.clear_faults()


def test_all_that_matches_is_stored_once(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=1050) as stage:
        _search(stage)
        ended = stage.harvest("flood")
        assert (ended.outcome.state, ended.outcome.exit_code) == ("complete", Exit.OK)
        assert stage.lost_and_doubled("flood", stage.control.search("flood")) == (0, 0)
        assert _section(stage)["since_id"] == stage.control.search("flood")[0]
        assert "resume" not in _section(stage)
        stage.require_tidy("flood")


def test_the_archive_is_searched_beyond_seven_days_and_in_pages_of_500(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=1200, span_days=300) as stage:
        _search(stage, archive=True)
        ended = stage.harvest("flood")
        existed = stage.control.search("flood", archive=True)
        assert len(existed) == 1200 > len(stage.control.search("flood"))
        assert stage.lost_and_doubled("flood", existed) == (0, 0)
        # Three pages, and the question whether anything is below the last.
        assert ended.summary["billed"]["by_endpoint"]["tweets/search/all"]["requests"] == 4
        assert ended.summary["counts"]["pages"] == 3


def test_the_next_search_takes_only_what_is_new(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=150) as stage:
        _search(stage)
        stage.harvest("flood")
        new = _publish(stage, count=3)
        assert stage.harvest("flood").ids == new[::-1]
        assert _section(stage)["since_id"] == new[-1]
        again = stage.harvest("flood")
        assert (again.ids, again.summary["files"]) == ([], 0)


def test_an_empty_first_search_writes_no_since_id(tmp_path: Path) -> None:
    """D-15: it wrote "0", and the next search asked from -1."""
    with staged(tmp_path, users=1, posts_per_user=0) as stage:
        _search(stage)
        assert stage.harvest("flood").outcome.state == "complete"
        assert "since_id" not in _section(stage)
        new = _publish(stage, count=1)
        assert stage.harvest("flood").ids == new


def test_max_records_cuts_and_the_next_harvests_go_on_until_all_is_there(tmp_path: Path) -> None:
    """D-29: the since_id jumped to the newest post, and the older rest was never collected."""
    with staged(tmp_path, search_posts=470) as stage:
        _search(stage, max_records=200)
        existed = stage.control.search("flood")
        first = stage.harvest("flood")
        assert (first.ids, first.outcome.state, first.outcome.exit_code) == (
            existed[:200],
            "complete",
            Exit.OK,
        )
        assert "max_records" in first.outcome.reason
        assert "since_id" not in _section(stage)
        new = _publish(stage, count=30)
        assert stage.harvest("flood").ids == existed[200:400]
        # What is left of the number goes to what is newer.
        assert stage.harvest("flood").ids == existed[400:] + new[::-1]
        assert stage.lost_and_doubled("flood", existed + new) == (0, 0)
        assert stage.emulated.truth()["billed"]["posts"] == 500


def test_max_records_holds_over_both_chains_of_a_harvest(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=150) as stage:
        _search(stage, max_records="100")
        stage.harvest("flood")
        _publish(stage, count=90)
        assert len(stage.harvest("flood").ids) == 100
        assert len(stage.harvest("flood").ids) == 40
        assert stage.lost_and_doubled("flood", stage.control.search("flood")) == (0, 0)


def test_a_stopped_chain_goes_on_from_its_token_and_pays_nothing_twice(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=650) as stage:
        _search(stage)
        existed = stage.control.search("flood")
        _cut_at_page(stage, 4)
        assert _section(stage)["resume"]["oldest_id"] == existed[299]
        assert stage.harvest("flood").ids == existed[300:]
        assert stage.emulated.truth()["billed"]["posts"] == 650


def test_a_token_that_is_refused_is_replaced_by_where_it_stood(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=450) as stage:
        _search(stage)
        _cut_at_page(stage, 3)
        stage.control.faults([{**_TOKENS_REFUSED, "when": {"param": "next_token", "count": 1}}])
        ended = stage.harvest("flood")
        assert stage.control.fired() == [1]
        assert [event["event"] for event in ended.events] == ["token refused"]
        assert stage.lost_and_doubled("flood", stage.control.search("flood")) == (0, 0)
        assert stage.emulated.truth()["billed"]["posts"] == 450


def test_a_stale_since_id_becomes_a_named_gap_and_a_fresh_start(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=50) as stage:
        _search(stage)
        stage.harvest("flood")
        before = _section(stage)["since_id"]
        _publish(stage, count=5)
        stage.clock.advance(9 * DAY)
        new = _publish(stage, count=5)
        ended = stage.harvest("flood")
        assert (ended.outcome.state, ended.outcome.exit_code) == ("partial", Exit.PARTIAL)
        assert ended.ids == new[::-1]
        (gap,) = ended.summary["gaps"]
        assert (gap["last_id_before"], ended.gaps) == (before, [gap])
        assert "seven days" in gap["reason"]
        assert _section(stage)["since_id"] == new[-1]
        assert stage.harvest("flood").outcome.state == "complete"


def test_a_stale_since_id_stays_told_where_x_gives_no_page_after_it(tmp_path: Path) -> None:
    """Posts between the window of that search and the window of the next one were lost untold."""
    with staged(tmp_path, users=1, posts_per_user=0) as stage:
        _search(stage)
        _publish(stage, count=1)
        stage.harvest("flood")
        stage.clock.advance(9 * DAY)
        lost = _publish(stage, count=3)
        outage = {"on": _RECENT, "when": {"from": 2}, "do": "unavailable"}
        stage.control.faults([outage])
        assert stage.harvest("flood").outcome.exit_code == Exit.RETRY_LATER
        stage.control.clear_faults()
        stage.clock.advance(9 * DAY)
        new = _publish(stage, count=1)
        assert stage.harvest("flood").ids == new
        assert stage.unexplained("flood", lost) == []
        assert "searched_until" not in _section(stage)


def test_what_sinks_below_the_window_before_a_first_search_is_continued_is_a_gap(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, posts_per_user=0) as stage:
        _search(stage)
        existed = []
        for _ in range(4):
            existed += _publish(stage, count=40)
            stage.clock.advance(1.5 * DAY)
        errors = {"on": _RECENT, "when": {"param": "next_token"}, "do": "errors-only"}
        stage.control.faults([errors])
        assert len(stage.harvest("flood").ids) == 100
        stage.control.clear_faults()
        stage.clock.advance(3 * DAY)
        ended = stage.harvest("flood")
        assert (ended.outcome.state, len(ended.ids)) == ("partial", 0)
        assert len(existed) - len(stage.stored("flood")) == 60
        assert stage.unexplained("flood", existed) == []
        assert stage.harvest("flood").gaps == []


def test_a_search_that_finds_nothing_after_a_stale_since_id_is_complete_up_to_now(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, posts_per_user=0) as stage:
        _search(stage)
        _publish(stage, count=1)
        stage.harvest("flood")
        stage.clock.advance(9 * DAY)
        assert len(stage.harvest("flood").gaps) == 1
        stage.clock.advance(DAY)
        assert stage.harvest("flood").gaps == []


def test_posts_between_a_search_that_found_nothing_and_the_window_of_the_next_are_a_gap(
    tmp_path: Path,
) -> None:
    with staged(tmp_path, users=1, posts_per_user=0) as stage:
        _search(stage)
        assert stage.harvest("flood").gaps == []
        stage.clock.advance(DAY / 2)
        learned = stage.collection("flood")
        assert stage.harvest("flood").gaps == []
        assert stage.collection("flood") == learned
        lost = _publish(stage, count=3)
        stage.clock.advance(9 * DAY)
        assert stage.harvest("flood").outcome.state == "partial"
        assert stage.unexplained("flood", lost) == []
        stage.clock.advance(DAY)
        new = _publish(stage, count=2)
        ended = stage.harvest("flood")
        assert (ended.ids, ended.gaps) == (new[::-1], [])


def test_a_search_of_the_archive_has_no_window_below_which_posts_are_lost(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, posts_per_user=0) as stage:
        _search(stage)
        stage.harvest("flood")
        stage.clock.advance(9 * DAY)
        for archive in (True, False):
            section = {**_section(stage), "archive": archive}
            stage.edit("flood", partial(dict, search=section))
            assert stage.harvest("flood").gaps == []


def test_a_cut_chain_that_sank_below_the_window_is_a_named_gap_too(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=350) as stage:
        _search(stage)
        existed = stage.control.search("flood")
        _cut_at_page(stage, 3)
        stage.clock.advance(20 * DAY)
        new = _publish(stage, count=5)
        stage.control.faults([_TOKENS_REFUSED])
        ended = stage.harvest("flood")
        assert ended.outcome.state == "partial"
        deeper, newer = ended.summary["gaps"]
        assert deeper["first_id_after"] == existed[199]
        assert newer["last_id_before"] == existed[0]
        assert deeper["from"] < deeper["to"] < newer["from"] < newer["to"]
        assert ended.ids == new[::-1]
        assert _section(stage)["since_id"] == new[-1]
        assert stage.harvest("flood").outcome.state == "complete"


def test_a_cut_chain_whose_first_page_was_empty_sank_below_what_it_had_at_last(tmp_path: Path) -> None:
    """Its newest post came long after it began, so that its gap ended before it began."""
    with staged(tmp_path, search_posts=1) as stage:
        now = stage.clock.now()
        newest, oldest = (str(first_id_at(now - timedelta(days=days))) for days in (0.1, 9.0))
        resume = {"newest_id": newest, "oldest_id": oldest, "until_id": oldest, "posts": 200}
        _search(stage, resume=resume)
        (gap,) = stage.harvest("flood").summary["gaps"]
        assert gap["from"] < gap["to"] == timestamp(created(oldest))


def test_a_request_that_x_refuses_for_another_reason_costs_a_cut_chain_nothing(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=350) as stage:
        _search(stage)
        _cut_at_page(stage, 3)
        before = _section(stage)
        stage.control.faults([{"on": _RECENT, "do": "bad-param", "parameter": "tweet.fields"}])
        assert stage.harvest("flood").outcome.exit_code == Exit.ERROR
        assert _section(stage) == before
        stage.control.clear_faults()
        stage.harvest("flood")
        assert stage.lost_and_doubled("flood", stage.control.search("flood")) == (0, 0)


def test_a_changed_query_starts_anew_and_says_so(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, posts_per_user=0) as stage:
        both = _publish(stage, count=2, text="flood and storm")
        _search(stage)
        stage.harvest("flood")
        stage.edit("flood", lambda tree: {**tree, "search": {**tree["search"], "query": "storm"}})
        ended = stage.harvest("flood")
        assert ended.ids == both[::-1]
        (event,) = ended.events
        assert (event["event"], event["from"], event["to"]) == ("query changed", "flood", "storm")
        assert _section(stage)["harvested_query"] == "storm"


def test_a_changed_query_forgets_the_chain_of_the_old_one(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, search_posts=350) as stage:
        _search(stage)
        _cut_at_page(stage, 3)
        storms = _publish(stage, count=3, text="storm")
        stage.edit("flood", lambda tree: {**tree, "search": {**tree["search"], "query": "storm"}})
        assert stage.harvest("flood").ids == storms[::-1]
        assert "resume" not in _section(stage)


def test_posts_published_while_pages_are_read_shift_nothing(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=450) as stage:
        _search(stage)
        stage.control.faults([{"on": _RECENT, "when": {"every": 2}, "do": "publish", "count": 7}])
        stage.harvest("flood")
        assert sum(stage.control.fired()) > 1
        stage.control.clear_faults()
        stage.harvest("flood")
        assert stage.lost_and_doubled("flood", stage.control.search("flood")) == (0, 0)


def test_short_and_empty_pages_do_not_end_a_chain(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=450) as stage:
        _search(stage)
        stage.control.faults(
            [
                {"on": _RECENT, "when": {"nth": [1, 3]}, "do": "empty-page"},
                {"on": _RECENT, "when": {"nth": [2, 5]}, "do": "short-page"},
            ]
        )
        stage.harvest("flood")
        assert stage.control.fired() == [2, 2]
        assert stage.lost_and_doubled("flood", stage.control.search("flood")) == (0, 0)


def test_a_query_that_x_refuses_is_told_in_x_s_words(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        _search(stage, query="sample:abc (")
        ended = stage.harvest("flood")
        assert (ended.outcome.state, ended.outcome.exit_code) == ("failed", Exit.ERROR)
        assert "does not accept the request" in ended.outcome.reason
        assert "Correct the collection." in ended.outcome.hint


def test_max_records_is_passed_by_nine_posts_at_most_which_the_estimate_includes(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        stage.control.publish(stage.accounts[0], count=300, text="cats")
        stage.add("cats", type="search", search={"query": "cats", "max_records": 101})
        billed = stage.harvest("cats").summary["billed"]["usd"]
        tree: Any = stage.collection("cats")
        (told,) = [each.detail for each in estimates(tree) if each.check == "cost"]
        assert billed == 110 * 0.005
        assert told == f"at most ${billed:,.2f} a harvest (101 records)."
