"""A stream over several apps is one collection to its user, and continues if one of the apps is refused."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.errors import Exit
from tests.support.cli_session import Person, at_a_terminal, until

pytestmark = pytest.mark.system

_TOKENS = {
    "a": "emulator-bearer",
    "b": "emulator-bearer-2",
    "c": "emulator-bearer-3",
    "d": "emulator%2Dbearer",
}
_OPTIONS: dict[str, Any] = {
    "users": 120,
    "posts_per_user": 0,
    "apps": 3,
    "rule_cap": 5,
    "stream_rate": "20",
    "limits": False,
    "keepalive": 0.5,
}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Person, emulator.Emulated]]:
    """With a collection of 100 accounts, for apps of five rules."""
    monkeypatch.setenv("HOME", str(tmp_path))
    profiles = "".join(f"[{name}]\nbearer_token = {token}\n" for name, token in _TOKENS.items())
    (tmp_path / ".twarc").write_text(profiles)
    monkeypatch.setenv("CHECKPOINT_SECONDS", "1")
    with at_a_terminal(tmp_path, monkeypatch, **_OPTIONS) as (person, emulated):
        monkeypatch.delenv("BEARER_TOKEN")
        follow = [user["id"] for user in emulated.control.users()[:100]]
        person.write({"id": "wide", "type": "filter", "filter": {"follow": follow}, "keys": {"profile": "a"}})
        person.output("collection", "add")
        yield person, emulated


def _rules(person: Person, shard: str) -> set[str]:
    return {rule["id"] for rule in person.stored(shard)["filter"]["rules"]}


def test_the_rules_are_divided_after_a_plan_and_its_terms_were_shown(
    desk: tuple[Person, emulator.Emulated],
) -> None:
    person, _ = desk
    asked = ("collection-config", "shards", "wide", "--profiles", "a,b,c")
    told = person(*asked, answer="n\n")
    assert "X counts limits by app, and its terms allow several apps" in told.err
    assert "wide.2  b" in told.out and "Spare profiles: c." in told.out
    assert told.code == Exit.ERROR and "shards" not in person.stored("wide")
    person.output(*asked, "--yes")
    one, two = _rules(person, "wide.1"), _rules(person, "wide.2")
    assert (len(one | two), one & two) == (100, set())
    shown = json.loads(person.output("collection-config", "shards", "wide", "--json"))
    assert [(row["profile"], row["moved_in"]) for row in shown["shards"]] == [("a", 0), ("b", 0)]
    # One app has no room for all of them; each shard is checked with its part and its keys.
    checked = person("collection-config", "check", "wide", "--live", "--json")
    found = {each["check"]: each for each in json.loads(checked.out)}
    assert (checked.code, [name for name, each in found.items() if not each["ok"]]) == (0, [])
    for shard, profile in (("wide.1", "a"), ("wide.2", "b")):
        assert found[f"{shard} app"]["detail"].endswith(
            f"of 5 live rules, with the keys of profile {profile}."
        )
        assert found[f"{shard} rules at X"]["detail"].startswith(
            f"accepted: {len(_rules(person, shard))} rules"
        )
    same = person("collection-config", "shards", "wide", "--profiles", "a,d", "--yes")
    assert (same.code, "a and d have keys of the same app" in same.err) == (
        Exit.USAGE,
        True,
    ) or "d" in same.out
    too_few = person("collection-config", "shards", "wide", "--profiles", "a", "--yes")
    assert (too_few.code, "has 2 shards, and 1 profiles" in too_few.err) == (Exit.USAGE, True)


def test_an_edit_of_the_collection_reaches_its_shards_and_moves_no_rule(
    desk: tuple[Person, emulator.Emulated],
) -> None:
    person, _ = desk
    person.output("collection-config", "shards", "wide", "--profiles", "a,b,c", "--yes")
    one, two = _rules(person, "wide.1"), _rules(person, "wide.2")
    person.output("collection-config", "download", "wide", "--force")
    tree = person.file
    tree["filter"]["follow"] = tree["filter"]["follow"][1:]
    tree["filter"]["rules"] = [{"id": "new", "type": "keyword", "value": "flood"}]
    person.write(tree)
    person.output("collection-config", "update")
    after = _rules(person, "wide.1"), _rules(person, "wide.2")
    assert after[0] - one | after[1] - two == {"new"}
    assert len(one | two) - len((after[0] | after[1]) - {"new"}) == 1
    person.output("collection-config", "download", "wide.1", "--force")
    refused = person("collection-config", "update")
    assert (refused.code, "wide.1 is a shard of wide" in refused.err) == (Exit.USAGE, True)
    tree["filter"]["follow"] = [str(10**18 + n) for n in range(200)]
    person.output("collection-config", "download", "wide", "--force")
    person.write({**person.file, "filter": tree["filter"]})
    checked = person("collection-config", "check")
    assert (checked.code, "BAD shards: The rules do not fit" in checked.out) == (Exit.ERROR, True), checked
    full = person("collection-config", "update")
    assert (full.code, "The rules do not fit into 2 apps" in full.err) == (Exit.USAGE, True)
    assert "`twarc_cloud.py collection-config shards wide" in full.err or "shards wide" in full.err


def test_a_collection_with_shards_is_started_shown_verified_and_stopped_as_one(
    desk: tuple[Person, emulator.Emulated],
) -> None:
    person, emulated = desk
    person.output("collection-config", "shards", "wide", "--profiles", "a,b,c", "--yes")
    alone = person.harvester("local", "harvester", "wide")
    assert (alone.code, "wide has shards" in alone.err) == (Exit.USAGE, True)
    person.output("collection", "filter-start", "wide")
    until(lambda: person("harvest", "running", "wide").out.count("wide.") >= 2)
    again = person("collection", "filter-start", "wide")
    assert (again.code, "already started" in again.err) == (Exit.LOCKED, True)
    until(lambda: min(_tweets(person, "wide.1"), _tweets(person, "wide.2")) > 20)

    # One app is refused: its shard continues with the spare one.
    emulated.control.call("POST", "credentials?app=2", {"revoked": True})
    emulated.control.call("POST", "stream/disconnect?app=2", {"how": "close"})
    until(lambda: person.stored("wide.2")["keys"]["profile"] == "c")
    assert person.stored("wide")["shards"]["spares"] == []
    before = _tweets(person, "wide.2")
    until(lambda: _tweets(person, "wide.2") > before + 20)
    assert json.loads(person.output("harvest", "running", "wide.2", "--json"))["shard_moved"]["to"] == "c"

    person.output("collection", "filter-stop", "wide")
    assert person.output("harvest", "list") == "No running harvests.\n"
    last = person.output("harvest", "last", "wide")
    assert "wide.1 =>" in last and "wide.2 =>" in last
    events = [
        event
        for path in (person.folder / "collections" / "wide.2").rglob("events.jsonl")
        for event in _lines(path)
    ]
    (moved,) = [event for event in events if event["event"] == "shard moved"]
    assert (moved["from"], moved["to"], "does not accept the keys" in moved["why"]) == ("b", "c", True)
    assert [event["event"] for event in events].count("rules") == 2
    assert any(event["event"] == "gap" for event in events)

    person("collection", "verify", "wide")
    told = person("collection", "verify", "wide")
    assert told.code == 0 and told.out.count("harvest") >= 2, told
    person.output("collection", "download", "wide", "--copy-folder", str(person.folder / "copy"))
    copied = {path.name for path in (person.folder / "copy").glob("wide*")}
    assert copied == {"wide", "wide.1", "wide.2"}
    # Each app's truth is in its own shard, and together they are all there was.
    for number, apps in (("1", (1,)), ("2", (2, 3))):
        stored = _ids(person.folder / "collections" / f"wide.{number}")
        delivered = {post for app in apps for post, times in _delivered(emulated, app) if times}
        assert stored <= delivered and len(stored) > 20
    kept = person("collection", "delete", "wide", "--yes")
    assert (kept.code, "wide has shards: wide.1, wide.2" in kept.err) == (Exit.USAGE, True)


def _tweets(person: Person, shard: str) -> int:
    told = person("harvest", "running", shard, "--json")
    return int(json.loads(told.out)["tweets"]) if told.code == 0 else 0


def _delivered(emulated: emulator.Emulated, app: int) -> list[tuple[str, int]]:
    log = emulated.control.call("GET", f"truth/stream?app={app}")
    return list(zip(log["ids"], log["written"], strict=True))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def _ids(folder: Path) -> set[str]:
    return {
        json.loads(line)["data"]["id"]
        for path in folder.rglob("tweets-*.jsonl.gz")
        for line in gzip.decompress(path.read_bytes()).splitlines()
    }
