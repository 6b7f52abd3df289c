"""What a commit makes durable, and in which order: bytes, the name, then the folder that holds the name."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import timestamp
from harvester.harvest.journal import journaled
from harvester.harvest.workdir import State, Work
from harvester.networks import Batch
from harvester.store.folder import FolderStore
from harvester.store.keys import USERS

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_KEY, _FOLDER = "collections/a/b.json", "collections/a"


class Watched:
    """Syncs, links and renames below a folder in their order, by the names that the files have at the end."""

    def __init__(self, root: Path) -> None:
        self._root, self._happened = root, list[tuple[str, int | str]]()

    def note(self, what: str, where: int | str) -> None:
        self._happened.append((what, where))

    def begin(self) -> None:
        self._happened.clear()

    @property
    def told(self) -> list[str]:
        """Files of a scratch folder that got a name of their own have that; others are `scratch`."""
        names = {path.stat().st_ino: path for path in self._root.rglob("*") if ".scratch" not in path.parts}
        names[self._root.stat().st_ino] = self._root
        return [f"{what} {self._named(names, where)}" for what, where in self._happened]

    def _named(self, names: dict[int, Path], where: int | str) -> str:
        path = names.get(where, Path("scratch")) if isinstance(where, int) else Path(where)
        if ".scratch" in path.parts:
            return "scratch"
        return str(path.relative_to(self._root)) if self._root in path.parents else path.name


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    seen, sync = Watched(tmp_path), os.fsync

    def fsync(file: int) -> None:
        seen.note("sync", os.fstat(file).st_ino)
        sync(file)

    def noting(what: str, act: Callable[..., None]) -> Callable[..., None]:
        def noted(source: Any, target: Any, **options: Any) -> None:
            act(source, target, **options)
            seen.note(what, str(target))

        return noted

    monkeypatch.setattr(os, "fsync", fsync)
    for name in ("link", "rename", "replace"):
        monkeypatch.setattr(os, name, noting(name, getattr(os, name)))
    yield seen


def test_an_object_of_a_folder_is_durable_before_its_name_and_the_name_before_the_answer(
    watched: Watched, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path / "collections")
    store.create("collections/a/first.json", b"1")
    watched.begin()
    version = store.create(_KEY, b"1")
    assert watched.told == [f"sync {_KEY}", f"link {_KEY}", f"sync {_FOLDER}"]
    # The first makes the folder of the guards, too.
    version = store.replace(_KEY, b"1", version=version)
    watched.begin()
    store.replace(_KEY, b"2", version=version)
    assert watched.told == [f"sync {_KEY}", f"replace {_KEY}", f"sync {_FOLDER}"]
    (tmp_path / "file").write_bytes(b"3")
    watched.begin()
    store.upload("collections/a/c.gz", tmp_path / "file", sha256="")
    # The file itself is linked, so that its name here is as good as the one in the store.
    assert watched.told[0] == "link scratch"
    assert watched.told[1].startswith("sync ")
    assert watched.told[2:] == ["link collections/a/c.gz", f"sync {_FOLDER}"]
    watched.begin()
    store.remove(_KEY)
    assert watched.told == [f"sync {_FOLDER}"]


def test_a_new_folder_is_durable_in_the_one_above_it(watched: Watched, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    store.create("collections/a/first.json", b"1")
    watched.begin()
    store.create("collections/a/x/y/z.json", b"1")
    key = "collections/a/x/y/z.json"
    folders = [f"sync {_FOLDER}", "sync collections/a/x"]
    assert watched.told == [f"sync {key}", *folders, f"link {key}", "sync collections/a/x/y"]


def _begun(root: Path) -> Work:
    work = Work.begin(root, State(harvest=timestamp(_NOW), owner="me"))
    work.add(Batch(lines=b"{}\n", posts=1, users=b"{}\n", patch={"sweep": "1"}), now=_NOW)
    work.sync(now=_NOW)
    return work


def test_what_a_checkpoint_counts_is_durable_before_the_journal_that_counts_it(
    watched: Watched, tmp_path: Path
) -> None:
    work = _begun(tmp_path / "work")
    assert work.state.segment
    segment, here = work.state.segment["name"], str(work.folder.relative_to(tmp_path))
    watched.begin()
    work.snapshot()
    journal = f"{here}/journal-000002.jsonl"
    assert watched.told == [
        *(f"sync {here}/{name}" for name in (USERS, segment)),
        *(f"sync {journal}", f"rename {journal}", f"sync {here}"),
    ]
    watched.begin()
    finished = work.close_segment(now=_NOW)
    assert finished
    assert watched.told == [f"sync {here}/{segment}"]
    work.close()


@pytest.mark.parametrize(("at", "deadly"), [("fsync", 1), ("rename", 1), ("fsync", 2), ("unlink", 1)])
def test_a_death_while_a_journal_is_begun_leaves_one_that_can_be_read(
    at: str, deadly: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = _begun(tmp_path)
    segment, act, calls = work.state.segment, getattr(os, at), list[Any]()

    def dies(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == deadly:
            raise KeyboardInterrupt
        return act(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, at, dies)
        with pytest.raises(KeyboardInterrupt):
            work.remember()
    found = journaled(work.folder)
    assert found is not None
    assert (found.patch, found.segment) == ({"sweep": "1"}, segment)
    work.close()
