"""`doctor` makes every check that it can, whatever the ones before found."""

from pathlib import Path

import pytest

from harvester.settings import Settings, usable
from tests.support.cli_session import Person


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("X_API_URL", "http://127.0.0.1:9")
    return Person(tmp_path)


def _doctor(person: Person) -> dict[str, str]:
    """The line of each check, by its name."""
    told = person("doctor")
    assert told.code == 1, told
    return {line[4:].partition(":")[0]: line for line in told.out.splitlines()}


_CHECKED = {"settings", "keys", "X API", "work folder", "runs folder", "store's clock", "store", "schedules"}


def test_doctor_goes_on_after_settings_that_are_not_valid(person: Person) -> None:
    """It stopped there, and with `log_format` before its first line."""
    ini = "[DEFAULT]\nlock_seconds = soon\nlog_format = jsn\ntask_cpu = 3\nbukket = a\ntemp = elsewhere\n"
    (person.folder / "twarc_cloud.ini").write_text(ini)
    lines = _doctor(person)
    assert set(lines) >= _CHECKED
    assert all(name in lines["settings"] for name in ("lock_seconds", "log_format", "task_cpu", "bukket"))
    assert "temp is" not in lines["settings"]
    (person.folder / "twarc_cloud.ini").unlink()
    (person.folder / "twarc_cloud.ini").mkdir()
    lines = _doctor(person)
    assert set(lines) >= _CHECKED
    assert lines["settings"].startswith("BAD settings: twarc_cloud.ini is in the way and is a folder.")


def test_doctor_asks_no_address_that_the_settings_may_not_name(tmp_path: Path) -> None:
    ini = tmp_path / "twarc_cloud.ini"
    ini.write_text("[DEFAULT]\nx_api_url = https://example.org\nbucket = museum\n")
    found, invalid = usable(environment={}, ini=ini)
    assert (found.x_api_url, found.bucket) == (Settings().x_api_url, "museum")
    assert invalid and "example.org" in invalid.problems[0]


def test_doctor_goes_on_after_notes_of_its_runs_that_cannot_be_read(person: Person) -> None:
    runs = person.folder / "collections-runs"
    (runs / "schedules.json").mkdir(parents=True)
    lines = _doctor(person)
    assert set(lines) >= _CHECKED
    words = f"{runs}/schedules.json is in the way and is a folder."
    assert all(lines[name] == f"BAD {name}: {words} Move it away." for name in ("runs folder", "schedules"))


@pytest.mark.parametrize(
    ("name", "check"),
    [("temp", "work folder"), ("collections", "store"), ("collections-runs", "runs folder")],
)
def test_doctor_finds_a_file_and_a_broken_link_in_the_place_of_a_folder(
    name: str, check: str, person: Person
) -> None:
    (person.folder / name).write_text("a file")
    words = f"BAD {check}: {person.folder}/{name} is in the way and is not a folder. Move it away."
    assert _doctor(person)[check] == words
    (person.folder / name).unlink()
    (person.folder / name).symlink_to("no/disk")
    lines = _doctor(person)
    assert set(lines) >= _CHECKED - {"store's clock", "schedules"}
    assert f"{name} is a symbolic link to {person.folder}/no/disk, which is not there." in lines[check]
    assert not (person.folder / "no").exists()
