"""Every form: what is selected, what a bad record does, and that a file appears when it is whole."""

import errno
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from twarc.expansions import ensure_flattened

from harvester.errors import HarvesterError
from harvester.exports.forms import FORMS
from harvester.exports.output import folder, output
from harvester.exports.posts import Local, Posts
from harvester.networks.registry import usual
from tests.support import record_forms
from tests.support.cli_session import Person
from tests.support.servers import Bucket
from tests.support.stored_records import collection_of, packed, stored

# Those of posts; `edges` is of lists.
_FORMS = [form.name for form in FORMS if not form.planned]
# They hold files as they are.
_WHOLE = [form.name for form in FORMS if form.is_whole]
_QUOTE, _REPOST, _ORIGINAL = "1577000000000000009", "1577000000000000019", "1577000000000000001"


def _ids(person: Person, *options: str, collection: str = "election") -> list[str]:
    lines = person.output("export", "jsonl", collection, *options, "-o", "-").splitlines()
    return [json.loads(line)["id"] for line in lines]


def test_jsonl_is_what_twarc2_flatten_makes_member_by_member(real_person: Person) -> None:
    for collection, least in (("election", 5), ("real", 300)):
        raw = real_person.output("export", "jsonl", collection, "--raw", "-o", "-").splitlines()
        flat = real_person.output("export", "jsonl", collection, "-o", "-").splitlines()
        theirs = [post for line in raw for post in ensure_flattened(json.loads(line))]
        assert [json.loads(line) for line in flat] == theirs
        assert len(theirs) >= least


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), [_QUOTE, _REPOST, _QUOTE, _QUOTE, _REPOST]),
        (("--duplicates", "first"), [_QUOTE, _REPOST]),
        (("--duplicates", "newest"), [_QUOTE, _REPOST]),
        (("--duplicates", "first", "--included"), [_QUOTE, _REPOST, _ORIGINAL]),
        (("--kind", "repost", "--duplicates", "first"), [_REPOST]),
        (("--tag", "#Flood", "--duplicates", "first"), [_QUOTE]),
        (("--user", "@JACK", "--duplicates", "first"), [_QUOTE, _REPOST]),
        (("--user", "https://x.com/jack/status/20", "--duplicates", "first"), [_QUOTE, _REPOST]),
        (("--user", "13", "--included", "--duplicates", "first"), [_ORIGINAL]),
        (("--since", "2022-10-03T18:30", "--duplicates", "first"), [_REPOST]),
        (("--until", "2022-10-03T18:30", "--duplicates", "first"), [_QUOTE]),
        (("--since", "2022-10-03T20:30+02:00", "--duplicates", "first"), [_REPOST]),
        (("--harvested-since", "2026-11-24"), []),
    ],
)
def test_posts_are_selected(person: Person, options: tuple[str, ...], expected: list[str]) -> None:
    assert _ids(person, *options) == expected


def test_the_newest_of_a_post_is_the_one_that_was_received_last(person: Person, tmp_path: Path) -> None:
    later, earlier = record_forms.page(), record_forms.page()
    for page, likes, day in ((later, 9, 24), (earlier, 1, 22)):
        page["data"][0]["public_metrics"]["like_count"] = likes
        page["__twarc"]["retrieved_at"] = f"2026-11-{day}T09:00:00+00:00"
    collection_of(tmp_path / "collections", "changed", [[later], [earlier]])
    for which, likes in (("newest", 9), ("first", 9), ("keep", 9)):
        lines = person.output("export", "jsonl", "changed", "--duplicates", which, "-o", "-").splitlines()
        assert json.loads(lines[0])["public_metrics"]["like_count"] == likes
        assert len(lines) == (4 if which == "keep" else 2)


def test_ids_are_sorted_and_stand_once(person: Person, tmp_path: Path) -> None:
    pages = [{"data": [{"id": str(number), "author_id": "7", "text": ""}]} for number in (12, 9, 100, 9)]
    collection_of(tmp_path / "collections", "few", [pages])
    assert person.output("export", "ids", "few", "-o", "-").split() == ["9", "12", "100"]
    assert person.output("export", "ids", "few", "--of", "users", "-o", "-").split() == ["7"]


