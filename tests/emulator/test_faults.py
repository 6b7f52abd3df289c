"""Every fault of a script happens as named, when named, and says that it has."""

import http.client
import json
import socket
import time

import pytest

import emulator
from emulator.faults import script
from tests.support.raw_client import BEARER, EVERYTHING, Listener, add_rules, all_ids, ask, chain

NOON = "2026-06-15T12:00:00Z"
TIMELINES = "GET /2/users/*/tweets"
STREAM = "GET /2/tweets/search/stream"


@pytest.fixture
def world():
    with emulator.running(users=4, posts_per_user=30, clock=NOON, keepalive=0.2) as running:
        yield running


def someone(world, number=0):
    return world.control.users()[number]["id"]


def timeline(world, number=0, **params):
    return ask(world.url, f"/2/users/{someone(world, number)}/tweets", params or None, seconds=5)


# name, status, what the body holds, header x-rate-limit-remaining (None: no rate headers)
ROWS = [
    ("bad-param", 400, {"title": "Invalid Request"}, "9999"),
    ("stale-since-id", 400, {"title": "Invalid Request"}, "9999"),
    ("unauthorized", 401, {"title": "Unauthorized", "type": "about:blank"}, None),
    (
        "credits-depleted",
        402,
        {"title": "Payment Required", "type": "https://api.x.com/2/problems/credits-depleted"},
        "9999",
    ),
    ("not-enrolled", 403, {"title": "Client Forbidden", "reason": "client-not-enrolled"}, "9999"),
    ("not-found-404", 404, {"title": "Not Found"}, "9999"),
    ("rate-limit", 429, {"title": "Too Many Requests", "type": "about:blank"}, "0"),
    ("rate-limit-88", 429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, "0"),
    ("rate-limit-no-headers", 429, {"title": "Too Many Requests"}, None),
    ("usage-cap", 429, {"title": "UsageCapExceeded", "period": "Monthly"}, "440"),
    ("too-many-connections", 429, {"connection_issue": "TooManyConnections"}, "9999"),
    ("rule-configuration", 409, {"connection_issue": "RuleConfigurationIssue"}, "9999"),
    ("provisioning", 409, {"connection_issue": "ProvisioningSubscription"}, "9999"),
    ("rules-invalid", 409, {"connection_issue": "RulesInvalidIssue"}, "9999"),
    ("unavailable", 503, {"title": "Service Unavailable"}, "9999"),
    ("internal-error", 500, {"title": "Internal Server Error"}, "9999"),
    ("v1.1", 403, {}, "9999"),
    ("nothing", 200, {"meta": {"result_count": 0}}, "9999"),
    ("errors-only", 200, {}, "9999"),
]


@pytest.mark.parametrize(("name", "status", "holds", "remaining"), ROWS, ids=[row[0] for row in ROWS])
def test_a_scripted_answer_has_the_real_status_body_and_headers(world, name, status, holds, remaining):
    world.control.faults([{"on": TIMELINES, "do": name, "when": {"count": 1}}])
    reply = timeline(world)
    assert reply.status == status
    assert holds.items() <= reply.json.items()
    assert reply.headers.get("x-rate-limit-remaining") == remaining
    assert world.control.fired() == [1]
    assert world.truth()["outcomes"] == {name: 1}
    assert world.truth()["billed"]["posts"] == 0


def test_every_scripted_answer_has_a_row_here():
    assert script.ANSWERS - {row[0] for row in ROWS} == {"html", "empty-body", "truncated-json"}


def test_both_hosts_occur_in_problem_types(world):
    for host in ("api.twitter.com", "api.x.com"):
        world.control.faults([{"on": TIMELINES, "do": "usage-cap", "host": host}])
        assert timeline(world).json["type"] == f"https://{host}/2/problems/usage-capped"


def test_bodies_that_are_not_json_come_as_html_empty_or_cut(world):
    world.control.faults(
        [
            {"on": TIMELINES, "do": "html", "when": {"nth": 1}},
            {"on": TIMELINES, "do": "empty-body", "when": {"nth": 2}},
            {"on": TIMELINES, "do": "truncated-json", "when": {"nth": 3}},
        ]
    )
    html, empty, cut = (timeline(world) for _ in range(3))
    assert html.status == 502 and html.headers["content-type"].startswith("text/html")
    assert empty.status == 200 and empty.raw == b""
    with pytest.raises(json.JSONDecodeError):
        assert cut.json


def test_a_scripted_rate_limit_lasts_until_its_window_resets(world):
    world.control.faults([{"on": TIMELINES, "do": "rate-limit", "when": {"nth": 2}, "seconds": 30}])
    assert [timeline(world).status for _ in range(3)] == [200, 429, 429]
    world.control.advance(30)
    assert timeline(world).status == 200


