"""A failure is told once, with each problem and what to do."""

import pytest

from harvester.errors import Conflict, Exit, HarvesterError, LockLost, NotFound, StoreAway


def test_without_problems_it_is_one_line() -> None:
    assert str(HarvesterError("It failed.")) == "It failed."
    assert str(HarvesterError("It failed.", hint="Try again.")) == "It failed. Try again."


def test_every_problem_is_told() -> None:
    told = str(HarvesterError("It failed.", ["one", "two"], "Correct these."))
    assert all(part in told for part in ("It failed.", "one", "two", "Correct these."))
    assert told.index("one") < told.index("two") < told.index("Correct these.")


@pytest.mark.parametrize("kind", [HarvesterError, NotFound, Conflict, StoreAway, LockLost])
def test_each_kind_carries_its_parts(kind: type[HarvesterError]) -> None:
    error = kind("message", ["problem"], "hint", exit_code=Exit.LOCKED)
    assert (error.message, error.problems, error.hint) == ("message", ("problem",), "hint")
    assert error.exit_code == Exit.LOCKED
    assert kind("message").exit_code == Exit.ERROR


def test_the_end_of_a_process_by_a_signal_or_an_unknown_code_is_an_error() -> None:
    assert [Exit.of(code) for code in (0, 3, 143, -9, 77)] == [
        Exit.OK,
        Exit.PARTIAL,
        Exit.TERMINATED,
        Exit.ERROR,
        Exit.ERROR,
    ]
