"""Honeybadger hears of each failure once, with what a person needs and no secret, and of each success."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import emulator
from harvester import __version__
from harvester.aws.parameters import Parameters
from harvester.commands.cli.workspace import chosen
from harvester.compute.local.schedule_file import ScheduleFile
from harvester.documents import HarvestSummary
from harvester.errors import Exit, HarvesterError
from harvester.monitoring.alerts import Alerts
from harvester.monitoring.scrubber import Scrubber
from harvester.monitoring.sent_notices import gist
from harvester.networks.validation import as_valid
from harvester.networks.x import Keys
from harvester.store.folder import FolderStore
from tests.support.cli_session import Person, at_a_terminal
from tests.support.cli_session import until as there
from tests.support.container_process import Desk
from tests.support.harvest_stage import until
from tests.support.honeybadger_server import Heard, listening
from tests.support.s3_gate import gate
from tests.support.servers import Bucket, S3Server

pytestmark = pytest.mark.system

_SEARCH: dict[str, Any] = {"id": "it", "type": "search", "search": {"query": "flood"}}
_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def heard() -> Iterator[Heard]:
    with listening() as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path, heard: Heard) -> Iterator[Desk]:
    with emulator.running(search_posts=20) as emulated:
        made = Desk(tmp_path, emulated.url, dict(heard.environment))
        made.put("it", _SEARCH)
        yield made


def test_a_harvest_that_failed_is_told_with_all_that_a_person_needs(desk: Desk, heard: Heard) -> None:
    said = desk.harvested("it", BEARER_TOKEN="revoked-by-somebody")
    assert said.code == Exit.UNAUTHORIZED
    summary = desk.summaries("it")[-1]
    assert heard.context == {
        "name": "unauthorized",
        "collection": "it",
        "bucket": "collections",
        "harvest": summary["harvest_timestamp"],
        "state": "failed",
        "reason": summary["reason"],
        "hint": summary["hint"],
        "exit_code": 4,
        "version": __version__,
    }
    assert heard.only["error"]["class"] == "unauthorized"
    assert heard.only["error"]["message"] == f"it: {summary['reason']}"
    assert heard.keys == ["hbp_of-the-test"]


def test_a_harvest_on_s3_is_told_with_its_bucket(desk: Desk, heard: Heard, s3: Bucket) -> None:
    body = json.dumps(_SEARCH).encode()
    s3.server.client().put_object(Bucket=s3.name, Key="collections/it/collection.json", Body=body)
    said = desk.said("aws", "harvester", s3.name, "it", BEARER_TOKEN="revoked", **s3.server.environment)
    assert said.code == Exit.UNAUTHORIZED
    assert (heard.context["bucket"], heard.context["collection"]) == (s3.name, "it")


@pytest.mark.parametrize(
    ("collection", "settings", "name", "exit_code", "words"),
    [
        ({**_SEARCH, "serach": 1}, {}, "failed", Exit.ERROR, "is not a valid collection"),
        (None, {}, "no collection", Exit.NO_COLLECTION, "There is no collection"),
        (_SEARCH, {"TWARC_CLOUD_CONCURRENCY": "many"}, "unusable settings", Exit.USAGE, "concurrency is"),
        (_SEARCH, {"X_API_URL": "http://127.0.0.1:9"}, "refused or away", Exit.RETRY_LATER, "could not be"),
    ],
)
def test_what_keeps_a_harvest_from_collecting_is_told(
    collection: Any,
    settings: dict[str, str],
    name: str,
    exit_code: Exit,
    words: str,
    desk: Desk,
    heard: Heard,
) -> None:
    collection_id = "it" if collection else "nobodys"
    if collection:
        desk.put("it", collection)
    assert desk.harvested(collection_id, **settings).code == exit_code
    assert heard.context["name"] == name
    assert heard.context["exit_code"] == exit_code
    assert words in heard.context["reason"]


def test_a_store_that_is_away_is_told_though_nothing_can_be_remembered(desk: Desk, heard: Heard) -> None:
    away = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    said = desk.said("aws", "harvester", "museum", "it", AWS_REGION="us-east-1", **away)
    assert said.code == Exit.ERROR
    assert "cannot be reached" in heard.context["reason"]
    assert (heard.context["bucket"], heard.context["collection"]) == ("museum", "it")


def test_a_locked_collection_is_told_once_and_not_by_each_start_of_a_service(
    desk: Desk, heard: Heard
) -> None:
    """D-08: a service that found a lock sent a notice with each of its starts."""
    lock = desk.folder / "collections" / "it" / "lock.json"
    lock.write_text('{"owner": "somebody", "expires": "2099-01-01T00:00:00+00:00"}')
    for _ in range(3):
        said = desk.harvested("it")
        assert said.code == Exit.LOCKED
    assert heard.context["name"] == "locked"
    assert "got the same notice recently" in said.err


def test_after_a_success_the_same_failure_is_news(desk: Desk, heard: Heard) -> None:
    for _ in range(2):
        desk.harvested("it", BEARER_TOKEN="revoked")
        desk.harvested("it", BEARER_TOKEN="revoked")
        assert desk.harvested("it").code == Exit.OK
        assert not (desk.folder / "collections" / "it" / "notices.json").exists()
    assert len(heard.notices) == 2


def test_another_failure_is_told_beside_the_first(desk: Desk, heard: Heard) -> None:
    desk.harvested("it", BEARER_TOKEN="revoked")
    desk.harvested("it", X_API_URL="http://127.0.0.1:9")
    names = [notice["request"]["context"]["name"] for notice in heard.notices]
    assert names == ["unauthorized", "refused or away"]


def test_a_monthly_cap_is_told(desk: Desk, heard: Heard, tmp_path: Path) -> None:
    script = tmp_path / "faults.json"
    script.write_text('[{"on": "GET /2/tweets/search/recent", "do": "usage-cap", "when": {"from": 2}}]')
    with emulator.running(search_posts=300, faults=str(script)) as emulated:
        said = desk.harvested("it", X_API_URL=emulated.url)
    assert said.code == Exit.RETRY_LATER, said
    assert "monthly cap" in heard.context["reason"]
    assert heard.context["state"] == "stopped"


def test_storing_that_stalls_is_told_once_and_not_for_each_try(desk: Desk, heard: Heard, s3: Bucket) -> None:
    body = json.dumps(_SEARCH).encode()
    s3.server.client().put_object(Bucket=s3.name, Key="collections/it/collection.json", Body=body)
    with emulator.running(search_posts=30_000, latency=500) as emulated, gate(s3.server.endpoint) as way:
        s3.known_at(way.url)
        desk.environment |= {**s3.server.environment, "AWS_ENDPOINT_URL": way.url}
        desk.environment |= {"TWARC_CLOUD_STORE_PATIENCE": "5", "TWARC_CLOUD_CHECKPOINT_SECONDS": "1"}
        with desk.watched("aws", "harvester", s3.name, "it", X_API_URL=emulated.url) as going:
            # By then the folder of the harvest is claimed, and its pages take a minute more.
            until(lambda: emulated.control.truth()["requests"], within=60)
            # Of those that boto3 itself does not try again, so that the tries are the harvest's own.
            way.set("403 AccessDenied")
            said = going.ended(within=200)
    assert said.code == Exit.ERROR, said
    assert said.err.count("retrying to store") > 1
    assert (heard.context["name"], heard.context["state"]) == ("failed", "failed")
    assert "refuses" in heard.context["reason"]
    assert heard.context["harvest"]


def test_a_harvest_that_was_killed_is_told_by_the_one_that_finishes_it(desk: Desk, heard: Heard) -> None:
    with emulator.running(search_posts=900, latency=500) as emulated:
        with desk.watched("local", "harvester", "it", X_API_URL=emulated.url) as going:
            until(lambda: list((desk.folder / "collections").rglob("harvest.json")))
            going.process.kill()
            going.process.wait()
        (killed,) = desk.summaries("it")
        assert not heard.notices
        assert desk.said("local", "unlock", "it").code == Exit.OK
        assert desk.harvested("it").code == Exit.OK
    assert heard.context["name"] == "interrupted"
    assert heard.context["harvest"] == killed["harvest_timestamp"]


_BUG = """
import sys
from harvester.commands import container, container_harvest, run
def broken(*_, **__):
    raise KeyError("planted-" + "in-the-message Bearer abcdefgh " + {secret!r})
