"""An import waits for a server as long as it says, and no longer."""

import threading
from collections.abc import Callable

import pytest

from harvester.errors import Exit, HarvesterError
from harvester.networks.x.imports.deadlines import within_deadlines


@pytest.mark.parametrize(
    ("connects", "words"),
    [
        (False, "it did not answer within 0.01 seconds"),
        (True, "it did not send its rules within 0.01 seconds"),
    ],
)
def test_a_server_that_keeps_silent_is_given_up(connects: bool, words: str) -> None:
    end = threading.Event()

    def read(connected: Callable[[], None]) -> None:
        if connects:
            connected()
        end.wait()

    with pytest.raises(HarvesterError) as caught:
        within_deadlines(read, server="redis://db/5", connect=30.0 if connects else 0.01, seconds=0.01)
    end.set()
    assert caught.value.message == f"redis://db/5 cannot be read: {words}."
    assert caught.value.exit_code == Exit.RETRY_LATER


@pytest.mark.parametrize("error", [TimeoutError("of the driver's own"), ValueError("broken")])
def test_an_error_of_the_driver_is_raised_as_it_is(error: Exception) -> None:
    def read(_: Callable[[], None]) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        within_deadlines(read, server="redis://db/5")
    assert caught.value is error


def test_what_was_read_is_returned() -> None:
    assert within_deadlines(lambda _: ["a rule"], server="redis://db/5") == ["a rule"]
