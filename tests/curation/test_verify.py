"""Whatever happens to a stored collection is found and named; what is as it should be is called so."""

import gzip
import hashlib
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.clock import Stop, SystemClock, moment
from harvester.collection import history
from harvester.curation.verify import (
    Finding,
    Overall,
    Report,
    Sample,
    Verdict,
    differs,
    rebuilds,
    verify,
    write,
)
from harvester.curation.verify.contents import content
from harvester.errors import HarvesterError, NotFound, StoreAway
from harvester.harvest.harvest import Harvest
from harvester.networks import Batch, Job
from harvester.networks.attribution import Matched
from harvester.networks.x.records import records
from harvester.settings import Settings
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.reading import reader
from harvester.text import counted
from tests.support.collections_on_disk import harvested
from tests.support.corruption import FAULTS, Held
from tests.support.stalling_clients import Client
from tests.support.stores import Place

# FAULTS=1000 HISTORIES=1000 pytest tests/curation/test_verify.py
_FAULTS = int(os.environ.get("FAULTS", "140"))
_HISTORIES = int(os.environ.get("HISTORIES", "20"))


def _held(store: Any, keys: CollectionKeys) -> Held:
    return Held({entry.key: store.read(entry.key).data for entry in store.entries(keys.folder)})


def _history(folder: Path, seed: int) -> tuple[FolderStore, CollectionKeys]:
    store = FolderStore(folder / f"store-{seed}")
    return store, harvested(store, folder / f"work-{seed}", random.Random(seed))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[CollectionKeys, Held]]:
    folder = tmp_path_factory.mktemp("sound")
    found = []
    for seed in range(6):
        store, keys = _history(folder, seed)
        found.append((keys, _held(store, keys)))
    return found


def _verified(held: Any, keys: CollectionKeys, **options: Any) -> Report:
    return verify(held, keys, stop=Stop(), jobs=2, **options)


def _findings(report: Report) -> dict[str, Verdict]:
    return {
        part.folder + finding.name: finding.verdict
        for part, finding in report.findings()
        if finding.verdict is not Verdict.FOUND
    }


def test_a_sound_collection_has_no_findings_but_its_gaps(sound: list[tuple[CollectionKeys, Held]]) -> None:
    gaps = 0
    for keys, held in sound:
        report = _verified(held, keys)
        found = set(_findings(report).values())
        accounts = [orjson.loads(data) for key, data in held.objects.items() if key.endswith("/harvest.json")]
        assert found <= {Verdict.GAP}
        assert len(report.gaps) == sum(len(account["gaps"]) for account in accounts)
        assert report.posts == sum(account["tweets"] for account in accounts)
        gaps += len(report.gaps)
    assert gaps


def test_every_injected_fault_is_found_and_named(sound: list[tuple[CollectionKeys, Held]]) -> None:
    missed = []
    for number in range(_FAULTS):
        chance = random.Random(number)
        keys, before = sound[number % len(sound)]
        held = Held(dict(before.objects))
        fault = FAULTS[number % len(FAULTS)](held, chance)
        report = _verified(held, keys)
        named = set(_findings(report))
        if report.overall is not Overall.FAILURE or not named & set(fault.names):
            missed.append((number, fault.what, report.overall, named))
    assert missed == [], f"{len(missed)} of {_FAULTS} faults were missed"


def _with_matches(store: FolderStore, folder: Path, *, line: int) -> CollectionKeys:
    """A stream of two records and a side file, which tells of the first one and of that line."""

    def source(job: Job[Any]) -> None:
        lines = b"".join(b'{"data":{"id":"%d"},"matching_rules":[]}\n' % number for number in (7, 8))
        matches = (Matched(1, "7", [{"id": "a", "by": "local"}]), Matched(line, "8", [{"id": "a"}]))
        job.put(Batch(lines=lines, posts=2, matches=matches, last_id="8", sync=True))

    keys = CollectionKeys("matched")
    history.add(store, keys, {"id": keys.id, "type": "filter", "filter": {"track": "a"}})
    Harvest(
        store=store,
        keys=keys,
        client=lambda *_: Client(),
        settings=Settings(),
        work_root=folder,
        clock=SystemClock(),
        stop=Stop(),
        source=lambda _: source,
    ).run()
    return keys