def test_several_collections_become_one_file(person: Person, tmp_path: Path) -> None:
    collection_of(tmp_path / "collections", "few", [[{"data": [{"id": "1", "text": ""}]}]])
    person.output("export", "jsonl", "election", "few", "-o", "both.jsonl.gz")
    lines = gzip.decompress((tmp_path / "both.jsonl.gz").read_bytes()).splitlines()
    assert len(lines) == 6
    assert len(person.output("export", "jsonl", "few", "few", "-o", "-").splitlines()) == 1


@pytest.mark.parametrize("form", _FORMS)
def test_a_form_is_written_says_what_and_is_not_written_over(person: Person, form: str) -> None:
    told = person("export", form, "election", "--json")
    assert told.code == 0, told
    made = told.json
    to = person.folder / made["written"]
    assert to.exists()
    assert made["form"] == form
    again = person("export", form, "election")
    assert (again.code, "exists. Choose another name with -o, or --replace it." in again.err) == (2, True)
    before = to.read_bytes() if to.is_file() else sorted(to.rglob("*"))
    assert person("export", form, "election", "--replace").code == 0
    # The same posts make the same bytes.
    assert (to.read_bytes() if to.is_file() else sorted(to.rglob("*"))) == before
    assert not list(person.folder.glob("*.part"))


@pytest.mark.parametrize("form", ["bag", "datapackage", "per-user", "ro-crate", "tables"])
def test_a_folder_that_no_such_export_made_is_not_replaced(person: Person, form: str) -> None:
    """A slip of the pen removed the collections, or a person's own files."""
    (person.folder / "thesis").mkdir()
    (person.folder / "thesis/work.doc").write_text("a life")
    before = sorted(person.folder.rglob("*"))
    for to, problem in {
        "thesis": "thesis is not empty, and was not made by this export.",
        "collections": "collections is not empty, and was not made by this export.",
        "collections/election": "belongs to the stored collection",
        ".": ". is the current folder, or holds it.",
        "thesis/..": "thesis/.. is the current folder, or holds it.",
        "/": "/ is the current folder, or holds it.",
    }.items():
        told = person("export", form, "election", "-o", to, "--replace")
        assert (told.code, problem in told.err, "Choose another name" in told.err) == (2, True, True), told
    assert sorted(person.folder.rglob("*")) == before
    (person.folder / "empty").mkdir()
    person.output("export", form, "election", "-o", "empty", "--replace")


def test_what_another_program_makes_meanwhile_is_kept(tmp_path: Path) -> None:
    """Of two exports of one name at once, one says that it wrote nothing."""
    goal, file = tmp_path / "users", tmp_path / "posts.csv"
    kept = "was made by another program meanwhile, and is kept"
    with pytest.raises(HarvesterError, match=kept), folder(str(goal), known_by=["*.gz"]) as made:
        (made / "12.gz").write_bytes(b"mine")
        goal.mkdir()
        (goal / "12.gz").write_bytes(b"theirs")
    with pytest.raises(HarvesterError, match=kept), output(str(file)) as written:
        written.write(b"mine")
        file.write_bytes(b"theirs")
    assert sorted(tmp_path.iterdir()) == [file, goal]
    assert (goal / "12.gz").read_bytes() == file.read_bytes() == b"theirs"
    with folder(str(goal), known_by=["*.gz"]) as made:
        (made / "13.gz").write_bytes(b"mine")
        # Another export that replaces it is between its two steps.
        (goal / "12.gz").unlink()
        goal.rmdir()
    assert [path.name for path in goal.iterdir()] == ["13.gz"]


def test_a_signal_while_a_folder_is_replaced_keeps_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goal, rename = tmp_path / "users", Path.rename
    goal.mkdir()
    (goal / "12.gz").write_bytes(b"old")

    def interrupted(path: Path, to: Path) -> Path:
        renamed = rename(path, to)
        if path == goal:
            raise KeyboardInterrupt
        return renamed

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), folder(str(goal), known_by=["*.gz"]) as made:
        (made / "12.gz").write_bytes(b"new")
    assert list(tmp_path.iterdir()) == [goal]
    assert (goal / "12.gz").read_bytes() == b"old"


