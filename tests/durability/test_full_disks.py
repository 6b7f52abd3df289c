"""A full disk ends a harvest with one line and loses nothing: with room again, the next start stores all."""

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.errors import Exit
from harvester.store.folder import FolderStore
from tests.support.container_process import Desk
from tests.support.harvest_stage import MovableClock, Stage

_POSTS = 3000
_SEARCH: dict[str, Any] = {"id": "it", "type": "search", "search": {"query": "flood"}}
_DOOR = Path(__file__).resolve().parents[2] / "tweet_harvester.py"


@dataclass(frozen=True)
class Turn:
    """One of the two harvests: the first on a disk of 512 KiB, the second with room on it."""

    code: int
    err: str

    @property
    def answer(self) -> list[str]:
        return [line for line in self.err.splitlines() if not line.startswith("20")]


def _two_turns(desk: Desk, disk: Path, *options: str) -> list[Turn]:
    """Two harvests in a mount namespace of their own, as the disk ends with it."""
    if not shutil.which("unshare"):
        pytest.skip("no unshare to mount a small disk with")
    disk.mkdir(exist_ok=True)
    kept = desk.folder / "kept"
    harvest = shlex.join([sys.executable, str(_DOOR), "local", "harvester", "it", *options])
    script = (
        f"mkdir {kept}; cp -a {disk}/. {kept}; mount -t tmpfs -o size=512k none {disk} || exit 77; "
        f"cp -a {kept}/. {disk}; {harvest} >/dev/null 2>first; echo $?; "
        f"mount -o remount,size=64m {disk}; {harvest} >/dev/null 2>second; echo $?; "
        f"rm -rf {kept}; cp -a {disk} {kept}"
    )
    process = desk.process(["unshare", "--map-root-user", "--mount", "sh", "-c", script])
    out, err = process.communicate(timeout=120)
    if process.returncode == 77 or err.startswith("unshare"):
        pytest.skip(f"no small disk may be mounted here: {err}")
    codes = [int(line) for line in out.split()]
    texts = [(desk.folder / name).read_text() for name in ("first", "second")]
    return [Turn(code, text) for code, text in zip(codes, texts, strict=True)]


def _require_all(turns: list[Turn], collections: Path, emulated: emulator.Emulated, work: Path) -> None:
    first, second = turns
    assert first.code == Exit.ERROR, first
    assert "Traceback" not in first.err
    assert len(first.answer) == 1, first.err
    assert "No space left on device" in first.answer[0]
    assert second.code == Exit.OK, second
    stage = Stage(emulated, FolderStore(collections), work, MovableClock(emulated.control))
    assert stage.lost_and_doubled("it", stage.control.search("flood")) == (0, 0)
    assert len(stage.folders("it")) == 2
    stage.require_tidy("it")
    # A page that was on its way when the disk was full may be paid for twice.
    assert emulated.truth()["billed"]["posts"] <= _POSTS + 2 * 100


def test_a_full_work_disk_keeps_what_fits_and_asks_for_the_rest_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with emulator.running(search_posts=_POSTS) as emulated:
        desk.url = emulated.url
        desk.put("it", _SEARCH)
        turns = _two_turns(desk, tmp_path / "disk", "--temp", str(tmp_path / "disk"))
        assert "The disk is full: free some space, then start again." in turns[0].answer[0]
        _require_all(turns, tmp_path / "collections", emulated, tmp_path / "kept" / "local")


def test_a_full_store_keeps_all_in_the_work_folder(tmp_path: Path) -> None:
    desk = Desk(tmp_path, environment={"TWARC_CLOUD_STORE_PATIENCE": "0.5"})
    with emulator.running(search_posts=_POSTS) as emulated:
        desk.url = emulated.url
        desk.put("it", _SEARCH)
        turns = _two_turns(desk, tmp_path / "collections", "--tweets-per-file", "500")
        assert "for the next start" in turns[0].answer[0]
        _require_all(turns, tmp_path / "kept", emulated, tmp_path / "temp" / "local")