@pytest.mark.parametrize(
    ("line", "verdict", "why"),
    [
        (2, None, ""),
        (3, Verdict.WRONG_COUNT, "it refers to line 3 of {records}, which has 2"),
        (0, Verdict.CORRUPT, "line 2 of it does not say which rules a later record matched"),
    ],
)
def test_a_side_file_tells_of_records_that_are_there(
    tmp_path: Path, line: int, verdict: Verdict | None, why: str
) -> None:
    store = FolderStore(tmp_path / "collections")
    keys = _with_matches(store, tmp_path / "work", line=line)
    report = _verified(_held(store, keys), keys)
    found = [(finding.verdict, finding.reason) for _, finding in report.findings() if finding.reason]
    name = next(entry.key for entry in store.entries(keys.harvests) if "/matches-" in entry.key)
    records = name.rpartition("/")[2].replace("matches-", "tweets-")
    why = f"it is what was stored, but {why}" if verdict is Verdict.CORRUPT else why.format(records=records)
    assert found == ([(verdict, why)] if verdict else [])
    if verdict is not Verdict.CORRUPT:
        assert [
            each.key for each in rebuilds(_held(store, keys), keys, stop=Stop()) if differs(store, each)
        ] == []


def test_a_side_file_without_its_records_is_told(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    keys = _with_matches(store, tmp_path / "work", line=2)
    held = _held(store, keys)
    records = next(key for key in held.objects if "/tweets-" in key)
    del held.objects[records]
    findings = _findings(_verified(held, keys))
    assert findings[records.replace("tweets-", "matches-")] is Verdict.UNEXPECTED


def _tried(change: str, data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """The data with this change, and how it has to be reported."""
    size, more = len(data), chance.randrange(1, 5000)
    longer = f"it is longer than what was stored, which is its first {size:,} bytes: "
    if change == "grown":
        return data + chance.randbytes(more), longer + f"{counted(more, 'byte')} follow"
    if change == "grown by gzip":
        member = gzip.compress(b"{}\n")
        return data + member, longer + f"{len(member)} bytes follow"
    if change == "cut":
        left = chance.randrange(size)
        return data[
            :left
        ], f"it is shorter than what was stored: {left:,} instead of {size:,} bytes; its gzip has"
    if change == "replaced by more":
        return chance.randbytes(size + more), (
            f"it is longer than what was stored: {size + more:,} instead of {size:,} bytes"
        )
    at = chance.randrange(size)
    return (
        data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],
        f"it has {size:,} bytes, as it was stored with, but other content",
    )


@pytest.mark.parametrize("change", ["grown", "grown by gzip", "cut", "replaced by more", "flipped"])
def test_how_a_file_of_records_differs_from_what_was_stored_is_told_with_the_sizes(
    change: str, sound: list[tuple[CollectionKeys, Held]]
) -> None:
    chance = random.Random(change)
    for keys, before in sound:
        ended = {
            key.rpartition("/")[0]
            for key, data in before.objects.items()
            if key.endswith("/harvest.json") and orjson.loads(data)["state"] != "running"
        }
        for key, data in before.objects.items():
            if key.endswith(".jsonl.gz") and key.rpartition("/")[0] in ended:
                changed, told = _tried(change, data, chance)
                report = _verified(Held({**before.objects, key: changed}), keys)
                (reason,) = [
                    finding.reason for part, finding in report.findings() if part.folder + finding.name == key
                ]
                assert reason.startswith(told), (key, reason, told)


def test_of_a_file_whose_size_is_nowhere_only_what_is_known_is_told(
    sound: list[tuple[CollectionKeys, Held]],
) -> None:
    keys, before, key = next(
        (keys, held, key) for keys, held in sound for key in held.objects if key.endswith("/users.jsonl")
    )
    data = before.objects[key] + b"{}\n"
    report = _verified(Held({**before.objects, key: data}), keys)
    (reason,) = [finding.reason for _, finding in report.findings() if finding.verdict is Verdict.CORRUPT]
    assert reason.startswith(f"it is not what was stored, and has {counted(len(data), 'byte')}; its sha")


def test_manifests_made_from_the_objects_are_those_the_harvest_wrote(tmp_path: Path) -> None:
    for seed in range(_HISTORIES):
        store, keys = _history(tmp_path, seed)
        made = list(rebuilds(reader(store), keys, stop=Stop(), jobs=1))
        assert len(made) == 4
        assert [(one.key, one.problem) for one in made if one.problem or differs(store, one)] == []


def test_lost_manifests_are_written_anew(tmp_path: Path) -> None:
    store, keys = _history(tmp_path, 1)
    before = _held(store, keys).objects
    lost = [key for key in before if "/manifest-" in key]
    store.remove(lost[0])
    store.replace(lost[1], b"", version=store.read(lost[1]).version)
    for one in rebuilds(reader(store), keys, stop=Stop()):
        if differs(store, one):
            write(store, one)
    assert _held(store, keys).objects == before


def test_no_manifest_is_made_of_a_broken_file(sound: list[tuple[CollectionKeys, Held]]) -> None:
    keys, before = sound[0]
    held = Held(dict(before.objects))
    broken = next(key for key in held.objects if key.endswith(".gz"))
    held.objects[broken] = held.objects[broken][:-5]
    made = list(rebuilds(held, keys, stop=Stop()))
    problems = [one for one in made if one.problem]
    assert [one.key for one in problems] == [broken.rpartition("/")[0] + "/"]
    assert broken.rpartition("/")[2] in problems[0].problem


def test_no_manifest_is_made_of_a_harvest_that_runs(sound: list[tuple[CollectionKeys, Held]]) -> None:
    keys, before = sound[0]
    held = Held(dict(before.objects))
    account = next(key for key in held.objects if key.endswith("/harvest.json"))
    running = {**orjson.loads(held.objects[account]), "state": "running"}
    held.objects[account] = orjson.dumps(running)
    folder = account.removesuffix("harvest.json")
    of_it = [one for one in rebuilds(held, keys, stop=Stop()) if one.key.startswith(folder)]
    why = "it has not ended; its manifests are still being written"
    assert [(one.key, one.data, one.problem) for one in of_it] == [(folder, b"", why)]


def test_no_innocent_file_is_named(sound: list[tuple[CollectionKeys, Held]]) -> None:
    accused = []
    for number in range(_FAULTS):
        chance = random.Random(number)
        keys, before = sound[number % len(sound)]
        held = Held(dict(before.objects))
        fault = FAULTS[number % len(FAULTS)](held, chance)
        gaps = {
            name for name, verdict in _findings(_verified(before, keys)).items() if verdict is Verdict.GAP
        }
        # What a broken manifest calls a file may never have been one.
        named = set(_findings(_verified(held, keys))) & set(before.objects) - gaps
        # Beside what was damaged only the account of that harvest, and what counts on what is gone.
        fine = {*fault.names, *(name.rpartition("/")[0] + "/harvest.json" for name in fault.names)}
        if named - fine:
            accused.append((fault.what, sorted(named - fine)))
    assert accused == []


def test_any_store_is_verified_where_it_lies(place: Place, tmp_path: Path) -> None:
    store = place.store()
    keys = harvested(store, tmp_path / "work", random.Random(4))
    report = _verified(reader(store), keys)
    assert {verdict for verdict in _findings(report).values()} <= {Verdict.GAP}
    assert report.files_read >= 4
    store.remove(next(entry.key for entry in store.entries(keys.folder) if entry.key.endswith(".gz")))
    assert _verified(reader(store), keys).overall is Overall.FAILURE


def test_what_a_checkpoint_promises_is_not_lost_yet(sound: list[tuple[CollectionKeys, Held]]) -> None:
    keys, before = sound[0]
    held = Held(dict(before.objects))
    segment = max(key for key in held.objects if key.endswith(".gz"))
    folder, _, name = segment.rpartition("/")
    account = orjson.loads(held.objects[f"{folder}/harvest.json"]) | {"state": "running"}
    held.objects[f"{folder}/harvest.json"] = orjson.dumps(account)
    for manifest in ("manifest-sha1.txt", "manifest-sha256.txt"):
        lines = held.objects[f"{folder}/{manifest}"].decode().splitlines(keepends=True)
        held.objects[f"{folder}/{manifest}"] = "".join(x for x in lines if name not in x).encode()
    del held.objects[segment]
    state = {"harvest": account["harvest_timestamp"], "finished": [], "segment": {"name": name}}
    held.objects[keys.checkpoint] = orjson.dumps({"state": state})
    report = _verified(held, keys)
    assert _findings(report)[segment] is Verdict.MISSING_DELAYED
    held.objects[f"{folder}/open/{name}-000000000000"] = b"part"
    report = _verified(held, keys)
    assert _findings(report)[segment] is Verdict.MISSING_UPLOADING
    assert Overall.FAILURE not in {part.overall for part in report.parts if part.folder == f"{folder}/"}


def test_objects_that_stand_in_for_each_other_are_called_swapped(
    sound: list[tuple[CollectionKeys, Held]],
) -> None:
    keys, before = next((k, h) for k, h in sound if any(key.endswith("users.jsonl") for key in h.objects))
    held = Held(dict(before.objects))
    users = next(key for key in held.objects if key.endswith("users.jsonl"))
    folder = users.rpartition("/")[0]
    segment = next(key for key in held.objects if key.startswith(folder) and key.endswith(".gz"))
    held.objects[users], held.objects[segment] = held.objects[segment], held.objects[users]
    found = _findings(_verified(held, keys))
    assert (found[users], found[segment]) == (Verdict.SWAPPED, Verdict.SWAPPED)


def test_records_that_agree_with_a_manifest_but_are_no_json_are_corrupt(
    sound: list[tuple[CollectionKeys, Held]],
) -> None:
    keys, before = sound[0]
    held = Held(dict(before.objects))
    key = next(key for key in held.objects if key.endswith(".gz"))
    folder, _, name = key.rpartition("/")
    old = held.objects[key]
    held.objects[key] = gzip.compress(gzip.decompress(old).replace(b"}\n", b"\n", 1))
    for algorithm in ("sha1", "sha256"):
        manifest = f"{folder}/manifest-{algorithm}.txt"
        was, now = (hashlib.new(algorithm, data).hexdigest() for data in (old, held.objects[key]))
        held.objects[manifest] = held.objects[manifest].replace(was.encode(), now.encode())
    report = _verified(held, keys)
    assert _findings(report)[key] is Verdict.CORRUPT
    assert any("not JSON" in finding.reason for _, finding in report.findings())


def test_a_sample_reads_its_part_of_the_records_and_all_parts_read_all(tmp_path: Path) -> None:
    keys = CollectionKeys("many")
    folder = f"{keys.folder}harvests/2026/11/23/09/00/00/"
    held = Held({keys.collection: b"{}"})
    for number in range(40):
        held.objects[f"{folder}tweets-20261123090000-{number:06d}.jsonl.gz"] = gzip.compress(b"{}\n")
    read = [_verified(held, keys, sample=Sample(part, 4)).files_read for part in range(1, 5)]
    assert sum(read) == 40
    assert min(read) > 4


def test_dead_letters_of_a_sink_are_json_line_by_line(sound: list[tuple[CollectionKeys, Held]]) -> None:
    keys, before = sound[0]
    key = keys.dead_letters("webhook", "20261128121341-67e560120edc-000001")
    told = [
        _findings(_verified(Held({**before.objects, key: letters}), keys)).get(key)
        for letters in (b'{"id":"1"}\n{"id":"2"}\n', b'{"id":"1"}\n{"id"')
    ]
    assert told == [None, Verdict.CORRUPT]


def test_a_part_beyond_the_whole_is_refused() -> None:
    with pytest.raises(HarvesterError, match="5/4"):
        Sample(5, 4)


def test_posts_stored_twice_are_counted_when_asked_for(sound: list[tuple[CollectionKeys, Held]]) -> None:
    keys = CollectionKeys("twice")
    folder = f"{keys.folder}harvests/2026/11/23/09/00/00/"
    page = b'{"data":[{"id":"1"},{"id":"2"}]}\n'
    stream = b'{"data":{"id":"2"}}\n'
    old = b'{"id":3,"id_str":"3"}\n{"id":3,"id_str":"3"}\n'
    held = Held({f"{folder}tweets-20261123090000-000001.jsonl.gz": gzip.compress(page + stream + old)})
    report = _verified(held, keys, duplicates=True)
    assert any("2 of 5 posts" in finding.reason for _, finding in report.findings())
    assert Verdict.DUPLICATES not in _findings(_verified(held, keys)).values()


def test_a_change_that_is_not_in_the_collection_yet_is_unfinished(tmp_path: Path) -> None:
    store, keys = FolderStore(tmp_path), CollectionKeys("s")
    history.add(store, keys, {"id": "s", "type": "search", "search": {"query": "a"}})
    held = _held(store, keys)
    history.edit(store, keys, lambda tree: {**tree, "title": "new"})
    (later,) = set(_held(store, keys).objects) - set(held.objects)
    held.objects[later] = store.read(later).data
    assert _findings(_verified(held, keys)) == {later: Verdict.UNFINISHED}


@pytest.mark.parametrize("version", ["2026-13-45", 1.5, True, [1], {"a": 1}])
def test_a_version_that_is_no_number_is_told_and_all_else_is_verified(version: Any, tmp_path: Path) -> None:
    store, keys = FolderStore(tmp_path), CollectionKeys("s")
    history.add(store, keys, {"id": "s", "type": "search", "search": {"query": "a"}})
    held = _held(store, keys)
    held.objects[keys.collection] = orjson.dumps(
        {**orjson.loads(held.objects[keys.collection]), "version": version}
    )
    assert _findings(_verified(held, keys)) == {keys.collection: Verdict.UNEXPECTED}


def test_an_empty_object_is_no_gzip_file() -> None:
    assert (
        content("tweets-1.jsonl.gz", [], records).problem
        and content("tweets-1.jsonl.gz", [memoryview(b"")], records).problem
    )


def test_a_collection_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no collection nobody"):
        _verified(Held(), CollectionKeys("nobody"))


def test_a_stop_ends_the_verification(sound: list[tuple[CollectionKeys, Held]]) -> None:
    keys, held = sound[0]
    stop = Stop()
    stop.request("enough")
    with pytest.raises(HarvesterError, match="enough"):
        verify(held, keys, stop=stop)


def test_the_json_holds_a_verdict_for_each_file(sound: list[tuple[CollectionKeys, Held]]) -> None:
    keys, held = sound[0]
    tree = json.loads(json.dumps(_verified(held, keys).to_tree()))
    files = {
        part["folder"] + file["name"]: file["verdict"] for part in tree["folders"] for file in part["files"]
    }
    named = [key for key in held.objects if key.endswith((".gz", "users.jsonl", "events.jsonl"))]
    assert {files[key] for key in named} == {"FOUND"}
    assert tree["verdict"] in ("OK", "WARNING")


def _of_2019() -> tuple[CollectionKeys, Held]:
    """A harvest as the 2019 harvester left it: SHA-1 only, `harvester.json`, a tweet a line."""
    keys = CollectionKeys("old")
    folder = f"{keys.folder}harvests/2019/05/06/07/08/09/"
    held = Held({keys.collection: b'{"id": "old", "type": "search", "timestamp": "2019-05-06T07:08:09"}'})
    lines, total = [], 0
    for second in ("09", "39"):
        name = f"tweets-201905060708{second}.jsonl.gz"
        tweets = [{"id": total + n, "id_str": str(total + n), "full_text": "alt"} for n in range(3)]
        total += 3
        data = gzip.compress(b"".join(orjson.dumps(tweet) + b"\n" for tweet in tweets))
        held.objects[folder + name] = data
        lines.append(f"{hashlib.sha1(data).hexdigest()}  {name}\n")
    held.objects[f"{folder}manifest-sha1.txt"] = "".join(lines).encode()
    held.objects[f"{folder}collection.json"] = b"{}"
    held.objects[f"{folder}users.jsonl"] = b'{"id": 1}\n'
    sizes = [len(data) for key, data in held.objects.items() if key.endswith(".gz")]
    account = {
        "collection_id": "old",
        "harvest_timestamp": "2019-05-06T07:08:09.123456",
        "tweets": 6,
        "files": 2,
        "file_bytes": sum(sizes),
    }
    held.objects[f"{folder}harvester.json"] = json.dumps(account).encode()
    held.objects[keys.last_harvest] = b'{"harvest_id": "2019-05-06T07:08:09.123456"}'
    return keys, held


def test_a_harvest_of_2019_is_verified_by_what_it_has() -> None:
    keys, held = _of_2019()
    report = _verified(held, keys)
    assert (report.overall, report.posts) == (Overall.OK, 6)
    assert _findings(report) == {}


@pytest.mark.parametrize("fault", ["lost", "cut", "miscounted"])
def test_faults_of_2019_are_found(fault: str) -> None:
    keys, held = _of_2019()
    first = min(key for key in held.objects if key.endswith(".gz"))
    account = f"{first.rpartition('/')[0]}/harvester.json"
    if fault == "lost":
        del held.objects[first]
    elif fault == "cut":
        held.objects[first] = held.objects[first][:-3]
    else:
        held.objects[account] = held.objects[account].replace(b'"tweets": 6', b'"tweets": 7')
    verdicts = {
        "lost": {first: Verdict.MISSING_LOST},
        "cut": {first: Verdict.CORRUPT},
        "miscounted": {account: Verdict.WRONG_COUNT},
    }
    found = _findings(_verified(held, keys))
    assert verdicts[fault].items() <= found.items()


def test_the_manifest_of_2019_is_made_anew_as_it_was() -> None:
    keys, held = _of_2019()
    made = list(rebuilds(held, keys, stop=Stop()))
    assert [(one.key, one.data) for one in made] == [
        (key, data) for key, data in held.objects.items() if "/manifest-" in key
    ]


def test_every_verdict_is_explained_with_what_it_makes_of_the_whole() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "verifying.md"
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.read_text().splitlines()]
    told = {row[0].strip("`"): row[2] for row in rows if len(row) == 3 and row[0].startswith("`")}
    assert told == {verdict.value: Finding("x", verdict).overall.name for verdict in Verdict}


