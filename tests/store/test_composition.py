"""A file is made on the server of what it holds of it already, once, and by nobody who was given up."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.clock import SystemClock
from harvester.errors import Conflict, NotFound
from harvester.store import Piece, composition
from harvester.store.folder import FolderStore
from harvester.store.objects import BucketObjects
from harvester.store.s3 import S3Store
from tests.support.sent_bytes import SentBytes
from tests.support.servers import Bucket

KEY = "collections/a/file"
_MB = 1 << 20


def _file(folder: Path, *, size: int) -> tuple[Path, str]:
    path = folder / "file"
    path.write_bytes(Random(1).randbytes(size))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def _pieces(store: S3Store, path: Path, sizes: Sequence[int]) -> list[Piece]:
    found, data = list[Piece](), path.read_bytes()
    for size in sizes:
        key = f"{KEY}-{sum(piece.size for piece in found)}"
        part, data = data[:size], data[size:]
        found.append(Piece(key, store.create(key, part), size))
    return found


def test_what_is_stored_already_is_not_sent_again(s3: Bucket, tmp_path: Path) -> None:
    client = SentBytes(s3.server.requests(s3.name))
    store = S3Store(s3.name, client=client)
    path, sha256 = _file(tmp_path, size=20 * _MB)
    pieces = _pieces(store, path, [6 * _MB, 5 * _MB, 7 * _MB])
    client.sent = 0
    name = store.begin_upload(KEY, pieces, size=20 * _MB, sha256=sha256)
    with pytest.raises(NotFound):
        store.read(KEY)
    version = store.compose(KEY, path, sha256=sha256, name=name, pieces=pieces)
    # The rest of the file, and a list of its parts.
    assert 2 * _MB <= client.sent < 2 * _MB + 10_000
    stored = store.read(KEY)
    assert (stored.data == path.read_bytes(), stored.version) == (True, version)
    # An answer that was lost: the step is repeated, and is done.
    assert store.compose(KEY, path, sha256=sha256, name=name, pieces=pieces) == ""
    assert store.upload(KEY, path, sha256=sha256) == ""


def test_what_is_there_is_not_written_over(s3: Bucket, tmp_path: Path) -> None:
    store = S3Store(s3.name, client=s3.server.requests(s3.name))
    path, sha256 = _file(tmp_path, size=12 * _MB)
    pieces = _pieces(store, path, [6 * _MB, 5 * _MB])
    name = store.begin_upload(KEY, pieces, size=12 * _MB, sha256=sha256)
    store.create(KEY, b"another's")
    with pytest.raises(Conflict):
        store.compose(KEY, path, sha256=sha256, name=name, pieces=pieces)
    assert store.read(KEY).data == b"another's"


def test_who_was_given_up_makes_nothing_of_the_pieces(s3: Bucket, tmp_path: Path) -> None:
    client = s3.server.requests(s3.name)
    store = S3Store(s3.name, client=client)
    path, sha256 = _file(tmp_path, size=12 * _MB)
    pieces = _pieces(store, path, [12 * _MB])
    name = store.begin_upload(KEY, pieces, size=12 * _MB, sha256=sha256)
    for _ in range(2):
        store.abandon_upload(KEY, name)
    made = composition.Composition(BucketObjects(s3.name, client, SystemClock()), KEY)
    with pytest.raises(composition.Impossible):
        made.complete(name, pieces, path)
    with pytest.raises(NotFound):
        store.read(KEY)


def test_a_piece_that_was_changed_is_sent(s3: Bucket, tmp_path: Path) -> None:
    store = S3Store(s3.name, client=s3.server.requests(s3.name))
    path, sha256 = _file(tmp_path, size=12 * _MB)
    pieces = _pieces(store, path, [6 * _MB, 5 * _MB])
    name = store.begin_upload(KEY, pieces, size=12 * _MB, sha256=sha256)
    store.replace(pieces[0].key, b"x" * 6 * _MB, version=pieces[0].version)
    assert store.compose(KEY, path, sha256=sha256, name=name, pieces=pieces)
    assert store.read(KEY).data == path.read_bytes()


def test_where_it_saves_little_or_cannot_be_done_a_file_is_sent_whole(
    s3: Bucket, moto_s3: Bucket, tmp_path: Path
) -> None:
    path, sha256 = _file(tmp_path, size=12 * _MB)
    store = S3Store(s3.name, client=s3.server.requests(s3.name))
    few = _pieces(store, path, [5 * _MB, 1 * _MB])
    assert store.begin_upload(KEY, few, size=12 * _MB, sha256=sha256) == ""
    # Which does not look at the version of what it copies.
    other = S3Store(moto_s3.name, client=moto_s3.server.requests(moto_s3.name))
    all_of_it = _pieces(other, path, [12 * _MB])
    assert not other.composes
    assert other.begin_upload(KEY, all_of_it, size=12 * _MB, sha256=sha256) == ""
    assert not FolderStore(tmp_path / "collections").composes


@given(st.lists(st.integers(1, 20 * _MB), max_size=30), st.integers(0, 40 * _MB))
def test_the_parts_are_the_file_in_order_and_of_a_size_that_s3_takes(sizes: list[int], rest: int) -> None:
    pieces = [Piece(str(number), "v", size) for number, size in enumerate(sizes)]
    parts = composition.parts_of(pieces, sum(sizes) + rest)
    assert [part.offset for part in parts] == [sum(p.size for p in parts[:n]) for n in range(len(parts))]
    assert sum(part.size for part in parts) == sum(sizes) + rest
    assert all(part.size >= 5 * _MB for part in parts[:-1])
    for part in parts:
        if part.source:
            number = int(part.source.key)
            assert (part.offset, part.size) == (sum(sizes[:number]), sizes[number])
        else:
            assert part.size <= 16 * _MB
