"""Bags, data packages and crates are valid to the tools that read them, and hold what is stored."""

import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import bagit  # type: ignore[import-untyped]
import frictionless
import orjson
import pandas  # type: ignore[import-untyped]
import pytest
from rocrate.rocrate import ROCrate  # type: ignore[import-untyped]

from harvester.store.keys import CollectionKeys
from tests.support import record_forms
from tests.support.cli_session import Person
from tests.support.stored_records import packed, stored

_KEYS = CollectionKeys("election")


def _stored_files(person: Person) -> dict[str, bytes]:
    root = person.folder
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted((root / "collections/election").rglob("*"))
        if path.is_file()
    }


def test_a_bag_is_valid_to_bagit_and_holds_the_collection(person: Person) -> None:
    tree = {
        "id": "election",
        "type": "search",
        "title": "Election",
        "description": "Of\nall",
        "search": {"query": "x"},
    }
    (person.folder / "collections/election/collection.json").write_bytes(orjson.dumps(tree))
    assert "3 files" not in person.output("export", "bag", "election", "-o", "bag")
    bag = bagit.Bag("bag")
    bag.validate()
    assert bag.info["External-Identifier"] == "election"
    assert bag.info["External-Description"] == "Of all"
    assert sorted(bag.algorithms) == ["sha1", "sha256"]
    found = {path.removeprefix("data/"): Path("bag", path).read_bytes() for path in bag.payload_files()}
    assert found == _stored_files(person)


def test_a_bag_leaves_out_keys_locks_and_growing_files(person: Person) -> None:
    tree = {
        "id": "election",
        "type": "search",
        "search": {"query": "x"},
        "credentials": {"bearer_token": "geheim-1"},
    }
    here = person.folder / "collections/election"
    (here / "collection.json").write_bytes(orjson.dumps(tree))
    (here / "lock.json").write_text("{}")
    person.output("export", "bag", "election", "-o", "bag")
    bagit.Bag("bag").validate()
    assert not any(b"geheim" in path.read_bytes() for path in Path("bag").rglob("*") if path.is_file())
    assert not list(Path("bag").rglob("lock.json"))


def test_files_of_records_may_stay_in_the_store(person: Person) -> None:
    said = person("export", "bag", "election", "-o", "bag", "--fetch")
    assert "2 of them stay in the store" in said.err
    bag = bagit.Bag("bag")
    fetched = list(bag.fetch_entries())
    assert len(fetched) == 2
    with pytest.raises(bagit.BagValidationError):
        bag.validate()
    for url, size, name in fetched:
        data = Path(url.removeprefix("file://")).read_bytes()
        assert len(data) == int(size)
        Path("bag", name).parent.mkdir(parents=True, exist_ok=True)
        Path("bag", name).write_bytes(data)
    bagit.Bag("bag").validate()


def test_a_file_that_is_not_what_its_manifest_names_is_said(person: Person) -> None:
    (path,) = (person.folder / "collections/election").rglob("*000001.jsonl.gz")
    said = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(gzip.compress(b'{"data":[]}\n'))
    for form, options in (("bag", ()), ("ro-crate", ("--skip-bad",))):
        told = person("export", form, "election", "-o", form, *options)
        assert told.code == 1
        assert f"1 file of {form} is damaged" in told.err
        assert "000001.jsonl.gz is not what its manifest names" in told.err
    bag = bagit.Bag("bag")
    with pytest.raises(bagit.BagValidationError) as failed:
        bag.validate()
    assert "000001.jsonl.gz" in str(failed.value)
    assert "000001.jsonl.gz is not what" in bag.info["Damaged-File"]
    files = {each.id: each for each in ROCrate("ro-crate").get_by_type("File")}
    (damaged,) = (each for name, each in files.items() if name.endswith("000001.jsonl.gz"))
    assert damaged["sha256"] == said
    assert damaged["description"].startswith("Damaged")
    assert "000001.jsonl.gz is not what" in ROCrate("ro-crate").description


def test_a_file_that_is_missing_from_a_harvest_is_said(person: Person) -> None:
    (path,) = (person.folder / "collections/election").rglob("*000001.jsonl.gz")
    path.unlink()
    told = person("export", "bag", "election", "-o", "bag", "--skip-bad")
    assert told.code == 1
    assert "000001.jsonl.gz is missing; its manifest names it." in told.err
    assert "is missing" in bagit.Bag("bag").info["Damaged-File"]


