"""The frame of all commands: help, versions, other names, completion, and what is not imported."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from harvester import __version__
from harvester.commands.cli.suggestions import _ELSEWHERE
from harvester.commands.container import container
from harvester.commands.person import operator
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.support.cli_session import Person
from tests.support.scripted_x import Reply, in_turn, scripted
from tests.support.servers import Bucket

_ROOT = Path(__file__).resolve().parents[2]
_HEAVY = (
    *("boto3", "botocore", "twarc", "oauthlib", "asyncio", "tqdm", "flask", "obstore"),
    *("requests", "pandas", "isal", "msgspec"),
)


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    return Person(tmp_path)


def _commands(group: click.Group, names: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every group and command, by the words that lead to it."""
    found = [names]
    for name, command in group.commands.items():
        way = (*names, name)
        found += _commands(command, way) if isinstance(command, click.Group) else [way]
    return found


@pytest.mark.parametrize("names", _commands(operator), ids=lambda names: " ".join(names) or "twarc_cloud.py")
def test_every_command_explains_itself_on_stdout(person: Person, names: tuple[str, ...]) -> None:
    for option in ("-h", "--help"):
        told = person(*names, option)
        assert (told.code, told.err) == (0, "")
        assert told.out.startswith("Usage: ")


@pytest.mark.parametrize("names", [(), ("collection-config",), ("collection",), ("harvest",)])
def test_without_a_command_there_is_help_on_stdout_and_exit_code_1(
    person: Person, names: tuple[str, ...]
) -> None:
    told = person(*names)
    assert (told.code, told.err) == (1, "")
    assert told.out.startswith("Usage: ")


def test_the_groups_stand_in_the_order_in_which_they_are_needed(person: Person) -> None:
    text = person.output("--help").partition("Commands:")[2]
    places = [text.index(f"\n  {name} ") for name in ("collection-config", "collection", "harvest", "doctor")]
    assert places == sorted(places)
    assert "supervise" not in text


def test_the_version_needs_no_settings_and_wins_over_any_command(person: Person) -> None:
    (person.folder / "twarc_cloud.ini").write_text("no section\n")
    for arguments in (("-V",), ("--version", "collection", "list")):
        first, libraries = person.output(*arguments).splitlines()
        assert first == f"Version {__version__}"
        assert all(name in libraries for name in ("Python 3.", "twarc 2.", "boto3 ", "click ", "flask "))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("collection-config credentials", "collection-config keys"),
        ("collection-config userid-filenames", "collection-config userid-files"),
        ("collection timeline-start", "collection filter-start"),
        ("collection timeline-stop", "collection filter-stop"),
        ("filter start", "collection filter-start"),
        ("collection filter stop", "collection filter-stop"),
    ],
)
def test_the_names_of_older_documents_lead_to_the_same_command(person: Person, old: str, new: str) -> None:
    one, other = (person.output(*names.split(), "--help").partition("Options:") for names in (old, new))
    assert one[2] == other[2]
    *group, name = old.split()
    assert f"\n  {name} " not in person.output(*group, "--help") or group == ["filter"] or "filter" in group


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("collection shedule", "`collection schedule`"),
        ("collection rm museums", "`collection delete`"),
        ("collection show museums", "`collection-config download` or `harvest last`"),
        ("status", "`harvest running` or `harvest last`"),
        ("collection history museums", "`harvest history`"),
        ("once museums", "`collection once`"),
        ("screenname @moma", "`collection-config screennames`"),
    ],
)
def test_a_command_that_does_not_exist_leads_to_the_one_that_was_meant(
    person: Person, typed: str, meant: str
) -> None:
    told = person(*typed.split())
    assert told.code == 2
    assert f"Did you mean {meant}" in told.err


def test_every_command_that_is_suggested_for_the_word_of_another_tool_exists(person: Person) -> None:
    for names in _ELSEWHERE.values():
        for name in names:
            assert person(*name.split(), "--help").code == 0, name


@pytest.mark.parametrize(
    ("typed", "debug"),
    [
        ("--debug settings", True),
        ("settings --debug", True),
        ("harvest last museums --json --debug", True),
        ("harvest last -- --debug", False),
        ("settings --log-format json --debug", True),
        ("settings --log-format=json --debug", True),
        ("settings", False),
    ],
)
def test_the_options_of_the_log_may_stand_before_and_after_the_command(typed: str, debug: bool) -> None:
    for door in (operator, container):
        given = door.make_context("door", typed.split()).params
        assert given["debug"] is debug
        assert given["log_format"] == ("json" if "json" in typed and "--log-format" in typed else None)


