"""A download writes into copies of the collection and nowhere else, whatever folder it is given."""

import json
import os
import random
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.collection import history
from harvester.store.boundaries import is_store
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.cli_session import Person, Result
from tests.support.collections_on_disk import one_more

_EXAMPLES = int(os.environ.get("TWARC_TRY_COPIES", "30"))
_EDITED = json.dumps({"id": "sci", "type": "search", "search": {"query": "x"}, "title": "UNSAVED"})


def _collections(root: Path, work: Path, *ids: str) -> None:
    store = FolderStore(root)
    for number, name in enumerate(ids):
        keys = CollectionKeys(name)
        history.add(store, keys, {"id": name, "type": "search", "search": {"query": name}})
        one_more(store, work, random.Random(number), keys, datetime(2026, 11, 23, tzinfo=UTC))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's folder: a store in use, others, an edited collection.json, documents, copies and links."""
    folder = tmp_path_factory.mktemp("world") / "desk"
    folder.mkdir()
    _collections(folder / "collections", folder.parent / "work", "sci", "museums")
    _collections(folder / "shelf/other", folder.parent / "work", "sci", "cats")
    # As a backup that leaves hidden files out has it.
    shutil.copytree(folder / "shelf/other", folder / "shelf/plain", ignore=shutil.ignore_patterns(".*"))
    (folder / "collection.json").write_text(_EDITED)
    (folder / "docs").mkdir()
    (folder / "docs/thesis.txt").write_text("years of work")
    (folder / "docs/collection.json").write_text(_EDITED)
    (folder / "empty").mkdir()
    for name, to in (("in", "collections"), ("at", "collections/museums"), ("up", ".."), ("texts", "docs")):
        (folder / name).symlink_to(to)
    (folder / "nowhere").symlink_to("not/there")
    person = Person(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, copy in (("sci", "mine"), ("museums", "theirs"), ("sci", "swapped"), ("sci", "lost")):
            person.output("collection", "download", name, "--copy-folder", f"copies/{copy}")
        other = ("--collections-path", "shelf/other")
        person.output("collection", "download", "sci", "--copy-folder", "copies/namesake", *other)
    (folder / "copies/mine/notes.txt").write_text("my notes")
    shutil.rmtree(folder / "copies/swapped")
    shutil.copytree(folder / "docs", folder / "copies/swapped")
    shutil.rmtree(folder / "copies/.lost.downloaded")
    return folder


def _tree(folder: Path) -> dict[str, bytes | str]:
    """Every file and link below, apart from what stores and downloads keep for themselves."""
    found: dict[str, bytes | str] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file() and ".scratch/" not in name and ".downloaded/" not in name:
            found[name] = path.read_bytes()
    return found


def _download(folder: Path, target: str, *options: str) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return Person(folder)("collection", "download", "sci", "--copy-folder", target, *options)


_PARTS = st.sampled_from(
    [
        *("collections", "sci", "museums", "shelf", "other", "plain", "cats", "harvests", "changesets"),
        *("docs", "empty", "new", "copies", "mine", "theirs", "swapped", "lost", "namesake", "..", "."),
        *("in", "at", "up", "texts", "nowhere", ".scratch", ".mine.downloaded", "desk"),
    ]
)


def _copy_of_world(world: Path, folder: Path) -> Path:
    """Another world, whose copies are of its own store."""
    shutil.copytree(world, folder, symlinks=True)
    for origin in folder.rglob("origin.json"):
        origin.write_text(origin.read_text().replace(str(world), str(folder)))
    return folder


def test_nothing_outside_of_a_copy_ever_changes(
    world: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tops: list[Path] = []

    @settings(max_examples=_EXAMPLES)
    @given(parts=st.lists(_PARTS, min_size=1, max_size=4), clean=st.booleans())
    def tried(parts: list[str], clean: bool) -> None:
        if not tops:
            tops.append(tmp_path_factory.mktemp("try"))
            _copy_of_world(world, tops[0] / _DEEP)
        top, target = tops[0], "/".join(parts)
        before, allowed = _tree(top), _may_change(top, target)
        told = _download(top / _DEEP, target, *(["--clean", "--yes"] if clean else []))
        after = _tree(top)
        if before != after or told.code == 0:
            shutil.rmtree(tops.pop())
        assert {name: data for name, data in before.items() if after.get(name) != data} == {}, told
        assert all(allowed and name.startswith(allowed) for name in after.keys() - before.keys()), told
        assert told.code == 2 or allowed, told

    tried()


# So deep that no target leads out of what is looked at.
_DEEP = "1/2/3/4/desk"


def _may_change(top: Path, target: str) -> str:
    """The beginning of the names that may be new: of a folder without files, or of a copy of sci."""
    real = (top / _DEEP / target).resolve()
    free = not real.exists() or (real.is_dir() and not any(real.iterdir()))
    name = real.relative_to(top.resolve()).as_posix()
    return f"{name}/" if free or name == f"{_DEEP}/copies/mine" else ""


@pytest.fixture
def desk(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = _copy_of_world(world, tmp_path / "desk")
    monkeypatch.chdir(folder)
    return folder


_REFUSED = {
    ".": "holds the store",
    "collections": "is the store",
    "collections/museums": "lies in the store",
    "at": "lies in the store",
    "shelf": "is not empty and was not made by a download",
    "shelf/other/new": "lies in the store",
    "shelf/plain/cats": "lies in the store",
    "docs": "is not empty and was not made by a download",
    "copies/theirs": "is a copy of collections/museums/",
    "copies/namesake": "is a copy of collections/sci/ of",
    "copies/swapped": "was not made by a download",
    "copies/lost": "lies in the store",
}


def test_what_is_no_copy_is_refused_and_said(desk: Path) -> None:
    before = _tree(desk)
    for option in ("--copy-folder", "--collection-path"):
        for more in ((), ("--clean", "--yes"), ("--dry-run",)):
            for target, words in _REFUSED.items():
                told = Person(desk)("collection", "download", "sci", option, target, *more)
                assert (told.code, told.out) == (2, ""), (target, told)
                assert words in told.err
                assert "Choose another folder." in told.err
    assert _tree(desk) == before


def test_a_copy_is_brought_up_to_date_and_keeps_what_is_a_persons(desk: Path) -> None:
    for _ in range(2):
        told = Person(desk)(
            "collection", "download", "sci", "--copy-folder", "copies/mine", "--clean", "--yes"
        )
        assert told.code == 0, told
    assert (desk / "copies/mine/notes.txt").read_text() == "my notes"


def test_a_copy_of_a_store_that_was_moved_is_a_copy_of_it_still(desk: Path) -> None:
    (desk / "collections").rename(desk / "moved")
    shutil.rmtree(desk / "copies/lost")
    where = ("--collections-path", "moved")
    assert Person(desk)("collection", "download", "sci", "--copy-folder", "copies/mine", *where).code == 0


def test_a_file_that_a_person_changed_is_not_removed(desk: Path) -> None:
    (desk / "collections/sci/last_harvest.json").unlink()
    copy = desk / "copies/mine/last_harvest.json"
    copy.write_bytes(b"repaired by hand")
    told = Person(desk)("collection", "download", "sci", "--copy-folder", "copies/mine", "--clean", "--yes")
    assert copy.read_bytes() == b"repaired by hand", told
    assert copy.name in told.err


def test_copies_read_as_a_place_of_collections_are_no_store(desk: Path) -> None:
    """The pages say that a copy may be looked at so, which makes a store's own folder there."""
    shutil.rmtree(desk / "copies/lost")
    shutil.rmtree(desk / "copies/swapped")
    assert Person(desk)("collection", "list", "--long", "--collections-path", "copies").code == 0
    FolderStore(desk / "copies").now()
    assert not is_store(desk / "copies")
    assert Person(desk)("collection", "download", "sci", "--copy-folder", "copies/new").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("collection-config", "download", "sci", "--force"),
        ("collection-config", "template", "search", "--force"),
        ("collection-config", "userids", "12"),
        ("collection-config", "update"),
        ("collection", "add"),
    ],
)
@pytest.mark.parametrize(
    "path", ["collections/museums/collection.json", "at/collection.json", "in/sci/x/new.json"]
)
def test_no_file_of_a_stored_collection_is_written_as_the_file_that_describes_one(
    words: tuple[str, ...], path: str, desk: Path
) -> None:
    before = _tree(desk)
    told = Person(desk)(*words, "--collection-config-filepath", path)
    assert (told.code, told.out) == (2, "")
    assert "is inside the stored collection" in told.err
    assert _tree(desk) == before


def test_a_stored_collection_is_no_place_of_collections(desk: Path) -> None:
    before = _tree(desk)
    (desk / "collection.json").write_text(
        json.dumps({"id": "new", "type": "search", "search": {"query": "x"}})
    )
    for words in (
        ("add", "--collections-path", "collections/museums"),
        ("list", "--collections-path", "at"),
        ("copy", "sci", "new", "--to-collections-path", "collections/museums/here"),
    ):
        told = Person(desk)("collection", *words)
        assert told.code == 2, told
        assert "Use --collections-path" in told.err
    (desk / "collection.json").write_text(_EDITED)
    assert _tree(desk) == before


def test_a_link_that_leads_to_itself_is_told(desk: Path) -> None:
    (desk / "loop").symlink_to("loop")
    for words in (
        ("list", "--collections-path", "loop"),
        ("add", "--collections-path", "loop"),
        ("download", "sci", "--collections-path", "loop"),
        ("download", "sci", "--copy-folder", "loop"),
    ):
        told = Person(desk)("collection", *words)
        assert told.code in (1, 2), told
        assert "nexpected" not in told.err


def test_a_store_whose_path_is_not_utf_8_is_copied(desk: Path) -> None:
    (desk / "collections").rename(desk / "caf\udce9")
    shutil.rmtree(desk / "copies")
    for _ in range(2):
        told = Person(desk)(
            "collection", "download", "sci", "--collections-path", "caf\udce9", "--copy-folder", "c"
        )
        assert told.code == 0, told
