"""A harvest on this machine that ends is told with its exit code and its last words, as it wrote them."""

import sys
from pathlib import Path

import pytest

from harvester.commands import run
from harvester.commands.person import operator
from harvester.compute import Ended
from harvester.compute.local.compute import LocalCompute
from harvester.errors import Exit, HarvesterError
from harvester.store.folder import FolderStore
from tests.support.cli_session import until

_SAYS = "import sys; print('The budget is used up.\\nRaise it.\\x1b[2J', file=sys.stderr); sys.exit(5)"


# Begun, without the port and the lock by which a harvest is asked later.
_BEGINS = "import time; time.sleep(60)"

# As the system does at each exit: the files are closed first, and then the exit code is known.
_CLOSES_FIRST = "import os, sys, time; os.closerange(3, 100); time.sleep(0.3); sys.exit(3)"


def _compute(folder: Path, script: str) -> LocalCompute:
    store = FolderStore(folder / "collections")
    store.create("collections/x/collection.json", b'{"id": "x", "type": "search"}')
    command = [sys.executable, "-c", script]
    return LocalCompute(store, folder / "runs", harvest=lambda _: command, supervise=lambda _: [])


def test_the_exit_code_is_waited_for_when_the_lock_of_a_process_is_gone(tmp_path: Path) -> None:
    compute = _compute(tmp_path, _CLOSES_FIRST)
    compute.start("x", log=compute.new_log("x"))
    until(lambda: compute.task("x") is None)
    assert compute.ended("x") == Ended(Exit.PARTIAL)


def test_a_harvest_that_has_only_begun_can_be_asked_to_stop(tmp_path: Path) -> None:
    compute = _compute(tmp_path, _BEGINS)
    compute.start("x", log=compute.new_log("x"))
    assert compute.ask_to_stop("x")
    until(lambda: compute.task("x") is None)
    assert not compute.ask_to_stop("x")


def test_what_a_harvest_said_on_two_lines_is_printed_on_two_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compute = _compute(tmp_path, _SAYS)
    with pytest.raises(HarvesterError) as caught:
        compute.once("x")
    assert caught.value.exit_code == Exit.RETRY_LATER
    # What would move the cursor is shown instead.
    assert str(caught.value) == "The budget is used up.\nRaise it.\\x1b[2J"

    def raises(*_: object, **__: object) -> None:
        raise caught.value

    monkeypatch.setattr(operator, "main", raises)
    assert run(operator, []) == Exit.RETRY_LATER
    assert capsys.readouterr().err == "The budget is used up.\nRaise it.\\x1b[2J\n"
