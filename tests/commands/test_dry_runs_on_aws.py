"""A dry run on a cluster refuses what a real run refuses there, and changes nothing."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from harvester.collection import history
from harvester.commands.cli.workspace import Workspace
from harvester.commands.collection import schedule, start
from harvester.compute.fargate.task_name import family
from harvester.errors import HarvesterError
from harvester.settings import Settings
from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.support.moto_account import Cloud, cloud_of
from tests.support.servers import Bucket

_KEYS = {"bearer_token": "token"}


@pytest.fixture
def cloud(moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """With a search `s` and a stream `live`."""
    more = {"schedule_group": moto_s3.name, "scheduler_role_arn": "arn:aws:iam::123456789012:role/start"}
    with cloud_of(moto_s3, monkeypatch, **more) as made:
        made.client("scheduler").create_schedule_group(Name=moto_s3.name)
        store = S3Store(moto_s3.name)
        for tree in (
            {"id": "s", "type": "search", "search": {"query": "library"}, "keys": _KEYS},
            {"id": "live", "type": "filter", "filter": {"track": "library"}, "keys": _KEYS},
        ):
            history.add(store, CollectionKeys(str(tree["id"])), tree)
        yield made


def _schedule(collection_id: str, settings: Settings) -> None:
    typed: Any = schedule.schedule.callback
    typed.__wrapped__(collection_id, "rate(7 days)", "UTC", dry_run=True, workspace=Workspace(settings))


def _once(collection_id: str, settings: Settings) -> None:
    typed: Any = start.once.callback
    workspace = Workspace(settings)
    typed.__wrapped__(
        collection_id, wait=False, dry_run=True, as_json=False, form="none", workspace=workspace
    )


def _filter_start(collection_id: str, settings: Settings) -> None:
    typed: Any = start.filter_start.callback
    typed.__wrapped__((collection_id,), dry_run=True, workspace=Workspace(settings))


_COMMANDS = [(_schedule, "s"), (_once, "s"), (_filter_start, "live")]


@pytest.mark.parametrize(("typed", "collection_id"), _COMMANDS)
def test_what_would_be_refused_is_refused(
    typed: Callable[[str, Settings], None], collection_id: str, cloud: Cloud
) -> None:
    typed(collection_id, cloud.settings)
    with pytest.raises(HarvesterError, match="There is no cluster gone in us-east-1|Cluster not found"):
        typed(collection_id, replace(cloud.settings, cluster="gone"))
    with pytest.raises(HarvesterError, match="subnets is missing"):
        typed(collection_id, replace(cloud.settings, subnets=""))
    assert cloud.definitions(family(cloud.settings.bucket, collection_id)) == []


def test_a_schedule_needs_a_group_and_a_role(cloud: Cloud) -> None:
    with pytest.raises(HarvesterError, match="scheduler_role_arn is missing"):
        _schedule("s", replace(cloud.settings, scheduler_role_arn=""))
    with pytest.raises(HarvesterError, match="AWS refuses scheduler:.*ResourceNotFoundException"):
        _schedule("s", replace(cloud.settings, schedule_group="gone"))
