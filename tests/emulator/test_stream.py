"""The filtered stream of the emulator: rules, delivery, connections and what the truth knows of them."""

import asyncio
import gc
import http.client
import time
from contextlib import suppress

import pytest

import emulator
from emulator.http.server import finished
from emulator.options import made_options, options_from
from emulator.streaming.stream import Connection
from emulator.views.fields import view_of
from tests.support.raw_client import EVERYTHING, Listener, add_rules, ask

RULES = "/2/tweets/search/stream/rules"


@pytest.fixture
def world():
    with emulator.running(users=5, posts_per_user=10, keepalive=0.2) as running:
        yield running


def someone(world, number=0):
    return world.control.users()[number]["id"]


def test_rules_are_added_listed_and_deleted(world):
    added = add_rules(world.url, "cat", "dog has:links")
    assert added.status == 201
    assert added.json["meta"]["summary"] == {"created": 2, "not_created": 0, "valid": 2, "invalid": 0}
    listed = ask(world.url, RULES).json
    assert [rule["value"] for rule in listed["data"]] == ["cat", "dog has:links"]
    assert listed["data"] == added.json["data"] and listed["meta"]["result_count"] == 2
    by_value = ask(world.url, RULES, method="POST", body={"delete": {"values": ["cat"]}})
    assert by_value.json["meta"]["summary"] == {"deleted": 1, "not_deleted": 0}
    by_id = ask(world.url, RULES, method="POST", body={"delete": {"ids": [listed["data"][1]["id"], "1"]}})
    assert by_id.json["meta"]["summary"] == {"deleted": 1, "not_deleted": 1}
    assert "data" not in ask(world.url, RULES).json


def test_a_dry_run_changes_nothing(world):
    reply = ask(world.url, RULES, {"dry_run": "true"}, method="POST", body={"add": [{"value": "cat"}]})
    assert reply.json["meta"]["summary"]["created"] == 1
    assert world.control.call("GET", "stream/rules")["rules"] == []


def test_duplicate_bad_and_superfluous_rules_are_refused_each_with_its_reason():
    with emulator.running(users=1, rule_cap=3, rule_length=40) as world:
        reply = add_rules(world.url, "cat", "cat", "cat filter:x", "y" * 41, "dog", "emu", "fox").json
        assert [rule["value"] for rule in reply["data"]] == ["cat", "dog", "emu"]
        assert [error["type"].rsplit("/", 1)[1] for error in reply["errors"]] == [
            "duplicate-rules",
            "invalid-rules",
            "invalid-rules",
            "rule-cap",
        ]
        assert "Reference to invalid operator 'filter'" in reply["errors"][1]["details"][0]
        counts = ask(world.url, f"{RULES}/counts").json["data"]
        assert (
            counts["cap_per_client_app"] == counts["cap_per_project"] == counts["project_rules_count"] == "3"
        )


def test_rules_come_in_pages_with_tokens_of_16_characters(world):
    add_rules(world.url, *(f"word{n}" for n in range(25)))
    first = ask(world.url, RULES, {"max_results": 20}).json
    token = first["meta"]["next_token"]
    second = ask(world.url, RULES, {"max_results": 20, "pagination_token": token}).json
    assert len(token) == 16
    assert [rule["value"] for rule in first["data"] + second["data"]] == [f"word{n}" for n in range(25)]
    assert "next_token" not in second["meta"]


def test_without_rules_there_is_no_stream(world):
    reply = ask(world.url, "/2/tweets/search/stream")
    assert reply.status == 409
    assert reply.json["connection_issue"] == "RuleConfigurationIssue" and reply.tail == "streaming-connection"


def test_a_matching_post_arrives_once_with_all_rules_it_matches(world):
    add_rules(world.url, "cat", "cat OR dog", "emu")
    with Listener(world.url, EVERYTHING) as listener:
        world.control.publish(someone(world), text="nothing of interest")
        ids = world.control.publish(someone(world), text="a cat, a dog", count=2)
        records = listener.records(2)
        assert [record["data"]["id"] for record in records] == ids
        assert [rule["tag"] for rule in records[0]["matching_rules"]] == ["tag cat", "tag cat OR dog"]
        assert records[0]["includes"]["users"][0]["id"] == someone(world)
        assert listener.line() == b"\r\n"
    stream = world.control.stream()
    assert stream["ids"] == ids and stream["written"] == [1, 1]


