"""What the tests of exports share: a person before a folder with collections in every form of records."""

from pathlib import Path

import pytest

from tests.support import record_forms
from tests.support.cli_session import Person
from tests.support.stored_records import collection_of


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Stands in an empty folder, in which `election` has a page, stream objects and flattened posts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWARC_CLOUD_PROGRESS", "none")
    page = record_forms.page()
    files = [[page], [record_forms.stream_object(), *record_forms.flattened(page)]]
    collection_of(tmp_path / "collections", "election", files)
    return Person(tmp_path)


@pytest.fixture
def real_person(person: Person) -> Person:
    """The same with the collection `real` of real payloads."""
    lines = [
        line for line in record_forms.real_lines() if line.startswith(b'{"data"') and line.endswith(b"}")
    ]
    if not lines:
        pytest.skip("../shared/data is not here")
    pages = [line for line in lines if b'"username"' in line and not _of_accounts(line)]
    collection_of(person.folder / "collections", "real", [pages])
    return person


def _of_accounts(line: bytes) -> bool:
    from harvester.networks.registry import usual

    return not usual().rows(line).posts or usual().rows(line).posts[0].included