def test_a_broken_ini_is_told_in_words(person: Person) -> None:
    (person.folder / "twarc_cloud.ini").write_text("no section\n")
    told = person("collection", "list")
    assert (told.code, "twarc_cloud.ini" in told.err) == (2, True)


def test_a_format_of_the_log_that_does_not_exist_is_told_in_words(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWARC_CLOUD_LOG_FORMAT", "jsn")
    told = person("collection", "list")
    assert (told.code, "log_format is 'jsn'; it must be text or json." in told.err) == (2, True)


def test_a_flag_goes_before_the_environment_and_that_before_the_ini(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    (person.folder / "twarc_cloud.ini").write_text("[DEFAULT]\ncollections_path = of-ini\n")
    for folder in ("of-ini", "of-environment", "of-flag"):
        path = person.folder / folder / folder
        path.mkdir(parents=True)
        (path / "collection.json").write_text("{}")
    assert person.output("collection", "list") == "Collections:\nof-ini\n"
    monkeypatch.setenv("TWARC_CLOUD_COLLECTIONS_PATH", "of-environment")
    assert person.output("collection", "list") == "Collections:\nof-environment\n"
    monkeypatch.setenv("TWARC_CLOUD_BUCKET", "nowhere")
    found = person.output("collection", "list", "--collections-path", "of-flag")
    assert found == "Collections:\nof-flag\n"


def test_a_cluster_needs_a_bucket_and_a_folder_that_is_named_needs_no_cluster(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWARC_CLOUD_CLUSTER", "museum")
    told = person("harvest", "list")
    assert (told.code, "`cluster` is set (museum) but `bucket` is not" in told.err) == (2, True)
    person.output("collection", "list")
    person.output("harvest", "list", "--collections-path", "collections")


def test_the_scheduler_of_a_machine_is_not_for_a_cluster(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWARC_CLOUD_CLUSTER", "museum")
    told = person("scheduler")
    assert (told.code, "On a cluster AWS starts scheduled harvests" in told.err) == (2, True)


def test_a_bucket_that_is_not_there_is_told_in_words(
    person: Person, s3_environment: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = person("collection", "list", "--bucket", "no-such-bucket")
    assert (told.code, told.err.startswith("The bucket no-such-bucket does not exist.")) == (1, True)


def test_a_shell_completes_commands_and_ids(person: Person) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_TWARC_CLOUD_PY_COMPLETE" in person.output("completion", shell)
    assert person("completion", "tcsh").code == 2
    for name in ("museums", "mueller", "candidates"):
        path = person.folder / "collections" / name
        path.mkdir(parents=True)
        (path / "collection.json").write_text("{}")
    words = "twarc_cloud.py collection once mu"
    asked = {"_TWARC_CLOUD_PY_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "3"}
    door = [sys.executable, str(_ROOT / "twarc_cloud.py")]
    answer = subprocess.run(
        door, cwd=person.folder, env={**os.environ, **asked}, capture_output=True, text=True, timeout=60
    )
    assert answer.stdout.split() == ["plain,mueller", "plain,museums"]


def _imported(
    *arguments: str,
    cwd: Path,
    door: str = "person import operator",
    environment: Mapping[str, str] | None = None,
) -> set[str]:
    """The packages that a door imports for a command."""
    code = (
        "import sys, json, io, contextlib\n"
        "from harvester.commands import run\n"
        f"from harvester.commands.{door} as command\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    run(command, {list(arguments)!r})\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(_ROOT), **(environment or {})},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(found.stdout))


@pytest.mark.parametrize(
    "arguments", [("--help",), ("collection", "--help"), ("-V",), ("collection", "list")]
)
def test_what_needs_neither_aws_nor_the_network_imports_neither(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    # The versions of packages are read from files in the format of mails.
    more = set() if arguments == ("-V",) else {"http", "email", "difflib"}
    assert _imported(*arguments, cwd=tmp_path) & {*_HEAVY, *more, "ssl"} == set()


def test_a_bucket_is_listed_without_boto3(s3_environment: Bucket, tmp_path: Path) -> None:
    """It takes three times as long to import as everything else."""
    used = _imported("collection", "list", "--bucket", s3_environment.name, cwd=tmp_path)
    assert "harvester" in used
    assert used & {*_HEAVY, "urllib3"} == set()


@pytest.mark.parametrize("on", ["folder", "s3"])
def test_a_harvest_imports_what_it_uses(on: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    described = {"id": "one", "type": "search", "search": {"query": "cats"}}
    environment = {"BEARER_TOKEN": "b", "TWARC_CLOUD_X_PATIENCE": "1"}
    arguments = ["local", "harvester", "one", "--collections-path", str(tmp_path / "collections")]
    store: Store = FolderStore(tmp_path / "collections")
    if on == "s3":
        bucket = request.getfixturevalue("s3_environment")
        arguments, store = ["aws", "harvester", bucket.name, "one"], S3Store(bucket.name)
    store.create(CollectionKeys("one").collection, json.dumps(described).encode())
    with scripted(in_turn(Reply(401))) as x:
        environment["X_API_URL"] = x.url
        door = "container import container"
        used = _imported(*arguments, cwd=tmp_path, door=door, environment=environment)
        assert x.requests
    assert "msgspec" in used
    assert used & {*_HEAVY[:8], "honeybadger", "requests_oauthlib"} == set()


def test_doctor_looks_at_everything_and_says_what_to_do(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X_API_URL", "http://127.0.0.1:9")
    (person.folder / "twarc_cloud.ini").write_text("[DEFAULT]\nbukket = museum\n")
    told = person("doctor")
    assert told.code == 1
    lines = {line[4:].partition(":")[0]: line for line in told.out.splitlines()}
    assert {name for name, line in lines.items() if line.startswith("BAD")} == {"settings", "keys", "X API"}
    assert "bukket" in lines["settings"]
    assert "collection-config keys" in lines["keys"]
    assert "rejects the second of two writers" in lines["store"]
    assert list((person.folder / "collections").glob("probe-*")) == []
    found = json.loads(person("doctor", "--json").out)
    assert {"check", "ok", "detail", "hint"} == set(found[0])


def test_doctor_finds_the_secrets_in_an_ini_of_2019(person: Person) -> None:
    ini = "[DEFAULT]\nsubnet = subnet-1\nevent_role_arn = arn:role\naccess_key = AKIA\nsecret_key = hidden\n"
    (person.folder / "twarc_cloud.ini").write_text(ini)
    told = person("doctor")
    assert "contains secrets: access_key, secret_key." in told.out
    assert "AKIA" not in told.words and "hidden" not in told.words


def test_doctor_finds_a_store_that_lets_two_writers_win(tmp_path: Path) -> None:
    from harvester.checks.machine import examine
    from harvester.settings import Settings
    from harvester.store.folder import FolderStore

    class Careless(FolderStore):
        def create(self, key: str, data: bytes) -> str:
            self.remove(key)
            return super().create(key, data)

    settings = Settings(x_api_url="http://127.0.0.1:9", temp=str(tmp_path))
    last = list(examine(settings, lambda: Careless(tmp_path / "collections")))[-1]
    assert (last.check, last.ok) == ("store", False)
    assert "does not support conditional writes" in last.detail


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "no schedules."), (1, "1 schedule, not missed."), (2, "2 schedules, none missed.")],
)
def test_doctor_counts_the_schedules_that_it_looked_at(tmp_path: Path, number: int, told: str) -> None:
    from harvester.checks.machine import examine
    from harvester.compute import Scheduled
    from harvester.compute.schedules.expression import parsed
    from harvester.settings import Settings
    from harvester.store.folder import FolderStore

    found = [Scheduled(f"c{n}", parsed("rate(1 day)"), datetime.now(UTC)) for n in range(number)]
    settings = Settings(x_api_url="http://127.0.0.1:9", temp=str(tmp_path))
    last = list(examine(settings, lambda: FolderStore(tmp_path), schedules=lambda: found))[-1]
    assert (last.check, last.ok, last.detail) == ("schedules", True, told)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_cannot_be_written_is_told_in_words(tmp_path: Path, unbuffered: str) -> None:
    door = [sys.executable, str(_ROOT / "twarc_cloud.py"), "collection", "list"]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(
            door,
            cwd=tmp_path,
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert told.returncode == 1
    assert told.stderr == (
        "The output cannot be used: No space left on device. "
        "The disk is full: free some space, then start again.\n"
    )


def test_what_a_command_makes_is_its_owners_alone(person: Person) -> None:
    before = os.umask(0o022)
    try:
        person.output("collection-config", "template", "search", "--id", "one")
        person.write({**person.file, "search": {"query": "cats"}})
        person.output("collection", "add")
    finally:
        os.umask(before)
    made = [*person.folder.rglob("*")]
    assert {path.name for path in made} >= {"collections", "collection.json", "changesets"}
    assert [path for path in made if path.stat().st_mode & 0o077] == []
