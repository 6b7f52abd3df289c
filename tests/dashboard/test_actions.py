"""Buttons run the commands that a person would type; with --read-only there are none."""

from pathlib import Path

import pytest

from harvester.collection import history
from harvester.dashboard.actions import BUTTONS
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.cli_session import at_a_terminal, until
from tests.support.dashboard_visit import Visit, a_place

_TREES = {
    "museums": {"id": "museums", "type": "user_timeline", "users": {"12": {}}},
    "storms": {"id": "storms", "type": "filter", "filter": {"track": "storm"}},
}


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    store = FolderStore(tmp_path / "collections")
    for name, tree in _TREES.items():
        history.add(store, CollectionKeys(name), tree)
    return Visit(a_place(tmp_path))


def test_a_button_runs_its_command_and_shows_what_it_said(visit: Visit) -> None:
    assert visit.post("/c/museums/do/once").status_code == 303
    page = visit.page("/c/museums")
    assert "twarc_cloud.py collection once museums" in page
    assert "It said: collection once -- museums" in page and "exit code 0" in page


def test_the_fields_of_a_schedule_are_values_of_the_command(visit: Visit) -> None:
    visit.post("/c/museums/do/schedule", expression="--help", timezone="--bucket")
    assert "It said: collection schedule --timezone=--bucket -- museums --help" in visit.page("/c/museums")


@pytest.mark.parametrize(
    ("origin", "token"),
    [("http://evil.example", None), ("null", None), ("", None), ("http://127.0.0.1:8124", None), (None, "x")],
)
def test_a_form_of_another_site_is_refused(visit: Visit, origin: str | None, token: str | None) -> None:
    options = {} if origin is None else {"origin": origin}
    fields = {} if token is None else {"form_token": token}
    assert visit.post("/c/museums/do/once", **options, **fields).status_code == 403
    assert "exit code" not in visit.page("/c/museums")


def test_read_only_offers_and_accepts_nothing(tmp_path: Path, visit: Visit) -> None:
    reader = Visit(a_place(tmp_path, read_only=True))
    assert "<button>" not in reader.page("/c/museums").replace("<button>Search these days</button>", "")
    for name in BUTTONS:
        assert reader.post(f"/c/museums/do/{name}").status_code == 403


@pytest.mark.parametrize("name", ["delete", "../once", "once/x", ""])
def test_there_is_no_button_for_anything_else(visit: Visit, name: str) -> None:
    assert visit.post(f"/c/museums/do/{name}").status_code == 404


def test_a_form_for_a_collection_that_is_not_there_runs_nothing(visit: Visit) -> None:
    assert visit.post("/c/nowhere/do/once").status_code == 404


def test_streams_and_others_have_buttons_of_their_own(visit: Visit) -> None:
    assert "Start the stream" in visit.page("/c/storms")
    assert "Harvest once" in visit.page("/c/museums")


@pytest.mark.system
def test_a_harvest_is_started_and_scheduled_from_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harvester.commands.cli.workspace import chosen
    from harvester.commands.dashboard import place_of

    with at_a_terminal(tmp_path, monkeypatch) as (person, emulated):
        accounts = list(emulated.truth(detail=True)["posts"]["by_user"])
        tree = {"id": "museums", "type": "user_timeline", "users": {accounts[0]: {}}}
        history.add(FolderStore(tmp_path / "collections"), CollectionKeys("museums"), tree)
        visit = Visit(place_of(chosen(None, str(tmp_path / "collections")), read_only=False))
        visit.post("/c/museums/do/schedule", expression="rate(7 days)", timezone="UTC")
        assert "Scheduled" in visit.page("/c/museums")
        visit.post("/c/museums/do/once")
        until(lambda: "Started" in visit.page("/c/museums"))
        until(
            lambda: (
                [each["state"] for each in visit.json("/c/museums/harvests.json")] not in ([], ["running"])
            )
        )
        visit.post("/c/museums/do/pause")
        until(lambda: "(paused)" in visit.page("/c/museums"))


def test_a_button_shows_the_whole_command_as_a_shell_needs_it(tmp_path: Path, visit: Visit) -> None:
    def complete(text: str) -> str:
        return f"{text[:-1]} --bucket b`"

    there = Visit(a_place(tmp_path, complete=complete))
    there.post("/c/museums/do/schedule", expression="rate(7 days)", timezone="UTC")
    typed = (
        "<code>twarc_cloud.py collection schedule --bucket b --timezone=UTC museums &#39;rate(7 days)&#39;<"
    )
    assert typed in there.page("/c/museums")
    assert "search index --bucket b</code>" in there.page("/health")


def test_what_a_command_said_is_shown_once_and_a_failure_as_one(tmp_path: Path, visit: Visit) -> None:
    visit.post("/c/museums/do/once")
    assert visit.json("/c/museums.json")["id"] == "museums"
    assert '<div class="note" role="status">' in visit.page("/c/museums")
    assert "exit code" not in visit.page("/c/museums")
    failing = Visit(a_place(tmp_path, command=lambda *_: ["false"]))
    failing.post("/c/museums/do/once")
    page = failing.page("/c/museums")
    assert '<div class="problem" role="status">' in page and "exit code 1" in page
