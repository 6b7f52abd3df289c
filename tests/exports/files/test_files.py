"""Files of records are shown, merged, repaired and sampled; those of Twittomatic as well."""

import csv
import gzip
import json
import random
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import record_forms
from tests.support.cli_session import Person
from tests.support.harvest_stage import until
from tests.support.record_forms import plain_v1
from tests.support.stored_records import packed

_DOOR = Path(__file__).resolve().parents[3] / "twarc_cloud.py"
_FIRST = 755822121331281920


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    return Person(tmp_path)


def _tweet(number: int, **members: Any) -> dict[str, Any]:
    """A tweet as Twittomatic stores it: of API 1.1, members by name."""
    made = plain_v1(id=_FIRST + number, id_str=str(_FIRST + number), text=f"t{number}", **members)
    return dict(sorted(made.items()))


def _twt(path: str, *numbers: int, **members: Any) -> Path:
    """A file with these tweets, newest first."""
    lines = [record_forms.written(_tweet(number, **members)) for number in sorted(numbers, reverse=True)]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(packed(*lines))
    return Path(path)


def _fws(path: str, *ids: int) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(gzip.compress(b"".join(struct.pack(">Q", each) for each in ids)))
    return Path(path)


def _texts(path: str | Path) -> list[str]:
    return [json.loads(line)["text"] for line in gzip.decompress(Path(path).read_bytes()).splitlines()]


def _packed_ids(path: str | Path) -> list[int]:
    data = gzip.decompress(Path(path).read_bytes())
    return list(struct.unpack(f">{len(data) // 8}Q", data))


def test_posts_are_shown_one_a_line(person: Person) -> None:
    _twt("22/22013880.twt.gz", 1, 2)
    assert person.output("files", "show", "22/22013880.twt.gz").splitlines() == [
        "2016-07-20T17:50:10.000Z\tjack\tt2",
        "2016-07-20T17:50:10.000Z\tjack\tt1",
    ]


def test_members_are_named_by_paths_and_what_is_missing_is_empty(person: Person) -> None:
    _twt("a.twt.gz", 1, full_text="a\tb\nc")
    shown = person.output(
        "files", "show", "-e", "id_str,user/screen_name,no.such,full_text,entities.hashtags.text", "a.twt.gz"
    )
    assert shown == f"{_FIRST + 1}\tjack\t\ta b c\tflood\n"
    Path("page.jsonl").write_bytes(record_forms.written(record_forms.page()))
    told = person.output(
        "files", "show", "page.jsonl", "-e", "id,author/username,entities/mentions/username", "--csv"
    )
    assert list(csv.reader(told.splitlines())) == [
        ["id", "author/username", "entities/mentions/username"],
        ["1577000000000000009", "jack", "biz"],
        ["1577000000000000019", "jack", ""],
    ]


def test_a_member_that_no_post_has_is_said(person: Person) -> None:
    _twt("a.twt.gz", 1, 2)
    told = person("files", "show", "-e", "id_str,nosuch", "a.twt.gz")
    assert told.code == 0
    assert told.err == ("No post has nosuch: `files sample FILE -n 1` shows a post with all its members.\n")


