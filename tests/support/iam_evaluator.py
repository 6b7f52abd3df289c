"""What AWS asks IAM about a request, and what a policy answers, for the calls that are made here.

No emulator at hand judges a request by its resource and its conditions as AWS does, so it is done here. The
actions, the resources and the keys of conditions are those of AWS's Service Authorization Reference.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ACCOUNT, REGION = "123456789012", "us-east-1"
Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """One HTTP request to AWS."""

    service: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        return self.headers.get("x-amz-target", "").rpartition(".")[2]

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body or b"{}"))


@dataclass(frozen=True)
class Check:
    """One question to IAM; a request is allowed when all of its are."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def allowing(statements: Iterable[Statement], check: Check) -> list[str]:
    """The Sids of the statements that allow it. These policies deny nothing: who is not allowed may not."""
    return [str(each["Sid"]) for each in statements if _applies(each, check)]


def _applies(statement: Statement, check: Check) -> bool:
    assert statement["Effect"] == "Allow", statement
    return (
        any(_like(check.action.lower(), pattern.lower()) for pattern in _list(statement["Action"]))
        and any(_like(check.resource, pattern) for pattern in _list(statement["Resource"]))
        and all(
            _holds(operator, check.context.get(key), _list(wanted))
            for operator, conditions in statement.get("Condition", {}).items()
            for key, wanted in conditions.items()
        )
    )


def _holds(operator: str, given: str | None, wanted: list[str]) -> bool:
    # A key that is not there holds for none of these.
    if given is None:
        return False
    if operator == "StringEquals":
        return given in wanted
    assert operator in ("ArnEquals", "ArnLike", "StringLike"), operator
    return any(_like(given, each) for each in wanted)


def _like(text: str, pattern: str) -> bool:
    parts = (
        ".*" if part == "*" else "." if part == "?" else re.escape(part)
        for part in re.split("([*?])", pattern)
    )
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


