"""The container's commands: what is printed where, with which exit code, and what each option does."""

import json
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester import __version__
from harvester.commands.cli.signals import stop_on_signals, wait_for_shutdown
from harvester.errors import Exit
from harvester.monitoring import heartbeat
from tests.support.container_process import Desk
from tests.support.harvest_stage import until
from tests.support.servers import Bucket

pytestmark = pytest.mark.system

_SEARCH: dict[str, Any] = {"id": "it", "type": "search", "search": {"query": "flood"}}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with a search of 320 posts."""
    with emulator.running(search_posts=320) as emulated:
        made = Desk(tmp_path, emulated.url)
        made.put("it", _SEARCH)
        yield made


@pytest.mark.parametrize("arguments", [[], ["local"], ["aws"]])
def test_without_a_command_the_help_is_on_stdout_and_the_exit_code_is_1(
    arguments: list[str], tmp_path: Path
) -> None:
    said = Desk(tmp_path).said(*arguments)
    assert (said.code, said.err) == (Exit.ERROR, "")
    assert said.out.startswith("Usage: tweet_harvester.py")


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("arguments", [[], ["local"], ["local", "harvester"], ["aws", "unlock"]])
def test_help_is_there_at_every_level(arguments: list[str], option: str, tmp_path: Path) -> None:
    said = Desk(tmp_path).said(*arguments, option)
    assert (said.code, said.err) == (Exit.OK, "")
    assert "Usage:" in said.out


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_needs_no_settings(option: str, tmp_path: Path) -> None:
    """D-24: a valid ini was needed just to be told the version."""
    (tmp_path / "twarc_cloud.ini").write_text("no section\n")
    said = Desk(tmp_path).said(option)
    first, libraries = said.out.splitlines()
    assert (said.code, first) == (Exit.OK, f"Version {__version__}")
    assert libraries.startswith("Python 3.")


@pytest.mark.parametrize("name", ["harvester", "harvest"])
def test_both_spellings_harvest_and_say_what_came_of_it(name: str, desk: Desk) -> None:
    said = desk.said("local", name, "it")
    assert said.code == Exit.OK, said
    assert re.fullmatch(
        r"it => complete\. Harvest timestamp: \S+\. Tweets: 320\. Files: 1 \(\d+K\)\. Billed: \$1\.60\.\n",
        said.out,
    )


def test_the_number_of_tweets_a_file_is_heard(desk: Desk) -> None:
    """D-02: the option had no effect."""
    said = desk.harvested("it", "--tweets-per-file", "100")
    assert "Files: 4" in said.out
    names = sorted(path.name for path in (desk.folder / "collections").rglob("tweets-*.gz"))
    assert [name[-16:] for name in names] == [f"-{number:06}.jsonl.gz" for number in range(1, 5)]


def test_the_collections_and_the_work_may_be_anywhere(desk: Desk, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (desk.folder / "collections").rename(elsewhere)
    said = desk.harvested("it", "--collections-path", str(elsewhere), "--temp", str(tmp_path / "work"))
    assert said.code == Exit.OK, said
    assert (tmp_path / "work").is_dir()
    assert not (desk.folder / "temp").exists()
    assert len(list(elsewhere.rglob("harvest.json"))) == 1


def test_a_search_that_was_cut_says_so(desk: Desk) -> None:
    desk.put("it", {**_SEARCH, "search": {"query": "flood", "max_records": 100}})
    said = desk.harvested("it")
    assert said.code == Exit.OK
    assert "it => complete (max_records reached; the next harvest continues from there)." in said.out


def test_gaps_are_told_on_stdout_and_by_the_exit_code(desk: Desk) -> None:
    desk.put("it", {**_SEARCH, "search": {"query": "flood", "since_id": "20"}})
    said = desk.harvested("it")
    assert said.code == Exit.PARTIAL
    assert "it => partial (1 gap)." in said.out
    assert re.search(r"^Gap from 2006-\S+ to \S+: the since_id is older than the seven days", said.out, re.M)


def test_a_log_for_programs_has_an_object_on_each_line_also_for_the_error_that_ends_it(desk: Desk) -> None:
    desk.put("it", _SEARCH)
    said = desk.harvested("it", "--monitor", TWARC_CLOUD_LOG_FORMAT="json")
    assert said.code == Exit.OK
    lines = [json.loads(line) for line in said.err.splitlines()]
    assert {"time", "level", "message"} <= set.intersection(*map(set, lines))
    said = desk.harvested("it", "--log-format", "json", BEARER_TOKEN="revoked")
    assert said.code == Exit.UNAUTHORIZED
    *_, last = [json.loads(line) for line in said.err.splitlines()]
    assert last["level"] == "ERROR"


def test_the_monitor_tells_memory_and_disk_only_where_asked_for(desk: Desk) -> None:
    said = desk.harvested("it", "--monitor")
    assert re.search(r" INFO CPU: \S+ s\. Memory: at most \d+M\. Load: \S+ Disk: \S+ free of ", said.err), (
        said.err
    )
    assert "Memory: " not in desk.harvested("it").err


def test_debug_says_more(desk: Desk) -> None:
    quiet, loud = desk.said("local", "harvester", "it"), desk.said("--debug", "local", "harvester", "it")
    assert " DEBUG " not in quiet.err
    assert " DEBUG " in loud.err


def test_debug_tells_each_answer_of_x_and_of_aws_and_no_key(desk: Desk, s3: Bucket) -> None:
    s3.server.client().put_object(
        Bucket=s3.name, Key="collections/it/collection.json", Body=json.dumps(_SEARCH).encode()
    )
    app = {name: emulator.CREDENTIALS[name] for name in ("consumer_key", "consumer_secret")}
    keys = {"BEARER_TOKEN": "", **{name.upper(): value for name, value in app.items()}}
    desk.environment |= {**s3.server.environment, **keys}
    said = desk.said("--debug", "aws", "harvester", s3.name, "it")
    assert said.code == Exit.OK, said
    told = [line.partition(" DEBUG ")[2] for line in said.err.splitlines()]
    assert any(re.fullmatch(r"X POST /oauth2/token => 200 after \d+ ms", line) for line in told), said.err
    page = r"X GET /2/tweets/search/recent\?\S*&query=flood&\S* => 200 after \d+ ms"
    # Four pages, and one request that asks whether the last was the end.
    assert len([line for line in told if re.fullmatch(page, line)]) == 5, said.err
    stored = r"AWS s3 PutObject /\S+/collections/it/harvests/\S+/tweets-\S+\.gz => 200"
    assert len([line for line in told if re.fullmatch(stored, line)]) == 1, said.err
    secrets = [*app.values(), emulator.CREDENTIALS["bearer_token"], s3.server.secret_key, "Bearer"]
    assert [secret for secret in secrets if secret in said.out + said.err] == []


def test_a_harvest_on_s3_is_told_as_one_on_a_folder(desk: Desk, s3: Bucket) -> None:
    s3.server.client().put_object(
        Bucket=s3.name, Key="collections/it/collection.json", Body=json.dumps(_SEARCH).encode()
    )
    desk.environment |= s3.server.environment
    said = desk.said("aws", "harvester", s3.name, "it")
    assert said.code == Exit.OK, said
    assert "Tweets: 320." in said.out
    listed = s3.server.client().list_objects_v2(Bucket=s3.name)["Contents"]
    names = {entry["Key"].rpartition("/")[2] for entry in listed}
    assert {"manifest-sha256.txt", "harvest.json", "last_harvest.json"} <= names
    assert "lock.json" not in names


def test_unlock_takes_a_lock_away_and_says_whose(desk: Desk) -> None:
    lock = desk.folder / "collections" / "it" / "lock.json"
    lock.write_text('{"owner": "somebody"}')
    assert "Unlocked. The lock was held by somebody" in desk.said("local", "unlock", "it").out
    assert not lock.exists()
    assert desk.said("local", "unlock", "it").out == "it was not locked.\n"
    assert desk.said("local", "unlock", "that").code == Exit.NO_COLLECTION


def test_unlock_works_on_a_bucket(desk: Desk, s3: Bucket) -> None:
    client = s3.server.client()
    for name, body in (("collection.json", json.dumps(_SEARCH)), ("lock.json", "{half")):
        client.put_object(Bucket=s3.name, Key=f"collections/it/{name}", Body=body.encode())
    said = desk.said("aws", "unlock", s3.name, "it", **s3.server.environment)
    assert (said.code, "Unlocked." in said.out) == (Exit.OK, True)
    assert client.list_objects_v2(Bucket=s3.name, Prefix="collections/it/lock")["KeyCount"] == 0


def test_no_secret_is_in_anything_that_is_stored_or_printed(desk: Desk) -> None:
    """S-01 and S-02: secrets of a collection of 2019 went into changesets, copies and logs."""
    keys = {
        "consumer_key": emulator.CREDENTIALS["consumer_key"],
        "consumer_secret": emulator.CREDENTIALS["consumer_secret"],
        "access_token": emulator.CREDENTIALS["access_token"],
        "access_token_secret": emulator.CREDENTIALS["access_token_secret"],
    }
    path = desk.put("it", {**_SEARCH, "keys": keys})
    said = desk.said("--debug", "local", "harvester", "it", BEARER_TOKEN="bearer-of-the-test")
    assert said.code == Exit.OK, said
    secrets = [*keys.values(), "bearer-of-the-test"]
    assert " DEBUG X GET /2/tweets/search/recent?" in said.err
    printed = said.out + said.err
    assert [secret for secret in secrets if secret in printed] == []
    for stored in (desk.folder / "collections").rglob("*"):
        if stored.is_file() and stored != path:
            content = stored.read_bytes()
            assert [secret for secret in secrets if secret.encode() in content] == [], stored


def test_after_the_harvest_its_status_is_answered_until_the_shutdown(desk: Desk) -> None:
    """D-33: a stream that was over went on idling, and was paid for; now that has to be asked for."""
    with desk.watched("local", "harvester", "it", "--port", "0", "--no-shutdown") as going:
        until(lambda: going.get("/is_stopped") is True)
        assert going.get("/status")["state"] == "complete"
        assert going.process.poll() is None
        going.post("/shutdown")
        assert going.ended().code == Exit.OK


def test_without_a_port_it_stays_until_a_signal(desk: Desk) -> None:
    """As the task of a stream that is over does, lest it is started again; also once a stop was requested."""
    with desk.watched("local", "harvester", "it", "--no-shutdown") as going:
        until(lambda: [summary["state"] for summary in desk.summaries("it")] == ["complete"])
        until(lambda: not (desk.folder / "collections/it/lock.json").exists())
        assert going.process.poll() is None
        going.process.send_signal(signal.SIGTERM)
        assert going.ended().code == Exit.OK


def test_a_signal_that_came_while_a_stop_was_carried_out_ends_it() -> None:
    """ECS sends one as soon as `filter-stop` finds the lock released; such a task used to end by SIGKILL."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        stop = stop_on_signals()
        stop.request("a stop was requested")
        signal.raise_signal(signal.SIGTERM)
        wait_for_shutdown(lambda _: pytest.fail("it waits for another one"))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_one_that_spent_its_budget_stays_lest_it_is_started_to_spend_it_again(desk: Desk) -> None:
    budget = {"TWARC_CLOUD_BUDGET_USD": "0.01"}
    with desk.watched("local", "harvester", "it", "--no-shutdown", **budget) as going:
        until(lambda: [summary.get("limit") for summary in desk.summaries("it")] == ["budget"])
        until(lambda: not (desk.folder / "collections/it/lock.json").exists())
        assert going.process.poll() is None
        going.process.send_signal(signal.SIGTERM)
        assert going.ended().code == Exit.RETRY_LATER


