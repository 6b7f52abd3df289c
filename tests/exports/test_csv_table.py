"""A table has the columns and values of twarc-csv, without its options, and no cell becomes a formula."""

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import twarc_csv  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from harvester.exports.csv_table import writer
from tests.support import record_forms
from tests.support.cli_session import Person
from tests.support.stored_records import collection_of

# With these, it reads the accounts that X sends today.
_EXTRA = ("author.public_metrics.like_count", "author.public_metrics.media_count")
_KNOWN = twarc_csv.dataframe_converter.DEFAULT_TWEET_COLUMNS


@pytest.fixture(autouse=True)
def _long_cells() -> None:
    csv.field_size_limit(1 << 24)


class _Named(io.StringIO):
    name = "<stdin>"


def _ours(person: Person, collection: str, *options: str) -> list[dict[str, str]]:
    to = person.folder / "ours.csv"
    person.output("export", "csv", collection, *options, "-o", str(to), "--replace")
    with to.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _theirs(
    records: list[bytes], tmp_path: Path, *, extra: str = ",".join(_EXTRA), **options: Any
) -> list[Any]:
    """What the real twarc-csv makes of the same records."""
    infile, outfile = _Named(b"\n".join(records).decode() + "\n"), tmp_path / "theirs.csv"
    converter = twarc_csv.DataFrameConverter(extra_input_columns=extra, **options)
    with outfile.open("w", encoding="utf-8", newline="") as file, contextlib.redirect_stderr(io.StringIO()):
        twarc_csv.CSVConverter(infile, file, converter=converter, hide_progress=True).process()
    with outfile.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _records(person: Person, collection: str) -> list[bytes]:
    return person.output("export", "jsonl", collection, "--raw", "-o", "-").encode().splitlines()


def _same(theirs: str, ours: str) -> bool:
    """pandas writes whole numbers with a point where others of the column are missing."""
    return theirs == ours or (theirs.endswith(".0") and theirs[:-2] == ours)


def _compare(theirs: list[dict[str, str]], ours: list[dict[str, str]]) -> None:
    assert [row["id"] for row in ours] == [row["id"] for row in theirs]
    different = [
        (row["id"], name, other[name], row[name])
        for row, other in zip(ours, theirs, strict=True)
        for name in _KNOWN
        if not _same(other[name], row[name])
    ]
    assert different == []


def test_the_columns_are_those_of_twarc_csv(person: Person) -> None:
    assert list(_ours(person, "election")[0]) == _KNOWN
    assert len(_KNOWN) == 84


@pytest.mark.parametrize("duplicates", ["keep", "first"])
def test_values_are_those_of_twarc_csv(person: Person, tmp_path: Path, duplicates: str) -> None:
    theirs = _theirs(_records(person, "election"), tmp_path, allow_duplicates=duplicates == "keep")
    ours = _ours(person, "election", "--duplicates", duplicates)
    assert len(ours) == (5 if duplicates == "keep" else 2)
    _compare(theirs, ours)


def test_values_of_real_posts_are_those_of_twarc_csv(real_person: Person, tmp_path: Path) -> None:
    records = _records(real_person, "real")
    theirs = _theirs(records, tmp_path, allow_duplicates=True)
    assert len(theirs) > 300
    _compare(theirs, _ours(real_person, "real"))


def test_twarc_csv_drops_each_post_whose_author_is_as_x_sends_it_today(
    person: Person, tmp_path: Path
) -> None:
    """Its option helps, and `export csv` needs none."""
    assert _theirs(_records(person, "election"), tmp_path, extra="") == []
    assert len(_ours(person, "election")) == 5


def test_columns_may_be_chosen_and_other_members_named(person: Person) -> None:
    rows = _ours(
        person, "election", "--columns", "id,author.public_metrics.like_count,public_metrics.like_count"
    )
    assert rows[0] == {
        "id": "1577000000000000009",
        "author.public_metrics.like_count": "9",
        "public_metrics.like_count": "3",
    }
    told = person("export", "csv", "election", "--columns", "id,lnag", "-o", "x.csv")
    assert (told.code, "No post has lnag; nothing was written. Did you mean lang?" in told.err) == (2, True)
    assert not Path("x.csv").exists()


def _with_text(text: str) -> dict[str, Any]:
    page = record_forms.page()
    page["data"][1:] = []
    page["data"][0]["text"] = text
    return page


_HOSTILE = (
    "=cmd|'/C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    'a "quoted", text',
    "two\nlines\r\n",
    "a\rline",
    "\u202eright to left",
    "nul \x00 and \x07",
    "half \ud83d",
)


def test_hostile_texts_stay_one_cell(person: Person, tmp_path: Path) -> None:
    collection_of(tmp_path / "collections", "hostile", [map(_with_text, _HOSTILE)])
    rows = _ours(person, "hostile")
    expected = [text.replace("\r", "").replace("\n", r"\n").replace("\ud83d", "?") for text in _HOSTILE]
    assert [row["text"] for row in rows] == expected


@given(st.lists(st.lists(st.text("\r\n\t\0\x85\u2028,\"' =x"), min_size=2, max_size=2), max_size=3))
def test_every_row_that_is_written_is_read_again(rows: list[list[str]]) -> None:
    written = io.BytesIO()
    writer(written.write).writerows(rows)
    assert list(csv.reader(io.StringIO(written.getvalue().decode(), newline=""))) == rows


def test_for_excel_ids_keep_their_digits_and_no_text_is_a_formula(person: Person, tmp_path: Path) -> None:
    collection_of(tmp_path / "collections", "hostile", [map(_with_text, _HOSTILE)])
    rows = _ours(person, "hostile", "--excel", "--columns", "id,author.id,text,entities.hashtags")
    assert {row["\ufeffid"] for row in rows} == {'="1577000000000000009"'}
    assert {row["author.id"] for row in rows} == {'="12"'}
    assert [row["text"][0] for row in rows[:5]] == ["'"] * 5
    assert not any(
        cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values() if '="' not in cell
    )


def test_tabs_separate_columns_where_that_is_asked_for(person: Person) -> None:
    text = person.output("export", "csv", "election", "--tsv", "--columns", "id,lang", "-o", "-")
    assert text.splitlines()[:2] == ["id\tlang", "1577000000000000009\tde"]


def test_tweets_of_api_1_1_have_the_same_columns(person: Person, tmp_path: Path) -> None:
    records = [record_forms.plain_v1(), record_forms.extended_v1()]
    collection_of(tmp_path / "collections", "old", [records])
    plain, repost = _ours(person, "old")
    assert (plain["id"], plain["author.username"], plain["entities.hashtags"]) == (
        "755822121331281920",
        "jack",
        '["#flood"]',
    )
    assert plain["public_metrics.like_count"] == "3"
    assert repost["text"] == "the whole of a long text https://t.co/z"
    assert repost["referenced_tweets.retweeted.id"] == "755822121331281920"
    assert json.loads(repost["entities.urls"]) == ["https://z.example"]
