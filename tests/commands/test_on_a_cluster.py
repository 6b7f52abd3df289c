"""What a cluster refuses is told before it is too late: by dry runs, and of what was done until then."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from harvester.collection import history
from harvester.commands.cli.workspace import Workspace
from harvester.commands.collection import group, schedule, start
from harvester.compute.fargate.task_name import family
from harvester.errors import Exit, HarvesterError
from harvester.settings import Settings
from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.support.iam_guard import guard
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
def test_a_dry_run_refuses_what_a_start_would(
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


_DELETES = {"Sid": "All", "Effect": "Allow", "Action": ["s3:*", "ecs:*", "scheduler:Get*"], "Resource": "*"}


def _delete(collection_id: str, settings: Settings) -> None:
    typed: Any = group.delete.callback
    typed.__wrapped__(collection_id, yes=True, dry_run=False, workspace=Workspace(settings))


def test_a_deletion_says_that_the_schedule_is_left(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    with guard(cloud.endpoint, {"operator": [_DELETES]}) as guarded:
        monkeypatch.setenv("AWS_ENDPOINT_URL", guarded.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "operator")
        with pytest.raises(
            HarvesterError, match="Deleted 2 files .*, but not its schedule: AWS refuses"
        ) as told:
            _delete("s", cloud.settings)
    assert "`collection stop s` then removes it." in told.value.hint
    assert told.value.exit_code == Exit.UNAUTHORIZED


def test_a_deletion_needs_no_schedules(cloud: Cloud) -> None:
    _delete("s", replace(cloud.settings, schedule_group="", scheduler_role_arn=""))
    assert [*S3Store(cloud.settings.bucket).entries("collections/s/")] == []