def test_a_collection_of_2019_becomes_a_bag(person: Person) -> None:
    old = CollectionKeys("old")
    data = packed(record_forms.written(record_forms.plain_v1()))
    root = person.folder / "collections"
    stored(root, old, "tweets-20191023090000.jsonl.gz", data, at="2019-10-23T09:00:00Z", sha256=False)
    for options in ((), ("--fetch", "--replace")):
        person.output("export", "bag", "old", "-o", "bag", *options)
        assert sorted(bagit.Bag("bag").algorithms) == (["sha1"] if options else ["sha1", "sha256"])


def test_a_data_package_is_valid_to_frictionless(real_person: Person) -> None:
    # It takes a tenth of a second for each row of 84 columns.
    for collection, rows, options in (("election", 5, ()), ("real", 9, ("--kind", "quote"))):
        real_person.output("export", "datapackage", collection, *options, "-o", collection)
        report = frictionless.validate(f"{collection}/datapackage.json")
        assert report.valid, report.flatten(["path", "rowNumber", "fieldName", "type", "note"])[:5]
        package: Any = frictionless.Package(f"{collection}/datapackage.json")
        posts = package.get_resource("posts").read_rows()
        assert len(posts) >= rows
        assert isinstance(posts[0]["id"], str)
        assert isinstance(posts[0]["public_metrics.like_count"], int)
        assert len(package.get_resource("accounts").read_rows()) >= 2


def test_an_account_is_in_the_package_as_it_was_seen_last(person: Person) -> None:
    pages = []
    for day, followers in ((24, 9), (22, 1)):
        page = record_forms.page()
        page["__twarc"]["retrieved_at"] = f"2026-11-{day}T09:00:00+00:00"
        page["includes"]["users"][0]["public_metrics"]["followers_count"] = followers
        pages.append(record_forms.written(page))
    root = person.folder / "collections"
    stored(root, CollectionKeys("seen"), "tweets-20261123090000-000001.jsonl.gz", packed(*pages))
    person.output("export", "datapackage", "seen", "-o", "package")
    package: Any = frictionless.Package("package/datapackage.json")
    jack, biz = sorted(package.get_resource("accounts").read_rows(), key=lambda row: row["id"])
    assert (jack["followers"], biz["username"]) == (9, "biz")
    posts = next(each for each in json.loads(Path("package/datapackage.json").read_text())["resources"])
    assert posts["hash"] == f"sha256:{hashlib.sha256(Path('package/posts.csv').read_bytes()).hexdigest()}"


def test_a_crate_is_read_by_rocrate_with_harvests_and_files(person: Person) -> None:
    person.output("export", "ro-crate", "election", "-o", "crate")
    crate = ROCrate("crate")
    assert crate.name == "election"
    (harvest,) = crate.get_by_type("CreateAction")
    assert harvest["name"].startswith("Harvest of election, 2026-11-23T09:00:00")
    assert len(harvest["result"]) == 4
    files = {each.id: each["sha256"] for each in crate.get_by_type("File")}
    expected = {name: hashlib.sha256(data).hexdigest() for name, data in _stored_files(person).items()}
    assert files == expected
    assert all(Path("crate", name).exists() for name in files)


def test_tables_can_be_joined_by_another_program(real_person: Person) -> None:
    real_person.output("export", "tables", "real", "-o", "tables")
    tables = {path.stem: pandas.read_csv(path, dtype=str) for path in Path("tables").glob("*.csv")}
    flat = [
        json.loads(line) for line in real_person.output("export", "jsonl", "real", "-o", "-").splitlines()
    ]
    assert list(tables["posts"]["id"]) == [post["id"] for post in flat]
    found = Counter(zip(tables["hashtags"]["post_id"], tables["hashtags"]["hashtag"], strict=True))
    tags = (
        (post["id"], each["tag"].lower())
        for post in flat
        for each in (post.get("entities") or {}).get("hashtags", ())
    )
    assert found == Counter(tags)
    references = [(post["id"], each["id"]) for post in flat for each in post.get("referenced_tweets", ())]
    joined = tables["references"].merge(tables["posts"], left_on="post_id", right_on="id")
    assert sorted(set(zip(joined["post_id"], joined["referenced_id"], strict=True))) == sorted(
        set(references)
    )
    assert set(tables["posts"]["author_id"]) <= set(tables["accounts"]["id"])