container_harvest.{where} = broken
sys.exit(run(container.container, ["local", "harvester", "it"]))
"""


def _bug(desk: Desk, where: str, *, secret: str = "", **environment: str) -> Any:
    from tests.support.container_process import ended

    command = [sys.executable, "-c", _BUG.format(where=where, secret=secret)]
    return ended(desk.process(command, PYTHONPATH=str(_ROOT), **environment))


def test_a_bug_is_told_with_its_traceback_and_in_one_line_of_the_log(desk: Desk, heard: Heard) -> None:
    said = _bug(desk, "print_end")
    assert said.code == 1
    assert "Traceback" not in said.err
    assert "Unexpected KeyError" in said.err
    assert "API key missing" not in said.err
    assert heard.notices == []
    said = _bug(desk, "settings")
    assert (said.code, said.err.count("Unexpected KeyError")) == (1, 1)
    assert heard.only["error"]["class"] == "KeyError"
    assert heard.only["error"]["backtrace"][0]["method"] == "broken"
    assert heard.context["name"] == "bug"


def test_no_secret_is_in_a_notice_wherever_it_was(desk: Desk, heard: Heard) -> None:
    planted = {
        "BEARER_TOKEN": "AAAA-bearer-of-the-test",
        "CONSUMER_SECRET": "consumer-secret-of-the-test",
        "AWS_SECRET_ACCESS_KEY": "aws-secret-of-the-test",
        "TWARC_CLOUD_TOKEN": "token-of-the-test",
        "MUSEUM_PASSWORD": "password-of-the-museum",
    }
    for number, secret in enumerate(planted.values()):
        _bug(desk, "settings", secret=f"{number} {secret} AKIAIOSFODNN7EXAMPLE", **planted)
    assert len(heard.notices) >= 1
    sent = json.dumps(heard.notices)
    hidden = [*planted.values(), "AKIAIOSFODNN7EXAMPLE", "abcdefgh", "hbp_of-the-test"]
    assert [secret for secret in hidden if secret in sent] == []
    assert "planted-in-the-message" in sent


def test_keys_of_the_harvest_itself_are_hidden_too() -> None:
    scrubber = Scrubber.of({"HOME": "/home/me", "API_TOKEN": "abcdef"}, {"abcdefgh", "short"})
    sent = {"a": ["abcdefgh and abcdef", ("https://me:pass@x",)], "abcdefgh": {"b": "short /home/me"}, "n": 1}
    assert scrubber.scrubbed(sent) == {
        "a": ["[hidden] and [hidden]", ["https://[hidden]@x"]],
        "[hidden]": {"b": "short /home/me"},
        "n": 1,
    }
    assert repr(scrubber) == object.__repr__(scrubber)


def test_a_success_checks_in_where_the_collection_says_and_else_where_the_settings_say(
    desk: Desk, heard: Heard
) -> None:
    assert desk.harvested("it").code == Exit.OK
    assert heard.checked_in == []
    assert desk.harvested("it", TWARC_CLOUD_HONEYBADGER_CHECK_IN="of-all").code == Exit.OK
    desk.put("it", {**_SEARCH, "check_in": "XyZzy"})
    assert desk.harvested("it", TWARC_CLOUD_HONEYBADGER_CHECK_IN="of-all").code == Exit.OK
    assert heard.checked_in == ["of-all", "XyZzy"]
    assert heard.notices == []


def test_a_failure_and_a_stop_do_not_check_in(desk: Desk, heard: Heard) -> None:
    desk.put("it", {**_SEARCH, "check_in": "XyZzy"})
    desk.harvested("it", BEARER_TOKEN="revoked")
    assert heard.checked_in == []


def test_without_a_key_nothing_is_imported_stored_or_logged(desk: Desk, heard: Heard) -> None:
    code = (
        "import sys\n"
        "from harvester.commands import container, run\n"
        "before = sys.excepthook\n"
        "run(container.container, ['local', 'harvester', 'it'])\n"
        "print('honeybadger' in sys.modules, sys.excepthook is before)\n"
    )
    process = desk.process(
        [sys.executable, "-c", code], PYTHONPATH=str(_ROOT), HONEYBADGER_API_KEY="", BEARER_TOKEN="revoked"
    )
    out, err = process.communicate(timeout=60)
    assert out.splitlines()[-1] == "False True"
    assert "oneybadger" not in err
    assert heard.notices == []
    assert "notices.json" not in desk.files("it")


def test_telling_changes_no_hook_and_no_signal_of_the_process(desk: Desk, heard: Heard) -> None:
    code = (
        "import signal, sys\n"
        "from harvester.monitoring import alerts\n"
        "before = sys.excepthook, signal.getsignal(signal.SIGTERM)\n"
        "alerts.Alerts('it', 'museum').failed(ValueError('x'))\n"
        "print((sys.excepthook, signal.getsignal(signal.SIGTERM)) == before, 'honeybadger' in sys.modules)\n"
    )
    process = desk.process([sys.executable, "-c", code], PYTHONPATH=str(_ROOT))
    out, err = process.communicate(timeout=60)
    assert (out, err) == ("True True\n", "")
    assert heard.context["collection"] == "it"


def test_an_endpoint_that_does_not_answer_costs_seconds_one_line_and_no_exit_code(
    desk: Desk, heard: Heard
) -> None:
    heard.silent.set()
    said = desk.harvested("it", BEARER_TOKEN="revoked")
    assert said.code == Exit.UNAUTHORIZED
    told = [line for line in said.err.splitlines() if "oneybadger" in line]
    assert len(told) == 1
    assert told[0].endswith("WARNING Honeybadger did not get the notice: no answer within 5 s")


@pytest.mark.parametrize("endpoint", ["refuses", "is not there"])
def test_one_that_refuses_is_told_in_one_line_and_asked_again_next_time(
    endpoint: str, desk: Desk, heard: Heard
) -> None:
    heard.status = 403
    where = {} if endpoint == "refuses" else {"HONEYBADGER_ENDPOINT": "http://127.0.0.1:9"}
    said = desk.harvested("it", BEARER_TOKEN="revoked", **where)
    assert said.code == Exit.UNAUTHORIZED
    assert len([line for line in said.err.splitlines() if "Honeybadger did not get the notice" in line]) == 1
    assert "Traceback" not in said.err
    heard.status = 201
    heard.notices.clear()
    desk.harvested("it", BEARER_TOKEN="revoked")
    assert heard.context["name"] == "unauthorized"


def test_the_key_may_be_in_the_parameter_store(
    desk: Desk, heard: Heard, moto_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = f"/twarc-cloud/{uuid4().hex}"
    cloud = {**moto_server.environment, "TWARC_CLOUD_PARAMETER_PATH": path, "HONEYBADGER_API_KEY": ""}
    for name, value in cloud.items():
        monkeypatch.setenv(name, value)
    # moto takes seconds for the first that is asked of it.
    assert not Parameters(path).has("honeybadger")
    said = desk.harvested("it", BEARER_TOKEN="revoked", **cloud)
    assert "oneybadger" not in said.err
    typing = Person(tmp_path)
    assert "Would store" in typing.output("collection-config", "honeybadger", "--dry-run")
    assert not Parameters(path).has("honeybadger")
    told = typing("collection-config", "honeybadger", answer="hbp of\n")
    assert (told.code, "hbp of" in told.words) == (Exit.USAGE, False)
    assert "Stored" in typing.output("collection-config", "honeybadger", answer="hbp_of-the-store\n")
    desk.harvested("it", BEARER_TOKEN="revoked", **cloud)
    assert heard.keys == ["hbp_of-the-store"]
    assert "Would remove" in typing.output("collection-config", "honeybadger", "--remove", "--dry-run")
    assert Parameters(path).has("honeybadger")
    typing.output("collection-config", "honeybadger", "--remove")
    assert not Parameters(path).has("honeybadger")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "s3://museum refuses collections/it/a-1.json: AccessDenied",
            "s3://museum refuses b/2: AccessDenied",
        ),
        ("locked by host-7 until 2026-11-25T01:00", "locked by host-8 until 2026-11-26T02:00"),
    ],
)
def test_what_differs_from_try_to_try_is_no_part_of_the_gist(one: str, other: str) -> None:
    assert gist(one) == gist(other) != ""


@pytest.fixture
def streaming(
    tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Person, emulator.Emulated]]:
    for name, value in heard.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TWARC_CLOUD_RESTARTS", "2")
    monkeypatch.setenv("TWARC_CLOUD_RESTART_SECONDS", "0.1")
    with at_a_terminal(tmp_path, monkeypatch, users=1) as (made, emulated):
        made.write({"id": "live", "type": "filter", "filter": {"track": "library"}})
        made.output("collection", "add")
        yield made, emulated


@pytest.fixture
def person(streaming: tuple[Person, emulator.Emulated]) -> Person:
    return streaming[0]


def _given_up(person: Person) -> None:
    there(lambda: "GAVE UP" in person.output("harvest", "list"))
    there(lambda: not person.slot("live", "supervisor").is_alive)


def _names(heard: Heard) -> list[str]:
    return [notice["request"]["context"]["name"] for notice in heard.notices]


def test_a_stream_that_is_given_up_is_told_beside_its_failure_and_no_start_repeats_that(
    person: Person, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    (person.folder / "no-folder").write_text("")
    monkeypatch.setenv("TWARC_CLOUD_TEMP", str(person.folder / "no-folder"))
    # As the scheduler starts a stream again that died; `filter-start` would refuse it.
    chosen(None, None).this_machine.begin_service("live")
    _given_up(person)
    assert _names(heard) == ["failed", "gave up"]
    assert heard.notices[1]["request"]["context"]["hint"] == "`collection filter-start live` restarts it."


def test_where_a_start_is_of_no_use_the_harvests_own_word_is_enough(
    streaming: tuple[Person, emulator.Emulated], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWARC_CLOUD_X_PATIENCE", "1")
    person, emulated = streaming
    person.output("collection", "filter-start", "live")
    there(lambda: "RUNNING" in person.output("harvest", "list"))
    emulated.control.revoke()
    emulated.control.disconnect()
    _given_up(person)
    assert _names(heard) == ["unauthorized"]


def test_a_scheduler_that_cannot_go_on_says_so_and_a_second_one_is_no_failure(
    person: Person, heard: Heard
) -> None:
    table = person.folder / "collections-runs" / "schedules.json"
    table.parent.mkdir()
    with ScheduleFile(table.parent).scheduler.held():
        told = person("scheduler")
        assert (told.code, "is locked by a running process" in told.err) == (11, True)
        assert "A scheduler for these collections is already running" in told.err
    assert heard.notices == []
    table.write_text('{"it": {}}')
    assert person("scheduler").code == Exit.ERROR
    assert heard.context["collection"] == "scheduler"


def test_the_keys_of_a_harvest_are_in_no_notice_wherever_they_are_from(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in heard.environment.items():
        monkeypatch.setenv(name, value)
    keys = Keys("consumer-of-a-profile", "secret-of-a-profile", bearer_token="bearer-of-a-profile")
    alerts = Alerts("it", "museum")
    alerts.uses(as_valid(_SEARCH), keys.secrets)
    alerts.failed(HarvesterError("Refused.", [value for value in vars(keys).values() if value]))
    assert "of-a-profile" not in json.dumps(heard.only)
    assert heard.context["reason"].count("[hidden]") == 3


@pytest.mark.parametrize(
    ("kind", "word", "checks_in"),
    [
        ("filter", "LIVE", True),
        ("filter", "QUIET", True),
        ("filter", "WAITING", True),
        ("filter", "STALE", False),
        ("filter", "REFUSED", False),
        ("search", "", False),
    ],
)
def test_a_stream_checks_in_while_all_is_well_and_is_told_of_otherwise(
    kind: str, word: str, checks_in: bool, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in heard.environment.items():
        monkeypatch.setenv(name, value)
    alerts = Alerts("live", "museum")
    alerts.uses({"type": kind, "check_in": "XyZzy"}, Keys(bearer_token="abcdef").secrets)
    over, asked = threading.Event(), threading.Event()

    def summary() -> HarvestSummary:
        if asked.is_set():
            over.set()
        asked.set()
        said: HarvestSummary = {
            "activity": "waiting 60 s (X)",
            "harvest_timestamp": "2026",
            "state": "running",
        }
        return {**said, "heartbeat": word} if word else said

    alerts.beats(over, summary, every=0.02)
    if kind == "filter":
        there(over.is_set)
    else:
        over.wait(0.2)
        over.set()
    if kind == "filter" and not checks_in:
        there(lambda: heard.notices)
        context = heard.notices[0]["request"]["context"]
        assert context["name"] == f"stream {word}"
        assert f"The stream is {word}: waiting 60 s (X)" in context["reason"]
    assert bool(heard.checked_in) == checks_in


def test_a_field_that_x_no_longer_accepts_is_told_once(tmp_path: Path, heard: Heard) -> None:
    with emulator.running(search_posts=20, refuse_tweet_fields=True) as emulated:
        desk = Desk(tmp_path, emulated.url, dict(heard.environment))
        desk.put("it", _SEARCH)
        for _ in range(2):
            assert desk.harvested("it").code == Exit.OK
    assert heard.context["name"] == "refused fields" and heard.context["exit_code"] == 0
    assert "X no longer accepts tweet.fields" in heard.context["reason"]


def test_a_sink_that_is_behind_is_told_once_until_it_has_caught_up(
    tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in heard.environment.items():
        monkeypatch.setenv(name, value)
    alerts = Alerts("storms", "museum", store=FolderStore(tmp_path))
    over, looks = threading.Event(), iter(range(100))
    hook = {
        "name": "hook",
        "lag_records": 12_345,
        "lag_seconds": 900.0,
        "last_error": "It is away.",
        "age": 1.0,
    }

    def statuses() -> list[dict[str, Any]]:
        look = next(looks)
        if look == 6:
            over.set()
        # One more hangs; it says nothing of itself.
        silent = {"name": "kafka", "age": 400.0 if look == 5 else 1.0}
        return [{**hook, "behind": look in (1, 2, 4)}, silent]

    alerts.watch_sinks(over, statuses, every=0.02)
    there(lambda: len(heard.notices) == 2)
    reasons = [each["request"]["context"]["reason"] for each in heard.notices]
    assert reasons == [
        "The sink hook is behind by 12,345 posts, 900 s. It is away.",
        "The sink kafka is behind by 0 posts, 0 s.",
    ]