def test_a_rule_is_in_force_some_seconds_after_it_was_added_and_deleted():
    with emulator.running(users=1, clock="2026-11-23T12:00:00Z", rule_delay=20) as world:
        (cat,) = add_rules(world.url, "cat").json["data"]

        def is_matched(text):
            (published,) = world.control.publish(someone(world), text=text)
            return published in world.control.stream()["ids"]

        world.control.advance(19.5)
        assert not is_matched("a cat")
        world.control.advance(0.5)
        assert is_matched("a cat")
        ask(world.url, RULES, method="POST", body={"delete": {"ids": [cat["id"]]}})
        assert "data" not in ask(world.url, RULES).json
        world.control.advance(19.5)
        assert is_matched("a cat")
        world.control.advance(0.5)
        assert not is_matched("a cat")
        (told,) = world.control.rules()
        assert told["value"] == "cat"
        assert [told[name][14:19] for name in ("added", "since", "deleted", "until")] == [
            *("00:00", "00:20", "00:20", "00:40")
        ]


def test_with_variety_each_rule_takes_its_own_time_and_none_longer_than_told():
    with emulator.running(users=1, clock="2026-11-23T12:00:00Z", rule_delay=20, vary=3) as world:
        add_rules(world.url, *(f"word{n}" for n in range(20)))
        seconds = [float(rule["since"][17:23]) for rule in world.control.rules()]
        assert len(set(seconds)) == 20 and min(seconds) >= 4 and max(seconds) <= 20


def test_the_posts_of_a_rate_are_those_that_match_rules_in_force():
    options = {"clock": "2026-11-23T12:00:00Z", "rule_delay": 20, "stream_rate": "1000"}
    with emulator.running(users=2, **options) as world:
        add_rules(world.url, "cat")
        world.control.advance(20)
        add_rules(world.url, "emu")
        with Listener(world.url) as listener:
            early = {rule["tag"] for each in listener.records(70) for rule in each["matching_rules"]}
            world.control.advance(20)
            tags: set[str] = set()
            # What was sent before is read first, and on a busy machine it is more.
            for _ in range(1000):
                tags |= {rule["tag"] for each in listener.records(50) for rule in each["matching_rules"]}
                if tags == {"tag cat", "tag emu"}:
                    break
    assert (early, tags) == ({"tag cat"}, {"tag cat", "tag emu"})


def test_the_command_has_the_delay_of_x_and_python_has_none():
    assert options_from([]).rule_delay == 20
    assert made_options().rule_delay == 0


def test_a_quiet_stream_sends_blank_lines(world):
    add_rules(world.url, "cat")
    with Listener(world.url) as listener:
        assert [listener.line() for _ in range(3)] == [b"\r\n"] * 3


def test_a_second_connection_is_refused_although_the_window_has_room(world):
    add_rules(world.url, "cat")
    with Listener(world.url) as listener:
        listener.line()
        second = ask(world.url, "/2/tweets/search/stream")
        assert second.status == 429
        assert second.json["connection_issue"] == "TooManyConnections"
        assert int(second.headers["x-rate-limit-remaining"]) > 0
        killed = ask(world.url, "/2/connections/all", method="DELETE").json["data"]
        assert killed["successful_kills"] == 1
        assert listener.response.read() == b""
    with Listener(world.url) as again:
        assert again.status == 200


@pytest.mark.system
def test_a_client_that_does_not_read_is_told_and_then_cut_off():
    with emulator.running(users=1, stream_backlog=8 << 20) as world:
        add_rules(world.url, "cat")
        with Listener(world.url) as listener:
            for _ in range(12):
                world.control.publish(someone(world), text="cat " + "x" * 50_000, count=80)
            begun = time.monotonic()
            while world.control.connections():
                assert time.monotonic() - begun < 60
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                listener.response.read()
        assert world.truth()["connections"][0]["reason"] == "SlowReader"
        stream = world.control.stream()
        assert sum(stream["written"]) < len(stream["ids"])


