"""A harvest on this machine that ends at once is told with its last words, as it wrote them."""

import sys
from pathlib import Path

import pytest

from harvester.commands import run
from harvester.commands.person import operator
from harvester.compute.local.compute import LocalCompute
from harvester.errors import Exit, HarvesterError
from harvester.store.folder import FolderStore

_SAYS = "import sys; print('The budget is used up.\\nRaise it.\\x1b[2J', file=sys.stderr); sys.exit(5)"


def test_what_a_harvest_said_on_two_lines_is_printed_on_two_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = FolderStore(tmp_path / "collections")
    store.create("collections/x/collection.json", b'{"id": "x", "type": "search"}')
    compute = LocalCompute(
        store,
        tmp_path / "runs",
        harvest=lambda _: [sys.executable, "-c", _SAYS],
        supervise=lambda _: [],
    )
    with pytest.raises(HarvesterError) as caught:
        compute.once("x")
    assert caught.value.exit_code == Exit.RETRY_LATER
    # What would move the cursor is shown instead.
    assert str(caught.value) == "The budget is used up.\nRaise it.\\x1b[2J"

    def raises(*_: object, **__: object) -> None:
        raise caught.value

    monkeypatch.setattr(operator, "main", raises)
    assert run(operator, []) == Exit.RETRY_LATER
    assert capsys.readouterr().err == "The budget is used up.\nRaise it.\\x1b[2J\n"