@dataclass
class Withheld(Held):
    """Objects of which some are listed, and not handed over; `handed` counts the others."""

    withheld: frozenset[str] = frozenset()

    def pieces(self, key: str) -> Iterator[memoryview]:
        if key in self.withheld:
            raise StoreAway(f"memory refuses {key}: AccessDenied (no).", hint="Check the policy.")
        yield from super().pieces(key)


def test_an_object_that_cannot_be_read_is_told_alone_and_all_else_is_judged(
    sound: list[tuple[CollectionKeys, Held]],
) -> None:
    for keys, held in sound:
        before = _findings(_verified(held, keys))
        for key in held.objects:
            report = _verified(Withheld(held.objects, withheld=frozenset({key})), keys)
            worse = {k: v for k, v in _findings(report).items() if before.get(k) is not v}
            assert worse == {key: Verdict.UNREADABLE}, key
            assert (report.overall.name, report.damaged) == ("FAILURE", False)
            (why,) = [one.reason for _, one in report.findings() if one.verdict is Verdict.UNREADABLE]
            assert "AccessDenied" in why


def test_no_manifest_is_made_of_a_harvest_that_cannot_be_read_whole(
    sound: list[tuple[CollectionKeys, Held]],
) -> None:
    keys, held = sound[0]
    key = next(key for key in held.objects if key.endswith(".jsonl.gz"))
    made = rebuilds(Withheld(held.objects, withheld=frozenset({key})), keys, stop=Stop())
    folder = key.rpartition("/")[0] + "/"
    assert [one.problem[:40] for one in made if one.key.startswith(folder)] == [
        "some of its files could not be read: twe"
    ]


