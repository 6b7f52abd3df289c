"""The dashboard answers one browser on this machine; other sites and other hosts get nothing."""

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harvester.dashboard.guard import HEADERS
from harvester.dashboard.server import served
from harvester.errors import Exit, HarvesterError
from tests.support.dashboard_visit import ORIGIN, Visit, a_place


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    return Visit(a_place(tmp_path))


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8123", "127.0.0.1:8124", "127.0.0.1", "[::1]:1"]
)
def test_a_request_for_another_host_is_refused(visit: Visit, host: str) -> None:
    assert visit.client.get("/", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8123", "localhost:8123", "[::1]:8123"])
def test_the_names_of_this_machine_are_not_refused(visit: Visit, host: str) -> None:
    answer = visit.client.get("/", headers={"Host": host})
    assert answer.status_code in (200, 401)


def test_without_the_cookie_nothing_is_shown(visit: Visit) -> None:
    stranger = visit.app.test_client()
    for path in ("/", "/static/style.css", "/collections.json", "/nowhere"):
        answer = stranger.get(path, base_url=ORIGIN)
        assert (answer.status_code, "dashboard" in answer.text) == (401, True)


def test_the_token_counts_once(visit: Visit) -> None:
    stranger = visit.app.test_client()
    answer = stranger.get(f"/?token={visit.guard.token}", base_url=ORIGIN)
    assert answer.status_code == 401
    assert "used already" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_who_has_the_cookie_may_open_the_link_again(visit: Visit) -> None:
    answer = visit.get(f"/?token={visit.guard.token}")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize("token", ["", "x", "ü", "\udce4"])
def test_a_wrong_token_is_refused(tmp_path: Path, token: str) -> None:
    visit = Visit(a_place(tmp_path))
    answer = visit.app.test_client().get(
        "/", query_string={"token": token.encode("utf-8", "surrogateescape")}, base_url=ORIGIN
    )
    assert answer.status_code == 401


def test_the_cookie_is_of_this_port_and_for_this_site_only(tmp_path: Path) -> None:
    visit = Visit(a_place(tmp_path))
    guard, client = visit.guard, visit.app.test_client()
    guard._is_used = False
    cookie = client.get(f"/?token={guard.token}", base_url=ORIGIN).headers["Set-Cookie"]
    assert cookie.startswith("twarc-cloud-8123=")
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie


def test_every_answer_has_the_headers(visit: Visit) -> None:
    for path in ("/", "/static/page.js", "/nowhere", "/collections.json"):
        answer = visit.get(path)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "'unsafe" not in HEADERS["Content-Security-Policy"]
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "path", ["/static/../guard.py", "/static/%2e%2e/guard.py", "/static/ORIGIN.md", "/static/"]
)
def test_only_the_files_of_the_pages_are_served(visit: Visit, path: str) -> None:
    assert visit.get(path).status_code == 404


def test_an_address_that_is_none_leads_home_and_shows_strangers_nothing(visit: Visit) -> None:
    page = visit.page("/nosuchpage", status=404)
    assert "There is no page /nosuchpage." in page and '<a href="/">All collections</a>' in page
    stranger = visit.app.test_client().get("/nosuchpage", base_url=ORIGIN)
    assert stranger.status_code == 401 and stranger.mimetype == "text/plain"


def test_a_port_that_is_taken_is_said_in_words(tmp_path: Path) -> None:
    place = a_place(tmp_path)
    with served(place, port=0) as address:
        port = urlsplit(address).port or 0
        with (
            pytest.raises(HarvesterError, match=f"Port {port} of 127.0.0.1 cannot be used") as error,
            served(place, port=port),
        ):
            pass
    assert error.value.exit_code == Exit.USAGE


def test_the_link_opens_the_first_page_of_the_server(tmp_path: Path) -> None:
    with served(a_place(tmp_path), port=0) as address:
        link = urlsplit(address)
        assert link.hostname == "127.0.0.1"
        connection = http.client.HTTPConnection(link.netloc)
        connection.request("GET", f"{link.path}?{link.query}")
        entered = connection.getresponse()
        entered.read()
        cookie = entered.headers["Set-Cookie"].partition(";")[0]
        connection.request("GET", "/", headers={"Cookie": cookie})
        page = connection.getresponse()
        assert (entered.status, page.status) == (303, 200)
        assert b"There are no collections" in page.read()


def test_the_script_of_all_pages_is_at_most_4_kb(visit: Visit) -> None:
    assert 0 < len(visit.get("/static/page.js").data) <= 4096
