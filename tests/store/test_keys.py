"""Every key is made in one place, and no two things have the same one."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from harvester.errors import Exit, HarvesterError
from harvester.store.keys import (
    CollectionKeys,
    changeset_version,
    describes_collection,
    harvest_folder,
    id_problem,
    is_changeset,
    is_of_repairs,
    is_own,
    is_segment,
    is_segment_2019,
    is_unfinished,
    part_of,
    segment_name,
    segment_order,
)

WHEN = datetime(2026, 11, 3, 7, 5, 9, 123456, tzinfo=UTC)
IN_TOKYO = WHEN.astimezone(timezone(timedelta(hours=9)))


@pytest.mark.parametrize("name", ["a", "A_1", "my-cats", "v1.2", "temp", "temperature", "_x", "0", "a" * 100])
def test_an_id_is_a_plain_name(name: str) -> None:
    assert id_problem(name) == ""
    assert CollectionKeys(name).folder == f"collections/{name}/"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            " ",
            "my cats",
            "a\n",
            "../x",
            "..",
            ".",
            ".hidden",
            "a/b",
            "/a",
            "a..b",
            "-a",
            "ä",
            "a" * 101,
            "a" * 200,
        ),
        *("a\\b", "a%2fb", "a:b", "a\0", "１"),
    ],
)
def test_what_is_no_id_has_no_keys(name: str) -> None:
    assert id_problem(name)
    with pytest.raises(HarvesterError) as refused:
        CollectionKeys(name)
    assert refused.value.exit_code == Exit.USAGE
    assert "\n" not in str(refused.value).strip()


def test_the_keys_of_a_collection_and_a_harvest_are_as_documented() -> None:
    keys = CollectionKeys("a")
    here = keys.harvest(IN_TOKYO)
    assert keys.collection == "collections/a/collection.json"
    assert keys.lock == "collections/a/lock.json"
    assert keys.last_harvest == "collections/a/last_harvest.json"
    assert keys.changeset(IN_TOKYO, 12) == "collections/a/changesets/change-20261103070509-00000012.json"
    assert here.folder == "collections/a/harvests/2026/11/03/07/05/09/"
    assert here.harvest == f"{here.folder}harvest.json"
    assert here.collection == f"{here.folder}collection.json"
    assert here.manifest("sha1") == f"{here.folder}manifest-sha1.txt"
    assert here.events == f"{here.folder}events.jsonl"
    assert here.file("x") == f"{here.folder}x"
    assert segment_name(IN_TOKYO, 3) == "tweets-20261103070509-000003.jsonl.gz"


def test_keys_of_an_id_with_temp_in_it_stay_whole() -> None:
    """In 2019 the path of the temporary folder was replaced everywhere in a key."""
    assert CollectionKeys("template_study").lock == "collections/template_study/lock.json"


def test_parts_are_listed_in_order_of_their_offsets() -> None:
    here = CollectionKeys("a").harvest(WHEN)
    offsets = [0, 9, 10, 99, 100, 10**9, 10**11]
    assert sorted(here.part("x", offset) for offset in offsets) == [
        here.part("x", offset) for offset in offsets
    ]
    assert all(here.part("x", offset).startswith(here.parts) for offset in offsets)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("change-20261103070509-00000012.json", 12),
        ("collections/a/changesets/change-20261103070509-100000000.json", 100_000_000),
        ("change-20190501100000.json", 0),
        ("something.json", 0),
    ],
)
def test_a_changesets_version_is_in_its_name(name: str, version: int) -> None:
    assert changeset_version(name) == version


def test_a_collection_is_described_by_itself_its_changesets_and_copies_in_harvests() -> None:
    keys, here = CollectionKeys("a"), CollectionKeys("a").harvest(WHEN)
    described = (
        *(keys.collection, keys.changeset(WHEN, 1), f"{keys.changesets}odd.json", here.collection),
        # Not where harvests write theirs today.
        f"{keys.harvests}2019/3/9/15/33/4/collection.json",
    )
    assert all(describes_collection(key) for key in described)
    others = (keys.lock, here.harvest, here.file("x/collection.json"), f"{keys.folder}x/collection.json")
    assert not any(describes_collection(key) for key in others)


def test_names_that_are_made_here_are_known_here() -> None:
    keys, here = CollectionKeys("a"), CollectionKeys("a").harvest(WHEN)
    names = [segment_name(WHEN, number) for number in (2, 10, 1_000_000)]
    assert all(map(is_segment, names))
    assert not any(map(is_segment_2019, names))
    assert sorted(reversed(names), key=segment_order) == names
    assert is_segment_2019("tweets-20190501100000.jsonl.gz")
    assert here.part(names[0], 7).startswith(here.folder + part_of(names[0]))
    assert is_changeset(keys.changeset(WHEN, 1).removeprefix(keys.changesets))
    assert keys.harvest(WHEN).folder.startswith(keys.harvests)


def test_what_a_harvest_needs_only_until_it_ends_is_unfinished() -> None:
    keys, here = CollectionKeys("a"), CollectionKeys("a").harvest(WHEN)
    assert all(map(is_unfinished, (keys.lock, keys.checkpoint, keys.stop, here.part("x", 0))))
    lasting = (keys.collection, keys.last_harvest, keys.changeset(WHEN, 1), here.harvest, here.events)
    assert not any(map(is_unfinished, lasting))


def test_the_keys_of_repairs_are_those_of_a_collection_in_a_folder_of_their_own() -> None:
    keys = CollectionKeys("cats").repairs
    assert (keys.id, keys.folder) == ("cats", "collections/cats/repairs/")
    assert keys.lock == "collections/cats/repairs/lock.json"
    here = keys.harvest(WHEN)
    assert here.folder == "collections/cats/repairs/harvests/2026/11/03/07/05/09/"
    assert harvest_folder(here.events) == here.folder
    assert all(map(is_own, (keys.collection, keys.changeset(WHEN, 3), here.harvest, here.part("a", 0))))
    assert not is_own(f"{keys.folder}notes.txt")
    assert all(map(is_unfinished, (keys.lock, keys.checkpoint, here.part("a", 0))))
    assert all(map(describes_collection, (keys.collection, here.collection, keys.changeset(WHEN, 3))))


def test_a_collection_may_be_named_repairs() -> None:
    keys = CollectionKeys("repairs")
    assert harvest_folder(keys.harvest(WHEN).events) == keys.harvest(WHEN).folder
    assert is_own(keys.lock)
    assert not is_of_repairs(keys.harvest(WHEN).folder)
    assert is_of_repairs(keys.repairs.harvest(WHEN).folder)
