"""A manifest is what the real tools check files by, and it names what was stored."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvester.harvest.manifest import ALGORITHMS, Manifests, parsed, text
from harvester.harvest.segment import finished
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

HERE = CollectionKeys("a").harvest(datetime(2026, 1, 1, tzinfo=UTC))


def _stored(store: FolderStore, folder: Path, name: str, data: bytes):  # type: ignore[no-untyped-def]
    path = folder / name
    path.write_bytes(data)
    file = finished(path, posts=1)
    store.upload(HERE.file(name), path, sha256=file.sha256)
    return file


def _checked(store: FolderStore, algorithm: str) -> subprocess.CompletedProcess[str]:
    folder = store.root / HERE.folder.removeprefix("collections/")
    return subprocess.run(
        [f"{algorithm}sum", "--strict", "-c", f"manifest-{algorithm}.txt"],
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_real_tools_accept_it_and_see_damage(tmp_path: Path, algorithm: str) -> None:
    store = FolderStore(tmp_path / "collections")
    manifests = Manifests(store, HERE)
    manifests.add(_stored(store, tmp_path, "tweets-1.jsonl.gz", b"one"))
    manifests.add(
        _stored(store, tmp_path, "tweets-2.jsonl.gz", b"two"), _stored(store, tmp_path, "users.jsonl", b"")
    )
    checked = _checked(store, algorithm)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout == "tweets-1.jsonl.gz: OK\ntweets-2.jsonl.gz: OK\nusers.jsonl: OK\n"
    store.remove(HERE.file("tweets-2.jsonl.gz"))
    store.create(HERE.file("tweets-2.jsonl.gz"), b"oops")
    assert _checked(store, algorithm).returncode == 1


def test_adding_may_be_repeated_by_another(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    files = [_stored(store, tmp_path, f"tweets-{number}.gz", b"%d" % number) for number in range(3)]
    Manifests(store, HERE).add(*files[:2])
    for _ in range(2):
        Manifests(store, HERE).add(*files)
    for algorithm in ALGORITHMS:
        data = store.read(HERE.manifest(algorithm)).data.decode()
        assert data == text(files, algorithm)
        assert parsed(data) == {file.name: getattr(file, algorithm) for file in files}


def test_a_manifest_that_changed_meanwhile_is_written_again(tmp_path: Path) -> None:
    """As after a try of ours whose answer was lost; no other writer is allowed here."""
    store = FolderStore(tmp_path / "collections")
    manifests = Manifests(store, HERE)
    first, second = (_stored(store, tmp_path, f"tweets-{number}.gz", b"%d" % number) for number in range(2))
    manifests.add(first)
    for algorithm in ALGORITHMS:
        key = HERE.manifest(algorithm)
        store.replace(key, b"", version=store.read(key).version)
    manifests.add(second)
    assert parsed(store.read(HERE.manifest("sha256")).data.decode()).keys() == {first.name, second.name}


def test_no_file_no_lines() -> None:
    assert text([], "sha1") == ""
    assert parsed("\n") == {}
