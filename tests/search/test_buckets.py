"""A bucket is indexed as a folder is, and what is known costs a listing only."""

from pathlib import Path
from random import Random
from typing import Any

from harvester.ledger.behind import behind
from harvester.ledger.cache import cache_of
from harvester.search.answers import FACETS, Question
from harvester.search.asking import Search
from harvester.search.indexing import update
from harvester.store.folder import FolderStore
from harvester.store.reading import S3Reader, reader
from harvester.store.s3 import S3Store
from tests.support.searched_store import made_up_store
from tests.support.servers import Bucket

_COLLECTIONS = ("c0", "c1")


class _Counting(S3Reader):
    """Notes what is read."""

    asked: list[str]

    def read(self, key: str) -> Any:
        self.asked.append(key)
        return super().read(key)

    def pieces(self, key: str) -> Any:
        self.asked.append(key)
        return super().pieces(key)


def test_a_bucket_is_indexed_as_a_folder_is(s3: Bucket, tmp_path: Path) -> None:
    folder = tmp_path / "collections"
    made_up_store(folder, Random(4), posts=20)
    client = s3.server.client()
    for path in folder.rglob("*"):
        if path.is_file():
            key = f"collections/{path.relative_to(folder).as_posix()}"
            client.put_object(Bucket=s3.name, Key=key, Body=path.read_bytes())
    store = S3Store(s3.name, client=s3.server.requests(s3.name))
    caches = cache_of(store.name, str(tmp_path / "of-s3")), cache_of("folder", str(tmp_path / "of-folder"))
    found = _Counting(store)
    found.asked = []
    update(caches[0], found, _COLLECTIONS, whole_store=True)
    update(caches[1], reader(FolderStore(folder)), _COLLECTIONS, whole_store=True)
    question = Question("flood OR sea", limit=1000, facets=FACETS, included=True)
    of_bucket, of_folder = (Search(cache).ask(question) for cache in caches)
    assert of_bucket.count > 20
    assert [hit.document() for hit in of_bucket.hits] == [hit.document() for hit in of_folder.hits]
    found.asked.clear()
    assert update(caches[0], found, _COLLECTIONS, whole_store=True).files == 0
    assert behind(caches[0], found, _COLLECTIONS).files == 0
    assert set(found.asked) == {f"collections/{name}/collection.json" for name in _COLLECTIONS}