def test_a_harvest_that_failed_does_not_stay(desk: Desk) -> None:
    said = desk.said("local", "harvester", "nowhere", "--no-shutdown")
    assert said.code == Exit.NO_COLLECTION


def test_a_port_on_all_addresses_needs_a_token(desk: Desk, s3: Bucket) -> None:
    """S-04: without a secret the server let everybody stop it."""
    client = s3.server.client()
    client.put_object(Bucket=s3.name, Key="collections/it/collection.json", Body=json.dumps(_SEARCH).encode())
    said = desk.said("aws", "harvester", s3.name, "it", "--port", "0", **s3.server.environment)
    assert (said.code, "needs a token" in said.answer) == (Exit.USAGE, True)


def test_the_token_is_asked_for_where_one_is_set(desk: Desk) -> None:
    with desk.watched(
        "local", "harvester", "it", "--port", "0", "--no-shutdown", TWARC_CLOUD_TOKEN="of-the-test"
    ) as going:
        address = going.address
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}/status", timeout=60)
        assert refused.value.code == 401
        assert going.get("/status", token="of-the-test")["collection_id"] == "it"
        going.post("/shutdown", token="of-the-test")
        said = going.ended()
    assert said.code == Exit.OK
    assert "of-the-test" not in said.err


def test_a_heartbeat_is_kept_where_one_is_asked_for(desk: Desk) -> None:
    heart = desk.folder / "heartbeat"
    assert desk.harvested("it", TWARC_CLOUD_HEARTBEAT=str(heart)).code == Exit.OK
    os.utime(heart, (0, 0))
    heartbeat.beat(0.01, heart)
    assert heart.stat().st_mtime > 0
    os.utime(heart, (0, 0))
    until(lambda: heart.stat().st_mtime > 0)
