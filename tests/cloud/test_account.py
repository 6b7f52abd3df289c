"""The account with all that may be chosen: made, planned again, judged, and gone but for a full bucket.

`make cloud-test` runs these in their order, on an emulator of AWS that keeps what Terraform makes. No
container is needed.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.servers import S3Server, guarded, own_ports, reachable, ready
from tests.support.terraform import ROOT, Terraform, lacking, prepared

_MINISTACK = ROOT / ".venv/cloud/bin/ministack"
_LACKING = (
    lacking()
    or ("" if os.environ.get("CLOUD_TEST") else "`make cloud-test` does")
    or ("" if _MINISTACK.exists() else f"{_MINISTACK} is not there")
)
pytestmark = pytest.mark.skipif(bool(_LACKING), reason=f"no account is made here: {_LACKING}")

_BUCKET = "tweets-of-a-museum"
_ALL = (
    *(f"-var=bucket={_BUCKET}", '-var=operators=["arn:aws:iam::000000000000:user/archivist"]'),
    *("-var=status_cidr=192.0.2.7/32", "-var=alarm_email=archivist@example.org", "-var=budget_limit=20"),
    *("-var=archive_after_days=90", "-var=container_insights=true"),
)
_DESTROYED = "-var=destroy_bucket=true"
# What the emulator forgets of what it was told; AWS does not.
_FORGOTTEN = {"aws_cloudwatch_metric_alarm.dropped_schedule[0]"}
_RECORD = "collections/s/harvests/2026/11/25/07/00/00/tweets-20261125070000-000001.jsonl.gz"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """It asks its IAM whenever a role speaks; `test` is the account's owner."""
    folder = tmp_path_factory.mktemp("aws")
    with own_ports(1) as (port,):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "S3_DATA_DIR": str(folder),
        }
        made = S3Server(f"http://127.0.0.1:{port}", "test", "test")
        with guarded([str(_MINISTACK)], log=folder / "log.txt", environment=environment) as process:
            assert ready(lambda: reachable(f"{made.endpoint}/_ministack/health"), process)
            yield made


@pytest.fixture(scope="module")
def before(server: S3Server) -> dict[str, set[str]]:
    return _inventory(server)


@pytest.fixture(scope="module")
def account(
    server: S3Server, before: dict[str, set[str]], tmp_path_factory: pytest.TempPathFactory
) -> Terraform:
    terraform = prepared(tmp_path_factory.mktemp("terraform"), server)
    terraform("apply", "-auto-approve", "-input=false", *_ALL)
    return terraform


def _client(server: S3Server, service: str, keys: dict[str, str] | None = None) -> Any:
    import boto3

    found = keys or {"AccessKeyId": "test", "SecretAccessKey": "test"}
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found.get("SessionToken"),
    )


