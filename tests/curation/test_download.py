"""A copy holds what the store holds, checked on the way, and nothing is written outside of it."""

import hashlib
import json
import random
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.collection.secrets import without_keys
from harvester.curation.download import Tally, download
from harvester.curation.local_copy import LocalCopy
from harvester.curation.verify import Overall, verify
from harvester.errors import Exit, HarvesterError, NotFound, StoreAway
from harvester.store import Entry
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.reading import FolderReader, reader
from harvester.store.s3 import S3Store
from tests.support.cli_session import Person
from tests.support.collections_on_disk import harvested
from tests.support.corruption import Held
from tests.support.scripted_x import Reply, scripted
from tests.support.servers import Bucket, S3Server
from tests.support.stores import Place, lossy

KEYS = CollectionKeys("museums")
HARVEST = f"{KEYS.folder}harvests/2026/11/23/09/00/00/"
SEGMENT = f"{HARVEST}tweets-20261123090000-000001.jsonl.gz"


@dataclass
class Counted(Held):
    """Objects in memory; it counts which are read, and does `before` before each."""

    asked: list[str] = field(default_factory=list)
    before: Any = None

    def pieces(self, key: str) -> Iterator[memoryview]:
        self.asked.append(key)
        if self.before:
            self.before(key)
        yield from super().pieces(key)


def _store() -> Counted:
    data = b"records " * 1000
    digest = hashlib.sha256(data).hexdigest()
    return Counted(
        {
            KEYS.collection: b'{"id": "museums"}',
            KEYS.last_harvest: b'{"harvest_id": "2026-11-23T09:00:00+00:00"}',
            SEGMENT: data,
            f"{HARVEST}manifest-sha256.txt": f"{digest}  {SEGMENT.rpartition('/')[2]}\n".encode(),
        }
    )


def _copied(store: Any, folder: Path, *, keys: CollectionKeys = KEYS, **options: Any) -> Tally:
    copy = LocalCopy(folder, keys.folder)
    with copy.open():
        return download(store, keys, copy, stop=options.pop("stop", Stop()), jobs=4, **options)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def _expected(store: Held) -> dict[str, bytes]:
    return {key.removeprefix(KEYS.folder): data for key, data in store.objects.items()}


def test_a_copy_of_any_store_is_what_the_store_holds(place: Place, tmp_path: Path) -> None:
    store = place.store()
    keys = harvested(store, tmp_path / "work", random.Random(2))
    held = {
        entry.key.removeprefix(keys.folder): store.read(entry.key).data
        for entry in store.entries(keys.folder)
    }
    tally = _copied(reader(store), tmp_path / "copy", keys=keys)
    assert _files(tmp_path / "copy") == held
    assert (tally.fetched, tally.problems, tally.corrupt) == (len(held), [], [])
    again = _copied(reader(store), tmp_path / "copy", keys=keys)
    assert (again.fetched, again.present) == (0, len(held))
    report = verify(FolderReader(tmp_path / "copy", keys.folder), keys, stop=Stop())
    assert report.overall is not Overall.FAILURE


def test_an_object_replaced_by_one_of_equal_size_is_fetched_again(tmp_path: Path) -> None:
    store = _store()
    _copied(store, tmp_path / "copy")
    store.objects[KEYS.last_harvest] = store.objects[KEYS.last_harvest].replace(b"09:00", b"10:00")
    store.asked.clear()
    assert _copied(store, tmp_path / "copy").fetched == 1
    assert SEGMENT not in store.asked
    assert _files(tmp_path / "copy") == _expected(store)


@pytest.mark.parametrize("key", [SEGMENT, KEYS.collection])
def test_a_file_damaged_here_without_changing_its_size_is_fetched_again(key: str, tmp_path: Path) -> None:
    store = _store()
    _copied(store, tmp_path / "copy")
    path = tmp_path / "copy" / key.removeprefix(KEYS.folder)
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(data)
    assert _copied(store, tmp_path / "copy").fetched == 1
    assert _files(tmp_path / "copy") == _expected(store)


def test_a_lost_or_broken_index_costs_only_what_no_manifest_names(tmp_path: Path) -> None:
    store = _store()
    _copied(store, tmp_path / "copy")
    index = tmp_path / ".copy.downloaded" / "index.jsonl"
    index.write_bytes(index.read_bytes()[:70] + b"\n\xff{")
    store.asked.clear()
    again = _copied(store, tmp_path / "copy")
    assert SEGMENT not in store.asked
    assert again.present >= 1
    assert _files(tmp_path / "copy") == _expected(store)


