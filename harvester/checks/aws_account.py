"""Checks of everything that tasks need in the AWS account, each with what to do."""

from collections.abc import Callable, Iterator
from typing import Any

from harvester.aws.service import Aws, Refused
from harvester.checks.collection import Check
from harvester.compute.fargate.task_definition import require_complete
from harvester.errors import Exit, HarvesterError
from harvester.settings import Settings
from harvester.text import counted, listed

_APPLY = "`terraform apply` creates it; `terraform output -raw twarc_cloud_ini` shows its name."
_FREE_ADDRESSES = 8
# Fargate's quotas of vCPUs: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
_QUOTAS = {"on demand": "L-3032A538", "Spot": "L-36FBB829"}
_ROLES = {
    "task_role_arn": "ecs-tasks.amazonaws.com",
    "task_execution_role_arn": "ecs-tasks.amazonaws.com",
    "scheduler_role_arn": "scheduler.amazonaws.com",
}


def of_cloud(settings: Settings, aws: Aws) -> Iterator[Check]:
    """All of them; nothing is changed, and nothing costs."""
    try:
        require_complete(settings)
    except HarvesterError as error:
        yield Check("settings of the cloud", False, " ".join(error.problems), error.hint)
    checks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("cluster", lambda: _cluster(settings, aws)),
        ("log group", lambda: _log_group(settings, aws)),
        ("schedule group", lambda: _schedule_group(settings, aws)),
        ("subnets", lambda: _subnets(settings, aws)),
        ("security groups", lambda: _security_groups(settings, aws)),
        *((name, lambda name=name: _role(settings, aws, name)) for name in _ROLES),
        ("quota", lambda: _quota(settings, aws)),
    )
    for what, check in checks:
        yield _looked_at(what, check)


def _looked_at(what: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Refused as refused:
        # The operator role may do what commands need, and no more.
        if refused.exit_code == Exit.UNAUTHORIZED and refused.code.startswith(
            ("AccessDenied", "Unauthorized")
        ):
            return Check(what, True, "skipped: the current AWS credentials lack permission.")
        return Check(what, False, refused.message, refused.hint)
    except HarvesterError as error:
        return Check(what, False, error.message, error.hint)


def _cluster(settings: Settings, aws: Aws) -> Check:
    found = aws.ecs("describe_clusters", clusters=[settings.cluster])["clusters"]
    if not found or found[0].get("status") != "ACTIVE":
        detail = f"there is no cluster {settings.cluster} in {aws.ecs.region}."
        return Check("cluster", False, detail, f"Check `region`. {_APPLY}")
    wanted = "FARGATE_SPOT" if settings.task_spot else "FARGATE"
    if wanted not in (found[0].get("capacityProviders") or ()):
        detail = f"{settings.cluster} does not have the capacity provider {wanted}."
        return Check("cluster", False, detail, "`terraform apply` adds it.")
    return Check("cluster", True, f"{settings.cluster} in {aws.ecs.region}.")


def _log_group(settings: Settings, aws: Aws) -> Check:
    def ask(group: str) -> None:
        aws.logs("describe_log_streams", logGroupName=group, limit=1)

    return _there("log group", settings.log_group, ask)


def _schedule_group(settings: Settings, aws: Aws) -> Check:
    if not settings.schedule_group:
        return Check("schedule group", True, "not set, so nothing can be scheduled.")

    def ask(group: str) -> None:
        aws.scheduler("list_schedules", GroupName=group, MaxResults=1)

    return _there("schedule group", settings.schedule_group, ask)


def _there(what: str, name: str, ask: Callable[[str], None]) -> Check:
    if not name:
        return Check(what, False, "none is set.", _APPLY)
    try:
        ask(name)
    except Refused as refused:
        if refused.code != "ResourceNotFoundException":
            raise
        return Check(what, False, f"there is no {name}.", _APPLY)
    return Check(what, True, f"{name}.")


def _subnets(settings: Settings, aws: Aws) -> Check:
    names = listed(settings.subnets)
    found = aws.ec2("describe_subnets", SubnetIds=names)["Subnets"] if names else []
    if not found:
        return Check("subnets", False, "none are set.", _APPLY)
    full = [each["SubnetId"] for each in found if each.get("AvailableIpAddressCount", 256) < _FREE_ADDRESSES]
    if full:
        detail = f"almost out of addresses: {', '.join(full)}."
        return Check("subnets", False, detail, "Each task needs an address: use larger or more subnets.")
    zones = sorted({str(each.get("AvailabilityZone")) for each in found})
    return Check("subnets", True, f"{len(found)}, in {', '.join(zones)}.")


def _security_groups(settings: Settings, aws: Aws) -> Check:
    names = listed(settings.security_groups)
    found = aws.ec2("describe_security_groups", GroupIds=names)["SecurityGroups"] if names else []
    if not found:
        return Check("security groups", False, "none are set.", _APPLY)
    if settings.status_port == 0 and (rules := [rule for each in found for rule in each["IpPermissions"]]):
        detail = f"{counted(len(rules), 'rule')} for inbound traffic, but tasks do not listen on any port."
        return Check("security groups", False, detail, "Remove them; Terraform's `status_cidr` opens a port.")
    return Check("security groups", True, f"{', '.join(each['GroupId'] for each in found)}.")


def _role(settings: Settings, aws: Aws, name: str) -> Check:
    arn = str(getattr(settings, name))
    if not arn:
        return Check(
            name, True, "none is set." + (" Nothing can be scheduled." if "scheduler" in name else "")
        )
    try:
        role: dict[str, Any] = aws.iam("get_role", RoleName=arn.rpartition("/")[2])["Role"]
    except Refused as refused:
        if refused.code not in ("NoSuchEntity", "NoSuchEntityException"):
            raise
        return Check(name, False, f"there is no role {arn}.", _APPLY)
    trusted = str(role.get("AssumeRolePolicyDocument"))
    if _ROLES[name] not in trusted:
        detail = f"{arn} does not trust {_ROLES[name]}."
        return Check(
            name, False, detail, "Use the role that Terraform creates, or let it trust that service."
        )
    return Check(name, True, f"{arn}.")


def _quota(settings: Settings, aws: Aws) -> Check:
    kind = "Spot" if settings.task_spot else "on demand"
    found = aws.quotas("get_service_quota", ServiceCode="fargate", QuotaCode=_QUOTAS[kind])
    vcpus = float(found["Quota"]["Value"])
    tasks = int(vcpus * 1024 // settings.task_cpu)
    detail = f"{vcpus:g} vCPUs {kind}, enough for {counted(tasks, 'task')} of the default size at once."
    return Check(
        "quota", tasks > 0, detail, "" if tasks else "Request more from AWS (Service Quotas, Fargate)."
    )
