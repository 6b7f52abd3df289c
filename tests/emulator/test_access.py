"""Credentials, rate windows, accounts and billing of the emulator."""

import base64
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import pytest

import emulator
from emulator.api.auth import Asked, signature
from tests.support.raw_client import ask

ROOT = Path(__file__).resolve().parents[2]
NOON = "2026-06-15T12:00:00Z"


@pytest.fixture
def world():
    with emulator.running(users=5, posts_per_user=20, clock=NOON) as running:
        yield running


def someone(world, number=0):
    return world.control.users()[number]["id"]


def signed(world, path, query="", **changed):
    """An OAuth 1.0a header as a client makes it."""
    secret = emulator.CREDENTIALS
    given = {
        "oauth_consumer_key": secret["consumer_key"],
        "oauth_token": secret["access_token"],
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_version": "1.0",
        "oauth_timestamp": str(int(time.time())),
        "oauth_nonce": str(time.perf_counter_ns()),
        **changed,
    }
    origin = changed.pop("origin", world.url)
    given.pop("origin", None)
    asked = Asked(method="GET", origin=origin, path=path, query=query, authorization="")
    given["oauth_signature"] = signature(asked, given, origin)
    quoted = ", ".join(f'{name}="{urllib.parse.quote(value, safe="")}"' for name, value in given.items())
    return {"Authorization": f"OAuth {quoted}"}


def test_a_wrong_or_missing_key_is_a_401_without_rate_headers(world):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}):
        reply = ask(world.url, f"/2/users/{someone(world)}", headers=headers)
        assert reply.status == 401
        assert reply.json == {
            "title": "Unauthorized",
            "type": "about:blank",
            "status": 401,
            "detail": "Unauthorized",
        }
        assert not [name for name in reply.headers if name.startswith(("x-rate", "x-access"))]


def test_a_signed_request_is_a_user_with_limits_of_its_own(world):
    path = f"/2/users/{someone(world)}/tweets"
    query = "max_results=5&start_time=2026-06-10T00%3A00%3A00Z"
    user = ask(world.url, f"{path}?{query}", headers=signed(world, path, query))
    app = ask(world.url, path)
    assert [user.status, app.status] == [200, 200]
    assert user.headers["x-rate-limit-limit"] == "900"
    assert app.headers["x-rate-limit-limit"] == "10000"


def test_the_signature_method_agrees_with_another_implementation(world):
    oauthlib = pytest.importorskip("oauthlib.oauth1")
    secret = emulator.CREDENTIALS
    client = oauthlib.Client(
        secret["consumer_key"],
        secret["consumer_secret"],
        secret["access_token"],
        secret["access_token_secret"],
    )
    url = f"{world.url}/2/tweets/search/recent?query=caf%C3%A9%20OR%20%22new%20york%22&max_results=10"
    uri, headers, _ = client.sign(url)
    assert ask(world.url, uri.removeprefix(world.url), headers=headers).status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"oauth_timestamp": str(int(time.time()) - 3600)},
        {"oauth_consumer_key": "somebody"},
        {"oauth_token": "8-else"},
        {"origin": "https://example.com"},
    ],
)
def test_a_signature_that_is_old_foreign_or_for_another_address_is_refused(world, change):
    path = f"/2/users/{someone(world)}"
    assert ask(world.url, path, headers=signed(world, path, **change)).status == 401


def test_a_signature_works_once(world):
    path = f"/2/users/{someone(world)}"
    headers = signed(world, path)
    assert [ask(world.url, path, headers=headers).status for _ in range(2)] == [200, 401]


def test_a_signature_for_the_address_the_emulator_stands_in_for_is_accepted(world):
    path = f"/2/users/{someone(world)}"
    assert ask(world.url, path, headers=signed(world, path, origin="https://api.twitter.com")).status == 200


def test_the_full_archive_and_the_stream_want_an_app(world):
    for path, query in (("/2/tweets/search/all", "query=cat"), ("/2/tweets/search/stream", "")):
        reply = ask(world.url, f"{path}?{query}", headers=signed(world, path, query))
        assert reply.status == 403 and reply.tail == "unsupported-authentication"


def test_the_bearer_token_is_given_for_the_consumer_keys(world):
    pair = f"{emulator.CREDENTIALS['consumer_key']}:{emulator.CREDENTIALS['consumer_secret']}"
    basic = {
        "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    reply = ask(
        world.url, "/oauth2/token", method="POST", body="grant_type=client_credentials", headers=basic
    )
    assert reply.json == {"token_type": "bearer", "access_token": "emulator-bearer"}
    assert (
        ask(world.url, "/oauth2/token", method="POST", headers={"Authorization": "Basic eHg="}).status == 403
    )


