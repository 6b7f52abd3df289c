"""A folder or file that may not be used, or is of the wrong kind, is named, with what to do about it."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harvester.errors import Exit
from tests.support.container_process import Desk, Said, ended
from tests.support.unprivileged import unprivileged

pytestmark = pytest.mark.system

_ROOT = Path(__file__).resolve().parents[2]
_SEARCH: dict[str, Any] = {"id": "it", "type": "search", "search": {"query": "flood"}}
_HARVEST = ("tweet_harvester.py", "local", "harvester", "it")
_SHOW = ("twarc_cloud.py", "harvest", "last", "it")
_DELETE = ("twarc_cloud.py", "collection", "delete", "it", "--yes")
_LOG = ("twarc_cloud.py", "harvest", "log", "it")
_LIST = ("twarc_cloud.py", "collection", "list")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A stored collection, a work folder, and afterwards a folder that can be removed."""
    desk = Desk(tmp_path, environment={"TWARC_CLOUD_STORE_PATIENCE": "0.5", "HOME": str(tmp_path)})
    desk.put("it", _SEARCH)
    (tmp_path / "temp" / "local" / "it").mkdir(parents=True)
    (tmp_path / "collections-runs" / "it").mkdir(parents=True)
    yield desk
    for folder, below, _ in os.walk(tmp_path):
        for name in below:
            if not Path(folder, name).is_symlink():
                Path(folder, name).chmod(0o700)


def _said(desk: Desk, door: str, *arguments: str) -> Said:
    command = [sys.executable, str(_ROOT / door), *arguments]
    return ended(desk.process(unprivileged(command)))


def _forbidden(name: str, mode: int = 0) -> Callable[[Path], None]:
    return lambda top: (top / name).chmod(mode)


def _a_file(name: str) -> Callable[[Path], None]:
    def put(top: Path) -> None:
        shutil.rmtree(top / name)
        (top / name).write_text("a file")

    return put


def _a_link(name: str, target: str) -> Callable[[Path], None]:
    def put(top: Path) -> None:
        shutil.rmtree(top / name)
        (top / name).symlink_to(target)

    return put


def _a_folder_for_the_collection(top: Path) -> None:
    (top / "collections/it/collection.json").unlink()
    (top / "collections/it/collection.json").mkdir()


_DENIED, _KIND = (
    "cannot be used: Permission denied. Change its permissions.",
    "is in the way and is not a folder.",
)
_NOWHERE = "which is not there. Mount or restore what it leads to, or remove the link."

# What happened, the command, and the words about the place.
_CASES: dict[str, tuple[Callable[[Path], None], tuple[str, ...], str]] = {
    "collections, to list": (_forbidden("collections"), _LIST, f"collections {_DENIED}"),
    "collections, to harvest": (_forbidden("collections"), _HARVEST, f"collections {_DENIED}"),
    "a collection, to read": (_forbidden("collections/it"), _SHOW, f"collections/it {_DENIED}"),
    "a collection, to harvest": (_forbidden("collections/it", 0o500), _HARVEST, f"collections/it {_DENIED}"),
    "its description": (
        _forbidden("collections/it/collection.json"), _HARVEST, f"collections/it/collection.json {_DENIED}"
    ),
    "the work folder": (_forbidden("temp"), _HARVEST, f"temp {_DENIED}"),
    "below the work folder": (_forbidden("temp/local/it", 0o500), _HARVEST, f"temp/local/it {_DENIED}"),
    "a file for the collections": (_a_file("collections"), _LIST, f"collections {_KIND}"),
    "a file for a collection": (_a_file("collections/it"), _SHOW, f"collections/it {_KIND}"),
    "a file for the work folder": (_a_file("temp"), _HARVEST, f"temp {_KIND}"),
    "a folder for its description": (
        _a_folder_for_the_collection, _SHOW, "collections/it/collection.json is in the way and is a folder."
    ),
    "a disk that is not mounted": (_a_link("collections", "no/disk"), _LIST, _NOWHERE),
    "no disk below": (_a_link("collections/it", "no/disk"), _SHOW, _NOWHERE),
    "no disk, to delete": (_a_link("collections/it", "no/disk"), _DELETE, _NOWHERE),
    "no disk to work on": (_a_link("temp", "no/disk"), _HARVEST, _NOWHERE),
    "the logs": (_forbidden("collections-runs/it"), _LOG, f"collections-runs/it {_DENIED}"),
    "a file for the logs": (_a_file("collections-runs"), _LOG, f"collections-runs {_KIND}"),
    "a loop": (_a_link("collections", "collections"), _LIST, "is a symbolic link that leads to itself."),
}  # fmt: skip