def test_what_the_store_damaged_is_told_and_gets_no_name(tmp_path: Path) -> None:
    store = _store()
    store.objects[SEGMENT] = store.objects[SEGMENT][:-1]
    tally = _copied(store, tmp_path / "copy")
    assert len(tally.corrupt) == 1
    assert SEGMENT in tally.corrupt[0]
    assert SEGMENT.removeprefix(KEYS.folder) not in _files(tmp_path / "copy")
    assert tally.fetched == 3


def test_an_answer_that_came_wrong_once_is_asked_for_again(tmp_path: Path) -> None:
    store = _store()
    whole = store.objects[SEGMENT]

    def cut_once(key: str) -> None:
        store.objects[SEGMENT] = whole if store.asked.count(SEGMENT) > 1 else whole[:100]

    store.before = cut_once
    tally = _copied(store, tmp_path / "copy")
    assert (tally.corrupt, tally.fetched) == ([], 4)
    assert _files(tmp_path / "copy") == _expected(store)


CROOKED = [
    *("../outside", "a/../../outside", "/etc/outside", "a//outside", "a/./outside", "..\\outside"),
    *("C:\\outside", "C:/outside", "a\nb", "a/..", "x\x00y", "n" * 300),
]


@pytest.mark.parametrize("name", CROOKED)
def test_a_key_that_leads_elsewhere_is_left_out_and_told(name: str, tmp_path: Path) -> None:
    store = _store()
    store.objects[KEYS.folder + name] = b"evil"
    (tmp_path / "inner").mkdir()
    tally = _copied(store, tmp_path / "inner" / "copy")
    assert len(tally.problems) == 1
    assert tally.fetched == 4
    assert b"evil" not in _files(tmp_path).values()


def test_a_name_in_a_manifest_leads_nowhere_else_either(tmp_path: Path) -> None:
    store = _store()
    digest = hashlib.sha256(b"evil").hexdigest()
    store.objects[f"{HARVEST}manifest-sha256.txt"] += f"{digest}  ../../../../../../../../x\n".encode()
    store.objects[f"{HARVEST}../../../../../../../../x"] = b"evil"
    _copied(store, tmp_path / "inner" / "copy")
    assert b"evil" not in _files(tmp_path).values()


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    store = _store()
    _copied(store, tmp_path / "copy")
    (tmp_path / "elsewhere").mkdir()
    shutil.rmtree(tmp_path / "copy" / "harvests")
    (tmp_path / "copy" / "harvests").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "mine.json").write_text("mine")
    (tmp_path / "copy" / "collection.json").unlink()
    (tmp_path / "copy" / "collection.json").symlink_to(tmp_path / "mine.json")
    tally = _copied(store, tmp_path / "copy")
    assert not list((tmp_path / "elsewhere").iterdir())
    assert len(tally.problems) == 2
    # A link in a file's own place is replaced, and what it led to stays.
    assert (tmp_path / "mine.json").read_text() == "mine"
    assert not (tmp_path / "copy" / "collection.json").is_symlink()


def test_an_object_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    store = _store()
    store.objects[f"{KEYS.folder}a"] = b"file"
    store.objects[f"{KEYS.folder}a/b"] = b"below"
    tally = _copied(store, tmp_path / "copy")
    assert len(tally.problems) == 1
    assert tally.fetched == 5


def test_nothing_half_has_a_name_when_a_download_is_stopped(tmp_path: Path) -> None:
    store = _store()
    stop = Stop()
    store.objects[SEGMENT] = b"x" * 100_000
    begun = threading.Event()

    def ask_to_stop(key: str) -> None:
        if key == SEGMENT:
            begun.set()
            stop.request("Ctrl-C")

    store.before = ask_to_stop
    with pytest.raises(HarvesterError, match="stopped: Ctrl-C") as raised:
        _copied(store, tmp_path / "copy", stop=stop)
    assert begun.is_set()
    assert raised.value.exit_code is Exit.INTERRUPTED
    assert SEGMENT.removeprefix(KEYS.folder) not in _files(tmp_path / "copy")
    assert not list((tmp_path / ".copy.downloaded").glob("partial/*"))


