"""Posts are counted by rule in windows that pass, on a clock that the test turns."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from harvester.clock import Stop
from harvester.networks.rule_counts import Rates, RuleCounts, Window


class _Hands:
    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def now(self) -> datetime:
        raise AssertionError("counts are of a clock that nobody sets")

    def elapsed(self) -> float:
        return self.seconds

    def wait(self, stop: Stop, seconds: float) -> bool:
        raise AssertionError("nothing waits")


def test_three_events_in_four_seconds() -> None:
    window = Window(slots=4, seconds=1.0)
    for second in (100.2, 101.9, 102.0):
        window.add(1, now=second)
    assert window.rates(now=103.5) == Rates(3, most=1, least=0, average=0.75)


def test_an_empty_window_is_all_zero() -> None:
    assert Window(slots=4, seconds=1.0).rates(now=1e9) == Rates(0, 0, 0, 0)


def test_what_is_older_than_the_window_does_not_count() -> None:
    window = Window(slots=4, seconds=1.0)
    window.add(5, now=100.0)
    assert [window.rates(now=now).count for now in (100.0, 103.9, 104.0, 10_000.0)] == [5, 5, 0, 0]


def test_a_clock_that_goes_back_loses_nothing() -> None:
    window = Window(slots=4, seconds=1.0)
    window.add(1, now=100.0)
    window.add(1, now=90.0)
    assert window.rates(now=90.0).count == 2


_EVENTS = st.lists(st.tuples(st.floats(0, 40), st.integers(1, 9)), max_size=30)


@given(_EVENTS, st.floats(0, 10), st.integers(1, 12))
def test_a_window_holds_what_a_list_of_all_events_holds(
    events: list[tuple[float, int]], later: float, slots: int
) -> None:
    window = Window(slots=slots, seconds=2.0)
    events.sort()
    for at, count in events:
        window.add(count, now=at)
    now = (events[-1][0] if events else 0.0) + later
    first = int(now / 2) - slots + 1
    kept = [count for at, count in events if int(at / 2) >= first]
    assert window.rates(now=now).count == sum(kept)


def test_a_rule_is_counted_in_the_last_minutes_and_in_all() -> None:
    hands = _Hands(1_000.0)
    counts = RuleCounts(hands)
    counts.add({("a", "b"): 3, (): 2})
    hands.seconds += 100
    counts.add({("a",): 1})
    hands.seconds += 20 * 60
    counts.add({("b",): 10})

    told = counts.figures()
    assert told["all"] == {"last_1m": 10, "last_15m": 10, "last_60m": 16, "total": 16}
    assert told["foreign"] == {"last_1m": 0, "last_15m": 0, "last_60m": 2, "total": 2}
    assert told["rules"] == [
        {"id": "b", "last_1m": 10, "last_15m": 10, "last_60m": 13, "total": 13},
        {"id": "a", "last_1m": 0, "last_15m": 0, "last_60m": 4, "total": 4},
    ]
    assert told["per_second"] == {"most": 10, "least": 0, "average": 0.167}

    hands.seconds += 60 * 60
    assert counts.figures()["all"] == {"last_1m": 0, "last_15m": 0, "last_60m": 0, "total": 16}


def test_of_many_rules_those_with_most_posts_are_told_and_how_many_there_are() -> None:
    counts = RuleCounts(_Hands())
    counts.add({(str(number),): number for number in range(1, 300)})
    told = counts.figures()
    assert told["rules_matched"] == 299
    assert [rule["id"] for rule in told["rules"]] == [str(number) for number in range(299, 249, -1)]


def test_where_nothing_was_counted_nothing_is_told() -> None:
    assert RuleCounts(_Hands()).figures() == {}
