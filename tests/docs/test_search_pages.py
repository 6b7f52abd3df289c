"""The examples of docs/search.md and docs/accounts.md, typed on the stores that they tell of."""

import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from tests.support.cli_session import Person
from tests.support.searched_store import BEGAN, page, post, post_id, write_collection, write_harvest

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_DAY = timedelta(days=1)


def _examples(name: str) -> list[tuple[str, list[str]]]:
    """What is typed, and the lines that come of it."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```\n(\$ .*?)^```$", (_DOCS / name).read_text(), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ python twarc_cloud.py "), []))
            else:
                found[-1][1].append(line)
    return found


def _at(day: int, hour: int, minute: int = 0) -> int:
    return post_id(datetime(2026, 11, day, hour, minute, tzinfo=UTC), 1)


def _storms(folder: Path) -> None:
    def tags(*names: str) -> dict[str, object]:
        return {"entities": {"hashtags": [{"tag": name} for name in names]}, "lang": "en"}

    quote = {
        "author_id": "13",
        "referenced_tweets": [{"type": "quoted", "id": "1"}],
        "public_metrics": {"like_count": 4},
        "geo": {"place_id": "p"},
    }
    posts = [
        post(_at(2, 9), "Is this a flood? #flood", **tags("flood")),
        post(
            _at(2, 9, 30),
            "Flood warning for the valley #Flood #Vorarlberg",
            **tags("Flood", "Vorarlberg"),
            public_metrics={"like_count": 2},
        ),
        post(_at(2, 10), "Another sandbag against the flood"),
        post(_at(3, 8), "The flood is over, says @jack https://example.org/a", **quote),
    ]
    users = [{"id": "12", "username": "jack"}, {"id": "13", "username": "biz"}]
    line = orjson.loads(page(posts, BEGAN + 2 * _DAY, users=users))
    line["includes"]["places"] = [{"id": "p", "full_name": "Dornbirn"}]
    write_harvest(folder, "storms", BEGAN + 2 * _DAY, [[orjson.dumps(line)]])


def _museums(folder: Path) -> None:
    write_collection(folder, "museums", {"type": "user_timeline", "users": {"12": {}, "14": {}}})
    for number, users in enumerate(([("12", "jack")], [("12", "jacky")], [("13", "jack"), ("12", "jacky")])):
        moment = BEGAN + number * _DAY
        accounts = [{"id": id, "username": name, "name": name.title()} for id, name in users]
        changes = orjson.dumps([{"user_id": "14", "change": "suspended", "sightings": 1}])
        write_harvest(
            folder,
            "museums",
            moment,
            [[page([post(post_id(moment), "x")], moment, users=accounts)]],
            sides={"user_changes.json": changes} if number == 1 else {},
        )


def _is_as_told(said: str, told: str) -> bool:
    return re.fullmatch(re.escape(told).replace(re.escape("..."), ".+"), said) is not None


@pytest.mark.parametrize("name", ["search.md", "accounts.md"])
def test_the_examples_of_a_page_print_what_it_shows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWARC_CLOUD_CACHE", str(tmp_path / "cache"))
    person = Person(tmp_path)
    if name == "search.md":
        _storms(tmp_path / "collections")
        person.output("search", "index")
    else:
        _museums(tmp_path / "collections")
    examples = _examples(name)
    assert len(examples) > 4
    for typed, lines in examples:
        told = person(*shlex.split(typed))
        said = told.words.splitlines() if told.out.startswith("{") else (told.err + told.out).splitlines()
        different = [(a, b) for a, b in zip(said, lines, strict=False) if not _is_as_told(a, b)]
        assert (len(said), different) == (len(lines), []), (typed, said)