def test_what_an_interrupted_download_left_is_removed_and_the_rest_fetched(tmp_path: Path) -> None:
    store = _store()
    _copied(store, tmp_path / "copy")
    (tmp_path / ".copy.downloaded" / "partial").mkdir()
    (tmp_path / ".copy.downloaded" / "partial" / "00000001").write_bytes(b"half")
    (tmp_path / "copy" / "collection.json").unlink()
    assert _copied(store, tmp_path / "copy").fetched == 1
    assert not (tmp_path / ".copy.downloaded" / "partial").exists()


def test_two_downloads_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with LocalCopy(tmp_path / "copy", KEYS.folder).open(), pytest.raises(HarvesterError, match="Another"):
        _copied(_store(), tmp_path / "copy")


def test_a_store_that_stays_away_ends_the_download_in_words(tmp_path: Path) -> None:
    store = _store()
    for number in range(50):
        store.objects[f"{KEYS.folder}changesets/change-20261123090000-{number:08d}.json"] = b"{}"

    def away(key: str) -> None:
        if "changesets" in key:
            raise StoreAway("The store cannot be reached.")

    store.before = away
    with pytest.raises(StoreAway, match="cannot be reached"):
        _copied(store, tmp_path / "copy")
    assert sum("changesets" in key for key in store.asked) < 60


def test_failures_apart_from_each_other_leave_the_rest_to_be_fetched(tmp_path: Path) -> None:
    store = _store()
    names = [f"{KEYS.folder}changesets/change-20261123090000-{number:08d}.json" for number in range(60)]
    store.objects |= dict.fromkeys(names, b"{}")

    def away(key: str) -> None:
        if key in names[::5]:
            raise StoreAway("The store cannot be reached.")

    store.before = away
    tally = _copied(store, tmp_path / "copy")
    assert (len(tally.problems), tally.fetched) == (12, 52)


def test_a_file_is_held_against_a_manifest_that_came_later(tmp_path: Path) -> None:
    store = _store()
    line = store.objects.pop(f"{HARVEST}manifest-sha256.txt")
    _copied(store, tmp_path / "copy")
    store.objects[f"{HARVEST}manifest-sha256.txt"] = line.replace(line[:4], b"0000")
    assert [SEGMENT in told for told in _copied(store, tmp_path / "copy").corrupt] == [True]


def test_a_bug_in_a_thread_of_the_download_is_raised_with_where_it_is_and_what_was_fetched(
    tmp_path: Path,
) -> None:
    store = _store()

    def fails(key: str) -> None:
        if key == SEGMENT:
            raise ZeroDivisionError("a bug")

    store.before = fails
    with pytest.raises(ZeroDivisionError) as raised:
        _copied(store, tmp_path / "copy")
    assert raised.value.__notes__ == [f"while {SEGMENT} was fetched"]
    assert raised.traceback[-1].name == "fails"


def test_objects_of_a_running_harvest_are_left_out(tmp_path: Path) -> None:
    store = _store()
    for key in (KEYS.lock, KEYS.checkpoint, f"{HARVEST}open/events.jsonl-000000000000"):
        store.objects[key] = b"{}"
    tally = _copied(store, tmp_path / "copy")
    assert tally.left_out == 3
    assert not {"lock.json", "checkpoint.json"} & set(_files(tmp_path / "copy"))


def test_a_file_that_was_named_after_the_listing_is_fetched_too(tmp_path: Path) -> None:
    store = _store()
    later = f"{HARVEST}tweets-20261123090000-000002.jsonl.gz"
    data = b"later"
    line = f"{hashlib.sha256(data).hexdigest()}  {later.rpartition('/')[2]}\n"

    def add_later(key: str) -> None:
        if key.endswith("manifest-sha256.txt") and later not in store.objects:
            store.objects[later] = data
            store.objects[key] += line.encode()

    store.before = add_later
    _copied(store, tmp_path / "copy")
    assert _files(tmp_path / "copy")[later.removeprefix(KEYS.folder)] == data


def test_a_repair_that_ends_during_a_download_is_not_in_a_copy_by_half(tmp_path: Path) -> None:
    pointer, begun = (
        KEYS.repairs.last_harvest,
        f"{KEYS.repairs.folder}harvests/2026/11/23/10/00/00/harvest.json",
    )
    listing = threading.Event()

    class Repaired(Counted):
        def pieces(self, key: str) -> Iterator[memoryview]:
            if key == pointer:
                # Slow, so that a listing that does not wait for it begins.
                listing.wait(0.3)
            yield from super().pieces(key)

        def entries(self, prefix: str) -> Iterator[Entry]:
            for entry in super().entries(prefix):
                if prefix == KEYS.folder and entry.key == pointer:
                    # The listing has passed the folder of the repair, which ends now.
                    self.objects |= {begun: b"{}", pointer: b"10:00"}
                    listing.set()
                yield entry

    store = Repaired({**_store().objects, pointer: b"09:00"})
    _copied(store, tmp_path / "copy")
    assert _files(tmp_path / "copy")["repairs/last_harvest.json"] == b"09:00"