class Checks:
    """Knows the roles of the task definitions that it saw registered, for who starts one hands them over."""

    def __init__(self) -> None:
        self._roles: dict[str, list[str]] = {}

    def of(self, request: Request) -> list[Check]:
        """Raises LookupError for a request that is not known here."""
        return list(getattr(self, f"_{request.service.replace('-', '_')}")(request))

    def _s3(self, request: Request) -> list[Check]:
        return [replace(check, context={"aws:ResourceAccount": ACCOUNT}) for check in self._of_s3(request)]

    def _of_s3(self, request: Request) -> list[Check]:
        bucket, _, key = unquote(urlsplit(request.path).path).lstrip("/").partition("/")
        if not key:
            if request.method == "HEAD" or "list-type" in request.query:
                return [Check("s3:ListBucket", f"arn:aws:s3:::{bucket}")]
            raise LookupError(request.path)
        verb = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "POST": "Put", "DELETE": "Delete"}[request.method]
        whole = f"arn:aws:s3:::{bucket}/{key}"
        if request.method == "DELETE" and "uploadId" in request.query:
            return [Check("s3:AbortMultipartUpload", whole)]
        version = "Version" if "versionId" in request.query else ""
        found = [Check(f"s3:{verb}Object{version}", whole)]
        if request.headers.keys() & {"x-amz-tagging", "x-amz-acl"}:
            raise LookupError(str(request.headers))
        if copied := request.headers.get("x-amz-copy-source"):
            found.append(Check("s3:GetObject", f"arn:aws:s3:::{unquote(copied).lstrip('/')}"))
        # Who sets a condition on what is there must be allowed to see it.
        return [*found, Check("s3:GetObject", whole)] if "if-match" in request.headers else found

    def _ssm(self, request: Request) -> list[Check]:
        asked = request.json
        name = asked["Path"] if request.operation == "GetParametersByPath" else asked["Name"]
        return [Check(f"ssm:{request.operation}", _arn("ssm", f"parameter{name}"))]

    def _logs(self, request: Request) -> list[Check]:
        asked = request.json
        where = f"log-group:{asked['logGroupName']}:log-stream:{asked.get('logStreamName', '')}"
        return [Check(f"logs:{request.operation}", _arn("logs", where))]

    def _sqs(self, request: Request) -> list[Check]:
        # One action allows a request about one message and one about several.
        action = request.operation.removesuffix("Batch")
        name = urlsplit(request.json["QueueUrl"]).path.rpartition("/")[2]
        return [Check(f"sqs:{action}", _arn("sqs", name))]

    def _scheduler(self, request: Request) -> list[Check]:
        name = urlsplit(request.path).path.removeprefix("/schedules").strip("/")
        if not name:
            return [Check("scheduler:ListSchedules", "*")]
        asked = request.json
        verb = {"POST": "Create", "PUT": "Update", "GET": "Get", "DELETE": "Delete"}[request.method]
        group = asked.get("GroupName") or request.query["groupName"][0]
        found = [Check(f"scheduler:{verb}Schedule", _arn("scheduler", f"schedule/{group}/{name}"))]
        role = asked.get("Target", {}).get("RoleArn")
        return [*found, _passed(role, "scheduler.amazonaws.com")] if role else found

    def _events(self, request: Request) -> list[Check]:
        name = request.json.get("Rule") or request.json.get("Name")
        resource = _arn("events", f"rule/{name}") if name else "*"
        return [Check(f"events:{request.operation}", resource)]

    def _ec2(self, request: Request) -> list[Check]:
        action = parse_qs(request.body.decode())["Action"][0]
        return [Check(f"ec2:{action}", "*")]

    def _iam(self, request: Request) -> list[Check]:
        asked = parse_qs(request.body.decode())
        role = f"arn:aws:iam::{ACCOUNT}:role/{asked['RoleName'][0]}"
        return [Check(f"iam:{asked['Action'][0]}", role)]

    def _servicequotas(self, request: Request) -> list[Check]:
        quota = f"{request.json['ServiceCode']}/{request.json['QuotaCode']}"
        return [Check(f"servicequotas:{request.operation}", _arn("servicequotas", quota))]

    def _ecr(self, request: Request) -> list[Check]:
        name = request.json.get("repositoryName")
        return [Check(f"ecr:{request.operation}", _arn("ecr", f"repository/{name}") if name else "*")]

    def _ecs(self, request: Request) -> list[Check]:
        asked, operation = request.json, request.operation
        resources, context = _ecs_resources(operation, asked)
        found = [Check(f"ecs:{operation}", resource, context) for resource in resources]
        if asked.get("tags") or asked.get("enableECSManagedTags") or asked.get("propagateTags"):
            made = {
                "RunTask": f"task/{_cluster(asked)}/new",
                "RegisterTaskDefinition": f"task-definition/{asked.get('family')}:1",
            }.get(operation, resources[0].rpartition(f":{ACCOUNT}:")[2])
            found.append(Check("ecs:TagResource", _arn("ecs", made), {"ecs:CreateAction": operation}))
        return found + [_passed(role, "ecs-tasks.amazonaws.com") for role in self._roles_of(operation, asked)]

    def _roles_of(self, operation: str, asked: Mapping[str, Any]) -> list[str]:
        if operation == "RegisterTaskDefinition":
            self._roles[asked["family"]] = [asked["taskRoleArn"], asked["executionRoleArn"]]
            return self._roles[asked["family"]]
        if operation == "RunTask":
            return self._roles[_family(asked["taskDefinition"])]
        return []


def _ecs_resources(operation: str, asked: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    cluster = _cluster(asked)
    within = {"ecs:cluster": _arn("ecs", f"cluster/{cluster}")}
    if operation == "RunTask":
        return [_arn("ecs", f"task-definition/{_family(asked['taskDefinition'])}:1")], within
    if operation in ("DescribeTasks", "StopTask"):
        names = asked.get("tasks") or [asked["task"]]
        return [_arn("ecs", f"task/{cluster}/{name.rpartition('/')[2]}") for name in names], within
    if operation in ("CreateService", "UpdateService", "DeleteService", "DescribeServices"):
        names = asked.get("services") or [asked.get("serviceName") or asked["service"]]
        return [_arn("ecs", f"service/{cluster}/{name.rpartition('/')[2]}") for name in names], within
    if operation in ("ListTasks", "ListServices"):
        return ["*"], within
    if operation == "DescribeClusters":
        return [_arn("ecs", f"cluster/{name.rpartition('/')[2]}") for name in asked["clusters"]], {}
    if operation.endswith(("TaskDefinition", "TaskDefinitions")):
        return ["*"], {}
    raise LookupError(operation)


def _cluster(asked: Mapping[str, Any]) -> str:
    return str(asked.get("cluster", "default")).rpartition("/")[2]


def _family(definition: str) -> str:
    return definition.rpartition("/")[2].partition(":")[0]


def _passed(role: str, service: str) -> Check:
    return Check("iam:PassRole", role, {"iam:PassedToService": service})
