"""An error of the file system names what is at fault, and what to do about it."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harvester.errors import Exit, HarvesterError
from harvester.errors.files import explained, in_words, naming, require_links


def _open_below_a_file(top: Path) -> None:
    (top / "file").write_bytes(b"")
    (top / "file" / "below" / "it").open()


def _make_below_a_file(top: Path) -> None:
    (top / "file").write_bytes(b"")
    (top / "file").mkdir()


def _open_a_folder(top: Path) -> None:
    (top / "folder").mkdir()
    (top / "folder").open()


def _open_behind_a_link(top: Path) -> None:
    (top / "link").symlink_to("nowhere")
    (top / "link" / "file").open()


def _make_behind_a_link(top: Path) -> None:
    (top / "link").symlink_to("nowhere")
    (top / "link").mkdir()


def _open_a_loop(top: Path) -> None:
    (top / "loop").symlink_to("loop")
    (top / "loop" / "file").open()


def _open_a_name_that_is_too_long(top: Path) -> None:
    (top / ("a" * 300)).open()


def _open_what_is_not_there(top: Path) -> None:
    (top / "gone").open()


_ACCIDENTS: dict[Callable[[Path], None], tuple[str, str]] = {
    _open_below_a_file: ("{top}/file is in the way and is not a folder.", "Move it away."),
    _make_below_a_file: ("{top}/file is in the way and is not a folder.", "Move it away."),
    _open_a_folder: ("{top}/folder is in the way and is a folder.", "Move it away."),
    _open_behind_a_link: ("{top}/link is a symbolic link to {top}/nowhere, which is not there.", "Mount"),
    _make_behind_a_link: ("{top}/link is a symbolic link to {top}/nowhere, which is not there.", "Mount"),
    _open_a_loop: ("{top}/loop is a symbolic link that leads to itself.", "remove the link"),
    _open_a_name_that_is_too_long: (
        "{top}/" + "a" * 300 + " cannot be used: File name too long.",
        "Choose a shorter path.",
    ),
    _open_what_is_not_there: ("{top}/gone cannot be used: No such file or directory.", ""),
}


@pytest.mark.parametrize("accident", _ACCIDENTS)
def test_what_is_at_fault_is_named_and_not_what_was_wanted(
    accident: Callable[[Path], None], tmp_path: Path
) -> None:
    message, hint = _ACCIDENTS[accident]
    with pytest.raises(OSError) as raised:
        accident(tmp_path)
    found = explained(raised.value, "what was wanted")
    assert found.message == message.format(top=tmp_path)
    assert hint in found.hint
    assert not found.passing


# Of these the message is about what was wanted, as the path says nothing about the reason.
_LIMITS = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "raise the limit",
    errno.EMFILE: "ulimit -n",
    errno.ENFILE: "many files open",
    errno.EIO: "",
}


@pytest.mark.parametrize("code", _LIMITS, ids=errno.errorcode.get)
def test_a_limit_of_the_system_is_told_with_what_helps(code: int) -> None:
    found = explained(OSError(code, os.strerror(code), "/some/part"), "the segment")
    assert found.message == f"the segment cannot be used: {os.strerror(code)}."
    assert _LIMITS[code] in found.hint
    assert found.passing == (code == errno.EIO)


def test_of_two_names_the_one_at_fault_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError) as raised:
        os.link(tmp_path / "file", tmp_path / "file" / "other")
    assert str(in_words(raised.value)).startswith(f"{tmp_path}/file is in the way and is not a folder.")


def test_without_a_name_it_is_the_output() -> None:
    assert (
        explained(OSError(errno.ENOSPC, "No space left")).message
        == "The output cannot be used: No space left."
    )


def test_a_link_that_leads_nowhere_is_refused_before_anything_is_made_behind_it(tmp_path: Path) -> None:
    (tmp_path / "disk").symlink_to("mounted")
    with pytest.raises(HarvesterError, match="which is not there") as told:
        require_links(tmp_path / "disk" / "collections")
    assert told.value.exit_code == Exit.USAGE
    (tmp_path / "mounted").mkdir()
    require_links(tmp_path / "disk" / "collections")


def test_a_write_that_fails_is_about_the_file_that_was_written(tmp_path: Path) -> None:
    """It was told of "the output", as the error of a write names no file."""
    with pytest.raises(OSError) as raised, naming(tmp_path / "schedules.json"):
        raise OSError(errno.ENOSPC, "No space left on device")
    words = f"{tmp_path}/schedules.json cannot be used: No space left on device."
    assert explained(raised.value).message == words
    with pytest.raises(OSError) as raised, naming(tmp_path / "schedules.json"):
        (tmp_path / "other").read_bytes()
    assert explained(raised.value).message.startswith(f"{tmp_path}/other cannot be used")


def test_a_current_folder_that_was_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for act in (Path.cwd, Path("temp").stat):
        with pytest.raises(FileNotFoundError) as raised:
            act()
        assert explained(raised.value, "temp").message == "The current folder was removed."
    monkeypatch.chdir(tmp_path)