def test_posts_published_while_nobody_listens_are_known_to_be_lost(world):
    add_rules(world.url, "cat")
    lost = world.control.publish(someone(world), text="cat one")
    with Listener(world.url) as listener:
        heard = world.control.publish(someone(world), text="cat two")
        assert listener.record()["data"]["id"] == heard[0]
    stream = world.control.stream()
    assert stream["ids"] == lost + heard
    assert (stream["epochs"], stream["written"]) == ([0, 1], [0, 1])


def test_a_post_published_in_the_millisecond_of_a_connection_is_known_to_be_before_or_after_it():
    with emulator.running(users=1, clock="2026-11-23T12:00:00Z") as world:
        add_rules(world.url, "cat")
        world.control.publish(someone(world), text="cat one", count=2)
        with Listener(world.url):
            (heard,) = world.control.publish(someone(world), text="cat two")
            stream = world.control.stream()
        (connection,) = stream["connections"]
        assert connection["connected_at"] == "2026-11-23T12:00:00.000Z"
        assert stream["ids"][connection["published_before"] :] == [heard]


@pytest.mark.parametrize("kind", ["operational-disconnect", "ForceDisconnect", "SlowReader"])
def test_the_network_can_end_a_stream_with_a_message(world, kind):
    add_rules(world.url, "cat")
    with Listener(world.url) as listener:
        assert listener.line() == b"\r\n"
        assert world.control.disconnect(kind) == 1
        error = listener.record()["errors"][0]
        expected = "UpstreamOperationalDisconnect" if kind == "operational-disconnect" else kind
        assert error["disconnect_type"] == expected and error["type"].endswith("/operational-disconnect")
        assert listener.line() == b""


def test_a_rate_of_posts_that_match_the_rules_flows_by_itself():
    with emulator.running(users=1, stream_rate="200") as world:
        add_rules(world.url, '"new york" lang:fr has:links -is:retweet', "from:somebody OR #flood")
        with Listener(world.url, EVERYTHING) as listener:
            records = listener.records(30)
            stream = world.control.stream()
        # They flow from the first rule on, whether or not a stream is there yet.
        (connection,) = stream["connections"]
        heard = stream["ids"][connection["published_before"] :]
        assert [record["data"]["id"] for record in records] == heard[:30]
        texts = [record["data"]["text"] for record in records]
        assert any("#flood" in text for text in texts)
        for record in records:
            if "new york" in record["data"]["text"]:
                assert record["data"]["lang"] == "fr" and record["data"]["entities"]["urls"]
            else:
                assert "#flood" in record["data"]["text"]


def test_a_client_gets_as_many_posts_as_were_announced_as_fast_as_it_reads():
    with emulator.running(
        users=1, stream_rate="max", stream_posts=5000, keepalive=0.2, post_bytes=800
    ) as world:
        add_rules(world.url, "cat")
        with Listener(world.url, EVERYTHING) as listener:
            ids = [record["data"]["id"] for record in listener.records(5000)]
            assert listener.line() == b"\r\n"
        stream = world.control.stream()
        assert ids == stream["ids"] and set(stream["written"]) == {1}
        assert world.truth()["billed"]["posts"] == 5000


def test_a_client_that_goes_away_while_it_is_written_to_leaves_no_word_of_asyncio():
    said = []

    async def pump():
        # A cancellation may be lost in asyncio.wait_for; then the next write fails.
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        raise ConnectionResetError

    async def goes_away():
        asyncio.get_running_loop().set_exception_handler(lambda _, told: said.append(told["message"]))
        handler = asyncio.ensure_future(finished(pump(), Connection(0, view_of({}), backlog=0)))
        while len(asyncio.all_tasks()) < 4:
            await asyncio.sleep(0)
        handler.cancel()
        with suppress(asyncio.CancelledError):
            await handler
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)
        gc.collect()

    asyncio.run(goes_away())
    assert said == []
