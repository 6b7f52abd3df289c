"""`report` writes one file for the record, and `report publish` a page that a link leads to."""

import random
import re
import urllib.request
from pathlib import Path

import pytest

from harvester.collection import history
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.dashboard.pages.test_hostile import HOSTILE
from tests.support.cli_session import Person
from tests.support.collections_on_disk import harvested
from tests.support.servers import Bucket


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    return Person(tmp_path)


def _collection(folder: Path) -> CollectionKeys:
    return harvested(FolderStore(folder / "collections"), folder / "work", random.Random(11), harvests=3)


def _file(person: Person, *arguments: str) -> str:
    assert person.output("report", *arguments, "-o", "out.html", "--replace") == "Written to out.html.\n"
    return (person.folder / "out.html").read_text(encoding="utf-8")


def test_the_report_is_one_file_without_script_or_anything_from_elsewhere(person: Person) -> None:
    keys = _collection(person.folder)
    text = _file(person, keys.id)
    assert "<script" not in text and "<form" not in text and '<link rel="stylesheet"' not in text
    assert re.findall(r'(?:href|src)="(?!data:,)([^"]*)"', text) == []
    assert "default-src 'none'" in text and "<svg" in text
    for path in (person.folder / "collections").glob("*/harvests/**/manifest-sha256.txt"):
        assert path.exists() and "SHA-256 of manifest-sha256.txt" in text


def test_the_report_goes_to_standard_output_as_it_goes_to_a_file(person: Person) -> None:
    keys = _collection(person.folder)
    assert person.output("report", keys.id, "-o", "-") == _file(person, keys.id)
    assert not (person.folder / "-").exists()


def test_the_report_says_that_it_verified_no_files(person: Person) -> None:
    keys = _collection(person.folder)
    text = _file(person, keys.id)
    assert f"<code>collection verify {keys.id}</code> compares" in text
    assert "nothing is known to be missing" not in text


def test_the_same_collection_makes_the_same_bytes(person: Person) -> None:
    keys = _collection(person.folder)
    assert _file(person, keys.id) == _file(person, keys.id)


def test_accounts_are_named_and_costs_shown_only_if_wished(person: Person) -> None:
    tree = {"id": "museums", "type": "user_timeline", "users": {"12": {"screen_name": "jack"}}}
    history.add(FolderStore(person.folder / "collections"), CollectionKeys("museums"), tree)
    usual = _file(person, "museums")
    assert "jack" not in usual and "active" in usual and "Billed by X" in usual
    assert "jack" in _file(person, "museums", "--names")
    assert "Billed" not in _file(person, "museums", "--no-costs") and "$" not in _file(
        person, "museums", "--no-costs"
    )


@pytest.mark.parametrize("words", HOSTILE)
def test_what_others_wrote_is_text(person: Person, words: str) -> None:
    stored = words.encode("utf-8", "replace").decode()
    tree = {"id": "museums", "type": "user_timeline", "title": stored, "description": stored}
    users = {stored: {"screen_name": stored}}
    history.add(
        FolderStore(person.folder / "collections"), CollectionKeys("museums"), {**tree, "users": users}
    )
    text = _file(person, "museums", "--names")
    assert (
        "<script" not in text and "<img" not in text and "\u202e" not in text and text.count("</title>") == 1
    )


def test_without_an_option_the_file_has_the_name_of_the_collection(person: Person) -> None:
    keys = _collection(person.folder)
    assert "Nothing was changed." in person.output("report", keys.id, "--dry-run")
    assert not list(person.folder.glob("*.html"))
    person.output("report", keys.id)
    path = person.folder / f"{keys.id}.html"
    path.write_text("mine")
    told = person("report", keys.id)
    assert (told.code, path.read_text()) == (2, "mine")
    assert told.err.endswith(" exists. Choose another name with -o, or --replace it.\n")
    person.output("report", keys.id, "--replace")
    assert path.read_text() != "mine"


def test_a_collection_that_is_not_there_and_a_folder_that_is_not_there_are_named(person: Person) -> None:
    assert person("report", "nowhere").err.startswith("There is no collection nowhere")
    keys = _collection(person.folder)
    (person.folder / "file").write_text("")
    told = person("report", keys.id, "-o", "file/out.html")
    assert told.code == 1 and "file" in told.err
    told = person("report", "publish", keys.id)
    assert (told.code, told.err.startswith("A folder has no links")) == (2, True)


def test_the_published_report_is_read_by_its_link(person: Person, s3_environment: Bucket) -> None:
    store = S3Store(s3_environment.name, region="", patience=10)
    store.require()
    keys = harvested(store, person.folder / "work", random.Random(2), harvests=1)
    where = ("--bucket", s3_environment.name)
    for _ in range(2):
        link = person.output("report", "publish", keys.id, *where).strip()
    with urllib.request.urlopen(link, timeout=30) as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert f"<title>{keys.id} - Twarc-Cloud</title>" in answer.read().decode()
    assert "X-Amz-Expires=604800" in link