def test_what_is_gone_while_it_is_fetched_is_told(tmp_path: Path) -> None:
    store = _store()

    def remove(key: str) -> None:
        if key == KEYS.last_harvest:
            store.objects.pop(key, None)

    store.before = remove
    assert _copied(store, tmp_path / "copy").gone == [KEYS.last_harvest]


def test_api_keys_of_2019_are_not_in_a_copy(tmp_path: Path) -> None:
    store = _store()
    secret = {"consumer_key": "canary-1", "consumer_secret": "canary-2"}
    change = f"{KEYS.folder}changesets/change-20190101000000.json"
    store.objects[KEYS.collection] = json.dumps({"id": "museums", "keys": secret}).encode()
    store.objects[change] = json.dumps({"update": {"credentials": secret}, "delete": []}).encode()
    tally = _copied(store, tmp_path / "copy")
    assert tally.cleaned == 2
    assert not [name for name, data in _files(tmp_path).items() if b"canary" in data]
    # What was cleaned is known again, and not fetched each time.
    assert _copied(store, tmp_path / "copy").fetched == 0


def test_what_holds_no_keys_keeps_its_bytes() -> None:
    for data in (b'{"id":  "x",\n"keys": {"profile": "museum"}}', b"[1,  2]", b"not JSON"):
        assert without_keys(data) == data


def test_a_collection_that_is_not_there_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no collection museums") as raised:
        _copied(Held(), tmp_path / "copy")
    assert raised.value.exit_code is Exit.NO_COLLECTION
    assert list(tmp_path.iterdir()) == []


def test_odd_keys_of_a_bucket_are_copied_as_they_are(s3_environment: Bucket, tmp_path: Path) -> None:
    client = s3_environment.server.client()
    names = {"sp ace", "per%41cent", "ü", "tilde~", "hash#", "plus+", "a&b", "quote'"}
    for name in names:
        client.put_object(Bucket=s3_environment.name, Key=KEYS.folder + name, Body=name.encode())
    client.put_object(Bucket=s3_environment.name, Key=f"{KEYS.folder}folder/", Body=b"")
    client.put_object(Bucket=s3_environment.name, Key=f"{KEYS.folder}empty", Body=b"")
    tally = _copied(reader(S3Store(s3_environment.name)), tmp_path / "copy")
    assert tally.problems == []
    expected = {name: name.encode() for name in names} | {"empty": b""}
    assert _files(tmp_path / "copy") == expected


