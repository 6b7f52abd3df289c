"""The posts a day of each rule: what it costs is known before, and what counts do not know is named."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from harvester.clock import Stop
from harvester.networks.x import Keys, XClient
from harvester.networks.x.rules.volume import countings, matched, requests, volumes
from tests.support.scripted_x import HandClock, Reply, Request, scripted

_RULES = {
    "rules": [
        {"id": "mood", "type": "keyword", "value": "happy"},
        {"id": "same", "value": "happy"},
        {"id": "museum", "type": "userid", "value": "12"},
        {"id": "some", "value": "cat sample:10"},
        {"id": "either", "value": "dog OR (bird bio:x)"},
        {"id": "off", "value": "fire", "status": "inactive"},
    ]
}


def test_each_value_of_the_active_rules_is_counted_once() -> None:
    found = {each.name: each.queries for each in countings(_RULES)}

    assert found == {
        "mood, same": ("happy",),
        "museum": ("from:12 OR to:12 OR retweets_of:12",),
        "some": (),
        "either": ("dog",),
    }
    assert requests(_RULES) == 3


def test_a_rule_that_is_longer_than_a_query_is_counted_in_parts() -> None:
    (box,) = countings({"locations": "-74,40,-73,42"})

    assert len(box.queries) == 2 and all(len(query) <= 512 for query in box.queries)
    (words,) = countings({"rules": [{"value": " ".join(f"word{n:03}" for n in range(80))}]})
    assert words.queries == () and "a part has 639 characters" in words.unknown[0]


def test_a_total_under_both_of_xs_names_counts_once() -> None:
    assert matched({"meta": {"total_tweet_count": 5, "total_post_count": 5}}) == 5
    assert matched({"meta": {"total_post_count": 5}}) == matched({"meta": {"total_tweet_count": 5}}) == 5


def _told(counts: list[int], *, left: int = 9, asked: Mapping[str, Any] = _RULES) -> tuple[list[str], float]:
    """What is told where X counts so many, with so many requests left; and the seconds waited."""
    clock, answered = HandClock(), 0
    reset = str(int(clock.now().timestamp()) + 600)

    def answer(request: Request) -> Reply:
        nonlocal left, answered
        left -= 1
        headers = {"x-rate-limit-remaining": str(left), "x-rate-limit-reset": reset}
        if not counts:
            return Reply(400, {"errors": [{"message": "no such operator"}], "title": "Invalid Request"})
        return Reply(body={"data": [], "meta": {"total_tweet_count": counts.pop(0)}}, headers=headers)

    with scripted(answer) as server:
        keys = Keys(bearer_token="b")
        with closing(XClient(keys, base_url=server.url, clock=clock, stop=Stop(), patience=5)) as x:
            found = [f"{each.check}: {each.detail}" for each in volumes(asked, x)]
            assert x.billing.snapshot()["usd"] == (0.005 * len(server.requests) if found[0][-1] != "." else 0)
    return found, sum(clock.waits)


def test_posts_a_day_are_told_with_what_they_cost() -> None:
    told, _ = _told([7000, 14, 700])

    assert told == [
        "volume of mood, same: about 1,000 posts a day, without retweets, for $5.00 (happy)",
        "volume of museum: about 2 posts a day, for $0.01 (from:12 OR to:12 OR retweets_of:12)",
        "volume of some: not countable: only streams have sample: (cat sample:10)",
        "volume of either: about 100 posts a day, without retweets, for $0.50; "
        "not countable: only streams have bio: (dog OR (bird bio:x))",
        "volume: 1,102 posts a day in all, for $5.51; a post that matches several rules is counted for each.",
    ]


def test_counts_wait_for_their_window() -> None:
    told, waited = _told([7, 7, 7], left=2)

    assert len(told) == 5 and 590 < waited < 700


def test_a_query_that_x_refuses_is_told_and_the_others_are_counted() -> None:
    told, _ = _told([], asked={"track": "a"})

    assert "cannot be counted: X does not accept the request" in told[0] and len(told) == 2
