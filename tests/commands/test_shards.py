"""A stream over several apps is one collection to its user, and continues if one of the apps is refused."""

import gzip
import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.clock import moment
from harvester.collection import history
from harvester.errors import Exit
from harvester.networks.x.post_ids import created
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.cli_session import Person, at_a_terminal, until

pytestmark = pytest.mark.system

# `SHARDS=8` runs eight processes; an app has room for 91 accounts.
_SHARDS = int(os.environ.get("SHARDS", "2"))
_ACCOUNTS = 85 * _SHARDS
_PROFILES = "abcdefghi"[: _SHARDS + 1]
_TOKENS = {name: f"emulator-bearer-{number}" for number, name in enumerate(_PROFILES, 1)} | {
    "a": "emulator-bearer"
}
# Other keys of the first app.
_SAME_APP = "z"
_ON_THE_WAY = timedelta(seconds=1)
_OPTIONS: dict[str, Any] = {
    "users": 90 * _SHARDS,
    "posts_per_user": 0,
    "apps": _SHARDS + 1,
    "rule_cap": 5,
    "stream_rate": str(10 * _SHARDS),
    "limits": False,
    "keepalive": 0.5,
}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Person, emulator.Emulated]]:
    """With a collection for apps of five rules."""
    monkeypatch.setenv("HOME", str(tmp_path))
    tokens = {**_TOKENS, _SAME_APP: _TOKENS["a"]}
    profiles = "".join(f"[{name}]\nbearer_token = {token}\n" for name, token in tokens.items())
    (tmp_path / ".twarc").write_text(profiles)
    monkeypatch.setenv("CHECKPOINT_SECONDS", "1")
    # Keys that are refused are so for good.
    monkeypatch.setenv("TWARC_CLOUD_X_PATIENCE", "1")
    with at_a_terminal(tmp_path, monkeypatch, **_OPTIONS) as (person, emulated):
        monkeypatch.delenv("BEARER_TOKEN")
        follow = [user["id"] for user in emulated.control.users(count=_ACCOUNTS)]
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
    assert (len(one | two), one & two) == (_ACCOUNTS, set())
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
    same = person("collection-config", "shards", "wide", "--profiles", f"a,{_SAME_APP}", "--yes")
    assert (same.code, f"a and {_SAME_APP} have keys of the same app" in same.err) == (Exit.USAGE, True)
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
    assert "No changes" in person("collection-config", "update").err
    # One whose command died before it came to the shards is typed again.
    late = {"id": "late", "type": "keyword", "value": "storm"}
    history.edit(
        FolderStore(person.folder / "collections"),
        CollectionKeys("wide"),
        lambda now: {**now, "filter": {**now["filter"], "rules": [*now["filter"]["rules"], late]}},
    )
    person.output("collection-config", "download", "wide", "--force")
    told = person.output("collection-config", "update")
    assert "1 shard lacked the last changes: stored in wide." in told
    assert "late" in _rules(person, "wide.1") | _rules(person, "wide.2")
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
    person.output("collection-config", "shards", "wide", "--profiles", ",".join(_TOKENS), "--yes")
    shards = [f"wide.{number}" for number in range(1, _SHARDS + 1)]
    spare = _PROFILES[-1]
    alone = person.harvester("local", "harvester", "wide")
    assert (alone.code, "wide has shards" in alone.err) == (Exit.USAGE, True)
    person.output("collection", "filter-start", "wide")
    until(lambda: person("harvest", "running", "wide").out.count("wide.") >= _SHARDS, within=120)
    again = person("collection", "filter-start", "wide")
    assert (again.code, "already started" in again.err) == (Exit.LOCKED, True)
    until(lambda: min(_tweets(person, shard) for shard in shards) > 20, within=120)

    # One is killed, and one app is refused: its shard continues with the spare one.
    killed = _process(person, "wide.1")
    os.kill(killed, signal.SIGKILL)
    emulated.control.call("POST", "credentials?app=2", {"revoked": True})
    emulated.control.call("POST", "stream/disconnect?app=2", {"how": "close"})
    until(lambda: person.stored("wide.2")["keys"]["profile"] == spare, within=120)
    assert person.stored("wide")["shards"]["spares"] == []
    before = _tweets(person, "wide.2")
    until(lambda: _tweets(person, "wide.2") > before + 20)
    assert json.loads(person.output("harvest", "running", "wide.2", "--json"))["shard_moved"]["to"] == spare
    until(lambda: _process(person, "wide.1") != killed and _tweets(person, "wide.1") > 5, within=120)

    stopped = datetime.now(UTC)
    person.output("collection", "filter-stop", "wide")
    assert person.output("harvest", "list") == "No running harvests.\n"
    last = person.output("harvest", "last", "wide")
    assert all(f"{shard} =>" in last for shard in shards)
    events = [
        event
        for path in (person.folder / "collections" / "wide.2").rglob("events.jsonl")
        for event in _lines(path)
    ]
    (moved,) = [event for event in events if event["event"] == "shard moved"]
    assert (moved["from"], moved["to"], "does not accept the keys" in moved["why"]) == ("b", spare, True)
    assert [event["event"] for event in events].count("rules") == 2
    assert any(event["event"] == "gap" for event in events)

    person("collection", "verify", "wide")
    told = person("collection", "verify", "wide")
    assert told.code == 0 and told.out.count("harvest") >= _SHARDS, told
    person.output("collection", "download", "wide", "--copy-folder", str(person.folder / "copy"))
    copied = {path.name for path in (person.folder / "copy").glob("wide*")}
    assert copied == {"wide", *shards}
    for number, shard in enumerate(shards, 1):
        apps = (2, _SHARDS + 1) if number == 2 else (number,)
        _require_all(person, emulated, shard, apps=apps, stopped=stopped)
    kept = person("collection", "delete", "wide", "--yes")
    assert (kept.code, f"wide has shards: {', '.join(shards)}" in kept.err) == (Exit.USAGE, True)


