"""The quick start, typed from top to bottom: this project's page; the words of 2019 on a folder and on S3."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harvester.errors import Exit
from tests.support import fork_server
from tests.support.cli_session import Person, Result, a_profile, at_a_terminal, until
from tests.support.servers import Bucket

pytestmark = pytest.mark.system

_ROOT = Path(__file__).resolve().parents[2]

PAGE: dict[str, Any] = {
    "data": [
        {
            "id": str(1990000000000000000 + number),
            "author_id": "481186914",
            "text": f"archives and libraries, {number}",
            "created_at": "2026-11-20T10:00:00.000Z",
            "edit_history_tweet_ids": [str(1990000000000000000 + number)],
        }
        for number in range(1, 41)
    ],
    "includes": {
        "users": [
            {
                "id": "481186914",
                "name": "Justin",
                "username": "justin_littman",
                "created_at": "2012-01-01T00:00:00.000Z",
            }
        ]
    },
    "meta": {"result_count": 40},
}

# What the documents of 2019 tell people to type, in their order, and what they say comes of it.
OF_2019 = """
twarc_cloud.py => Usage: .*collection-config.*collection.*harvest.*
harvest list => No running harvests\\.
collection-config template user_timeline --id=test_collection => Template written .*Add the collection .*
collection-config credentials => .*Added keys to collection\\.json\\.
collection add => Collection added\\..Don't forget to start or schedule the collection\\.
collection-config screennames @justin_littman @not_justin_littman => .*not found:.not_justin_littman
collection-config update => Collection configuration updated\\.
collection schedule test_collection "rate(7 days)" => Scheduled
SCHEDULER
collection-config download test_collection => Downloaded to collection\\.json\\.
collection-config keys --profile museum => .*Added keys to collection\\.json\\.
collection-config userids 481186914 => Added user ids to collection\\.json\\.
collection-config userid-filenames userids.txt => Added user ids to collection\\.json\\.
collection-config screenname-files screennames.txt => Getting users ids .*Added screen names to .*
collection-config changes test_collection => .*users -> 481186914 \\(justin_littman\\) added on .*
collection list => Collections:.test_collection
collection scheduled => \\S+ test_collection schedule => rate\\(7 days\\)
collection once test_collection => Started
HARVESTED
harvest last test_collection => test_collection => \\S+: \\S+\\. Harvest timestamp: \\S+ Tweets: 0\\. .*
collection stop test_collection => Stopped
collection-config template filter --id=test_filter --force => Template written to collection\\.json\\.
FILTER
collection add => Collection added\\..*
collection timeline-start test_filter => Started
RUNNING
harvest list => test_filter => \\S+: \\S+\\. Status: RUNNING
harvest running test_filter => test_filter => .* Tweets: [\\d,]+\\. Files: \\d+ \\(\\d+[BKM]\\).*
collection timeline-stop test_filter => Stopping \\.\\.\\..Stopped
harvest list => No running harvests\\.
"""


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    archive = tmp_path / "archive.jsonl"
    archive.write_text(json.dumps(PAGE) + "\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    a_profile(tmp_path / "home")
    options = {"load": (str(archive),), "users": 2, "posts_per_user": 5, "stream_rate": "50"}
    desk = tmp_path / "desk"
    desk.mkdir()
    with at_a_terminal(desk, monkeypatch, **options) as (person, _):
        monkeypatch.delenv("BEARER_TOKEN")
        (desk / "userids.txt").write_text("12\n")
        (desk / "screennames.txt").write_text("@justin_littman\n")
        yield person


@pytest.mark.parametrize("where", ["folder", "s3"])
def test_what_the_documents_of_2019_tell_people_to_type_works(
    where: str, person: Person, request: pytest.FixtureRequest
) -> None:
    if where == "s3":
        bucket: Bucket = request.getfixturevalue("s3_environment")
        (person.folder / "twarc_cloud.ini").write_text(f"[DEFAULT]\nbucket = {bucket.name}\n")
    type_all_of_2019(person, _BETWEEN)


def type_all_of_2019(person: Person, between: Mapping[str, Callable[[Person], None]]) -> None:
    """Type each line and hear what is expected; what is in capitals is done by the caller."""
    for line in OF_2019.strip().splitlines():
        command, _, expected = line.partition(" => ")
        if command in between:
            between[command](person)
            continue
        told = person(*([] if command == "twarc_cloud.py" else shlex.split(command)))
        # Without a command there is help, and a name that is not found is told by the exit code, too.
        code = 1 if command == "twarc_cloud.py" else 3 if "not_justin" in command else 0
        assert told.code == code, (command, told)
        assert re.fullmatch(expected, told.out.strip(), re.DOTALL), (command, told)


def _schedule_is_carried_out(person: Person) -> None:
    with _scheduler(person):
        until(lambda: "Tweets: 40." in person("harvest", "last", "test_collection").out)
        _harvested(person)


@contextmanager
def _scheduler(person: Person) -> Iterator[None]:
    door = [sys.executable, str(_ROOT / "twarc_cloud.py"), "scheduler"]
    process = fork_server.start(door, cwd=person.folder, stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        yield
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == int(Exit.OK)
        assert "test_collection: due at" in out
    finally:
        process.kill()
        process.wait()


def _harvested(person: Person) -> None:
    until(lambda: person("harvest", "list").out == "No running harvests.\n")


def _filter(person: Person) -> None:
    person.write({**person.file, "filter": {"track": "library,archives"}})


def _running(person: Person) -> None:
    until(lambda: "RUNNING" in person("harvest", "list").out)


_BETWEEN = {
    "SCHEDULER": _schedule_is_carried_out,
    "HARVESTED": _harvested,
    "FILTER": _filter,
    "RUNNING": _running,
}


def test_every_command_of_the_quick_start_answers_as_it_says(person: Person) -> None:
    typed = 0
    for command, words, expected in steps_of("quickstart.md"):
        if words[2:4] == ["collection", "add"] and typed > 10:
            _filter(person)
        _require(command, expected, person(*words[2:]))
        typed += 1
        if "filter-start" in words:
            _running(person)
    assert typed >= 18
    # `help files` says that nothing else is written; the two lists of accounts are the test's.
    told = {
        line.split()[0].rstrip("/")
        for line in person.output("help", "files").splitlines()
        if line[:1].strip()
    }
    written = {path.name for path in person.folder.iterdir()} - {"userids.txt", "screennames.txt"}
    assert written - told == set()
    _require_verifying(person)


def _require_verifying(person: Person) -> None:
    """What docs/verifying.md shows of a copy and its verification, with the numbers and names of this one."""
    page = (_ROOT / "docs/verifying.md").read_text(encoding="utf-8")
    shown = page.partition("```\n$ twarc_cloud.py ")[2].partition("```")[0]
    for step in shown.split("$ twarc_cloud.py "):
        command, _, expected = step.partition("\n")
        words = command.replace("museums --bucket my-bucket", "test_collection").split()
        assert _without_figures(person.output(*words)) == _without_figures(expected), command
    example = json.loads(page.partition("```json")[2].partition("```")[0])
    printed = person("collection", "verify", "test_collection", "--json").json
    assert printed.keys() == example.keys()
    assert printed["folders"][0].keys() == example["folders"][0].keys()
    assert printed["folders"][0]["files"][0].keys() == example["folders"][0]["files"][0].keys()


def _without_figures(text: str) -> str:
    text = re.sub(r"download/\S+/", "FOLDER/", re.sub(r"\b(museums|test_collection)\b", "ID", text))
    return re.sub(r"\d[\d,]*[BKMG]?", "N", re.sub(r"(\d (?:harvest|post|gap|file))s?\b", r"\1", text)).strip()


def _require(command: str, expected: str, told: Result) -> None:
    """What stands on the page is what is printed: `...` for anything within a line, or for lines."""
    assert told.code == (3 if "not_justin" in command else 0), (command, told)
    assert re.fullmatch(as_pattern(expected), told.out.strip()), (command, told.out)


def steps_of(page: str, *others: str) -> Iterator[tuple[str, list[str], str]]:
    """Each command of a page as typed, its words, and the part of the answer that the page shows.

    It is one of this project, or of the `others` that are named.
    """
    text = (_ROOT / "docs" / page).read_text(encoding="utf-8")
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = step.partition("\n")
            words = shlex.split(command)
            assert words[:2] == ["python", "twarc_cloud.py"] or words[0] in others
            yield command, words, expected


def as_pattern(expected: str) -> str:
    lines = [
        r"[^\n]*(?:\n[^\n]*)*" if line == "..." else re.escape(line).replace(re.escape("..."), r"[^\n]*")
        for line in expected.strip().splitlines()
    ]
    return r"\n".join(lines)


_REAL = _ROOT.parent / "shared/data/real-v2"
# What differs between runs: the time, also in names; sizes; how much a stream is sent at its end.
_VARIES = (
    (r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00|20\d\d(/\d\d){5}|20\d{12}", "TIME"),
    (r"\(\d+[BKM]\)", "SIZE"),
    (r"(live => .* Billed: \$2\.)\d\d", r"\1"),
    (r"Done in \d+ s", "Done in a few s"),
    (r"\.venv/bin/python", "python"),
)


def _alike(text: str) -> list[str]:
    for pattern, told in _VARIES:
        text = re.sub(pattern, told, text)
    if not _REAL.exists():
        # Without the real payloads there are fewer posts.
        text = re.sub(r" \([\d,]+ of them real\)|, and (\d+ files of|no) real payloads.*", "", text)
        text = re.sub(r"\d[\d,.]*", "N", text)
    return text.splitlines()


def test_the_demo_prints_what_the_readme_shows(tmp_path: Path) -> None:
    here = tmp_path / "checkout"
    for name in ("harvester", "emulator", "docs"):
        shutil.copytree(_ROOT / name, here / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("twarc_cloud.py", "tweet_harvester.py"):
        shutil.copy(_ROOT / name, here)
    if _REAL.exists():
        (tmp_path / "shared").symlink_to(_REAL.parents[1])
    done = subprocess.run(
        [sys.executable, "docs/demo.py"], cwd=here, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (here / "demo/collections/mine").mkdir()
    again = subprocess.run(
        [sys.executable, "docs/demo.py"], cwd=here, capture_output=True, text=True, timeout=60
    )
    assert again.returncode == 1 and "demo/ holds collections/mine, not made by `make demo`" in again.stderr
    assert (here / "demo/collections/accounts").is_dir()
    printed = iter(_alike(done.stdout))
    transcript = (_ROOT / "README.md").read_text().partition("$ make demo\n")[2].partition("```")[0]
    shown = [line for line in _alike(transcript) if line not in ("", "...")]
    assert len(shown) > 15
    # In its order; what lies between is left out there.
    assert [line for line in shown if line not in printed] == []
