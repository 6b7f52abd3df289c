"""The whole command tree in a real terminal, as a new user meets it: each command well, and with a mistake.

`pytest tests/commands/test_tour.py -s` prints every line with what came of it, and counts them.
"""

import errno
import os
import pty
import re
import select
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

import emulator
from harvester.commands.person import operator
from harvester.exports.forms import FORMS
from tests.support import fork_server
from tests.support.cli_session import Person, a_profile, until

pytestmark = [pytest.mark.system, pytest.mark.slow]

_DOOR = Path(__file__).resolve().parents[2] / "twarc_cloud.py"
_WITHIN = 60.0


@dataclass(frozen=True)
class Step:
    """What is typed after the door's name, what comes of it, and what is answered to its question."""

    typed: str
    code: int
    words: str
    answer: str = ""
    # What ends one that runs until it is ended, once its words were said.
    interrupt: bool = False


_STORMS = "--collection-config-filepath storms.json"
_CROWD = "--collection-config-filepath crowd.json"
_GOOD = "collection-config template user_timeline --id museums"
# In the order of a first day. A mistake has an exit code other than 0.
_STEPS = (
    Step("", 1, "Usage: "),
    Step("--version", 0, "Version "),
    Step("--vresion", 2, "No such option"),
    Step("colection list", 2, "collection"),
    Step("help exit-codes", 0, "NO_COLLECTION"),
    Step("help exitcodes", 2, "No such command or topic: `exitcodes`"),
    Step("settings", 0, "SOURCE"),
    Step("settings --bukket x", 2, "--bucket"),
    Step("doctor", 0, "ok store: "),
    Step("doctor --jsn", 2, "--json"),
    Step("completion bash", 0, "_TWARC_CLOUD_PY_COMPLETE"),
    Step("completion tcsh", 2, "tcsh"),
    Step("collection-config template usertimeline", 2, "user_timeline"),
    Step(_GOOD, 0, "Template written to collection.json."),
    Step(_GOOD, 1, "Cancelled; nothing was changed.", answer="n"),
    Step("collection-config keys --profile museam", 4, "collection-config keys --profile NAME` selects"),
    Step("collection-config keys --profile museum", 0, "Added keys to collection.json."),
    Step("collection-config screennames NOBODY_AT_ALL_X", 3, "1 not found"),
    Step("collection-config screennames @{name}", 0, "Added screen names to collection.json."),
    Step("collection-config screennames @x --colection-config-filepath y", 2, "--collection-config-filepath"),
    Step("collection-config screenname-files names.txt", 0, "Added screen names"),
    Step("collection-config screenname-files nams.txt", 2, "nams.txt cannot be used: No such file"),
    Step("collection-config userids 12 13", 0, "Added user ids to collection.json."),
    Step("collection-config userids twelve", 1, "twelve is not a user_id."),
    Step("collection-config userid-files ids.txt", 0, "Added user ids"),
    Step("collection-config userid-files names.txt", 1, "is not a user_id."),
    Step("collection-config remove-users 12 13 14 15", 0, "Removed 4 users"),
    Step("collection-config remove-users", 2, "USERS"),
    Step("collection-config check", 0, "ok cost: "),
    Step("collection-config honeybadger", 2, "parameter_path is not set"),
    Step("collection-config check musems", 10, "There is no collection musems"),
    Step("collection-config update", 10, "add the collection first: "),
    Step("collection add", 0, "Collection added."),
    Step("collection add", 1, "Collection already exists."),
    Step("collection-config update", 1, "No changes in collection configuration."),
    Step("collection-config userids 16", 0, "`collection-config update` stores the change."),
    Step("collection-config update", 0, "Collection configuration updated."),
    Step("collection-config download museums", 0, "Downloaded to collection.json."),
    Step("collection-config download ../museums", 2, "may hold only"),
    Step("collection-config changes museums", 0, "users -> 16 added on "),
    Step("collection-config changes museums --since yesterday", 2, "'yesterday' is not a date."),
    Step("collection-config restore-users --all", 0, "Restored 0 users"),
    Step("collection-config restore-users", 2, "No users given."),
    Step("collection-config forget-keys museums", 0, "There are no keys in the history"),
    Step("collection-config forget-keys musems", 10, "There is no collection musems"),
    Step("collection list --long", 0, "museums"),
    Step("collection list museums", 2, "unexpected extra argument"),
    Step("collection once museums --dry-run", 0, "Cost: at most $"),
    Step("collection once museums --wait", 0, "Tweets: "),
    Step("collection once musems", 10, "Collection does not exist."),
    Step("harvest last museums", 0, "museums => Folder: collections."),
    Step("harvest last musems", 10, "Did you mean museums?"),
    Step("harvest history museums", 0, "complete"),
    Step("harvest history museums --limit 0", 2, "0 is not in the range"),
    Step("harvest log museums", 0, "Tweets: "),
    Step("harvest tail museums --once -n 1", 0, " @"),
    Step("harvest tail musems", 10, "There is no collection musems"),
    Step("stats show museums --by day", 0, "TWEETS"),
    Step("stats show museums --by week", 2, "--by"),
    Step("stats export museums --openmetrics figures.txt", 0, "Wrote "),
    Step("stats export museums", 2, "--openmetrics"),
    Step("stats replay museums --carbon 127.0.0.1", 2, "is not HOST:PORT"),
    Step("accounts lookup 12", 1, "Nothing of "),
    Step("search index", 0, "Indexed "),
    Step("search index --watch 60", 0, "Indexed 0 files", interrupt=True),
    Step("search index musems", 10, "There is no collection musems"),
    Step("search find lang:en --facets day", 0, " shown: "),
    Step("search lang:en", 0, " shown: "),
    Step("search find since:yesterday", 2, "since:yesterday is not a date."),
    Step("search status", 0, " posts of "),
    Step("search status museums", 2, "unexpected extra argument"),
    Step("accounts lookup @{name}", 0, " seen 20"),
    Step("accounts lookup @no_such_name", 3, "@no_such_name was not seen in what is indexed."),
    Step("accounts history 10000019", 0, "SOURCE"),
    Step("accounts history 999", 3, "999 was not seen in what is indexed."),
    Step("accounts list --state suspended", 0, "No account is suspended."),
    Step("accounts list --state gone", 2, "'gone' is not one of"),
    Step("report write museums", 0, "Written to museums.html."),
    Step("report write musems", 10, "There is no collection musems"),
    Step("report publish museums", 2, "`report publish` needs a bucket."),
    Step("dashboard --no-open", 0, "Open this link; it works once", interrupt=True),
    Step("dashboard museums", 2, "unexpected extra argument"),
    Step("harvest log storms", 10, "There is no collection storms"),
    Step("harvest running museums", 1, "Task not found. The last harvest of museums ended at "),
    Step("harvest stop museums", 1, "No harvest of museums is running."),
    Step("collection cost museums", 0, "HARVEST"),
    Step("collection cost musems", 10, "There is no collection musems"),
    Step("collection download museums", 0, "Collection downloaded to download/"),
    Step("collection download musems", 10, "There is no collection musems"),
    Step("collection verify museums", 0, "OK: 1 harvest,"),
    Step("collection verify museums --subset 8/7", 2, "8/7 is not a valid part."),
    *(Step(f"export {form.name} museums", 0, "written to museums") for form in FORMS if not form.planned),
    Step("export edges museums", 1, "collection once museums` reads them."),
    *(Step(f"export {form.name} musems", 10, "There is no collection musems") for form in FORMS),
    Step("files show museums.jsonl -e id,lang", 0, ""),
    Step("files show museum.jsonl", 1, "museum.jsonl cannot be used: No such file"),
    Step("files ids museums.jsonl --unique", 0, ""),
    Step("files ids names.txt", 1, "is neither an id nor a record"),
    Step("files merge museums.jsonl museums.sorted.jsonl.gz -o merged.jsonl", 0, "duplicates left out."),
    Step("files merge museums.jsonl", 2, "Missing option '-o'."),
    Step("files sample museums.jsonl -n 3 -o sample.jsonl", 0, "3 posts written to sample.jsonl."),
    Step("files sample museums.jsonl -n 0", 2, "0 is not in the range"),
    Step("files repair sample.jsonl -o mended.jsonl", 0, "Kept 3 lines"),
    Step("files repair sample.jsonl -o sample.jsonl --replace", 2, "is not repaired in place"),
    Step("collection schedule museums 'rate(1 days)'", 2, "rate(1 days)"),
    Step("collection schedule museums 'rate(7 days)'", 0, "Next harvests (UTC): "),
    Step("collection scheduled", 0, "museums schedule => rate(7 days)"),
    Step("collection scheduled --al", 2, "No such option"),
    Step("scheduler", 0, "museums: due at ", interrupt=True),
    Step("scheduler museums", 2, "unexpected extra argument"),
    Step("collection stop museums", 0, "Stopped"),
    Step("collection stop museums", 1, "museums has no schedule."),
    Step("collection copy museums others", 0, "Collection others added"),
    Step("collection copy museums others", 1, "already exists"),
    Step("collection unlock others", 0, "others is not locked."),
    Step("collection unlock musems", 10, "There is no collection musems"),
    Step("collection-config template filter --id storms --force", 0, "Template written"),
    Step("collection add", 1, "still holds the template's text"),
    Step("collection-config import-rules rules.csv --collection-config-filepath storms.json", 0, "2 rules, "),
    Step("collection-config import-rules rule.csv", 2, "There is no file rule.csv."),
    Step(f"collection-config add-rules --type keyword --id 7 snow {_STORMS}", 0, "Added 1 rule to"),
    Step("collection-config add-rules", 2, "VALUES"),
    Step(f"collection-config rules {_STORMS}", 0, "snow"),
    Step("collection-config rules musems", 10, "There is no collection musems"),
    Step(f"collection-config disable-rules 7 {_STORMS}", 0, "Made 1 rule of"),
    Step(f"collection-config enable-rules 7 {_STORMS}", 0, "active."),
    Step(f"collection-config enable-rules {_STORMS}", 2, "No rules given."),
    Step(f"collection-config disable-rules {_STORMS}", 2, "No rules given."),
    Step(f"collection-config remove-rules 7 {_STORMS}", 0, "Removed 1 rule from"),
    Step(f"collection-config remove-rules 7 {_STORMS}", 3, "Following rules are not in it: 7"),
    Step("collection-config shards musems", 10, "There is no collection musems"),
    Step("graph workers plan musems --profiles a,b", 10, "Collection does not exist."),
    Step("graph workers start museums", 2, "museums is not a graph collection."),
    Step("graph workers status musems", 10, "Collection does not exist."),
    Step("collection add --collection-config-filepath storms.json", 0, "Collection added."),
    Step("collection filter-start museums", 1, "Collection is not a filter."),
    Step("collection filter-start storms", 0, "Started"),
    Step("collection filter-start storms", 11, "Collection already started."),
    Step("harvest list", 0, "storms => Folder: collections. Status: "),
    Step("harvest list storms", 2, "unexpected extra argument"),
    Step("harvest running storms", 0, "storms => Folder: collections."),
    Step("collection rules storms", 0, "storms"),
    Step("collection rules museums", 1, "Collection is not a filter."),
    Step("harvest stop storms", 1, "`collection filter-stop storms` ends it."),
    Step("collection filter-stop storms", 0, "Stopped"),
    Step("collection filter-stop storms", 1, "Collection not already started."),
    Step("collection repair storms", 0, "No open gaps."),
    Step("collection repair museums", 1, "Collection is not a filter."),
    Step("collection coverage storms", 0, "SHARE", answer="y"),
    Step("collection coverage storms", 1, "Cancelled; nothing was changed.", answer="n"),
    Step("sink list storms", 0, "No sinks."),
    Step("sink list musems", 10, "There is no collection musems"),
    Step("sink run storms --to stdout --once", 0, ""),
    Step("sink run storms", 2, "Give either --sink or --to."),
    Step("sink run storms --to webhook", 2, "sink run storms --to https://HOST/PATH`."),
    Step("sink replay storms --sink stdout", 2, "The collection storms has no sink 'stdout'."),
    Step("tables status musems", 10, "There is no collection musems"),
    Step("tables sql 'select 1'", 10, "There are no tables in"),
    Step("tables build", 0, "of records made into tables"),
    Step("tables build musems", 10, "There is no collection musems"),
    Step("tables status", 0, "MISSING"),
    Step("tables status --jsn", 2, "--json"),
    Step("tables sql 'select count(*) as posts from posts_once'", 0, "POSTS"),
    Step("tables compact storms --month 2026-10", 0, "Made one set of tables for each of 0 days"),
    Step("tables compact storms --month 2026-13", 2, "'2026-13' is not a month."),
    Step("edges @{name} -e id,username", 0, "Read them for at most $", answer="y"),
    Step("edges @{name} -e id,naem", 2, "An account has no 'naem'."),
    Step(f"collection-config template graph --id crowd {_CROWD}", 0, "Template written"),
    Step(f"collection-config keys --profile museum {_CROWD}", 0, "Added keys to crowd.json."),
    Step(f"collection-config screennames @{{name}} {_CROWD}", 0, "Added screen names to crowd.json."),
    Step(f"collection add {_CROWD}", 0, "Collection added."),
    Step("graph status crowd", 2, "crowd has no crawl yet."),
    Step("collection once crowd --wait", 0, "Billed: $"),
    Step("graph status crowd", 0, "DEPTH"),
    Step("graph frontier crowd", 0, ""),
    Step("graph frontier crowd --depth 5", 2, "The crawl of crowd has no depth 5 yet."),
    Step("graph reselect crowd", 0, "its lists cost at most $"),
    Step("graph reselect museums", 2, "museums is not a graph collection."),
    Step("graph retry crowd", 0, "No list of depth 0 of crowd has failed."),
    Step("graph retry musems", 10, "Did you mean museums?"),
    Step("graph approve crowd --depth 1 --usd 5", 2, "has no depth 1 to approve"),
    Step("collection delete others", 1, "Cancelled; nothing was changed.", answer="n"),
    Step("collection delete others", 0, "Deleted 2 files", answer="y"),
    Step("collection delete others", 10, "There is no collection others"),
)
# They need a harvest that runs by itself for a while, AWS's parameter store, a sink, and a carbon;
# tests/commands/test_collection.py, tests/monitoring/test_alerts.py, tests/sinks/ and
# tests/docs/test_statistics.py have those.
# The link of a report needs a bucket (tests/commands/test_report.py), and shards and workers need several
# apps (tests/commands/test_shards.py, tests/commands/test_graph_workers.py); edges are those of a graph
# (tests/exports/edges/), whose depths wait in tests/commands/test_graph.py.
_NEVER_WELL = {
    *("harvest stop", "collection-config honeybadger", "sink replay"),
    *("stats replay", "report publish", "collection-config shards", "export edges", "graph approve"),
    *(f"graph workers {name}" for name in ("plan", "start", "status")),
}