def _require_all(
    person: Person, emulated: emulator.Emulated, shard: str, *, apps: tuple[int, ...], stopped: datetime
) -> None:
    """The shard has what its apps delivered, and misses nothing that they had outside a gap."""
    folder = person.folder / "collections" / shard
    stored = _ids(folder)
    gaps = [
        (moment(gap["from"]), moment(gap["to"]))
        for path in folder.rglob("harvest.json")
        for gap in json.loads(path.read_bytes())["gaps"]
    ]
    delivered: set[str] = set()
    for app in apps:
        log = emulated.control.call("GET", f"truth/stream?app={app}")
        told = list(zip(log["ids"], log["written"], strict=True))
        delivered |= {post for post, times in told if times}
        # Each app has posts of its own.
        wanted = told[log["connections"][0]["published_before"] :]
        last = max(int(post) for post, times in told if times and post in stored)
        # What it had sent when the stop came, and was not read yet, is not read any more.
        missing = [
            post
            for post, times in wanted
            if post not in stored and (int(post) < last or (times and created(post) < stopped - _ON_THE_WAY))
        ]
        assert [
            post for post in missing if not any(since <= created(post) <= until for since, until in gaps)
        ] == []
    assert stored <= delivered and len(stored) > 20


def _process(person: Person, shard: str) -> int:
    """That of its harvest; 0 while none runs."""
    try:
        lock = json.loads((person.folder / "collections" / shard / "lock.json").read_bytes())
    except FileNotFoundError:
        return 0
    return int(lock["process"])


def _tweets(person: Person, shard: str) -> int:
    told = person("harvest", "running", shard, "--json")
    return int(json.loads(told.out)["tweets"]) if told.code == 0 else 0


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def _ids(folder: Path) -> set[str]:
    return {
        json.loads(line)["data"]["id"]
        for path in folder.rglob("tweets-*.jsonl.gz")
        for line in gzip.decompress(path.read_bytes()).splitlines()
    }