@pytest.mark.parametrize(
    ("when", "fails"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 3}, [3]),
        ({"nth": [1, 4]}, [1, 4]),
        ({"every": 2}, [2, 4, 6]),
        ({"from": 5}, [5, 6]),
        ({"count": 2}, [1, 2]),
        ({"from": 2, "every": 2, "count": 2}, [2, 4]),
        ({"user_id": "nobody"}, []),
        ({"param": "since_id"}, []),
    ],
)
def test_a_rule_fires_at_the_requests_it_names(world, when, fails):
    world.control.faults([{"on": TIMELINES, "do": "unavailable", "when": when}])
    statuses = [timeline(world).status for _ in range(6)]
    assert [number for number, status in enumerate(statuses, 1) if status == 503] == fails


def test_a_rule_can_be_about_one_account_or_one_query(world):
    world.control.faults(
        [
            {"on": TIMELINES, "do": "unavailable", "when": {"user_id": someone(world, 1)}},
            {"on": "GET /2/tweets/search/recent", "do": "unavailable", "when": {"query": "cat"}},
        ]
    )
    assert [timeline(world, number).status for number in range(3)] == [200, 503, 200]
    assert ask(world.url, "/2/tweets/search/recent", {"query": "dog"}).status == 200
    assert ask(world.url, "/2/tweets/search/recent", {"query": "cat food"}).status == 503


def test_chances_are_drawn_from_the_seed():
    drawn = []
    for seed in (5, 5, 6):
        with emulator.running(users=1, seed=seed, clock=NOON) as world:
            world.control.faults([{"on": TIMELINES, "do": "unavailable", "when": {"chance": 0.5}}])
            drawn.append([timeline(world).status for _ in range(30)])
    assert drawn[0] == drawn[1] != drawn[2] and set(drawn[0]) == {200, 503}


def test_a_script_with_a_mistake_is_refused_and_named(world):
    for rule, complaint in (
        ({"on": TIMELINES, "do": "explode"}, "explode"),
        ({"do": "unavailable"}, "`on`"),
        ({"on": TIMELINES, "do": "unavailable", "when": {"sometimes": 1}}, "sometimes"),
    ):
        with pytest.raises(ValueError, match=complaint):
            world.control.faults([rule])