def _commands(group: click.Group, names: tuple[str, ...] = ()) -> Iterator[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from _commands(command, (*names, name))
        else:
            yield " ".join((*names, name))


def _typed(step: Step) -> str:
    words = step.typed.split()
    return next((name for n in (3, 2, 1) if (name := " ".join(words[:n])) in _ALL), "")


_ALL = set(_commands(operator))


def test_every_command_is_typed_well_and_with_a_mistake() -> None:
    assert _ALL - {_typed(step) for step in _STEPS if step.code == 0} == _NEVER_WELL
    assert _ALL - {_typed(step) for step in _STEPS if step.code != 0} == set()


def _in_a_terminal(step: Step, folder: Path, name: str) -> tuple[int, str]:
    """The exit code, and all that stood on the screen."""
    here, there = pty.openpty()
    command = [sys.executable, str(_DOOR), *shlex.split(step.typed.format(name=name))]
    process = fork_server.start(command, cwd=folder, stdin=there, stdout=there, stderr=there)
    os.close(there)
    screen, answered, deadline = b"", False, time.monotonic() + _WITHIN
    try:
        while time.monotonic() < deadline:
            if not select.select([here], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(here, 65536)
            except OSError as error:
                # So a terminal says that nothing writes to it any more.
                assert error.errno == errno.EIO
                break
            if not piece:
                break
            screen += piece
            if step.answer and not answered and b"[y/N]" in screen:
                os.write(here, step.answer.encode() + b"\n")
                answered = True
            if step.interrupt and not answered and step.words.encode() in screen:
                process.send_signal(signal.SIGINT)
                answered = True
        return process.wait(max(0.1, deadline - time.monotonic())), screen.decode()
    finally:
        process.kill()
        process.wait()
        os.close(here)


def _furnished(folder: Path, emulated: emulator.Emulated) -> str:
    """What a person may have at hand; the name of an account of the network."""
    one, other = (user["username"] for user in emulated.control.users()[:2])
    (folder / "names.txt").write_text(f"{other}\n")
    (folder / "ids.txt").write_text("14\n15\n")
    (folder / "rules.csv").write_text("value,type\nflood,track\nhail,track\n")
    (folder / "storms.json").write_text(
        '{"id": "storms", "type": "filter", "keys": {"profile": "museum"}, "filter": {"track": "storm"}}'
    )
    return one


def test_the_whole_tree_in_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    a_profile(tmp_path / "home")
    folder = tmp_path / "desk"
    folder.mkdir()
    person = Person(folder)
    wrong: list[str] = []
    tracebacks, has_museums = 0, False
    with emulator.running(users=3, posts_per_user=20) as emulated:
        monkeypatch.setenv("X_API_URL", emulated.url)
        name = _furnished(folder, emulated)
        try:
            for step in _STEPS:
                code, screen = _in_a_terminal(step, folder, name)
                tracebacks += "Traceback" in screen
                shown = re.sub(r"\s+", " ", screen)
                sys.stdout.write(f"$ twarc_cloud.py {step.typed}\n  [{code}] {shown[-300:]}\n")
                if code != step.code or step.words not in shown:
                    wrong.append(f"{step.typed}: {code}, {shown}")
                has_museums = has_museums or (step.typed == "collection add" and code == 0)
                if has_museums and " musems" in step.typed and "Did you mean museums?" not in shown:
                    wrong.append(f"{step.typed} suggests nothing: {shown}")
                if step.typed == "collection filter-start storms" and code == 0:
                    until(emulated.control.connections)
        finally:
            person.end_all()
    mistakes = sum(step.code != 0 for step in _STEPS)
    counts = f"{len(_STEPS)} lines typed, {len(_ALL)} commands, {mistakes} mistakes, {tracebacks} tracebacks"
    sys.stdout.write(f"{counts}\n")
    assert wrong == []
    assert tracebacks == 0