def test_revoked_keys_are_refused_until_they_are_not(world):
    world.control.revoke()
    assert ask(world.url, f"/2/users/{someone(world)}").status == 401
    world.control.revoke(revoked=False)
    assert ask(world.url, f"/2/users/{someone(world)}").status == 200


def test_a_window_counts_down_refuses_and_opens_on_the_clock(world):
    path = "/2/usage/tweets"
    remaining = [int(ask(world.url, path).headers["x-rate-limit-remaining"]) for _ in range(50)]
    assert remaining == list(range(49, -1, -1))
    refused = ask(world.url, path)
    assert refused.status == 429 and refused.json["title"] == "Too Many Requests"
    assert refused.headers["x-rate-limit-remaining"] == "0"
    reset = int(refused.headers["x-rate-limit-reset"])
    assert reset == world.control.clock()["epoch_seconds"] + 900
    world.control.advance(899)
    assert ask(world.url, path).status == 429
    world.control.advance(1)
    assert ask(world.url, path).status == 200


def test_the_archive_allows_one_search_a_second(world):
    replies = [ask(world.url, "/2/tweets/search/all", {"query": "cat"}).status for _ in range(3)]
    assert replies[0] == 200 and 429 in replies[1:]


def test_limits_can_be_switched_off():
    with emulator.running(users=1, clock=NOON, limits=False) as world:
        assert {ask(world.url, "/2/usage/tweets").status for _ in range(60)} == {200}


def test_the_date_header_is_the_emulators_time(world):
    assert ask(world.url, "/2/usage/tweets").headers["date"] == "Mon, 15 Jun 2026 12:00:00 GMT"


def test_accounts_are_found_by_id_and_by_name(world):
    account = world.control.users()[2]
    by_id = ask(world.url, f"/2/users/{account['id']}").json["data"]
    by_name = ask(world.url, f"/2/users/by/username/{account['username'].upper()}").json["data"]
    assert by_id == by_name == {"id": account["id"], "username": account["username"], "name": by_id["name"]}


def test_a_batch_answers_what_it_finds_and_lists_what_it_does_not(world):
    ids = [account["id"] for account in world.control.users()]
    reply = ask(world.url, "/2/users", {"ids": ",".join([*ids, "404"])}).json
    assert [user["id"] for user in reply["data"]] == ids
    assert reply["errors"] == [
        {
            "value": "404",
            "detail": "Could not find user with ids: [404].",
            "title": "Not Found Error",
            "resource_type": "user",
            "parameter": "ids",
            "resource_id": "404",
            "type": "https://api.twitter.com/2/problems/resource-not-found",
        }
    ]
    nobody = ask(world.url, "/2/users/by", {"usernames": "nobody_here"}).json
    assert "data" not in nobody and nobody["errors"][0]["parameter"] == "usernames"


@pytest.mark.parametrize(
    ("state", "timeline", "lookup"),
    [
        ("protected", ("Authorization Error", "not-authorized-for-resource"), None),
        ("suspended", ("Forbidden", "resource-not-found"), ("Forbidden", "User has been suspended: [{id}].")),
        (
            "deleted",
            ("Not Found Error", "resource-not-found"),
            ("Not Found Error", "Could not find user with id: [{id}]."),
        ),
    ],
)
def test_an_account_in_a_state_answers_200_with_errors(world, state, timeline, lookup):
    user = someone(world)
    world.control.user(user, state=state)
    reply = ask(world.url, f"/2/users/{user}/tweets")
    assert reply.status == 200 and "data" not in reply.json
    error = reply.json["errors"][0]
    assert (error["title"], error["type"].rsplit("/", 1)[1]) == timeline
    looked = ask(world.url, f"/2/users/{user}", {"user.fields": "protected"}).json
    if lookup is None:
        assert looked["data"]["protected"] is True
    else:
        assert (looked["errors"][0]["title"], looked["errors"][0]["detail"]) == (
            lookup[0],
            lookup[1].format(id=user),
        )
    world.control.user(user, state="ok")
    assert len(ask(world.url, f"/2/users/{user}/tweets", {"max_results": 100}).ids) == 20


