"""Every command that changes something can say what it would do, and then nothing has changed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import emulator
from harvester.collection import history
from harvester.commands.person import operator
from harvester.harvest.lock import Lock
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.cli_session import Person, a_profile, at_a_terminal, until
from tests.support.stores import HandClock

# These change nothing, or run until they are ended; doctor takes away what it tries on the store.
_CHANGE_NOTHING = {
    *("collection-config changes", "collection-config check", "collection list", "collection scheduled"),
    *("harvest list", "harvest running", "harvest last", "harvest history", "harvest log", "harvest tail"),
    *(
        "collection-config rules",
        "collection cost",
        "dashboard",
        "doctor",
        "settings",
        "completion",
        "help",
        "scheduler",
        "supervise",
    ),
    # In a folder it is refused; tests/commands/test_report.py has a bucket.
    "report publish",
    # It moves its own position on, and delivers.
    *("sink run", "sink list"),
    # They write a file of their own, or send to another program.
    *("stats show", "stats export", "stats replay"),
    "graph workers status",
    # They change only a cache, and ask the network only for what they show.
    *("search find", "search index", "search status", "tables status", "tables sql"),
    *("accounts lookup", "accounts history", "accounts list", "graph status", "graph frontier"),
}


def _commands(group: click.Group, names: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*names, name))
        else:
            yield " ".join((*names, name)), command


# These write files of their own; tests/exports/ and the tests of their commands have those.
_WRITE_THEIR_OWN = ("export", "files")
_CHANGING = {
    name: command
    for name, command in _commands(operator)
    if name not in _CHANGE_NOTHING and name.split()[0] not in _WRITE_THEIR_OWN
}

# What each is given, and what it says that it would do. `accounts` was harvested once; `live` is a stream
# that runs; `locked` holds the lock of a dead harvest.
_CASES: dict[str, list[tuple[str, str]]] = {
    "edges": [("@one 12", "Would look up 2 accounts, for at most $0.02, and ask what their followers may")],
    "report write": [("accounts", "Would write "), ("accounts -o r.html", "bytes to r.html")],
    "collection-config template": [("search", "Would write a template of a search to collection.json")],
    "collection-config download": [("cats", "Would write collections/cats/collection.json of ")],
    "collection-config keys": [
        ("--profile museum", "Would set profile museum in collection.json"),
        ("--collection-config-filepath old.json --move-to mine", "Would write profile mine to "),
    ],
    "collection-config forget-keys": [("locked", "Would remove keys from 1 object of locked in ")],
    "collection-config update": [("", "users -> 13 added")],
    "collection-config screennames": [("@one @two", "Would look up 2 names, for at most $0.02, and add")],
    "collection-config screenname-files": [("names.txt", "Would look up 2 names")],
    "collection-config userids": [("12 14 14", "Would add 1 user to collection.json")],
    "collection-config userid-files": [("ids.txt", "Would add 2 users to collection.json")],
    "collection-config remove-users": [("12", "Would remove 1 user from collection.json")],
    "collection-config add-rules": [
        ("--collection-config-filepath rules.json dog cat", "Would add 1 rule to rules.json")
    ],
    "collection-config remove-rules": [
        ("--collection-config-filepath rules.json 7", "Would remove 1 rule from rules.json")
    ],
    "collection-config disable-rules": [
        ("--collection-config-filepath rules.json 7", "Would make 1 rule of rules.json inactive")
    ],
    "collection-config enable-rules": [
        ("--collection-config-filepath rules.json 7", "Would make 0 rules of rules.json active")
    ],
    "collection-config restore-users": [("--all", "Would restore 0 users to collection.json")],
    "collection-config import-rules": [
        ("--collection-config-filepath storm.json rules.csv", "Would add 2 rules to storm.json. Nothing"),
        ("--collection-config-filepath storm.json --replace rules.csv", "storm.json, and remove 1 that"),
    ],
    "collection add": [("--collection-config-filepath new.json", "Would add new to ")],
    "collection once": [("accounts", "Would harvest accounts once, on this machine"), ("cats", "Cost: ")],
    "collection schedule": [("cats rate(1\xa0day)", "Would schedule harvests of cats with rate(1 day)")],
    "collection stop": [
        ("accounts", "Would remove the schedule of accounts"),
        ("accounts --pause", "Would pause the schedule of accounts"),
    ],
    "collection filter-start": [("still", "Would start the stream of still on this machine")],
    "collection filter-stop": [("live", "Would stop the stream of live after storing what it has")],
    "collection unlock": [("locked", "Would remove the lock of a harvest that runs on ")],
    "collection delete": [("cats --yes", "Would delete 2 files (")],
    "collection copy": [
        ("cats dogs", "Would add dogs to "),
        ("accounts accounts --with-harvests --to-collections-path copy", "Would copy "),
    ],
    "collection coverage": [("still", "Would ask for 0 counts at X for $0.000")],
    "collection repair": [("still", "Would search for 0 gaps of still")],
    "collection rules": [("gone --remove --yes", "Would remove 1 rule of gone from the app")],
    "collection download": [
        ("accounts", "Would fetch "),
        ("accounts --copy-folder there --clean", "there and remove 1 file no longer in the store; "),
    ],
    "collection verify": [("accounts --rebuild-manifest --yes", "Would write 1 manifest, ")],
    "tables build": [("accounts", "Would make tables of ")],
    "sink replay": [("told --sink stdout", "Would send 0 posts of 0 harvests to stdout again")],
    "harvest stop": [("running", "Would stop the harvest of running after storing what it has")],
}
# They change AWS's parameter store (tests/monitoring/test_alerts.py), need several apps, or tables
# (tests/commands/test_tables.py) or a crawl (tests/commands/test_graph.py).
_ON_A_CLUSTER = {"collection-config honeybadger", "collection-config shards", "tables compact"}
_ON_A_CLUSTER |= {
    "graph approve",
    "graph reselect",
    "graph retry",
    "graph workers plan",
    "graph workers start",
}
_CASES["collection filter start"] = _CASES["filter start"] = _CASES["collection filter-start"]
_CASES["collection filter stop"] = _CASES["filter stop"] = _CASES["collection filter-stop"]


def test_each_command_that_changes_something_has_the_option() -> None:
    without = [
        name
        for name, command in _CHANGING.items()
        if not any("--dry-run" in option.opts for option in command.params)
    ]
    assert without == []
    assert set(_CASES) | _ON_A_CLUSTER == set(_CHANGING)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Person, emulator.Emulated]]:
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder / "home"))
        a_profile(folder / "home")
        # Nothing writes by itself while a command is looked at.
        patch.setenv("TWARC_CLOUD_CHECKPOINT_SECONDS", "3600")
        patch.setenv("TWARC_CLOUD_LOCK_SECONDS", "3600")
        with at_a_terminal(folder, patch, users=2, posts_per_user=20, apps=2) as (person, emulated):
            _furnish(person, emulated)
            yield person, emulated


def _furnish(person: Person, emulated: emulator.Emulated) -> None:
    users: dict[str, Any] = {user["id"]: {} for user in emulated.control.users()}
    _add(person, id="cats", type="search", search={"query": "cats"})
    for name, words in (("live", "flood"), ("still", "storm"), ("gone", "fire")):
        _add(person, id=name, type="filter", filter={"track": words})
    # Of an app of its own, so that it may run beside `live`.
    of_another = {"keys": {"bearer_token": "emulator-bearer-2"}}
    store = FolderStore(person.folder / "collections")
    history.edit(store, CollectionKeys("still"), lambda tree: {**tree, **of_another})
    _add(person, id="accounts", type="user_timeline", users=users)
    _add(person, id="locked", type="search", search={"query": "dogs"})
    _add(person, id="running", type="search", search={"query": "dogs"})
    _add(person, id="told", type="search", search={"query": "dogs"}, sinks=[{"type": "stdout"}])
    person.output("collection", "once", "accounts", "--wait")
    notices = person.folder / "collections/accounts/notices.json"
    notices.write_text("{}")
    person.output("collection", "download", "accounts", "--copy-folder", "there")
    notices.unlink()
    (person.folder / "there/mine.txt").write_text("of no download")
    person.output("collection", "schedule", "accounts", "rate(7 days)")
    for name in ("locked", "running"):
        Lock(store, CollectionKeys(name).lock, owner="somebody", clock=HandClock(), ttl=3600).acquire()
    of_2019 = '{"update": {"keys": {"consumer_key": "a"}}, "delete": []}'
    (store.root / "locked/changesets/change-20190309153326.json").write_text(of_2019)
    next(store.root.rglob("accounts/harvests/**/manifest-sha1.txt")).write_text("")
    person.output("collection", "filter-start", "gone")
    until(lambda: _streams(emulated))
    person.output("collection", "filter-stop", "gone")
    person.output("collection", "filter-start", "live")
    until(lambda: _streams(emulated))
    _put(person, "old.json", id="old", type="search", search={"query": "x"}, keys=_SECRETS)
    _put(person, "storm.json", id="storm", type="filter", filter={"track": "storm"})
    _put(person, "new.json", id="new", type="search", search={"query": "x"})
    rules = [{"id": "7", "value": "cat"}, {"value": "bird"}]
    _put(person, "rules.json", id="rules", type="filter", filter={"rules": rules})
    person.write({"id": "dim", "type": "user_timeline", "users": {"12": {}}})
    person.output("collection", "add")
    person.output("collection-config", "userids", "13")
    (person.folder / "names.txt").write_text("one\ntwo\n")
    (person.folder / "rules.csv").write_text("value,type\nflood,track\nhail,track\n")
    (person.folder / "ids.txt").write_text("14\n15\n")


_SECRETS = {"consumer_key": "a", "consumer_secret": "b"}


def _streams(emulated: emulator.Emulated) -> bool:
    return any(not connection["ghost"] for connection in emulated.control.connections())


def _paid(emulated: emulator.Emulated) -> tuple[int, int]:
    billed = emulated.truth()["billed"]
    return billed["posts"], billed["users"]


def _put(person: Person, name: str, **tree: object) -> None:
    person.write(tree)
    (person.folder / "collection.json").rename(person.folder / name)


def _add(person: Person, **tree: object) -> None:
    person.write(tree)
    person.output("collection", "add")


def _everything(folder: Path) -> dict[str, str]:
    """All files and folders by their names; logs and a stream's work folder grow by themselves."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
        if path.suffix != ".log" and folder / "temp" not in path.parents
    }


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [(name, *case) for name, cases in _CASES.items() for case in cases],
    ids=lambda value: str(value)[:30],
)
def test_nothing_has_changed(
    name: str, arguments: str, words: str, desk: tuple[Person, emulator.Emulated]
) -> None:
    person, emulated = desk
    before, billed = _everything(person.folder), _paid(emulated)
    typed = [part.replace("\xa0", " ") for part in arguments.split(" ") if part]
    told = person(*name.split(), *typed, "--dry-run")
    assert told.code == 0, told
    assert words in told.out
    assert "Nothing was changed." in told.out
    assert told.err == "" or "look" in told.err.lower(), told
    # Keys are printed as JSON with --list only.
    as_json = any("--json" in option.opts for option in _CHANGING[name].params)
    if as_json and name != "collection-config keys":
        assert person(*name.split(), *typed, "--dry-run", "--json").json is not None
    assert _everything(person.folder) == before
    assert _paid(emulated) == billed
    assert _streams(emulated)
    assert len(person("collection", "rules", "live", "--json").json) == 2
