"""All posts in one file by time, and in a file for each user as Twittomatic has them."""

import gzip
import json
from pathlib import Path

import pytest

from tests.support import record_forms
from tests.support.cli_session import Person
from tests.support.stored_records import collection_of


def _lines(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines()


@pytest.fixture
def mixed(person: Person) -> Person:
    """Pages from new to old, as timelines bring them, and tweets of API 1.1."""
    pages = [
        {
            "data": [
                {"id": str((1_500_000_000_000 + n) << 22), "text": f"{n}", "author_id": str(7 + n % 2 * 100)}
                for n in range(start + 9, start - 1, -1)
            ]
        }
        for start in (30, 10, 20)
    ]
    old = record_forms.plain_v1(id_str="99", created_at="Fri Feb 01 00:00:00 +0000 2008")
    collection_of(person.folder / "collections", "mixed", [pages, [record_forms.plain_v1(), old]])
    return person


def test_all_posts_are_in_one_file_oldest_first(mixed: Person) -> None:
    mixed.output("export", "sorted", "mixed", "-o", "out.jsonl.gz")
    found = [json.loads(line) for line in _lines(Path("out.jsonl.gz"))]
    ids = [post.get("id_str") or post["id"] for post in found]
    # Older than ids that tell the time: by its own time.
    assert ids[:2] == ["99", "755822121331281920"]
    assert [post["text"] for post in found[2:]] == [f"{n}" for n in range(10, 40)]


def test_a_time_of_any_year_has_its_place(person: Person) -> None:
    posts = [
        {"id": str(n), "text": f"{n}", "author_id": "7", "created_at": f"{year}-01-01T00:00:00.000Z"}
        for n, year in enumerate(("9999", "2027", "0001", "2001"))
    ]
    collection_of(person.folder / "collections", "strange", [[{"data": posts}]])
    person.output("export", "sorted", "strange", "-o", "out.jsonl.gz")
    assert [json.loads(line)["id"] for line in _lines(Path("out.jsonl.gz"))] == ["2", "3", "1", "0"]
    person.output("export", "per-user", "strange", "-o", "users")
    assert [json.loads(line)["id"] for line in _lines(Path("users/7/7.twt.gz"))] == ["0", "1", "3", "2"]


def test_each_user_has_a_file_newest_first_with_members_by_name(mixed: Person) -> None:
    mixed.output("export", "per-user", "mixed", "-o", "users")
    files = sorted(path.relative_to("users").as_posix() for path in Path("users").rglob("*.gz"))
    assert files == ["10/107.twt.gz", "12/12.twt.gz", "7/7.twt.gz"]
    lines = _lines(Path("users/7/7.twt.gz"))
    assert [json.loads(line)["text"] for line in lines] == [f"{n}" for n in range(38, 8, -2)]
    assert list(json.loads(lines[0])) == ["author", "author_id", "id", "text"]


def test_what_was_exported_by_user_holds_the_same_posts(real_person: Person) -> None:
    real_person.output("export", "per-user", "real", "-o", "users")
    real_person.output("export", "sorted", "real", "-o", "sorted.jsonl.gz")
    flat = real_person.output("export", "jsonl", "real", "-o", "-").encode().splitlines()
    by_user = [line for path in Path("users").rglob("*.gz") for line in _lines(path)]
    for found in (by_user, _lines(Path("sorted.jsonl.gz"))):
        assert sorted(json.loads(line)["id"] for line in found) == sorted(
            json.loads(line)["id"] for line in flat
        )


def test_an_account_of_another_network_cannot_leave_the_folder(person: Person) -> None:
    page = record_forms.page()
    page["data"][0]["author_id"] = "../../x"
    collection_of(person.folder / "collections", "hostile", [[page]])
    person.output("export", "per-user", "hostile", "-o", "a/b/users")
    assert sorted(path.name for path in person.folder.rglob("*.twt.gz")) == [
        "%2e%2e%2f%2e%2e%2fx.twt.gz",
        "12.twt.gz",
    ]
