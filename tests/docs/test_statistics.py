"""The page about statistics, typed from top to bottom, with a real carbon."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harvester.store.folder import FolderStore
from tests.docs.test_quickstart import as_pattern, steps_of
from tests.statistics.carbon import carbon
from tests.statistics.histories import storms
from tests.support.cli_session import Person, until

pytestmark = pytest.mark.system


def test_every_command_of_the_page_about_statistics_answers_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    storms(FolderStore(tmp_path / "collections"))
    old = "".join(f"stats.fetched {n} {1546300800 + n}\n" for n in range(30))
    (tmp_path / "stats.gz").write_bytes(gzip.compress(old.encode()))
    person, typed = Person(tmp_path), 0
    with carbon(tmp_path / "carbon") as real:
        for command, words, expected in steps_of("statistics.md", "whisper-fetch.py"):
            if words[0].startswith("whisper"):
                script = str(Path(sys.executable).with_name(words[0]))
                file = tmp_path / "carbon" / words[-1]
                until(file.exists)
                fetch = [sys.executable, "-W", "ignore", script, *words[1:-1], str(file)]
                until(lambda fetch=fetch: "None" not in _out(fetch))  # type: ignore[misc]
                answer = _out(fetch)
            else:
                told = person(*(real.address if word == "127.0.0.1:2003" else word for word in words[2:]))
                assert told.code == 0, told
                answer = told.words.replace(real.address, "127.0.0.1:2003")
            assert re.fullmatch(as_pattern(expected), answer.strip()), (command, answer)
            typed += 1
        until(lambda: real.values("twittomatic.stats.fetched", since=1546300740, upto=1546300860) == [29.0])
    assert typed == 6


def _out(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
