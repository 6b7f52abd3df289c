"""Which rules were live at each moment, from the events of a stream and of its changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from harvester.clock import timestamp
from harvester.curation.repair.rules_in_force import in_force, spans

_NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
_VALUES = ("cat", "dog", "bird")


def _at(seconds: float) -> datetime:
    return _NOON + timedelta(seconds=seconds)


def _rules(*values: str) -> list[dict[str, Any]]:
    return [{"value": value, "tag": "t", "ids": [f"id-{value}"]} for value in values]


def _event(seconds: float, **more: Any) -> dict[str, Any]:
    return {"event": "rules", "at": timestamp(_at(seconds)), **more}


def _values(events: list[dict[str, Any]]) -> list[tuple[datetime, set[str]]]:
    return [(each.since, {rule.value for rule in each.rules}) for each in in_force(events)]


def test_the_first_event_of_a_harvest_has_all_rules_and_a_change_those_that_came_and_went() -> None:
    events = [
        _event(0, rules=_rules("cat", "dog")),
        {"event": "disconnect", "at": timestamp(_at(1))},
        _event(2, old=_rules("cat"), new=_rules("bird"), in_force_from=timestamp(_at(22))),
    ]
    assert _values(events) == [(_at(0), {"cat", "dog"}), (_at(22), {"dog", "bird"})]


def test_rules_of_events_before_there_were_ids_have_their_tags() -> None:
    (found,) = in_force([_event(0, rules=[{"value": "cat", "tag": "twarc-cloud:a:track-1"}])])
    assert found.rules[0].ids == ("twarc-cloud:a:track-1",)


def test_what_is_no_event_of_rules_is_passed_over() -> None:
    events = [
        _event(0, rules=_rules("cat")),
        {"event": "rules"},
        {"event": "rules", "at": 5},
        _event(9, rules=7),
    ]
    assert _values(events) == [(_at(0), {"cat"}), (_at(9), set())]


def test_a_gap_before_the_first_event_has_its_rules() -> None:
    (span,) = spans(_at(-60), _at(-30), in_force([_event(0, rules=_rules("cat"))]))
    assert (span.since, span.until, span.rules[0].value) == (_at(-60), _at(-30), "cat")


_changes = some.lists(
    some.tuples(some.integers(1, 99), some.sets(some.sampled_from(_VALUES))), max_size=5
).map(lambda found: sorted(found, key=lambda change: change[0]))
_interval = some.tuples(some.integers(0, 100), some.integers(0, 100)).map(sorted)


@settings(deadline=None)
@given(_changes, _interval, some.integers(0, 100))
def test_each_moment_of_a_gap_is_in_a_span_with_its_rules(
    changes: list[tuple[int, set[str]]], interval: list[int], moment: int
) -> None:
    known = in_force(
        [_event(0, rules=_rules("cat")), *(_event(at, rules=_rules(*values)) for at, values in changes)]
    )
    since, until = interval
    found = list(spans(_at(since), _at(until), known))
    # They follow each other without a break, over all of the gap.
    assert (found[0].since, found[-1].until) == (_at(since), _at(until))
    assert all(one.until == other.since for one, other in zip(found, found[1:], strict=False))
    if since < moment < until:
        live = [values for at, values in [(0, {"cat"}), *changes] if at <= moment][-1]
        within = [span for span in found if span.since <= _at(moment) <= span.until]
        assert live in [{rule.value for rule in span.rules} for span in within]
