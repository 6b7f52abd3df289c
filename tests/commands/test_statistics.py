"""`stats`: wrong input is reported in one line, and a replay that ends early says how to continue it."""

import json
import socket
from pathlib import Path

import pytest

from harvester.errors import Exit
from harvester.store.folder import FolderStore
from tests.statistics.histories import storms
from tests.support.cli_session import Person


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    storms(FolderStore(tmp_path / "collections"))
    return Person(tmp_path)


def test_series_are_pairs_of_time_and_figure(person: Person) -> None:
    found = person("stats", "show", "storms", "--json").json
    assert found["series"]["tweets"] == [["2026-11-23T09:00:00Z", 12000], ["2026-11-23T10:00:00Z", 6000]]
    assert person("stats", "show", "storms", "--since", "2026-11", "--json").json == found
    assert json.loads(person.output("stats", "show", "storms", "--since", "2027-01-01", "--json")) == {
        "series": {}
    }
    assert person.output("stats", "show", "storms", "--since", "2027-01-01") == "No figures yet.\n"


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("stats show storm", Exit.NO_COLLECTION, "There is no collection storm"),
        ("stats show storms --since yesterday", Exit.USAGE, "'yesterday' is not a date."),
        ("stats show storms --since 2026-11 --until 2026", Exit.USAGE, "is not before --until 2026."),
        ("stats replay storms --carbon localhost", Exit.USAGE, "--carbon localhost is not HOST:PORT."),
        ("stats replay storms --carbon a:1 --speed fast", Exit.USAGE, "--speed fast is not a speed."),
        (
            "stats replay storms --carbon a:1 --twittomatic",
            Exit.USAGE,
            "storms has no users, and Twittomatic no names for its figures. Leave out --twittomatic.",
        ),
        (
            "stats replay nowhere.gz --carbon 127.0.0.1:1",
            Exit.NO_COLLECTION,
            "There is no collection nowhere.gz",
        ),
        ("stats export storms --openmetrics missing/no/x", Exit.OK, "Wrote 720 samples"),
    ],
)
def test_what_is_typed_is_answered_in_one_line(person: Person, typed: str, code: int, words: str) -> None:
    told = person(*typed.split())
    assert (told.code, told.err.count("\n")) == (code, 1)
    assert words in told.err


def test_a_file_that_exists_is_kept_unless_it_is_to_be_replaced(person: Person) -> None:
    path = person.folder / "storms.txt"
    path.write_text("mine")
    told = person("stats", "export", "storms", "--openmetrics", "storms.txt")
    assert (told.code, path.read_text()) == (2, "mine")
    assert "storms.txt exists. Choose another name with --openmetrics, or --replace it." in told.err
    person.output("stats", "export", "storms", "--openmetrics", "storms.txt", "--replace")
    assert "twarc" in path.read_text()


def test_a_dash_is_standard_output(person: Person) -> None:
    told = person("stats", "export", "storms", "--openmetrics", "-")
    assert told.out.endswith("# EOF\n") and told.err == "Wrote 720 samples to -.\n"
    assert not (person.folder / "-").exists()


def test_a_carbon_that_is_away_is_told_with_what_was_sent(person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    told = person("stats", "replay", "storms", "--carbon", f"127.0.0.1:{port}")
    assert told.code == Exit.RETRY_LATER
    assert told.err == (
        f"Carbon at 127.0.0.1:{port} cannot be reached: Connection refused. "
        "Check the address, and that carbon runs there. Nothing was sent.\n"
    )


def test_a_broken_line_of_statistics_is_named(person: Person) -> None:
    (path, *_) = sorted((person.folder / "collections").rglob("stats.jsonl"))
    path.write_bytes(path.read_bytes() + b"{}\n")
    told = person("stats", "show", "storms")
    assert told.code == Exit.ERROR
    assert "stats.jsonl, line 61, is not a line of statistics: it has no time." in told.err
