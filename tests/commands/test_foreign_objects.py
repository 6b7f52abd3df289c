"""Law: what others put among the collections is left alone and named, and nothing ends because of it."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.clock import Stop
from harvester.collection import history
from harvester.collection.replay import changesets
from harvester.curation.verify import Overall, Verdict, verify
from harvester.documents import HarvestSummary, Tree
from harvester.harvest import catalog
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.reading import FolderReader
from harvester.store.s3 import S3Store
from tests.support.cli_session import Person
from tests.support.collections_on_disk import harvested
from tests.support.faulty_s3 import BUCKET, S3InMemory

_LEFT_BY_PROGRAMS = [
    *(".DS_Store", "._collection.json", "._change-20261123090000-00000001.json", "Thumbs.db", "desktop.ini"),
    *("collection (conflicted copy 2026-11-26).json", "collection.json~", ".collection.json.swp", "é.txt"),
    *("notes.json", "change-x.json~", "tweets - Copy.jsonl.gz", "harvest.json.bak", "collection.json.part"),
    *("tweets-20261123090507-000001.jsonl.gz.tmp", "manifest-sha1.txt.old", "readme", "#collection.json#"),
]
_NAMES = st.sampled_from(_LEFT_BY_PROGRAMS) | st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
)
_PLACES = [
    "",
    "changesets/",
    "harvests/",
    "harvests/2026/",
    "harvests/2026/11/",
    "harvests/2026/11/23/09/00/00/",
]
_CONTENTS = [b"", b"\0\0\0\1Bud1", b"not JSON", b"{}", b"[1, 2]", b"\x1f\x8b"]


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FolderStore, CollectionKeys]]:
    folder = tmp_path_factory.mktemp("strangers")
    store = FolderStore(folder / "collections")
    yield store, harvested(store, folder / "work", random.Random(1))


def _seen(
    store: FolderStore, keys: CollectionKeys
) -> tuple[list[tuple[str, Tree]], list[HarvestSummary], Tree]:
    """What is read of a collection."""
    return (
        list(changesets(store, keys)),
        catalog.all_of(store, keys),
        history.edit(store, keys, lambda tree: tree),
    )


@settings(max_examples=25, derandomize=True)
@given(planted=st.sets(st.tuples(st.sampled_from(_PLACES), _NAMES), min_size=1, max_size=6), data=st.data())
def test_a_collection_is_read_and_judged_as_if_they_were_not_there(
    planted: set[tuple[str, str]], data: st.DataObject, collected: tuple[FolderStore, CollectionKeys]
) -> None:
    store, keys = collected
    folder = store.root / keys.id
    reader = FolderReader(store.root, "collections/")
    before, proof = _seen(store, keys), verify(reader, keys, stop=Stop())
    assert proof.overall < Overall.FAILURE
    strangers = []
    for place, name in sorted(planted):
        path = folder / place / name
        if name in (".", "..") or len(name.encode()) > 200 or path.exists():
            continue
        path.write_bytes(data.draw(st.sampled_from(_CONTENTS)))
        strangers.append(path)
    try:
        assert _seen(store, keys) == before
        report = verify(reader, keys, stop=Stop())
        assert report.overall is (Overall.WARNING if strangers else proof.overall)
        named = [
            part.folder + found.name
            for part, found in report.findings()
            if found.verdict is Verdict.UNEXPECTED
        ]
        assert sorted(named) == sorted(
            f"collections/{path.relative_to(store.root).as_posix()}" for path in strangers
        )
        assert report.posts == proof.posts
    finally:
        for path in strangers:
            path.unlink()


def test_markers_of_folders_and_empty_names_in_a_bucket_are_passed_over() -> None:
    server = S3InMemory()
    with server.served() as client:
        store, keys = S3Store(BUCKET, client=client), CollectionKeys("c")
        for marker in (
            "collections/",
            "collections/c/",
            "collections/c/changesets/",
            "collections/c/harvests/",
        ):
            server.objects[marker] = server.stored(b"")
        history.add(store, keys, {"id": "c", "type": "search", "search": {"query": "x"}})
        for stray in (
            "collections//x",
            "collections/c//y",
            "collections/c/harvests/2026/",
            "collections/./z",
        ):
            server.objects[stray] = server.stored(b"")
        assert list(store.folders("collections/")) == ["c"]
        assert len(list(changesets(store, keys))) == 1
        assert catalog.all_of(store, keys) == []
        assert history.edit(store, keys, lambda tree: {**tree, "title": "T"})["version"] == 2


def test_a_folder_that_is_no_collection_id_is_named_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    person = Person(tmp_path)
    person.output("collection-config", "template", "search", "--id", "one")
    person.write({**person.file, "search": {"query": "cats"}})
    person.output("collection", "add")
    for name in ("ünï code", "plain"):
        (tmp_path / "collections" / name).mkdir()
    (tmp_path / "collections/ünï code/collection.json").write_bytes(b"{}")
    for words in (["list"], ["list", "--long"]):
        assert "one" in person.output("collection", *words)
    assert r"Skipping folder '\xfcn\xef code' of" in caplog.text
    assert "plain" not in caplog.text