def _inventory(server: S3Server) -> dict[str, set[str]]:
    """What there is of each kind that Terraform makes."""
    kinds = {
        ("s3", "list_buckets", "Buckets", "Name"),
        ("iam", "list_roles", "Roles", "RoleName"),
        ("ecs", "list_clusters", "clusterArns", ""),
        ("logs", "describe_log_groups", "logGroups", "logGroupName"),
        ("ecr", "describe_repositories", "repositories", "repositoryName"),
        ("scheduler", "list_schedule_groups", "ScheduleGroups", "Name"),
        ("events", "list_rules", "Rules", "Name"),
        ("sns", "list_topics", "Topics", "TopicArn"),
        ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        ("ec2", "describe_vpcs", "Vpcs", "VpcId"),
        ("ec2", "describe_subnets", "Subnets", "SubnetId"),
        ("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
        ("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
        ("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
        ("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    }
    found = {
        operation: {
            entry[name] if name else entry for entry in getattr(_client(server, service), operation)()[listed]
        }
        for service, operation, listed, name in kinds
    }
    policies = _client(server, "iam").list_policies(Scope="Local")["Policies"]
    budgets = _client(server, "budgets").describe_budgets(AccountId="000000000000").get("Budgets", ())
    return {
        **found,
        "policies": {each["PolicyName"] for each in policies},
        "budgets": {each["BudgetName"] for each in budgets},
    }


def test_a_second_plan_changes_only_what_the_emulator_forgot(account: Terraform) -> None:
    assert account.changes(*_ALL).keys() <= _FORGOTTEN


def test_all_of_it_is_there(account: Terraform, server: S3Server, before: dict[str, set[str]]) -> None:
    there = _inventory(server)
    assert [kind for kind in there if not there[kind] - before[kind]] == []
    s3 = _client(server, "s3")
    rules = s3.get_bucket_lifecycle_configuration(Bucket=_BUCKET)["Rules"]
    assert {rule["ID"] for rule in rules} == {
        "broken-uploads",
        "rewritten",
        "removed",
        "tables",
        "reports",
        "archive-0",
    }
    assert [rule for rule in rules if rule.get("Expiration", {}).get("Days")] == []
    assert s3.get_bucket_versioning(Bucket=_BUCKET)["Status"] == "Enabled"


def _role(server: S3Server, name: str) -> dict[str, str]:
    """Its keys for an hour, as a service of AWS gets them: without asking whom the role trusts."""
    iam = _client(server, "iam")
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    everybody = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "000000000000"}}
    iam.update_assume_role_policy(
        RoleName=name, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    )
    try:
        arn = f"arn:aws:iam::000000000000:role/{name}"
        found = _client(server, "sts").assume_role(RoleArn=arn, RoleSessionName="a-test")["Credentials"]
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    return {name: str(value) for name, value in found.items()}


def test_the_iam_of_another_hand_agrees(account: Terraform, server: S3Server) -> None:
    """On the bucket and the parameters, of which it judges each request by its resource."""
    keys = _role(server, "twarc-cloud-task")
    s3, owner = _client(server, "s3", keys), _client(server, "s3")
    # It is asked without encryption here, which the bucket refuses even if all else is allowed.
    _refused(lambda: s3.put_object(Bucket=_BUCKET, Key=_RECORD, Body=b"x"))
    owner.delete_bucket_policy(Bucket=_BUCKET)
    version = s3.put_object(Bucket=_BUCKET, Key=_RECORD, Body=b"x", IfNoneMatch="*")["VersionId"]
    assert s3.get_object(Bucket=_BUCKET, Key=_RECORD)["Body"].read() == b"x"
    assert s3.list_objects_v2(Bucket=_BUCKET, Prefix="collections/")["KeyCount"] == 1
    _refused(lambda: s3.delete_object(Bucket=_BUCKET, Key=_RECORD, VersionId=version))
    _refused(lambda: s3.put_object(Bucket=_BUCKET, Key="other", Body=b"x"))
    _refused(
        lambda: s3.put_bucket_versioning(Bucket=_BUCKET, VersioningConfiguration={"Status": "Suspended"})
    )
    ssm, all_of_it = _client(server, "ssm", keys), _client(server, "ssm")
    for name in ("/twarc-cloud/keys/museum", "/other/keys/museum"):
        all_of_it.put_parameter(Name=name, Value="x", Type="SecureString")
    assert ssm.get_parameter(Name="/twarc-cloud/keys/museum")["Parameter"]["Name"]
    _refused(lambda: ssm.get_parameter(Name="/other/keys/museum"))
    _refused(lambda: ssm.put_parameter(Name="/twarc-cloud/keys/museum", Value="y", Type="String"))
    _refused(lambda: _client(server, "iam", keys).list_roles())
    all_of_it.delete_parameters(Names=["/twarc-cloud/keys/museum", "/other/keys/museum"])


def _refused(act: Any) -> None:
    with pytest.raises(ClientError) as caught:
        act()
    assert "AccessDenied" in caught.value.response["Error"]["Code"]


def test_a_full_bucket_outlives_all_else(
    account: Terraform, server: S3Server, before: dict[str, set[str]]
) -> None:
    s3 = _client(server, "s3")
    for body in (b"one", b"two"):
        s3.put_object(Bucket=_BUCKET, Key="collections/s/lock.json", Body=body)
    s3.put_object(Bucket=_BUCKET, Key=_RECORD, Body=b"posts")
    done = account.tried("destroy", "-auto-approve", "-input=false", *_ALL)
    assert done.returncode != 0
    assert "BucketNotEmpty" in done.stderr
    left = {kind: found - before[kind] for kind, found in _inventory(server).items() if found - before[kind]}
    assert left == {"list_buckets": {_BUCKET}}
    assert s3.get_object(Bucket=_BUCKET, Key=_RECORD)["Body"].read() == b"posts"


def test_who_wants_to_be_rid_of_it_is_rid_of_all(
    account: Terraform, server: S3Server, before: dict[str, set[str]]
) -> None:
    account("apply", "-auto-approve", "-input=false", *_ALL, _DESTROYED, "-target=aws_s3_bucket.collections")
    account("destroy", "-auto-approve", "-input=false", *_ALL, _DESTROYED)
    assert _inventory(server) == before
    assert account("state", "list") == ""