def test_an_answer_that_breaks_off_is_never_taken_for_whole(
    s3_environment: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = S3Store(s3_environment.name)
    data = random.Random(1).randbytes(3_000_000)
    path = tmp_path / "data"
    path.write_bytes(data)
    store.upload(f"{KEYS.folder}big", path, sha256=hashlib.sha256(data).hexdigest())
    with lossy(s3_environment.server.endpoint) as proxy:
        s3_environment.known_at(proxy.endpoint)
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        cut = reader(S3Store(s3_environment.name))
        proxy.cut = 2_000
        tally = _copied(cut, tmp_path / "copy")
        assert len(tally.problems) == 1
        assert not (tmp_path / "copy").exists()
        # Broken off less often, it goes on where it was.
        proxy.cut = 1_000_000
        assert _copied(cut, tmp_path / "copy").problems == []
    assert _files(tmp_path / "copy") == {"big": data}


def test_the_store_reads_what_obstore_cannot(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from a server whose certificate obstore does not trust."""
    told = {"etag": '"1"', "last-modified": "Thu, 26 Nov 2026 15:00:00 GMT"}
    there, none = Reply(200, b"by the store", told), Reply(404, b"<Error><Code>NoSuchKey</Code></Error>")
    with scripted(
        lambda request: none if request.path.endswith("lock.json") else there, certificate=certificate
    ) as server:
        for name, value in S3Server(server.url, "A", "s").environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))
        of_bucket = reader(S3Store("museum-posts"))
        assert b"".join(of_bucket.pieces(KEYS.collection)) == b"by the store"
        with pytest.raises(NotFound):
            list(of_bucket.pieces(KEYS.lock))


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CollectionKeys:
    """A folder of collections in the current folder."""
    monkeypatch.chdir(tmp_path)
    return harvested(FolderStore(Path("collections")), tmp_path / "work", random.Random(3))


def _typed(*words: str, answer: str = "") -> tuple[int, str, str]:
    told = Person(Path.cwd())(*words, answer=answer)
    return told.code, told.out, told.err


def test_download_says_where_and_verifies(at_home: CollectionKeys) -> None:
    code, out, _ = _typed("collection", "download", at_home.id, "--verify")
    assert code == 0
    assert out.startswith(f"Collection downloaded to download/collections/collections/{at_home.id}: ")
    code, out, _ = _typed("collection", "download", at_home.id, "--json")
    told = json.loads(out)
    assert (code, told["fetched"], told["problems"]) == (0, 0, [])
    assert told["present"] > 5


def test_what_is_no_longer_in_the_store_is_told_and_removed_when_asked(at_home: CollectionKeys) -> None:
    _typed("collection", "download", at_home.id)
    copy = Path("download/collections/collections", at_home.id)
    (copy / "mine").mkdir()
    (copy / "mine" / "notes.txt").write_text("mine")
    left = "last_harvest.json"
    Path("collections", at_home.id, left).unlink()
    _, _, err = _typed("collection", "download", at_home.id)
    assert "mine/notes.txt" in err
    code, _, err = _typed("collection", "download", at_home.id, "--clean", answer="n\n")
    assert code == 1
    assert (copy / left).exists()
    assert _typed("collection", "download", at_home.id, "--clean", "--yes")[0] == 0
    assert not (copy / left).exists()
    # What no download wrote is not removed.
    assert (copy / "mine" / "notes.txt").exists()
    assert (copy / "collection.json").exists()


def test_verify_tells_of_what_is_wrong_and_returns_12(at_home: CollectionKeys) -> None:
    assert _typed("collection", "verify", at_home.id)[0] == 0
    segment = next(Path("collections").rglob("*.gz"))
    segment.write_bytes(segment.read_bytes()[:-1])
    code, out, _ = _typed("collection", "verify", at_home.id)
    assert code == Exit.VERIFY_FAILED
    assert f"CORRUPT           {segment}" in out
    assert "FAILURE: 2 harvests" in out
    code, out, _ = _typed("collection", "verify", at_home.id, "--json")
    assert (code, json.loads(out)["verdict"]) == (Exit.VERIFY_FAILED, "FAILURE")
    code, _, err = _typed("collection", "download", at_home.id)
    assert code == Exit.VERIFY_FAILED
    assert segment.name in err


def test_manifests_are_rebuilt_only_with_consent(at_home: CollectionKeys) -> None:
    manifest = next(Path("collections").rglob("manifest-sha1.txt"))
    before = manifest.read_bytes()
    manifest.write_bytes(b"")
    code, _, _ = _typed("collection", "verify", at_home.id, "--rebuild-manifest", answer="n\n")
    assert (code, manifest.read_bytes()) == (1, b"")
    code, out, _ = _typed("collection", "verify", at_home.id, "--rebuild-manifest", "--yes")
    assert (code, manifest.read_bytes()) == (0, before)
    assert out == "1 manifest written, 3 unchanged.\n"


@pytest.mark.parametrize("subset", ["0/3", "4/3", "x", "1", "1/0"])
def test_a_subset_that_is_none_is_a_mistake(subset: str, at_home: CollectionKeys) -> None:
    code, _, err = _typed("collection", "verify", at_home.id, "--subset", subset)
    assert code == Exit.USAGE
    assert "2/5" in err


def test_a_copy_in_a_folder_of_ones_own_is_verified_there(at_home: CollectionKeys) -> None:
    assert _typed("collection", "download", at_home.id, "--copy-folder", "mine")[0] == 0
    assert Path("mine/collection.json").exists()
    assert _typed("collection", "verify", at_home.id, "--copy-folder", "mine")[0] == 0
    next(Path("mine").rglob("*.gz")).unlink()
    code, out, _ = _typed("collection", "verify", at_home.id, "--copy-folder", "mine")
    assert code == Exit.VERIFY_FAILED
    assert "MISSING_LOST" in out
