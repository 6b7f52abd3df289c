"""`doctor` looks at the account: what is there is well, and what is not is told with what to do."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from harvester.aws.service import Aws
from harvester.checks.aws_account import of_cloud
from harvester.checks.collection import Check
from harvester.settings import Settings
from tests.support.moto_account import REGION, Cloud, cloud_of
from tests.support.servers import Bucket


@pytest.fixture
def cloud(moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """With roles and a group of schedules, too."""
    names = {"schedule_group": moto_s3.name}
    for name, service in (("task", "ecs-tasks"), ("task_execution", "ecs-tasks"), ("scheduler", "scheduler")):
        names[f"{name}_role_arn"] = f"arn:aws:iam::123456789012:role/{moto_s3.name}-{service}-{name}"
    with cloud_of(moto_s3, monkeypatch, **names) as made:
        made.client("scheduler").create_schedule_group(Name=moto_s3.name)
        for name in ("task_role_arn", "task_execution_role_arn", "scheduler_role_arn"):
            role = getattr(made.settings, name).rpartition("/")[2]
            _role(made, role, "scheduler" if "scheduler" in name else "ecs-tasks")
        yield made


def _role(cloud: Cloud, name: str, service: str) -> None:
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)


def _found(settings: Settings) -> dict[str, Check]:
    return {check.check: check for check in of_cloud(settings, Aws(REGION))}


def test_an_account_as_terraform_makes_it_is_well(cloud: Cloud) -> None:
    found = _found(cloud.settings)
    assert {what for what, check in found.items() if not check.ok} <= {"quota"}, "moto has no such quota"
    assert set(found) == {
        *("cluster", "log group", "schedule group", "subnets", "security groups", "quota"),
        *("task_role_arn", "task_execution_role_arn", "scheduler_role_arn"),
    }
    assert found["cluster"].detail == f"{cloud.settings.cluster} in {REGION}."


@pytest.mark.parametrize(
    ("change", "what", "told"),
    [
        ({"cluster": "none"}, "cluster", "there is no cluster none"),
        ({"log_group": "/none"}, "log group", "there is no /none."),
        ({"log_group": ""}, "settings of the cloud", "log_group is missing."),
        ({"subnets": "subnet-0123456789abcdef0"}, "subnets", "InvalidSubnetID.NotFound"),
        ({"security_groups": "sg-0123456789abcdef0"}, "security groups", "InvalidGroup.NotFound"),
        ({"task_role_arn": "arn:aws:iam::123456789012:role/none"}, "task_role_arn", "there is no role"),
        ({"image": "latest"}, "settings of the cloud", "image is 'latest'"),
    ],
)
def test_what_is_not_there_is_told(change: dict[str, Any], what: str, told: str, cloud: Cloud) -> None:
    check = _found(replace(cloud.settings, **change))[what]
    assert not check.ok
    assert told in check.detail
    assert check.hint


def test_a_role_that_trusts_somebody_else_is_told(cloud: Cloud) -> None:
    settings = replace(cloud.settings, task_role_arn=cloud.settings.scheduler_role_arn)
    check = _found(settings)["task_role_arn"]
    assert "does not trust ecs-tasks.amazonaws.com" in check.detail
    assert not check.ok


def test_a_cluster_without_spot_is_told_where_spot_is_wanted(cloud: Cloud) -> None:
    cloud.client("ecs").create_cluster(clusterName="without-spot", capacityProviders=["FARGATE"])
    settings = replace(cloud.settings, cluster="without-spot", task_spot=True)
    assert "FARGATE_SPOT" in _found(settings)["cluster"].detail


def test_a_port_that_is_open_for_nothing_is_told(cloud: Cloud) -> None:
    cloud.client("ec2").authorize_security_group_ingress(
        GroupId=cloud.settings.security_groups, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0"
    )
    check = _found(cloud.settings)["security groups"]
    assert (check.ok, check.detail.partition(",")[0]) == (False, "1 rule for inbound traffic")
    assert _found(replace(cloud.settings, status_port=80))["security groups"].ok


def _refusing(aws: Aws, call: str, code: str) -> None:
    """AWS answers a call so."""

    def refuse(parsed: dict[str, Any], http_response: Any, **_: Any) -> None:
        http_response.status_code = 400
        parsed.clear()
        parsed.update({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}})

    service = call.partition(".")[0]
    getattr(aws, service).client.meta.events.register(f"after-call.{call}", refuse)


def test_what_may_not_be_looked_at_is_not_called_bad(cloud: Cloud) -> None:
    aws = Aws(REGION)
    _refusing(aws, "iam.GetRole", "AccessDenied")
    found = {check.check: check for check in of_cloud(cloud.settings, aws)}
    assert found["task_role_arn"].ok
    assert "lack permission" in found["task_role_arn"].detail


def test_a_group_of_schedules_that_is_not_there_is_told(cloud: Cloud) -> None:
    """moto lists none of any group; AWS knows whether there is one."""
    aws = Aws(REGION)
    _refusing(aws, "scheduler.ListSchedules", "ResourceNotFoundException")
    check = {check.check: check for check in of_cloud(cloud.settings, aws)}["schedule group"]
    assert (check.ok, check.detail) == (False, f"there is no {cloud.settings.schedule_group}.")


def test_the_doctor_looks_at_the_cloud_where_there_is_one(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harvester.checks.machine import examine
    from harvester.store.s3 import S3Store

    settings = replace(cloud.settings, x_api_url="http://127.0.0.1:9")
    whats = [check.check for check in examine(settings, lambda: S3Store(settings.bucket))]
    assert "cluster" in whats
    alone = replace(settings, cluster="")
    assert "cluster" not in [check.check for check in examine(alone, lambda: S3Store(settings.bucket))]
