"""The rules that schedules were in 2019: found, moved in an order that loses none, and others' left alone."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from harvester.aws.service import Service
from harvester.commands.cli.workspace import Workspace
from harvester.commands.collection import migrate_rules
from harvester.compute.fargate.eventbridge import EventBridge
from harvester.compute.fargate.rules_2019 import OldRule, OldRules
from harvester.compute.schedules.expression import parsed
from harvester.errors import Exit, HarvesterError
from harvester.settings import Settings
from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.support.servers import Bucket, S3Server

_BUCKET = "museum"
_CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/harvests"
_FAMILY = "arn:aws:ecs:us-east-1:123456789012:task-definition/harvest"
_ROLE = "arn:aws:iam::123456789012:role/events"


@pytest.fixture
def events(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """EventBridge without rules, beside EventBridge Scheduler with an empty group `moved`."""
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    made, scheduler = Service("events"), Service("scheduler")
    scheduler("create_schedule_group", Name="moved")
    yield made
    scheduler("delete_schedule_group", Name="moved")
    for page in made.pages("list_rules"):
        for rule in page["Rules"]:
            ids = [each["Id"] for each in made("list_targets_by_rule", Rule=rule["Name"])["Targets"]]
            if ids:
                made("remove_targets", Rule=rule["Name"], Ids=ids)
            made("delete_rule", Name=rule["Name"])


def _as_in_2019(
    events: Service, collection_id: str, expression: str, *, state: str = "ENABLED", bucket: str = _BUCKET
) -> None:
    """Disabled, then with its target, then enabled, as the first Twarc-Cloud made them."""
    name = f"{bucket}_{collection_id}_schedule"
    events("put_rule", Name=name, ScheduleExpression=expression, State="DISABLED", Description="museum it")
    task = {"TaskDefinitionArn": f"{_FAMILY}:3", "TaskCount": 1, "LaunchType": "FARGATE"}
    target = {"Id": f"{name}_target", "Arn": _CLUSTER, "RoleArn": _ROLE, "EcsParameters": task}
    events("put_targets", Rule=name, Targets=[target])
    if state == "ENABLED":
        events("enable_rule", Name=name)


def _bridge(bucket: str = _BUCKET) -> EventBridge:
    def target(_: str) -> dict[str, Any]:
        return {"Arn": _CLUSTER, "EcsParameters": {"TaskDefinitionArn": _FAMILY}}

    return EventBridge(
        Service("scheduler"), group="moved", bucket=bucket, role_arn=_ROLE, register_target=target
    )


def _in_force(bucket: str = _BUCKET) -> list[tuple[str, str]]:
    return [(each.collection_id, each.schedule.expression) for each in _bridge(bucket).schedules()]


def test_every_rule_of_2019_is_found_with_what_is_known_of_it(events: Service) -> None:
    _as_in_2019(events, "s", "rate(7 days)")
    _as_in_2019(events, "my_old.one", "cron(0 6 * * ? *)", state="DISABLED")
    assert OldRules(events, _BUCKET).all() == [
        OldRule(
            "museum_my_old.one_schedule",
            "my_old.one",
            "cron(0 6 * * ? *)",
            enabled=False,
            targets=("museum_my_old.one_schedule_target",),
        ),
        OldRule(
            "museum_s_schedule", "s", "rate(7 days)", enabled=True, targets=("museum_s_schedule_target",)
        ),
    ]


def test_all_pages_are_read(events: Service) -> None:
    # moto gives 50 at once, AWS 100.
    expected = [f"c{number:03}" for number in range(60)]
    for name in expected:
        _as_in_2019(events, name, "rate(7 days)")
    assert [rule.collection_id for rule in OldRules(events, _BUCKET).all()] == expected


def test_rules_of_others_are_left_alone(events: Service) -> None:
    queue = [{"Id": "q", "Arn": "arn:aws:sqs:us-east-1:123456789012:q"}]
    for name in ("museum_s", "museum2_s_schedule", "museum-2_s_schedule", "museum_-_schedule"):
        events("put_rule", Name=name, ScheduleExpression="rate(7 days)")
    events("put_rule", Name="museum_t_schedule", EventPattern='{"source": ["aws.ecs"]}')
    events("put_rule", Name="museum_queue_schedule", ScheduleExpression="rate(7 days)")
    events("put_targets", Rule="museum_queue_schedule", Targets=queue)
    assert OldRules(events, _BUCKET).all() == []


def test_a_rule_becomes_a_schedule_with_the_same_expression_in_utc(events: Service) -> None:
    _as_in_2019(events, "s", "cron(0 6 * * ? *)")
    rules = OldRules(events, _BUCKET)
    (rule,) = rules.all()
    rules.move(rule, _bridge().schedule)
    assert rules.all() == []
    (found,) = _bridge().schedules()
    assert (found.collection_id, found.schedule.expression) == ("s", "cron(0 6 * * ? *)")
    assert (found.schedule.timezone, found.paused) == ("UTC", False)


def test_a_rule_that_was_stopped_is_only_removed(events: Service) -> None:
    _as_in_2019(events, "s", "rate(7 days)", state="DISABLED")
    rules = OldRules(events, _BUCKET)
    rules.move(rules.all()[0], _bridge().schedule)
    assert rules.all() == []
    assert _in_force() == []


def test_an_expression_that_cannot_be_read_leaves_the_rule_as_it_is(events: Service) -> None:
    _as_in_2019(events, "s", "rate(7 days)")
    rules = OldRules(events, _BUCKET)
    with pytest.raises(HarvesterError):
        rules.move(replace(rules.all()[0], expression="rate(7 moons)"), _bridge().schedule)
    assert len(rules.all()) == 1


class _Dying(Service):
    """Dies before the request with this number, or after it when it was sent."""

    def __init__(self, service: Service, *, at: int, sent: bool) -> None:
        self._inner, self._left, self._sent = service, at, sent

    def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]:
        if not self._left and not self._sent:
            raise KeyboardInterrupt
        answer = self._inner(operation, **parameters)
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1
        return answer


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize("at", range(2))
def test_a_death_on_the_way_never_leaves_it_without_a_schedule(events: Service, at: int, sent: bool) -> None:
    _as_in_2019(events, "s", "rate(7 days)")
    rules = OldRules(events, _BUCKET)
    (rule,) = rules.all()
    with pytest.raises(KeyboardInterrupt):
        OldRules(_Dying(events, at=at, sent=sent), _BUCKET).move(rule, _bridge().schedule)
    assert _in_force() == [("s", "rate(7 days)")]
    for left in rules.all():
        rules.move(left, None)
    assert rules.all() == []
    assert _in_force() == [("s", "rate(7 days)")]


def test_a_death_before_the_schedule_is_in_force_leaves_the_rule(events: Service) -> None:
    _as_in_2019(events, "s", "rate(7 days)")
    rules = OldRules(events, _BUCKET)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    before = rules.all()
    with pytest.raises(KeyboardInterrupt):
        rules.move(before[0], die)
    assert rules.all() == before


def test_what_another_command_moved_meanwhile_counts_as_moved(events: Service) -> None:
    _as_in_2019(events, "s", "rate(7 days)")
    rules = OldRules(events, _BUCKET)
    (rule,) = rules.all()
    for _ in range(2):
        rules.move(rule, _bridge().schedule)
    assert rules.all() == []
    assert _in_force() == [("s", "rate(7 days)")]


class _OnAws(Workspace):
    """A bucket and a cluster of which nothing is needed but its schedules."""

    @property
    def compute(self) -> Any:
        return _bridge(self.bucket)


@pytest.fixture
def workspace(events: Service, moto_s3: Bucket) -> Workspace:
    """With the collection `s` and rules of 2019 for it, for `gone` and, stopped, for `ended`."""
    keys = {"consumer_key": "k", "consumer_secret": "s", "access_token": "t", "access_token_secret": "a"}
    tree = {"id": "s", "type": "search", "search": {"query": "library"}, "keys": keys}
    S3Store(moto_s3.name).create(CollectionKeys("s").collection, json.dumps(tree).encode())
    _as_in_2019(events, "s", "rate(7 days)", bucket=moto_s3.name)
    _as_in_2019(events, "gone", "rate(7 days)", bucket=moto_s3.name)
    _as_in_2019(events, "ended", "rate(7 days)", bucket=moto_s3.name, state="DISABLED")
    return _OnAws(Settings(bucket=moto_s3.name, cluster="harvests", region="us-east-1"))


def _said(command: Callable[[], int | None], *, answer: str = "") -> tuple[int | None, str, str]:
    with CliRunner().isolation(input=answer) as streams:
        code = command()
        return code, streams[0].getvalue().decode(), streams[1].getvalue().decode()


def _left(workspace: Workspace) -> list[str]:
    return [rule.collection_id for rule in OldRules(Service("events"), workspace.bucket).all()]


def _migrate(workspace: Workspace, *, dry_run: bool = False, yes: bool = True) -> int:
    return migrate_rules.migrate(workspace, workspace.compute.schedules(), dry_run=dry_run, yes=yes)


def test_rules_are_mentioned_and_a_stopped_one_is_not(workspace: Workspace) -> None:
    _, out, err = _said(lambda: migrate_rules.mention(workspace))
    assert out == ""
    assert (
        "EventBridge rules of 2019 still start harvests of gone, s. `collection scheduled --migrate`" in err
    )


def test_who_may_not_list_rules_still_gets_the_schedules(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    _, _, err = _said(lambda: migrate_rules.mention(workspace))
    assert err.startswith("Cannot check for rules of 2019: There are no AWS keys")


def test_rules_are_replaced_but_for_those_of_collections_that_are_gone(workspace: Workspace) -> None:
    code, out, err = _said(lambda: _migrate(workspace))
    assert code == Exit.PARTIAL
    assert out.replace(f"{workspace.bucket}_", "").splitlines() == [
        "ended_schedule (rate(7 days)): to be removed, as it was stopped",
        "gone_schedule (rate(7 days)): to be replaced by a schedule",
        "s_schedule (rate(7 days)): to be replaced by a schedule",
        "ended_schedule: removed",
        "s_schedule: replaced",
        "Replaced or removed 2 of 3.",
    ]
    assert f"{workspace.bucket}_gone_schedule was not replaced: Collection does not exist." in err
    assert _left(workspace) == ["gone"]
    assert _in_force(workspace.bucket) == [("s", "rate(7 days)")]


def test_what_is_scheduled_today_is_not_put_back_to_what_it_was_in_2019(workspace: Workspace) -> None:
    _bridge(workspace.bucket).schedule("s", parsed("rate(1 day)"))
    _, out, _ = _said(lambda: _migrate(workspace))
    assert "s_schedule (rate(7 days)): to be removed, as the collection has a schedule\n" in out
    assert _left(workspace) == ["gone"]
    assert _in_force(workspace.bucket) == [("s", "rate(1 day)")]


@pytest.mark.parametrize(("dry_run", "answer"), [(True, ""), (False, "n\n")])
def test_nothing_is_done_without_a_yes(workspace: Workspace, dry_run: bool, answer: str) -> None:
    def asked() -> int:
        try:
            return _migrate(workspace, dry_run=dry_run, yes=False)
        except HarvesterError:
            return int(Exit.ERROR)

    code, out, _ = _said(asked, answer=answer)
    assert code == (Exit.OK if dry_run else Exit.ERROR)
    assert f"{workspace.bucket}_s_schedule" in out
    assert _left(workspace) == ["ended", "gone", "s"]
    assert _in_force(workspace.bucket) == []


def test_where_there_are_none_that_is_said(workspace: Workspace) -> None:
    elsewhere = _OnAws(replace(workspace.settings, bucket="elsewhere"))
    assert _said(lambda: _migrate(elsewhere))[:2] == (Exit.OK, "There are no rules of 2019.\n")