def test_what_fails_in_a_folder_is_named_as_it_would_be_there(tmp_path: Path) -> None:
    goal = tmp_path / "users"
    with pytest.raises(OSError) as caught, folder(str(goal), known_by=["*.gz"]) as made:
        raise OSError(errno.ENOSPC, "full", str(made / "12/12.gz"))
    assert caught.value.filename == str(goal / "12/12.gz")


def test_only_a_file_of_ones_own_is_replaced(person: Person) -> None:
    """As root, the export took the place of /dev/null."""
    os.mkfifo(person.folder / "pipe")
    (person.folder / "link").symlink_to("no/disk")
    (person.folder / "folder").mkdir()
    before = sorted(person.folder.rglob("*"))
    for to, code, problem in (
        ("pipe", 2, "pipe is neither a file nor a folder. Choose another name with -o; `-o -` is standard"),
        ("link", 2, "link is a symbolic link to"),
        ("folder", 1, "folder is in the way and is a folder."),
        # The name that it has while it is written is longer.
        ("x" * 240, 1, f"{'x' * 240} cannot be used: File name too long. Choose a shorter path."),
        ("collections/election/collection.json", 2, "belongs to the stored collection"),
        # The next bag of the collection would hold it.
        ("collections/election/posts.csv", 2, "would be in the stored collection"),
    ):
        told = person("export", "csv", "election", "-o", to, "--replace")
        assert (told.code, problem in told.err) == (code, True), told
    assert sorted(person.folder.rglob("*")) == before and (person.folder / "pipe").is_fifo()


def test_progress_is_told_within_a_file_of_pages(tmp_path: Path) -> None:
    (tmp_path / "pages.jsonl").write_bytes((record_forms.written(record_forms.page()) + b"\n") * 40)
    told: list[int] = []
    posts = Posts([Local(str(tmp_path / "pages.jsonl"))], usual(), tell=lambda now: told.append(now.file))
    assert len([*posts.read()]) > 40
    assert told == [1, 1, 1]


@pytest.mark.parametrize("form", _FORMS)
def test_a_dry_run_counts_and_writes_nothing(person: Person, form: str) -> None:
    before = sorted(person.folder.rglob("*"))
    assert "Would write 5 posts of 2 files" in person.output("export", form, "election", "--dry-run")
    assert person("export", form, "election", "--dry-run", "--json").json["posts"] == 5
    assert sorted(person.folder.rglob("*")) == before


@pytest.mark.parametrize("form", _FORMS)
def test_a_bad_record_is_named_and_the_rest_is_written(person: Person, form: str, tmp_path: Path) -> None:
    collection_of(tmp_path / "collections", "bad", [[record_forms.page(), b"{", b'{"data":[{"text":"x"}]}']])
    told = person("export", form, "bad", "-o", "out")
    assert told.code == (0 if form in _WHOLE else 1), told
    if told.code:
        assert "2 records could not be read" in told.err
        assert "000001.jsonl.gz, line 2: is not JSON" in told.err
        assert "Traceback" not in told.err
    assert (tmp_path / "out").exists()
    assert person("export", form, "bad", "-o", "out", "--replace", "--skip-bad").code == 0


def test_each_bad_record_is_counted_once(person: Person, tmp_path: Path) -> None:
    """Tables of accounts read the records a second time."""
    collection_of(tmp_path / "collections", "bad", [[b"{"] * 150])
    told = person("export", "tables", "bad", "-o", "out")
    assert told.err.startswith("0 posts written") and "\n150 records could not be read" in told.err