def test_standard_input_is_read(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _twt("a.twt.gz", 1)
    with path.open("rb") as file:
        told = person("files", "show", "-", "-e", "text", answer=file)
    assert (told.code, told.out) == (0, "t1\n")


def test_packed_ids_are_printed_and_made(person: Person) -> None:
    _fws("22/22.fws.gz", 5, 1 << 63, 7)
    assert person.output("files", "ids", "22/22.fws.gz").split() == ["5", str(1 << 63), "7"]
    Path("ids.txt").write_text("12\n\n7\r\n12\n")
    person.output("files", "ids", "ids.txt", "--packed", "-o", "new.fws.gz")
    assert _packed_ids("new.fws.gz") == [12, 7, 12]
    assert person.output("files", "ids", "ids.txt", "22/22.fws.gz", "--unique").split() == [
        *("5", "7", "12"),
        str(1 << 63),
    ]
    Path("odd").write_bytes(struct.pack(">QQ", 1, 2))
    assert person.output("files", "ids", "odd", "--from-packed").split() == ["1", "2"]


def test_old_files_with_an_id_a_line_are_known_by_their_content(person: Person) -> None:
    """Twittomatic first wrote text into files of the same name, packed or not."""
    _fws("new.fws.gz", 7, 2244994945)
    Path("old.fws").write_text("12\n7\n")
    Path("old.fws.gz").write_bytes(gzip.compress(b"2244994945\n1577000000000000009\n"))
    assert person.output("files", "ids", "old.fws", "old.fws.gz").split() == [
        *("12", "7", "2244994945", "1577000000000000009")
    ]
    # Converted, and merged with those that are packed.
    person.output("files", "ids", "old.fws", "--packed", "-o", "converted.fws.gz")
    assert _packed_ids("converted.fws.gz") == [12, 7]
    told = person.output("files", "merge", "old.fws", "old.fws.gz", "new.fws.gz", "-o", "all.fws.gz")
    assert told == "Wrote 4 ids in 1 file to all.fws.gz; 0 duplicates left out.\n"
    assert _packed_ids("all.fws.gz") == [7, 12, 2244994945, 1577000000000000009]


@pytest.mark.parametrize("name", ["cut.fws", "cut.fws.gz", "cut.txt", "cut.txt.gz"])
def test_what_can_be_read_of_a_cut_file_of_ids_is_kept(person: Person, name: str) -> None:
    ids = [random.Random(number).getrandbits(60) for number in range(2000)]
    text = "".join(f"{each}\n" for each in ids).encode()
    data = b"".join(struct.pack(">Q", each) for each in ids) if ".fws" in name else text + b"x\n"
    data = gzip.compress(data)[:-3000] if name.endswith(".gz") else data[:-3] if ".fws" in name else data
    Path(name).write_bytes(data)
    told = person("files", "ids", name, "-o", "kept.txt")
    kept = Path("kept.txt").read_text().split()
    assert (told.code, len(kept) > 100) == (1, True)
    assert kept == [str(each) for each in ids][: len(kept)]
    written, why = told.err.splitlines()
    assert (written.startswith(f"{len(kept):,} ids written"), why.startswith(f"{name}, line ")) == (
        True,
        True,
    )
    again = person("files", "ids", name, "-o", "kept.txt", "--replace", "--skip-bad")
    assert (again.code, "Left out: " in again.err) == (0, True)
    if ".fws" in name:
        person("files", "merge", name, "-o", "merged.fws.gz")
        assert len(_packed_ids("merged.fws.gz")) == len(kept)


def test_ids_of_records_are_those_of_posts_or_of_users(person: Person) -> None:
    _twt("a.twt.gz", 1, 2)
    assert person.output("files", "ids", "a.twt.gz").split() == [str(_FIRST + 2), str(_FIRST + 1)]
    assert person.output("files", "ids", "a.twt.gz", "--of", "users", "--unique").split() == ["12"]


def test_files_are_merged_each_post_once_newest_first(person: Person) -> None:
    _twt("a.twt.gz", 1, 2, 4)
    _twt("b.twt.gz", 2, 3, favorite_count=99)
    said = person.output("files", "merge", "a.twt.gz", "b.twt.gz", "-o", "c.twt.gz")
    assert said == "Wrote 4 posts in 1 file to c.twt.gz; 1 duplicate left out.\n"
    assert _texts("c.twt.gz") == ["t4", "t3", "t2", "t1"]
    likes = person.output("files", "show", "c.twt.gz", "-e", "favorite_count").split()
    assert likes == ["3", "99", "99", "3"]


def test_the_version_that_was_received_last_stays(person: Person) -> None:
    for name, day, likes in (("new", 24, 9), ("old", 22, 1)):
        page = record_forms.page()
        page["__twarc"]["retrieved_at"] = f"2026-11-{day}T09:00:00+00:00"
        page["data"][0]["public_metrics"]["like_count"] = likes
        Path(f"{name}.jsonl").write_bytes(record_forms.written(page))
    person.output("files", "merge", "new.jsonl", "old.jsonl", "-o", "both.jsonl")
    shown = person.output("files", "show", "both.jsonl", "-e", "id,public_metrics.like_count").splitlines()
    assert shown == ["1577000000000000019\t0", "1577000000000000009\t9"]


def test_data_sets_are_merged_and_users_of_only_one_are_kept(person: Person) -> None:
    _twt("one/12/12.twt.gz", 1, 2)
    _twt("two/12/12.twt.gz", 2, 3)
    _twt("two/7/7.twt.gz", 5)
    _fws("one/12/12.fws.gz", 3, 1)
    _fws("two/12/12.fws.gz", 2, 3)
    before = person("files", "merge", "one", "two", "-o", "both", "--dry-run", "--json").json
    assert (before["posts"], before["only_in_one"], Path("both").exists()) == (4, 1, False)
    told = person("files", "merge", "one", "two", "-o", "both", "--json").json
    assert (told["posts"], told["files"], told["duplicates"], told["ids"], told["only_in_one"]) == (
        4,
        3,
        1,
        3,
        1,
    )
    assert _texts("both/12/12.twt.gz") == ["t3", "t2", "t1"]
    assert _texts("both/7/7.twt.gz") == ["t5"]
    assert _packed_ids("both/12/12.fws.gz") == [1, 2, 3]
    # Also in place of one of them, but of no other folder.
    Path("thesis").mkdir()
    Path("thesis/work.doc").write_text("a life")
    refused = person("files", "merge", "one", "two", "-o", "thesis", "--replace")
    assert refused.code == 2 and "was not made by this export" in refused.err
    assert person("files", "merge", "one", "two", "-o", "one", "--replace").code == 0
    assert _texts("one/12/12.twt.gz") == ["t3", "t2", "t1"] and Path("thesis/work.doc").exists()


def test_what_can_be_read_of_a_broken_file_is_kept(person: Person) -> None:
    chance = random.Random(1)
    posts = [_tweet(number, note=f"{chance.getrandbits(2000):x}") for number in range(400)]
    data = packed(*map(record_forms.written, posts))
    Path("cut.twt.gz").write_bytes(data[: len(data) // 2])
    said = person.output("files", "repair", "cut.twt.gz", "-o", "mended.twt.gz")
    kept = _texts("mended.twt.gz")
    assert 100 < len(kept) < 300
    assert kept == [f"t{number}" for number in range(len(kept))]
    assert said.startswith(f"Kept {len(kept)} lines (")
    assert f"Lost: line {len(kept) + 1}: its gzip has no end." in said
    assert Path("cut.twt.gz").read_bytes() == data[: len(data) // 2]


def test_lines_that_are_no_records_are_left_out(person: Person) -> None:
    Path("bad.jsonl").write_bytes(b'{"id":"1","text":"a"}\n{"id\n\xff\xfe\n{"id":"2","text":"b"}')
    told = person("files", "repair", "bad.jsonl", "-o", "good.jsonl", "--json").json
    assert told["lines"] == 2
    assert [each[:7] for each in told["lost"]] == ["line 2:", "line 3:"]
    assert person.output("files", "ids", "good.jsonl").split() == ["1", "2"]
    Path("bad.jsonl").write_bytes(b'{"id":"1","text":"a"}\n' + b"x\n" * 30)
    said = person.output("files", "repair", "bad.jsonl", "-o", "good.jsonl", "--replace").splitlines()
    assert (len(said), said[-1]) == (22, "... and 10 more; --json has all.")


def test_a_file_is_not_repaired_in_place(person: Person) -> None:
    path = _twt("a.twt.gz", 1)
    before = path.read_bytes()
    told = person("files", "repair", "a.twt.gz", "-o", "./a.twt.gz", "--replace")
    assert (told.code, path.read_bytes()) == (2, before)
    assert "not repaired in place" in told.err


def test_a_sample_is_the_same_in_any_order_and_never_too_large(person: Person) -> None:
    _twt("a.twt.gz", *range(30))
    _twt("b.twt.gz", *range(20, 60))
    one = person.output("files", "sample", "a.twt.gz", "b.twt.gz", "-n", "10", "--seed", "7").splitlines()
    other = person.output("files", "sample", "b.twt.gz", "a.twt.gz", "-n", "10", "--seed", "7").splitlines()
    assert sorted(one) == sorted(other)
    assert len({json.loads(line)["id_str"] for line in one}) == 10
    assert (
        one
        != person.output("files", "sample", "a.twt.gz", "b.twt.gz", "-n", "10", "--seed", "8").splitlines()
    )
    assert len(person.output("files", "sample", "a.twt.gz", "-n", "1000").splitlines()) == 30
    # The sample of the samples of two halves is that of the whole.
    Path("halves.jsonl").write_text(
        "".join(
            person.output("files", "sample", name, "-n", "10", "--seed", "7")
            for name in ("a.twt.gz", "b.twt.gz")
        )
    )
    again = person.output("files", "sample", "halves.jsonl", "-n", "10", "--seed", "7").splitlines()
    assert sorted(again) == sorted(one)


def test_all_posts_of_chosen_users_are_taken(person: Person) -> None:
    for user in range(1, 9):
        _twt(
            f"set/{user}/{user}.twt.gz",
            *range(user * 10, user * 10 + 3),
            user={"id": user, "id_str": str(user)},
        )
    lines = person.output("files", "sample", "set", "-n", "3", "--of", "users").splitlines()
    users = [json.loads(line)["user"]["id_str"] for line in lines]
    assert (len(users), len(set(users))) == (9, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("show", "missing.jsonl"), 1, "missing.jsonl"),
        (("show", "bad.jsonl"), 1, "bad.jsonl, line 2: is not JSON"),
        (("show", "cut.jsonl.gz"), 1, "`files repair FILE -o NEW` writes what can be read"),
        (
            ("merge", "cut.jsonl.gz", "-o", "new.jsonl"),
            1,
            "`files repair FILE -o NEW` writes what can be read",
        ),
        (("merge", "bad.jsonl", "-o", "new.jsonl"), 1, "`files repair FILE -o NEW` writes what can be read"),
        (
            ("repair", "text.txt", "-o", "new.jsonl"),
            1,
            "Nothing of text.txt can be read as records: line 1 is not JSON",
        ),
        (("ids", "text.txt"), 1, "text.txt, line 1: is neither an id nor a record: b'hello'"),
        (("ids", "odd.fws"), 1, "odd.fws, line 2: has 3 bytes more than whole ids of 8 bytes"),
        (("ids", "large.txt", "--packed"), 2, "is not a 64-bit number. Write ids as text."),
        (("merge", "empty", "-o", "out"), 2, "empty has no files of records."),
        (("merge", "empty", "-o", "out", "--dry-run"), 2, "empty has no files of records."),
        (("merge", "empty", "-o", "m.jsonl.gz"), 2, "and m.jsonl.gz is the name of a file. Name a folder"),
        (("merge", "empty", "bad.jsonl", "-o", "out"), 2, "These are files and folders."),
        (("sample", "-", "-n", "3"), 2, "A sample reads its files twice."),
        (("sample", "empty", "-n", "3"), 2, "empty has no files of records."),
    ],
)
def test_bad_input_gets_one_line(person: Person, arguments: tuple[str, ...], code: int, words: str) -> None:
    Path("empty").mkdir()
    Path("bad.jsonl").write_bytes(b'{"id":"1","text":"a"}\n{"id\n{"id":"2","text":"b"}\n')
    Path("cut.jsonl.gz").write_bytes(gzip.compress(b'{"id":"1","text":"a"}\n' * 9)[:-9])
    Path("text.txt").write_text("hello\n")
    Path("odd.fws").write_bytes(struct.pack(">Q", 12) + b"123")
    Path("large.txt").write_text("9" * 25)
    told = person("files", *arguments)
    assert told.code == code, told
    assert words in told.err
    assert len(told.err.splitlines()) <= 1
    assert not list(Path().glob("*.part"))


def test_bad_records_may_be_left_out(person: Person) -> None:
    Path("bad.jsonl").write_bytes(b'{"id":"1","text":"a"}\n{"id\n{"id":"2","text":"b"}\n')
    told = person("files", "show", "bad.jsonl", "-e", "id", "--skip-bad")
    assert (told.code, told.out.split()) == (0, ["1", "2"])
    assert "Left out: bad.jsonl, line 2" in told.err


def test_of_the_folder_of_a_collection_its_records_of_posts_are_read(person: Person) -> None:
    from tests.support.stored_records import collection_of

    keys = collection_of(Path("collections"), "election", [[record_forms.page()]])
    (records,) = Path().rglob("tweets-*.jsonl.gz")
    # As stores write them, over several lines.
    document = b'{\n  "id": "election"\n}\n'
    for name in ("collection.json", "harvest.json", "users.jsonl"):
        (records.parent / name).write_bytes(document)
    (records.parent / "users-20261123090000-000001.jsonl.gz").write_bytes(packed(b'{"data": [{"id": "12"}]}'))
    for change in (keys.changesets + "change-20261123085900-00000001.json", "collections/.apps/12.json"):
        Path(change).parent.mkdir(parents=True, exist_ok=True)
        Path(change).write_bytes(document)
    posts = person.output("files", "ids", str(records))
    for folder in ("collections", "collections/election", str(records.parent)):
        assert person.output("files", "ids", folder) == posts, folder
    person.output("files", "merge", "collections", "-o", "merged")
    assert [path.name for path in Path("merged").rglob("*.*")] == [records.name]


def test_what_export_makes_by_user_is_a_data_set_of_twittomatic(person: Person) -> None:
    from tests.support.stored_records import collection_of

    collection_of(Path("collections"), "election", [[record_forms.page()]])
    person.output("export", "per-user", "election", "-o", "new")
    _twt("old/12/12.twt.gz", 1)
    person.output("files", "merge", "new", "old", "-o", "both")
    assert _texts("both/12/12.twt.gz") == ["RT @biz: Flood", "Ä #flood $TWTR @biz https://t.co/y", "t1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_no_half_of_a_file(person: Person, number: signal.Signals) -> None:
    # Where the tests run it may be ignored, as below nohup.
    hearing = (
        "import os, signal, sys; signal.signal(int(sys.argv[1]), signal.SIG_DFL); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
    )
    command = [sys.executable, "-c", hearing, str(int(number)), str(_DOOR), "files", "ids", "-", "-o", "ids"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        # What is to be read does not end before the signal came, so that the file is not whole.
        until(lambda: list(Path().glob("ids.*.part")))
        process.send_signal(number)
        _, err = process.communicate("12\n", timeout=60)
    assert (process.returncode, err) == (128 + number, "\nInterrupted.\n")
    assert list(Path().glob("ids*")) == []
