"""No command answers with a traceback, whatever the folder, the settings and the terminal hold."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.support.strange_data import COMMANDS, UNFORESEEN, Strange, a_world

_WORLDS = int(os.environ.get("TWARC_TRY_WORLDS", "12"))
_FIRST = int(os.environ.get("TWARC_TRY_FIRST", "0"))
_COMMANDS_EACH = 6


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_world(tmp_path_factory.mktemp("world"))


def test_whatever_the_world_holds_commands_answer_in_words(world: Path) -> None:
    faults: dict[str, list[str]] = {}
    for number in range(_FIRST, _FIRST + _WORLDS):
        with tempfile.TemporaryDirectory(prefix="strange-") as top:
            strange = Strange(Path(shutil.copytree(world, Path(top, "w"), symlinks=True)), f"world {number}")
            for _ in range(strange.chance.randint(1, 4)):
                strange.spoil()
            for command in strange.chance.sample(COMMANDS, _COMMANDS_EACH):
                told = strange.give(command)
                if found := UNFORESEEN.search(told.words):
                    faults.setdefault(found[0], [f"world {number}", *strange.done, told.words])
    assert faults == {}
