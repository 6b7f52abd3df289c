"""What a stream missed is found again or named: nothing that existed is unaccounted for."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop, moment, timestamp
from harvester.curation.repair.closing import close_gaps
from harvester.curation.repair.plan import plan_of
from harvester.curation.verify import Overall, Report, verify
from harvester.errors import HarvesterError
from harvester.networks.registry import usual
from harvester.networks.x.post_ids import created
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.reading import reader
from tests.support.broken_streams import BrokenStream, figures
from tests.support.harvest_stage import DAY, Stage, staged, until


@pytest.mark.system
@pytest.mark.slow
def test_of_100_cuts_in_an_hour_each_post_is_collected_repaired_or_named(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0, limits=False) as stage:
        broken = BrokenStream(stage)
        broken.begin()
        with broken.streaming():
            for _ in range(100):
                broken.hear()
                broken.cut(seconds=36)
            broken.hear()
        assert broken.repaired().state == "complete"
        account = broken.account()
        assert account.explained == account.existing, figures(account)
        assert account.unexplained == []
        assert account.doubled == 0
        # What search can see is all there: the rest is named by class.
        assert set(account.out_of_reach) == {"retweet", "quote"}
        assert account.repaired["original"] > 0 < account.repaired["reply"]
        assert not account.open


def _broken(stage: Stage, *, cuts: int = 1, **section: Any) -> BrokenStream:
    """A stream that was cut, and has ended."""
    broken = BrokenStream(stage)
    broken.begin(**section)
    with broken.streaming():
        broken.hear()
        for _ in range(cuts):
            broken.cut(seconds=40)
            broken.hear()
    return broken


def _gaps(stage: Stage) -> list[dict[str, Any]]:
    return [gap for folder in stage.folders("live") for gap in stage.json(f"{folder}harvest.json")["gaps"]]


def test_a_gap_is_closed_in_the_harvest_that_recorded_it(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = _broken(stage)
        broken.repaired()
        (gap,) = _gaps(stage)
        (backfill,) = broken.backfills
        (folder,) = stage._folders(broken.keys.repairs)
        assert gap["repaired"] == {
            "by": stage.json(f"{folder}harvest.json")["harvest_timestamp"],
            "state": "partial",
            "stored": 3,
            "out_of_reach": ["retweets", "quoted text"],
        }
        assert (backfill["from"], backfill["to"]) == (gap["from"], gap["to"])
        assert backfill["rules"] == [
            rule["ids"][0] if rule.get("ids") else rule["tag"] for rule in _live(stage)
        ]
        assert broken.plan().planned == []


def _live(stage: Stage) -> list[dict[str, Any]]:
    (folder,) = stage.folders("live")
    lines = stage.store.read(f"{folder}events.jsonl").data.splitlines()
    return next(event["rules"] for event in map(json.loads, lines) if event["event"] == "rules")


def test_a_rule_that_excludes_retweets_and_quotes_is_repaired_whole(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = _broken(stage, rules=[{"value": "flood -is:retweet -is:quote"}])
        broken.repaired()
        (gap,) = _gaps(stage)
        assert (gap["repaired"]["state"], gap["repaired"]["out_of_reach"]) == ("repaired", [])
        account = broken.account()
        assert account.existing == account.collected + account.repaired == account.explained


def test_while_the_stream_runs_the_repair_alone_says_that_a_gap_is_closed(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = BrokenStream(stage)
        broken.begin()
        with broken.streaming(checkpoint_seconds=0.01):
            broken.hear()
            broken.cut(seconds=40)
            broken.hear()
            until(lambda: _gaps(stage))
            assert broken.repaired().state == "complete"
            assert "repaired" not in _gaps(stage)[0]
            # It is known to be closed, and not searched for again.
            assert broken.plan().planned == []
            broken.hear()
        assert "repaired" not in _gaps(stage)[0]
        assert close_gaps(stage.store, broken.keys) == [_key(stage)]
        assert _gaps(stage)[0]["repaired"]["stored"] == 3
        assert close_gaps(stage.store, broken.keys) == []
        account = broken.account()
        assert (account.explained, account.doubled) == (account.existing, 0)


def _key(stage: Stage) -> tuple[str, str, str]:
    (folder,) = stage.folders("live")
    (gap,) = _gaps(stage)
    return stage.json(f"{folder}harvest.json")["harvest_timestamp"], gap["from"], gap["to"]


def test_posts_that_the_stream_has_of_the_gap_are_not_stored_again(tmp_path: Path) -> None:
    """The dates of a gap are rather too wide than too narrow."""
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = _broken(stage)
        (folder,) = stage.folders("live")
        # As one that was recorded with a wide margin.
        summary = stage.json(f"{folder}harvest.json")
        stored = sorted(map(created, stage.stored("live")))
        summary["gaps"][0] |= {"from": timestamp(stored[0]), "to": timestamp(stored[-1])}
        key = f"{folder}harvest.json"
        stage.store.replace(key, json.dumps(summary).encode(), version=stage.store.read(key).version)
        broken.repaired()
        (backfill,) = broken.backfills
        # Of each class that a search finds, what the stream brought before the cut and after.
        assert (backfill["stored"], backfill["already_there"]) == (3, 6)
        assert broken.account().doubled == 0


def test_a_gap_is_searched_for_with_the_rules_that_were_live_in_it(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = _broken(stage)
        stage.edit("live", lambda tree: {**tree, "filter": {"track": "storm"}})
        broken.repaired()
        assert broken.backfills[0]["stored"] == 3


def test_a_gap_that_has_just_ended_waits(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = _broken(stage)
        now = stage.clock.now()
        plan = plan_of(stage.store, broken.keys, usual(), archive=False, now=now - timedelta(seconds=40))
        assert (len(plan.planned), len(plan.too_new)) == (0, 1)


def test_an_old_gap_needs_the_archive(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = _broken(stage)
        stage.clock.advance(8 * DAY)
        plan = broken.plan()
        assert (len(plan.planned), len(plan.too_old)) == (0, 1)
        assert plan.old_posts > 0
        assert broken.repaired(archive=True).state == "complete"
        assert broken.account().repaired["original"] == 1


def test_a_repair_that_was_cut_off_goes_on_when_the_next_one_is_planned(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = _broken(stage, cuts=4)
        stop = Stop()
        stage.clock.before_wait = lambda _: stop.request("enough")
        faults = [{"on": "GET /2/tweets/search/recent", "when": {"nth": 4}, "do": "unavailable"}]
        stage.control.faults(faults)
        assert broken.repaired(stop=stop).state == "stopped"
        stage.clock.before_wait = lambda _: None
        closed = len(broken.backfills)
        assert 0 < closed < 4
        assert len(broken.plan().planned) == 4 - closed
        assert broken.repaired().state == "complete"
        account = broken.account()
        assert (account.explained, account.doubled) == (account.existing, 0)
        assert len(broken.backfills) == 4
        assert broken.paid_for == sum(event["found"] for event in broken.backfills)


class Refusing(FolderStore):
    """Refuses to store a file of this name."""

    refuses = "/none"

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        if key.endswith(self.refuses):
            raise HarvesterError(f"{key} is refused.")
        return super().upload(key, path, sha256=sha256)


def test_a_repair_that_could_not_store_all_closes_no_gap_until_it_is_finished(tmp_path: Path) -> None:
    store = Refusing(tmp_path / "collections")
    with staged(tmp_path, users=2, posts_per_user=0, store=store) as stage:
        broken = _broken(stage)
        store.refuses = "/events.jsonl"
        assert broken.repaired().state == "failed"
        (folder,) = stage._folders(broken.keys.repairs)
        assert stage.json(f"{folder}harvest.json")["repairs"]
        # What it says of itself is not all stored: the posts are in no manifest.
        assert ["repaired" in gap for gap in _gaps(stage)] == [False]
        assert len(broken.plan().planned) == 1
        paid, store.refuses = broken.paid_for, "/none"
        assert broken.repaired().state == "complete"
        account = broken.account()
        assert (account.explained, account.doubled) == (account.existing, 0)
        assert ["repaired" in gap for gap in _gaps(stage)] == [True]
        assert (broken.plan().planned, broken.paid_for) == ([], paid)


def test_overlapping_gaps_are_paid_for_once(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = _broken(stage)
        (folder,) = stage.folders("live")
        key = f"{folder}harvest.json"
        summary = stage.json(key)
        (gap,) = summary["gaps"]
        longer = timestamp(moment(gap["to"]) + timedelta(milliseconds=1))
        summary["gaps"].append({**gap, "to": longer, "reason": "nearly the same"})
        stage.store.replace(key, json.dumps(summary).encode(), version=stage.store.read(key).version)
        plan = broken.plan()
        assert plan.seconds == pytest.approx((moment(longer) - moment(gap["from"])).total_seconds())
        assert plan.posts == pytest.approx(plan.planned[0].posts, rel=0.01)
        broken.repaired()
        first, second = (event["found"] for event in broken.backfills)
        assert (broken.paid_for, second) == (first, 0)
        assert all("repaired" in gap for gap in _gaps(stage))


def test_the_time_before_a_harvest_does_not_change_the_rate_of_its_posts(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = _broken(stage)
        (folder,) = stage.folders("live")
        key = f"{folder}harvest.json"
        summary = stage.json(key)
        began, ended = moment(summary["harvest_timestamp"]), moment(summary["harvest_end_timestamp"])
        (gap,) = summary["gaps"]
        early = {"from": timestamp(began - timedelta(hours=1)), "to": timestamp(began)}
        half = {"from": timestamp(began), "to": timestamp(began + (ended - began) / 2)}
        summary["gaps"] = [{**gap, **early, "seconds": 3600.0}, {**gap, **half}]
        stage.store.replace(key, json.dumps(summary).encode(), version=stage.store.read(key).version)
        first, _ = broken.plan().planned
        # A moment is of whole microseconds, and the harvest may have taken an odd number of them.
        heard = (ended - moment(half["to"])).total_seconds()
        assert first.posts == pytest.approx(3600 * summary["tweets"] / heard)


def _verified(stage: Stage) -> Report:
    return verify(reader(stage.store), CollectionKeys("live"), stop=Stop())


def _said(report: Report, *verdicts: str) -> list[tuple[str, str]]:
    return [
        (part.folder + found.name, found.reason)
        for part, found in report.findings()
        if found.verdict in verdicts
    ]


def test_verify_reads_repairs_and_takes_their_gaps_for_closed(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = _broken(stage)
        assert (_verified(stage).overall, len(_verified(stage).gaps)) == (Overall.WARNING, 1)
        broken.repaired()
        report = _verified(stage)
        assert (report.overall, report.gaps) == (Overall.OK, [])
        assert report.posts == sum((stage.stored("live") + stage.stored_in(broken.keys.repairs)).values())
        ((_, reason),) = _said(report, "REPAIRED")
        assert reason.endswith(", without retweets, quoted text")
        # Of a file of a repair as of any other.
        (segment,) = [key for key in _keys(stage, "/repairs/") if "/tweets-" in key]
        stage.store.remove(segment)
        assert [key for key, _ in _said(_verified(stage), "MISSING_LOST")] == [segment]


def test_verify_knows_of_a_repair_while_the_harvest_with_the_gap_runs(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        broken = BrokenStream(stage)
        broken.begin()
        with broken.streaming(checkpoint_seconds=0.01):
            broken.hear()
            broken.cut(seconds=40)
            broken.hear()
            until(lambda: _gaps(stage))
            broken.repaired()
            report = _verified(stage)
            assert (report.gaps, len(_said(report, "REPAIRED"))) == ([], 1)
            assert not report.damaged


def test_a_gap_that_is_closed_by_no_repair_that_is_there_is_a_failure(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        _broken(stage).repaired()
        for key in _keys(stage, "/repairs/"):
            stage.store.remove(key)
        report = _verified(stage)
        assert report.damaged
        ((_, reason),) = _said(report, "MISSING_LOST")
        assert reason.endswith("was repaired, but no stored repair says so")


def test_a_repair_that_does_not_say_what_its_events_do_is_found(tmp_path: Path) -> None:
    with staged(tmp_path, users=2, posts_per_user=0) as stage:
        _broken(stage).repaired()
        (key,) = [key for key in _keys(stage, "/repairs/") if key.endswith("/harvest.json")]
        summary = stage.json(key)
        summary["repairs"] = []
        stage.store.replace(key, json.dumps(summary).encode(), version=stage.store.read(key).version)
        assert "tells of 0 repairs, events.jsonl of 1" in _said(_verified(stage), "WRONG_COUNT")[0][1]


def _keys(stage: Stage, part: str) -> list[str]:
    return [entry.key for entry in stage.store.entries("collections/live/") if part in entry.key]
