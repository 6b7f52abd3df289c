"""What stands between here and X, and a setting that cannot work, are not taken for X's word or an outage."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.clock import Stop
from harvester.errors import Exit, HarvesterError
from harvester.networks.x import ApiCode, Keys, XClient, XError
from harvester.networks.x.http.intermediary import problem_by
from harvester.networks.x.http.request import require_address
from tests.support.scripted_x import PAGE, HandClock, Reply, in_turn, scripted

_KEYS = Keys(bearer_token="secret-bearer")
_BLOCKED = b"<!DOCTYPE html>\n<html><head><title>Attention\nRequired! | Cloudflare</title></head></html>"


def _client(url: str, **more: Any) -> XClient:
    return XClient(_KEYS, base_url=url, clock=HandClock(), stop=Stop(), **more)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 503])
def test_a_page_that_is_not_the_apis_is_asked_again(status: int) -> None:
    blocked = Reply(status, _BLOCKED, {"content-type": "text/html"})
    with scripted(in_turn(blocked, blocked, Reply(body=PAGE))) as server:
        assert _client(server.url).search("a").posts == 2


def test_a_page_that_is_not_the_apis_is_told_by_its_title_and_not_as_a_word_about_the_keys() -> None:
    with scripted(in_turn(Reply(403, _BLOCKED))) as server, pytest.raises(XError) as caught:
        _client(server.url, patience=5).search("a")

    assert caught.value.outcome == ApiCode.UNAVAILABLE and caught.value.exit_code == Exit.RETRY_LATER
    assert "HTTP status 403 with a page that is not the API's (Attention Required! | Cloudflare)" in str(
        caught.value
    )


def test_what_x_says_itself_in_json_stays_its_word() -> None:
    refused = Reply(403, {"title": "Client Forbidden", "status": 403})
    with scripted(in_turn(refused)) as server, pytest.raises(XError) as caught:
        _client(server.url).search("a")

    assert caught.value.outcome == ApiCode.FORBIDDEN


@pytest.mark.parametrize(("status", "asked"), [(301, 4), (308, 4)])
def test_a_redirect_is_not_followed_and_told_with_where_it_leads(status: int, asked: int) -> None:
    moved = Reply(status, b"", {"location": "https://user:pw@api.example.org:8443/2/tweets?token=s3cret"})
    with scripted(in_turn(moved)) as server, pytest.raises(XError) as caught:
        _client(server.url).search("a")

    assert len(server.requests) == asked
    assert "redirects to https://api.example.org:8443," in str(caught.value) and "x_api_url" in str(
        caught.value
    )
    assert "pw" not in str(caught.value) and "s3cret" not in str(caught.value)


@given(st.integers(300, 599), st.text(max_size=60), st.binary(max_size=200))
def test_any_answer_of_others_has_an_outcome(status: int, location: str, body: bytes) -> None:
    problem = problem_by(status, {"location": location}, body)

    assert problem is None or problem.outcome == ApiCode.UNAVAILABLE


def test_a_proxy_that_wants_a_password_is_told_and_not_asked_for_a_quarter_of_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with scripted(in_turn(Reply(407, b"", {"proxy-authenticate": "Basic"}))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("http://", "http://me:s3cret@"))
        monkeypatch.setenv("NO_PROXY", "")
        with pytest.raises(XError) as caught:
            _client("http://api.x.test").search("a")

    assert len(proxy.requests) == 2
    assert "HTTPS_PROXY" in str(caught.value) and "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "api.x.com",
        "ftp://api.x.com",
        "https://",
        "https://api.x.com/2",
        "https://api.x.com?a=b",
        "https://a:b@x.com",
    ]
    + ["https://x.com:port", "http://[::1", "", "//api.x.com"],
)
def test_an_address_that_is_no_host_is_refused(address: str) -> None:
    with pytest.raises(HarvesterError, match="x_api_url") as caught:
        _client(address).search("a")

    assert caught.value.exit_code == Exit.USAGE and "a:b" not in str(caught.value)


@given(st.text(max_size=30))
def test_any_address_is_taken_or_refused_in_words(address: str) -> None:
    try:
        require_address(address)
    except HarvesterError as error:
        assert error.exit_code == Exit.USAGE
    else:
        assert address.lower().lstrip().startswith(("http://", "https://"))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem", "/nowhere/ca.pem"),
        ("REQUESTS_CA_BUNDLE", __file__, "holds no certificates"),
        ("HTTPS_PROXY", "not a url", "proxy"),
        ("HTTPS_PROXY", "socks5://me:s3cret@127.0.0.1:9", "SOCKS"),
    ],
)
def test_a_setting_that_cannot_work_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(HarvesterError) as caught:
        _client("https://api.x.test").search("a")

    assert not isinstance(caught.value, XError) and caught.value.exit_code == Exit.USAGE
    assert told.lower() in str(caught.value).lower() and name in caught.value.hint
    assert "s3cret" not in str(caught.value)


def test_a_folder_of_certificates_is_one_that_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with pytest.raises(XError) as caught:
        _client("https://127.0.0.1:9", patience=0).search("a")

    assert caught.value.outcome == ApiCode.UNAVAILABLE


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_rate_headers_of_the_layer_in_front_close_no_window(status: int) -> None:
    clock = HandClock()
    reset = str(int(clock.now().timestamp()) + 890)

    def headers(remaining: int) -> dict[str, str]:
        return {"x-rate-limit-remaining": str(remaining), "x-rate-limit-reset": reset}

    pages = (Reply(body=PAGE, headers=headers(180 - count)) for count in range(2, 9))
    broken = Reply(status, {"title": "Internal Server Error", "status": status}, headers(1))
    with scripted(in_turn(Reply(body=PAGE, headers=headers(179)), broken, *pages)) as server:
        client = XClient(_KEYS, base_url=server.url, clock=clock, stop=Stop())
        for _ in range(8):
            try:
                client.search("a")
            except XError:
                assert status == 400

    assert clock.elapsed() < 60


def test_a_fetched_token_that_cannot_be_one_is_not_sent() -> None:
    with scripted(in_turn(Reply(body={"access_token": "two\nlines-s3cret"}))) as server:
        client = XClient(
            Keys("key", "secret"), base_url=server.url, clock=HandClock(), stop=Stop(), patience=2
        )
        with pytest.raises(XError, match="holds no bearer token") as caught:
            client.search("a")

    assert {request.path for request in server.requests} == {"/oauth2/token"}
    assert "s3cret" not in json.dumps(str(caught.value))
