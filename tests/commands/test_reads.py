"""A command that starts harvests reads and checks collection.json once, wherever the harvests run."""

from pathlib import Path

import pytest

from harvester.collection import history
from harvester.commands.cli.workspace import Workspace
from harvester.commands.collection import schedule, start
from harvester.settings import Settings
from harvester.store import Stored
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.moto_account import cloud_of
from tests.support.servers import Bucket
from tests.support.stores import Wrapped

_KEYS = CollectionKeys("s")
_COLLECTION = {
    "id": "s",
    "type": "search",
    "search": {"query": "library"},
    "keys": {"bearer_token": "token"},
}


class _Counting(Wrapped):
    """A store that counts how often a collection.json is read."""

    reads = 0

    def read(self, key: str) -> Stored:
        self.reads += key == _KEYS.collection
        return self.store.read(key)


def _at(settings: Settings, folder: Path) -> tuple[Workspace, _Counting]:
    """A place whose store is in the folder, whatever the settings say."""
    store = _Counting(FolderStore(folder))
    history.add(store, _KEYS, _COLLECTION)
    store.reads = 0
    workspace = Workspace(settings)
    vars(workspace)["store"] = store
    return workspace, store


@pytest.mark.parametrize("as_json", [False, True])
def test_once_as_a_dry_run(tmp_path: Path, as_json: bool) -> None:
    workspace, store = _at(Settings(collections_path=str(tmp_path)), tmp_path)
    command = start.once.callback.__wrapped__  # type: ignore[union-attr]
    assert command("s", wait=False, dry_run=True, as_json=as_json, form="none", workspace=workspace) == 0
    assert store.reads == 1


def test_schedule_on_aws(
    tmp_path: Path, moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    more = {"schedule_group": moto_s3.name, "scheduler_role_arn": "arn:aws:iam::123456789012:role/start"}
    with cloud_of(moto_s3, monkeypatch, **more) as cloud:
        cloud.client("scheduler").create_schedule_group(Name=moto_s3.name)
        workspace, store = _at(cloud.settings, tmp_path)
        schedule.schedule.callback.__wrapped__(  # type: ignore[union-attr]
            "s", "rate(7 days)", "UTC", dry_run=False, workspace=workspace
        )
        assert capsys.readouterr().out == "Scheduled\n"
        assert [each.collection_id for each in workspace.compute.schedules()] == ["s"]
    assert store.reads == 1
