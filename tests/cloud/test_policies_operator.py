"""The operator's policy is enough and not more: every command works with it, and none without its statement.

As for schedules, which start a task in the name of a role of their own; the rest is in
tests/cloud/test_policies.py.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from harvester.errors import Exit
from tests.support.cli_session import Person, Result, until
from tests.support.fake_fargate import fargate
from tests.support.iam_guard import Guard
from tests.support.moto_account import Cloud
from tests.support.servers import S3Server
from tests.support.terraform import lacking
from tests.support.terraform_account import BUCKET, DENIED, Account, applied, operating

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(lacking()), reason=lacking())]


@pytest.fixture(scope="module")
def account(moto_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with applied(moto_server, tmp_path_factory.mktemp("account")) as made:
        yield made


@pytest.fixture(scope="module")
def person(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """On a cluster whose tasks have the task role, and really run."""
    cloud = Cloud(account.guard.url, account.settings)
    with (
        operating(account, tmp_path_factory.mktemp("desk"), tmp_path_factory.mktemp("home")) as typing,
        fargate(cloud, tmp_path_factory.mktemp("tasks"), **account.as_("task")),
    ):
        yield typing


def _rule_of_2019(account: Account) -> None:
    events = account.client("events")
    events.put_rule(Name=f"{BUCKET}_s_schedule", ScheduleExpression="rate(7 days)", State="ENABLED")
    ecs = "arn:aws:ecs:us-east-1:123456789012"
    target = {
        "Id": "it",
        "Arn": f"{ecs}:cluster/twarc-cloud",
        "RoleArn": account.settings.scheduler_role_arn,
        "EcsParameters": {"TaskDefinitionArn": f"{ecs}:task-definition/old:1", "TaskCount": 1},
    }
    events.put_targets(Rule=f"{BUCKET}_s_schedule", Targets=[target])


_MUSEUM = ("--profile", "museum", "--yes")

# What a person types for whom this statement is there; where one is missing, it must not succeed.
_TYPED: dict[str, tuple[str, ...]] = {
    "ReadAndStoreCollections": ("collection-config", "changes", "s"),
    # Tables that are there are not made again; a report is.
    "KeepTables": ("report", "publish", "s"),
    "ListCollections": ("collection", "list"),
    "SeeCluster": ("collection", "schedule", "s", "rate(7 days)"),
    "StartHarvests": ("collection", "once", "s"),
    "SeeAndStopHarvests": ("collection", "once", "s"),
    "KeepStreams": ("collection", "filter-start", "live"),
    "SeeStreams": ("collection", "once", "s"),
    "ListWhatRuns": ("harvest", "list"),
    "DefineTasks": ("collection", "once", "s"),
    "TagWhatIsMade": ("collection", "once", "s"),
    "HandOverRolesToTasks": ("collection", "once", "s"),
    "KeepSchedules": ("collection", "schedule", "s", "rate(7 days)"),
    "ListSchedules": ("collection", "scheduled"),
    "HandOverRoleToSchedules": ("collection", "schedule", "s", "rate(7 days)"),
    "FindRulesOf2019": ("collection", "scheduled", "--migrate", "--yes"),
    "ReplaceRulesOf2019": ("collection", "scheduled", "--migrate", "--yes"),
    "ReadLogs": ("harvest", "log", "s"),
    "KeepKeys": ("collection-config", "keys", "--rotate", *_MUSEUM),
    "SeeQueues": ("graph", "workers", "status", "crawl"),
    "ListKeys": ("collection-config", "keys", "--list"),
}
# Those of a status port, and of what only looks: see below.
_ASKED = {"ReadTokens", "FindTasks"}
_LOOKS = {"LookAtNetwork", "LookAtRoles", "LookAtQuota"}
# What only a state asks for that is not reached by typing: a task that is to end before it hears the store
# (tests/compute/fargate/test_compute.py has it).
_ELSEWHERE = {"ecs:StopTask"}


# Enough to need every action.
_SESSION: tuple[tuple[str, ...], ...] = (
    *(("collection", "list"), ("collection-config", "changes", "s"), ("harvest", "list")),
    *(("collection-config", "keys", "--list"), ("collection-config", "keys", "--remove", *_MUSEUM)),
    *(("collection-config", "keys", *_MUSEUM), _TYPED["KeepKeys"]),
    *(("collection", "once", "s", "--wait"), ("harvest", "log", "s"), ("harvest", "last", "s")),
    ("graph", "workers", "status", "crawl"),
    *(("tables", "build", "s"), ("tables", "sql", "select count(*) from posts")),
    *(("collection", "filter-start", "live"), ("harvest", "list"), ("harvest", "running", "live")),
    *(("collection", "filter-stop", "live"), ("collection", "download", "s")),
    *(("collection", "delete", "live", "--yes"), ("collection", "add")),
)
# By somebody who gives tasks another size, so that their definitions are made anew.
_LATER: tuple[tuple[str, ...], ...] = (
    *(("collection", "schedule", "s", "rate(7 days)"), ("collection", "schedule", "s", "rate(1 day)")),
    *(("collection", "scheduled"), ("collection", "scheduled", "--migrate", "--yes")),
    ("collection", "stop", "s"),
)


def test_the_operator_may_do_all_that_there_is_to_do(
    person: Person, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rule_of_2019(account)
    before = len(account.guard.answered)
    for typed in _SESSION:
        person.output(*typed)
    monkeypatch.setenv("TWARC_CLOUD_TASK_MEMORY", "1024")
    for typed in _LATER:
        person.output(*typed)
    assert "skipped: the current AWS credentials lack permission" not in person("doctor").words
    answered = account.guard.answered[before:]
    assert [each for each in answered if not each.allowed_by] == []
    # Nothing is allowed twice; and each statement was needed.
    assert {len(each.allowed_by) for each in answered} == {1}
    used = {each.allowed_by[0] for each in answered if each.who == "operator"}
    assert used == {each["Sid"] for each in account.guard.policies["operator"]} - _ASKED
    asked = {each.check.action for each in answered if each.who == "operator"}
    assert _actions(account) - asked == _ELSEWHERE


def _actions(account: Account) -> set[str]:
    listed = (each["Action"] for each in account.guard.policies["operator"] if each["Sid"] not in _ASKED)
    return {action for each in listed for action in ([each] if isinstance(each, str) else each)}


def test_every_statement_of_the_operator_is_in_the_table(account: Account) -> None:
    assert {each["Sid"] for each in account.guard.policies["operator"]} == {*_TYPED} | _ASKED | _LOOKS


@pytest.mark.parametrize("sid", _TYPED)
def test_the_operator_needs(sid: str, person: Person, account: Account) -> None:
    if sid.endswith("RulesOf2019"):
        _rule_of_2019(account)
    if sid == "ReadLogs":
        person.output("collection", "once", "s", "--wait")
    with account.guard.lacks("operator", sid):
        told = person(*_TYPED[sid])
    _fails(told, account.guard)
    person("collection", "filter-stop", "live")
    # One that began all the same is over before the next is asked for.
    until(lambda: "No running harvests." in person.output("harvest", "list"))


@pytest.mark.parametrize("sid", sorted(_LOOKS))
def test_doctor_says_what_it_may_not_look_at_without(sid: str, person: Person, account: Account) -> None:
    with account.guard.lacks("operator", sid):
        told = person("doctor")
    assert "skipped: the current AWS credentials lack permission" in told.words


def _fails(told: Result, guarded: Guard) -> None:
    assert told.code != Exit.OK, told
    assert any(word in told.words for word in DENIED), told
    assert "Traceback" not in told.words
    assert any(not each.allowed_by for each in guarded.answered)


# What a port needs: not typed, for a task that answers on one would listen on more than loopback.
@pytest.mark.parametrize("sid", sorted(_ASKED))
def test_the_operator_asks_a_task_on_its_port_with(sid: str, account: Account) -> None:
    account.client("ssm").put_parameter(
        Name="/twarc-cloud/tokens/s", Value="x", Type="SecureString", Overwrite=True
    )

    def ask() -> None:
        account.client("ssm", "operator").get_parameter(Name="/twarc-cloud/tokens/s", WithDecryption=True)
        account.client("ec2", "operator").describe_network_interfaces()

    account.needs("operator", sid, ask)


@pytest.mark.parametrize("sid", ["StartHarvests", "TagHarvests", "HandOverRoles"])
def test_a_schedule_needs(sid: str, person: Person, account: Account) -> None:
    person.output("collection", "schedule", "s", "rate(7 days)")
    (name,) = [each["Name"] for each in account.client("scheduler").list_schedules()["Schedules"]]
    where = {"Name": name, "GroupName": account.settings.schedule_group}
    target = account.client("scheduler").get_schedule(**where)["Target"]
    assert target["RoleArn"] == account.settings.scheduler_role_arn
    ecs = account.client("ecs", "scheduler")

    def due() -> None:
        started = ecs.run_task(**_as_due(target))["tasks"]
        account.client("ecs").stop_task(cluster="twarc-cloud", task=started[0]["taskArn"])

    account.needs("scheduler", sid, due)


def _as_due(target: dict[str, Any]) -> dict[str, Any]:
    """RunTask as EventBridge Scheduler makes it of a target."""
    asked = _lowered(target["EcsParameters"])
    count, definition = asked.pop("taskCount", 1), asked.pop("taskDefinitionArn")
    return {"cluster": target["Arn"], "taskDefinition": definition, "count": count, **asked}


def _lowered(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {f"{name[0].lower()}{name[1:]}": _lowered(value) for name, value in tree.items()}
    return [_lowered(each) for each in tree] if isinstance(tree, list) else tree
