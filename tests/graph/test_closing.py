"""A frontier has who was found, is selected and is not known; whatever the order in which that came."""

import gzip
import os
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harvester.documents.account_files import problem_in
from harvester.graph.bills import reach
from harvester.graph.closing import BY_COST, BY_ID, BY_PLACE, Closing, Frontier, Wanted
from harvester.graph.findings import Reading
from harvester.graph.select import REJECTED, UNKNOWN, Selection
from harvester.networks.profiles import Profile

IDS = st.integers(1, 60).map(str)
COUNTS = st.none() | st.integers(0, 20)
PROFILES = st.builds(
    Profile, id=IDS, followers=COUNTS, following=COUNTS, protected=st.sampled_from([None, True])
)
PAGES = st.lists(st.tuples(st.integers(0, 3), st.lists(PROFILES, max_size=6)), max_size=8)
KNOWN = st.lists(IDS, max_size=20)
SELECT = st.sampled_from([{}, {"min_followers": 10}, {"any": [{"min_following": 5}, {"max_followers": 3}]}])


def closed(
    tmp_path: Path, pages: Any, known: Any, wanted: Wanted, select: Any, *, most: int | None = None
) -> Frontier:
    scratch = tmp_path / os.urandom(6).hex()
    scratch.mkdir()
    closing = Closing(scratch, wanted)
    reading = Reading(Selection(select), ("followers", "following"), most, keeps_values=wanted.judged)
    for place, profiles in pages:
        closing.find(reading.findings(profiles, place))
    closing.know(each.encode() for each in known)
    return closing.frontier()


def read(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def bytes_of(made: Frontier) -> list[bytes]:
    return [path.read_bytes() for path in (made.ids, made.order, made.judged) if path]


def visits(made: Frontier) -> list[str]:
    return [line.split("\t")[0] for line in read(made.order)]


LAW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)


@LAW
@given(PAGES, KNOWN, SELECT, st.none() | st.integers(0, 9), st.sampled_from([BY_COST, BY_ID, BY_PLACE]))
def test_a_frontier_is_what_was_found_less_what_is_known_and_what_is_not_selected(
    tmp_path: Path, pages: Any, known: list[str], select: Any, most: int | None, by: str
) -> None:
    made = closed(tmp_path, pages, known, Wanted(by, most_users=most, judged=bool(select)), select)
    found = {profile.id for _, profiles in pages for profile in profiles}
    selected = {
        profile.id
        for _, profiles in pages
        for profile in profiles
        if Selection(select).judge(profile).outcome == "selected"
    } - set(known)
    ids = read(made.ids)
    assert ids == sorted(set(ids))
    assert sorted(visits(made)) == ids
    assert (made.found, made.known) == (len(found), len(found & set(known)))
    assert made.entries == sum(len(profiles) for _, profiles in pages)
    assert made.users == len(ids) == min(made.selected, made.selected if most is None else most)
    # Who was seen with two profiles is judged by one of them.
    assert set(ids) <= selected
    assert made.selected + sum(sum(each.values()) for each in made.others.values()) == made.found - made.known
    if not select and most is None:
        assert set(ids) == selected


@LAW
@given(PAGES, KNOWN, SELECT, st.randoms(use_true_random=False), st.none() | st.integers(0, 9))
def test_the_files_have_the_same_bytes_in_whatever_order_the_pages_came(
    tmp_path: Path, pages: Any, known: list[str], select: Any, random: Any, most: int | None
) -> None:
    wanted = Wanted(BY_PLACE, most_users=most)
    first = closed(tmp_path, pages, known, wanted, select)
    random.shuffle(pages)
    random.shuffle(known)
    again = closed(tmp_path, pages, known, wanted, select)
    assert bytes_of(first) == bytes_of(again)


def test_who_costs_least_is_visited_first_and_who_does_not_say_last(tmp_path: Path) -> None:
    profiles = [
        Profile("1", followers=300, following=0),
        Profile("2", followers=20, following=7),
        Profile("3", followers=None, following=1),
        Profile("4", followers=3, following=6, protected=True),
        Profile("5", followers=100, following=0),
    ]
    made = closed(tmp_path, [(0, profiles)], [], Wanted(BY_COST), {})
    assert read(made.order) == ["4\t0", "2\t27\t20", "5\t100\t100", "1\t300\t300", "3\t"]
    assert (made.accounts, made.said, made.uncounted) == (427, 436, 1)
    lines = [line.encode() for line in read(made.order)]
    assert (problem_in(lines), reach(lines, 130.0, float).users) == ("", 3)
    capped = closed(tmp_path, [(0, profiles)], [], Wanted(BY_COST), {}, most=50)
    assert read(capped.order) == ["4\t0", "2\t27\t20", "1\t50\t50", "5\t50\t50", "3\t51\t50"]
    assert capped.uncounted == 0


def test_the_least_costly_are_kept_where_the_crawl_may_not_have_all(tmp_path: Path) -> None:
    profiles = [Profile(str(number), followers=100 - number, following=0) for number in range(10, 30)]
    made = closed(tmp_path, [(0, profiles)], ["29"], Wanted(BY_COST, most_users=3), {})
    assert visits(made) == ["28", "27", "26"]
    assert read(made.ids) == ["26", "27", "28"]
    assert (made.selected, made.users) == (19, 3)


def test_the_order_by_place_has_the_accounts_that_the_first_led_to_first(tmp_path: Path) -> None:
    pages = [(2, [Profile("1"), Profile("9")]), (1, [Profile("8"), Profile("9")]), (3, [Profile("2")])]
    made = closed(tmp_path, pages, [], Wanted(BY_PLACE), {})
    assert visits(made) == ["8", "9", "1", "2"]


def test_a_verdict_is_kept_with_its_condition_and_its_values(tmp_path: Path) -> None:
    profiles = [Profile("1", followers=5), Profile("2", followers=1), Profile("3"), Profile("4", followers=9)]
    made = closed(tmp_path, [(0, profiles)], ["4"], Wanted(), {"min_followers": 3})
    assert made.judged
    lines = sorted(map(orjson.loads, read(made.judged)), key=lambda line: str(line["id"]))
    assert lines == [
        {"id": "1", "verdict": "selected", "condition": None, "values": {"followers": 5}},
        {"id": "2", "verdict": "rejected", "condition": "min_followers", "values": {"followers": 1}},
        {"id": "3", "verdict": "unknown", "condition": "min_followers", "values": {"followers": None}},
    ]
    assert made.others == {REJECTED: {"min_followers": 1}, UNKNOWN: {"min_followers": 1}}


def test_nothing_found_is_an_empty_frontier(tmp_path: Path) -> None:
    made = closed(tmp_path, [], ["1"], Wanted(), {})
    assert (read(made.ids), read(made.order), made.repeated) == ([], [], 0.0)