def test_a_script_can_come_from_a_file(tmp_path):
    path = tmp_path / "faults.json"
    path.write_text(json.dumps([{"on": TIMELINES, "do": "unavailable", "when": {"nth": 1}}]))
    with emulator.running(users=1, faults=str(path)) as world:
        assert [timeline(world).status for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(
    ("name", "title"),
    [("not-found", "Not Found Error"), ("suspended", "Forbidden"), ("protected", "Authorization Error")],
)
def test_an_account_can_look_different_for_one_request(world, name, title):
    world.control.faults([{"on": TIMELINES, "do": name, "when": {"nth": 2}}])
    replies = [timeline(world) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 200]
    assert [reply.json.get("errors", [{}])[0].get("title") for reply in replies] == [None, title, None]


def test_one_account_of_a_batch_can_be_gone(world):
    ids = [account["id"] for account in world.control.users()]
    world.control.faults([{"on": "GET /2/users", "do": "suspended", "user_id": ids[1]}])
    reply = ask(world.url, "/2/users", {"ids": ",".join(ids)}).json
    assert [user["id"] for user in reply["data"]] == [ids[0], *ids[2:]]
    assert reply["errors"][0]["resource_id"] == ids[1]


def test_accounts_change_state_and_name_for_good_at_a_request(world):
    user = someone(world)
    world.control.faults(
        [
            {"on": TIMELINES, "do": "rename", "username": "renamed_now", "when": {"nth": 2}},
            {"on": TIMELINES, "do": "set-state", "state": "protected", "when": {"nth": 3}},
        ]
    )
    params = {"expansions": "author_id", "max_results": 5}
    names = [timeline(world, **params).json["includes"]["users"][0]["username"] for _ in range(2)]
    assert names[1] == "renamed_now" != names[0]
    assert "errors" in timeline(world).json and "errors" in timeline(world).json
    assert world.control.call("GET", f"users/{user}")["state"] == "protected"


def test_posts_arrive_while_pages_are_read(world):
    user = someone(world)
    before = world.control.timeline(user)
    world.control.faults([{"on": TIMELINES, "do": "publish", "count": 3, "when": {"from": 2}}])
    pages = chain(world.url, f"/2/users/{user}/tweets", {"max_results": 10})
    assert all_ids(pages) == before
    assert len(world.control.timeline(user)) == len(before) + 6
    world.control.faults([{"on": "GET /2/tweets/search/recent", "do": "publish", "count": 2}])
    assert len(ask(world.url, "/2/tweets/search/recent", {"query": "unheardof"}).ids) == 2


def test_short_and_empty_pages_keep_their_next_token_and_lose_nothing(world):
    user = someone(world)
    world.control.faults(
        [
            {"on": TIMELINES, "do": "short-page", "size": 2, "when": {"nth": 1}},
            {"on": TIMELINES, "do": "empty-page", "when": {"nth": 2}},
        ]
    )
    pages = chain(world.url, f"/2/users/{user}/tweets", {"max_results": 20})
    assert [len(page.ids) for page in pages] == [2, 0, 20, 8]
    assert "data" not in pages[1].json
    assert all_ids(pages) == world.control.timeline(user)


def test_partial_errors_come_beside_the_posts(world):
    world.control.faults([{"on": TIMELINES, "do": "partial-errors", "value": "123"}])
    reply = timeline(world, max_results=5)
    assert len(reply.ids) == 5
    assert reply.json["errors"][0]["detail"] == "Could not find tweet with referenced_tweets.id: [123]."
    assert reply.json["errors"][1]["title"] == "Authorization Error"


@pytest.mark.parametrize("how", ["drop", "reset"])
def test_a_page_can_be_cut_in_the_middle(world, how):
    world.control.faults([{"on": TIMELINES, "do": "cut-mid-page", "how": how, "when": {"nth": 1}}])
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        timeline(world)
    assert timeline(world).status == 200
    assert world.truth()["outcomes"] == {"cut-mid-page": 1, "ok": 1}
    assert world.truth()["billed"]["posts"] == 10


def test_a_page_can_stall_trickle_or_come_late(world):
    world.control.faults(
        [
            {"on": TIMELINES, "do": "stall", "seconds": 0.3, "when": {"nth": 1}},
            {"on": TIMELINES, "do": "slow-bytes", "bytes_per_second": 5000, "when": {"nth": 2}},
            {"on": TIMELINES, "do": "delay", "seconds": 0.3, "when": {"nth": 3}},
        ]
    )

    def seconds() -> float:
        begun = time.monotonic()
        assert len(timeline(world).ids) == 10
        return time.monotonic() - begun

    assert min(seconds() for _ in range(3)) > 0.25
    # The quickest, as the machine may be busy with other things.
    assert min(seconds() for _ in range(5)) < 0.25


def test_a_stalled_page_outlasts_a_client_that_does_not_wait(world):
    world.control.faults([{"on": TIMELINES, "do": "stall", "seconds": 30}])
    with pytest.raises(TimeoutError):
        ask(world.url, f"/2/users/{someone(world)}/tweets", seconds=0.3)


def test_a_connection_can_be_reset_without_an_answer(world):
    world.control.faults(
        [
            {"on": TIMELINES, "do": "reset", "when": {"nth": 1}},
            {"on": TIMELINES, "do": "drop", "when": {"nth": 2}},
        ]
    )
    with pytest.raises(ConnectionResetError):
        timeline(world)
    with pytest.raises((ConnectionError, http.client.BadStatusLine)):
        timeline(world)
    assert timeline(world).status == 200


def test_the_port_can_be_closed_for_a_while(world):
    user = someone(world)
    world.control.faults([{"on": TIMELINES, "do": "refuse-connection", "seconds": 0.5}])
    with pytest.raises(ConnectionError):
        ask(world.url, f"/2/users/{user}/tweets")
    begun = time.monotonic()
    refused = 0
    while True:
        try:
            reply = ask(world.url, f"/2/users/{user}")
            break
        except ConnectionRefusedError:
            refused += 1
        assert time.monotonic() - begun < 60
    assert refused and reply.status == 200


def test_a_closed_port_closes_kept_connections_too(world):
    kept = http.client.HTTPConnection(world.url.removeprefix("http://"), timeout=60)
    kept.request("GET", "/2/usage/tweets", headers=BEARER)
    assert kept.getresponse().read()
    world.control.refuse(0.5)
    kept.sock.settimeout(60)
    assert kept.sock.recv(1) == b""


def listening(world, *faults, rules=("cat",)):
    add_rules(world.url, *rules)
    world.control.faults([{"on": STREAM, **fault} for fault in faults])
    return Listener(world.url, EVERYTHING, seconds=5)


def say(world, count):
    return world.control.publish(someone(world), text="a cat", count=count)


def heard(records):
    return [record["data"]["id"] for record in records]


def test_a_stream_can_be_cut_in_the_middle_of_a_line(world):
    with listening(world, {"do": "cut-mid-line", "after_posts": 2}) as listener:
        ids = say(world, 4)
        assert heard(listener.records(2)) == ids[:2]
        with pytest.raises(http.client.IncompleteRead) as cut:
            listener.response.read()
        assert cut.value.partial and ids[2].encode() in cut.value.partial and b"\n" not in cut.value.partial
    assert world.control.stream()["written"] == [1, 1, 0, 0]


@pytest.mark.parametrize("name", ["close", "drop", "reset"])
def test_a_stream_can_end_without_a_word(world, name):
    with listening(world, {"do": name, "after_posts": 1}) as listener:
        ids = say(world, 2)
        assert heard(listener.records(1)) == ids[:1]
        if name == "close":
            assert listener.response.read() == b""
        else:
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                listener.response.read()
    assert world.truth()["connections"][0]["reason"] == name


def test_a_stream_can_end_with_a_disconnect_of_any_type(world):
    with listening(
        world, {"do": "disconnect", "disconnect_type": "ForceDisconnect", "after_posts": 1}
    ) as listener:
        say(world, 2)
        listener.record()
        assert listener.record()["errors"][0]["disconnect_type"] == "ForceDisconnect"
        assert listener.line() == b""


def test_a_stream_can_fall_silent_and_go_on(world):
    with listening(world, {"do": "silence", "after_posts": 1, "seconds": 0.7}) as listener:
        ids = say(world, 1)
        listener.record()
        ids += say(world, 1)
        assert listener.is_silent_for(0.5)
        assert heard([listener.record()]) == ids[1:]


def test_a_stream_can_keep_alive_and_send_nothing(world):
    with listening(world, {"do": "keepalive-only"}) as listener:
        say(world, 3)
        assert [listener.line() for _ in range(4)] == [b"\r\n"] * 4
    assert world.control.stream()["written"] == [0, 0, 0]


def test_stream_records_can_come_twice_and_out_of_order(world):
    with listening(world, {"do": "duplicate", "every": 2, "when": {"nth": 1}}) as listener:
        ids = say(world, 3)
        assert heard(listener.records(4)) == [ids[0], ids[1], ids[1], ids[2]]
    assert world.control.stream()["written"] == [1, 2, 1]
    world.control.call("DELETE", "faults")
    with listening(world, {"do": "reorder", "every": 2}, rules=("dog",)) as listener:
        ids = say(world, 4)
        assert heard(listener.records(4)) == [ids[0], ids[2], ids[1], ids[3]]


def test_a_stream_can_trickle(world):
    with listening(world, {"do": "slow-bytes", "bytes_per_second": 2000}) as listener:
        begun = time.monotonic()
        say(world, 1)
        listener.record()
        assert time.monotonic() - begun > 0.25


def test_lines_that_are_no_posts_can_come_in_between(world):
    with listening(
        world, {"do": "error-line", "after_posts": 1}, {"do": "garbage-line", "after_posts": 2}
    ) as listener:
        ids = say(world, 3)
        assert listener.record()["data"]["id"] == ids[0]
        assert listener.record()["errors"][0]["title"] == "Internal Error"
        assert listener.record()["data"]["id"] == ids[1]
        with pytest.raises(json.JSONDecodeError):
            listener.record()
        assert listener.record()["data"]["id"] == ids[2]


def test_a_ghost_keeps_the_place_of_a_client_that_has_gone(world):
    with listening(world, {"do": "ghost-connection", "when": {"count": 1}}) as listener:
        say(world, 1)
        listener.record()
    wait_until(lambda: [connection["ghost"] for connection in world.control.connections()] == [True])
    assert ask(world.url, "/2/tweets/search/stream").json["connection_issue"] == "TooManyConnections"
    ask(world.url, "/2/connections/filtered_stream", method="DELETE")
    with Listener(world.url) as again:
        assert again.status == 200


def test_without_a_ghost_the_place_is_free_at_once(world):
    with listening(world) as listener:
        listener.line()
        listener.connection.sock.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: world.control.connections() == [])


@pytest.mark.parametrize("name", ["too-many-connections", "unavailable", "rate-limit", "rule-configuration"])
def test_a_connection_to_the_stream_can_be_refused_with_any_answer(world, name):
    add_rules(world.url, "cat")
    world.control.faults([{"on": STREAM, "do": name}])
    reply = ask(world.url, "/2/tweets/search/stream")
    assert reply.status in (409, 429, 503) and world.truth()["outcomes"][name] == 1


def wait_until(holds, *, seconds=60.0):
    """Asks again and again, which is what makes time pass here."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < seconds