def test_a_file_that_is_cut_is_named_with_its_line(person: Person, tmp_path: Path) -> None:
    collection_of(tmp_path / "collections", "cut", [[record_forms.page()]])
    keys = collection_of(tmp_path / "collections", "cut", [])
    data = packed(*[record_forms.written(record_forms.page())] * 99)
    stored(tmp_path / "collections", keys, "tweets-20261123090000-000002.jsonl.gz", data[: len(data) // 2])
    told = person("export", "csv", "cut", "-o", "out.csv")
    assert told.code == 1
    assert "000002.jsonl.gz, line " in told.err
    assert "its gzip has no end" in told.err


def test_a_running_harvest_is_exported_as_far_as_its_files_are_finished(
    person: Person, tmp_path: Path
) -> None:
    (path,) = (tmp_path / "collections/election").rglob("*000002.jsonl.gz")
    # It grows, and no manifest names it yet.
    (path.parent / "tweets-20261123090000-000003.jsonl.gz").write_bytes(b"\x1f\x8b")
    assert len(_ids(person)) == 5


def _found(person: Person, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person("search", query, "--no-index", "--json").json["hits"]
    return found


def test_a_query_selects_what_a_search_for_it_finds(person: Person) -> None:
    queries = (
        "flood",
        "-flood",
        "#flood OR from:@biz",
        "kind:repost",
        "has:geo",
        "kind:included",
        "flo* -rt",
    )
    found = {
        query: person("search", query, "--no-index", "--json", "-n", "99").json["hits"] for query in queries
    }
    assert len({len(hits) for hits in found.values()}) > 2
    for query, hits in found.items():
        assert set(_ids(person, "--query", query)) == {hit["id"] for hit in hits}, query
    told = person("export", "ids", "election", "--query", "flood collection:election", "-o", "-")
    assert told.code == 2 and "Name the collections before the options." in told.err
    assert "A quote was not closed" in person("export", "ids", "election", "--query", '"flood', "-o", "-").err


def test_a_month_and_a_year_begin_with_their_first_day(person: Person) -> None:
    assert _ids(person, "--since", "2022-10") == _ids(person, "--since", "2022-10-01") != []
    assert _ids(person, "--until", "2022-10") == []
    assert _ids(person, "--since", "2022", "--until", "2023") == _ids(person)


def test_what_cannot_be_done_is_one_line(person: Person) -> None:
    for arguments, code, words in (
        (("csv", "no-such"), 10, "There is no collection no-such"),
        (("csv", "election", "--since", "yesterday"), 2, "--since 'yesterday' is not a date."),
        (("csv", "election", "--since", "2026-13"), 2, "--since '2026-13' is not a date."),
        (("csv", "election", "--since", "2026-11", "--until", "2026-10"), 2, "is not before --until 2026-10"),
        (("csv", "election", "--user", "@"), 2, "--user '@' is empty. Give it a value, or leave it out."),
        (("csv", "election", "--tag", ""), 2, "--tag '' is empty."),
        (("csv", "election", "-o", "no/such/\0"), 1, ""),
    ):
        told = person("export", *arguments)
        assert told.code == code, told
        assert words in told.err
        assert "Traceback" not in told.err


def test_an_export_that_fails_leaves_nothing(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harvester.exports.jsonl.line_of", _disk_full)
    told = person("export", "jsonl", "election", "-o", "out.jsonl")
    assert told.code == 1
    assert "The disk is full" in told.err
    assert not list(person.folder.glob("out*"))


def _disk_full(_: object) -> bytes:
    raise OSError(28, "No space left on device")


def test_a_bucket_is_exported_like_a_folder(
    person: Person, s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.server.environment.items():
        monkeypatch.setenv(name, value)
    client, root = s3.server.client(), person.folder
    for path in (root / "collections").rglob("*"):
        if path.is_file():
            key = path.relative_to(root).as_posix()
            client.put_object(Bucket=s3.name, Key=key, Body=path.read_bytes())
    for form, options in (("csv", ()), ("network", ()), ("bag", ("--fetch",))):
        here, there = (root / f"{place}.{form}" for place in ("folder", "bucket"))
        person.output("export", form, "election", *options, "-o", str(here))
        person.output("export", form, "election", *options, "-o", str(there), "--bucket", s3.name)
        if here.is_file():
            assert there.read_bytes() == here.read_bytes()
        else:
            fetched = (there / "fetch.txt").read_text().split()
            assert fetched[0].startswith(f"s3://{s3.name}/collections/election/harvests/2026/11/23/")
