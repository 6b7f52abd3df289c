"""An account on moto as Terraform leaves one: cluster, network, log group, and the settings for them."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest

from harvester.settings import Settings
from tests.support.servers import Bucket

REGION = "us-east-1"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Cloud:
    """Where it is, and the settings that lead there."""

    endpoint: str
    settings: Settings

    def client(self, service: str) -> Any:
        return _client(service, self.endpoint)

    def definitions(self, family: str) -> list[str]:
        """The revisions that are in use, oldest first."""
        found = self.client("ecs").list_task_definitions(familyPrefix=family, status="ACTIVE")
        return list(found["taskDefinitionArns"])


@cache
def _client(service: str, endpoint: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@contextmanager
def cloud_of(bucket: Bucket, patch: pytest.MonkeyPatch, **settings: Any) -> Iterator[Cloud]:
    """This process's own boto3 finds it by its environment, as a person's would."""
    for name, value in bucket.server.environment.items():
        patch.setenv(name, value)
    made = Cloud(bucket.server.endpoint, Settings())
    number = f"{os.getpid()}-{next(_numbers)}"
    subnet, group = _network(made.client("ec2"), number)
    cluster, log_group = f"cluster-{number}", f"/twarc-cloud/{number}"
    ecs, logs = made.client("ecs"), made.client("logs")
    ecs.create_cluster(clusterName=cluster, capacityProviders=["FARGATE", "FARGATE_SPOT"])
    logs.create_log_group(logGroupName=log_group)
    chosen: dict[str, Any] = {
        "bucket": bucket.name,
        "region": REGION,
        "cluster": cluster,
        "image": "registry.example/twarc-cloud:2.0.0",
        "subnets": subnet,
        "security_groups": group,
        "task_role_arn": "arn:aws:iam::123456789012:role/twarc-cloud-task",
        "task_execution_role_arn": "arn:aws:iam::123456789012:role/twarc-cloud-execution",
        "log_group": log_group,
        **settings,
    }
    yield Cloud(bucket.server.endpoint, Settings(**chosen))


def _network(ec2: Any, number: str) -> tuple[str, str]:
    """A subnet and a security group; moto starts no task in a network without host names."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName=f"tasks-{number}", Description="tasks", VpcId=vpc)["GroupId"]
    return str(subnet), str(group)
