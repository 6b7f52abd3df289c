"""The examples of the page for users of Twittomatic, typed before data sets of theirs, print what it says."""

import gzip
import json
import struct
from pathlib import Path

import pytest

from tests.docs.test_quickstart import steps_of
from tests.support.cli_session import Person


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """With two data sets; the older one has its ids as text."""
    monkeypatch.chdir(tmp_path)
    post = {
        "id": 1577000000000000009,
        "id_str": "1577000000000000009",
        "created_at": "Mon Oct 03 18:20:00 +0000 2022",
        "text": "The archive is open.",
        "user": {"id": 22013880, "id_str": "22013880", "screen_name": "museum"},
    }
    files = {
        "twitter-ds/22/22013880.fws.gz": struct.pack(">QQ", 12, 2244994945),
        "twitter-ds/22/22013880.twt.gz": json.dumps(post).encode() + b"\n",
        "older-ds/33/33.fws.gz": b"12\n7\n",
    }
    for name, data in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(gzip.compress(data))
    return Person(tmp_path)


def test_each_example_prints_what_stands_there(person: Person) -> None:
    told = [
        (command, person(*words[2:]), expected)
        for command, words, expected in steps_of("from-twittomatic.md")
    ]
    assert len(told) == 4
    assert [(command, one) for command, one, expected in told if one.code or one.words != expected] == []