@pytest.mark.parametrize("case", _CASES)
def test_a_place_that_cannot_be_used_is_named(case: str, desk: Desk) -> None:
    """The hint was about writing where reading failed, and the place was a key, or the store's clock."""
    accident, command, words = _CASES[case]
    accident(desk.folder)
    said = _said(desk, *command)
    assert said.code in (Exit.ERROR, Exit.USAGE)
    assert words in said.answer
    assert len(said.answer.splitlines()) == 1, said
    assert "Traceback" not in said.err


def test_what_belongs_to_another_user_is_told_with_its_owner(desk: Desk) -> None:
    if os.geteuid():
        pytest.skip("only root can give a folder to another user")
    os.chown(desk.folder / "collections", 65533, -1)
    (desk.folder / "collections").chmod(0o700)
    words = "It belongs to user 65533: change its permissions or its owner."
    assert words in _said(desk, *_HARVEST).answer


def test_a_read_only_file_system_is_told(desk: Desk) -> None:
    if not shutil.which("unshare"):
        pytest.skip("no unshare to mount a file system with")
    command = [sys.executable, str(_ROOT / _HARVEST[0]), *_HARVEST[1:]]
    script = (
        "mount --bind collections collections && mount -o remount,bind,ro collections || exit 77; "
        f"{shlex.join(command)}"
    )
    said = ended(desk.process(["unshare", "--map-root-user", "--mount", "sh", "-c", script]))
    if said.code == 77 or said.err.startswith("unshare"):
        pytest.skip(f"no file system may be mounted here: {said.err}")
    assert "cannot be used: Read-only file system. Make it writable, or choose another folder." in said.answer
    assert f"{desk.folder}/collections" in said.answer


def test_the_description_on_the_desk_is_named_too(desk: Desk) -> None:
    path = desk.folder / "collection.json"
    path.write_text(json.dumps(_SEARCH))
    path.chmod(0)
    said = _said(desk, "twarc_cloud.py", "collection", "add")
    assert (said.code, said.answer) == (Exit.USAGE, f"collection.json {_DENIED}")


@pytest.mark.parametrize("command", ["collection list", "doctor", "collection once it", "settings"])
def test_a_current_folder_that_was_removed_is_told(command: str, desk: Desk) -> None:
    gone = desk.folder / "gone"
    gone.mkdir()
    script = (
        f"rmdir {gone}; exec {shlex.join([sys.executable, str(_ROOT / 'twarc_cloud.py'), *command.split()])}"
    )
    said = ended(Desk(gone, environment={"HOME": str(desk.folder)}).process(["sh", "-c", script]))
    if command == "settings":
        assert said.code == Exit.OK
    else:
        assert said.answer == "The current folder was removed. Change to another one, then start again."


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_failure(closed: str, desk: Desk) -> None:
    """Without standard error a wait ended at once, and its harvest continued; a question was a bug."""
    door = shlex.join([sys.executable, str(_ROOT / "twarc_cloud.py")])
    script = (
        f"{door} collection once it --wait {closed}; echo $? >waited; "
        f"{door} collection delete it {closed}; echo $? >deleted"
    )
    environment = {"HOME": str(desk.folder), "TWARC_CLOUD_X_PATIENCE": "0.1"}
    said = ended(Desk(desk.folder, environment=environment).process(["sh", "-c", script]))
    assert "Traceback" not in said.err and "nexpected" not in said.err
    codes = [int((desk.folder / name).read_text()) for name in ("waited", "deleted")]
    assert codes == [Exit.RETRY_LATER, Exit.USAGE]
    assert not (desk.folder / "collections/it/lock.json").exists()


def test_a_long_name_of_a_folder_is_none_that_is_too_long(desk: Desk) -> None:
    """The index of a copy of that name could not be there, and was looked for."""
    longest = "a" * 255
    (desk.folder / "collections").rename(desk.folder / longest)
    said = _said(desk, *_LIST, "--collections-path", longest)
    assert (said.code, said.out.split()) == (Exit.OK, ["Collections:", "it"])
    said = _said(desk, *_LIST, "--collections-path", "a" * 256)
    assert (
        said.answer == f"{desk.folder}/{'a' * 256} cannot be used: File name too long. Choose a shorter path."
    )