def test_the_pointer_to_the_last_harvest_is_not_lost_where_the_first_has_yet_to_be_finished(
    tmp_path: Path,
) -> None:
    store, keys = FolderStore(tmp_path), CollectionKeys("s")
    history.add(store, keys, {"id": "s", "type": "search", "search": {"query": "a"}})
    held, began = _held(store, keys), "2026-11-23T09:00:00.000000+00:00"
    summary = f"{keys.harvest(moment(began)).folder}harvest.json"
    # As a full disk of the store leaves them.
    held.objects[summary] = orjson.dumps(
        {"collection_id": "s", "harvest_timestamp": began, "state": "failed", "updated": began}
    )
    held.objects[keys.checkpoint] = orjson.dumps({"state": {"harvest": began, "finished": []}})
    found = _findings(_verified(held, keys))
    assert (found.get(keys.last_harvest), found[summary]) == (None, Verdict.UNFINISHED)


def test_a_store_that_hands_over_nothing_is_away(sound: list[tuple[CollectionKeys, Held]]) -> None:
    keys, held = max(sound, key=lambda one: len(one[1].objects))
    with pytest.raises(StoreAway, match="AccessDenied"):
        _verified(Withheld(held.objects, withheld=frozenset(held.objects)), keys)


def test_a_lock_that_was_released_by_replacing_it_is_no_finding(
    sound: list[tuple[CollectionKeys, Held]],
) -> None:
    keys, held = sound[0]
    before = _findings(_verified(held, keys))
    released = Held({**held.objects, keys.lock: b'{"released": "2026-11-23T09:00:00.000000+00:00"}'})
    assert _findings(_verified(released, keys)) == before
    locked = Held({**held.objects, keys.lock: b'{"owner": "o"}'})
    assert _findings(_verified(locked, keys)) == {**before, keys.lock: Verdict.UNFINISHED}