def test_posts_of_hidden_accounts_leave_the_search(world):
    user = someone(world)
    world.control.publish(user, text="a very particular zebra")
    assert len(ask(world.url, "/2/tweets/search/recent", {"query": "zebra"}).ids) == 1
    world.control.user(user, state="suspended")
    assert ask(world.url, "/2/tweets/search/recent", {"query": "zebra"}).json == {"meta": {"result_count": 0}}
    assert world.control.search("zebra") == []


def test_a_renamed_account_keeps_its_id_and_is_found_by_its_new_name_only(world):
    account = world.control.users()[0]
    world.control.user(account["id"], username="fresh_name")
    assert ask(world.url, "/2/users/by/username/fresh_name").json["data"]["id"] == account["id"]
    assert "errors" in ask(world.url, f"/2/users/by/username/{account['username']}").json
    assert ask(world.url, f"/2/users/{account['id']}").json["data"]["username"] == "fresh_name"


def test_what_is_returned_is_billed_and_what_fails_is_not(world):
    user = someone(world)
    ask(world.url, f"/2/users/{user}/tweets", {"max_results": 10})
    ask(world.url, f"/2/users/{user}/tweets", {"max_results": 10})
    ask(world.url, "/2/users", {"ids": f"{user},404"})
    ask(world.url, f"/2/users/{user}/tweets", {"max_results": 1})
    ask(world.url, f"/2/users/{user}/tweets", headers={})
    billed = world.truth()["billed"]
    assert (billed["posts"], billed["posts_once_a_day"], billed["users"]) == (20, 10, 1)
    assert billed["requests"] == {"users/:id/tweets": 3, "users": 1}
    usage = ask(world.url, "/2/usage/tweets").json["data"]
    assert usage["project_usage"] == "20" and usage["project_cap"] == "3000000"


def test_the_truth_tells_how_often_each_post_was_served_and_by_what(world):
    user = someone(world)
    ask(world.url, f"/2/users/{user}/tweets", {"max_results": 5})
    ask(world.url, f"/2/users/{user}/tweets", {"max_results": 10})
    truth = world.truth(detail=True)
    newest = world.control.timeline(user)
    assert truth["served"]["timelines"][user] == {i: 2 for i in newest[:5]} | {i: 1 for i in newest[5:10]}
    assert truth["posts"]["total"] == 100 and truth["posts"]["by_user"][user] == 20
    assert [request["outcome"] for request in truth["requests"]] == ["ok", "ok"]
    world.control.reset_truth()
    assert world.truth()["billed"]["posts"] == 0


def test_the_old_api_is_closed(world):
    reply = ask(world.url, "/1.1/statuses/user_timeline.json")
    assert reply.status == 403 and reply.json["errors"][0]["code"] == 453


def test_the_emulator_listens_on_loopback_only():
    with pytest.raises(ValueError, match="loopback"), emulator.running(host="0.0.0.0"):
        pass


@pytest.mark.system
def test_an_emulator_in_a_process_of_its_own_ends_with_its_block():
    with emulator.spawned("--users", "100000", "--posts-per-user", "2", "--clock", NOON) as world:
        account = world.control.users(start=99_999)[0]
        assert len(ask(world.url, f"/2/users/{account['id']}/tweets").ids) == 2
        assert (
            ask(world.url, f"/2/users/by/username/{account['username']}").json["data"]["id"] == account["id"]
        )
    with pytest.raises(OSError):
        ask(world.url, "/2/usage/tweets", seconds=2)


@pytest.mark.system
@pytest.mark.parametrize("ending", ["closed input", "a signal", "a parent that is gone"])
def test_an_emulator_ends_with_those_who_started_it(ending):
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    command = [sys.executable, "-m", "emulator", "--exit-on-stdin-close", "--parent-pid", str(parent.pid)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdin and process.stdout
    assert process.stdout.readline().startswith(b"emulator listening on http://127.0.0.1:")
    try:
        if ending == "closed input":
            process.stdin.close()
        elif ending == "a signal":
            process.terminate()
        else:
            parent.communicate(b"\n")
        assert process.wait(60) == 0
    finally:
        process.kill()
        parent.kill()
        parent.wait()


@pytest.mark.system
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--host", "0.0.0.0"], "loopback"),
        (["--load", "no/such/file"], "no/such/file"),
        (["--clock", "noon"], "noon"),
        (["--stream-rate", "fast"], "fast"),
    ],
)
def test_a_command_line_with_a_mistake_is_answered_in_one_line(arguments, complaint):
    done = subprocess.run(
        [sys.executable, "-m", "emulator", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and complaint in done.stderr and len(done.stderr.splitlines()) == 1
