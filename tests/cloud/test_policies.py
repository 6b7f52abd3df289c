"""The policies are enough and not more: a harvest does all it does with them, and not without any one.

Terraform makes the account on moto; a guard before it judges every request by the policies it made.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.aws.service import Service
from harvester.clock import Stop, SystemClock
from harvester.compute.fargate.task_name import family
from harvester.errors import HarvesterError
from harvester.graph.workers.marks import Marks
from harvester.graph.workers.pace import Pace
from harvester.graph.workers.queue import CrawlQueue
from harvester.graph.workers.shared_crawl import SharedCrawl
from harvester.settings import Settings
from harvester.store.folder import FolderStore
from harvester.store.worker_keys import WorkerKeys
from tests.support import fork_server
from tests.support.cli_session import Person
from tests.support.crawl_queues import PlayedLists
from tests.support.iam_evaluator import Check, allowing
from tests.support.servers import S3Server
from tests.support.terraform import lacking
from tests.support.terraform_account import BUCKET, DENIED, Account, applied, operating

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking())

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def account(moto_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with applied(moto_server, tmp_path_factory.mktemp("account")) as made:
        yield made


@pytest.fixture(scope="module")
def person(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with operating(account, tmp_path_factory.mktemp("desk"), tmp_path_factory.mktemp("home")) as typing:
        yield typing


def test_the_ini_has_all_that_the_cloud_needs(account: Account) -> None:
    found = account.settings
    assert (found.bucket, found.cluster, found.schedule_group) == (BUCKET, "twarc-cloud", "twarc-cloud")
    assert (found.log_group, found.parameter_path) == ("/twarc-cloud/harvests", "/twarc-cloud")
    assert len(found.subnets.split(",")) == 2
    assert (found.task_architecture, found.status_port) == ("X86_64", 8080)
    # What is written there, and no more: the settings of the cloud, each with a value.
    written = [line.partition(" =") for line in account.ini.splitlines() if " =" in line]
    names = [entry.name for entry in fields(Settings)]
    others = {"collections_path", "honeybadger_check_in"}
    assert {name for name, _, _ in written} == {*names[: names.index("status_port") + 1]} - others
    assert [name for name, _, value in written if not value.strip()] == ["kms_key_arn"]


def _harvest(account: Account, folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    """The container's command, with the role's keys and no others, and answering on a port."""
    at = ("--temp", str(folder / "work"), "--host", "127.0.0.1", "--port", "0")
    environment = {
        **account.as_("task"),
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "X_API_URL": url,
        "TWARC_CLOUD_PARAMETER_PATH": account.settings.parameter_path,
        "TWARC_CLOUD_STORE_PATIENCE": "2",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return fork_server.run(
        [sys.executable, str(_ROOT / "tweet_harvester.py"), "aws", "harvester", BUCKET, "s", *at],
        cwd=folder,
        env=environment,
        text=True,
        timeout=60,
    )


def test_a_harvest_may_do_all_that_it_does(person: Person, account: Account, tmp_path: Path) -> None:
    before = len(account.guard.answered)
    with emulator.running(users=2, posts_per_user=5) as emulated:
        done = _harvest(account, tmp_path, emulated.url)
    assert done.returncode == 0, done.stderr
    answered = account.guard.answered[before:]
    assert [each for each in answered if not each.allowed_by] == []
    others = {"EndOwnStream", "ShareCrawl", "NameTheDead"}
    assert {each.allowed_by for each in answered} == {
        (each["Sid"],) for each in account.guard.policies["task"] if each["Sid"] not in others
    }


@pytest.mark.parametrize("sid", ["ReadAndStoreCollections", "ListCollections", "ReadKeys", "KeepToken"])
def test_a_harvest_needs(sid: str, person: Person, account: Account, tmp_path: Path) -> None:
    before = len(account.guard.answered)
    with emulator.running(users=2, posts_per_user=5) as emulated, account.guard.lacks("task", sid):
        done = _harvest(account, tmp_path, emulated.url)
    assert any(not each.allowed_by for each in account.guard.answered[before:])
    # Without its token it answers no request.
    assert (done.returncode != 0) == (sid != "KeepToken"), done.stderr
    assert any(word in done.stderr for word in DENIED), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("carried", ["live", "live+other"])
def test_a_stream_that_is_through_needs_to_end_its_own_service(
    carried: str, person: Person, account: Account
) -> None:
    ecs, name = account.client("ecs"), family(BUCKET, carried)
    definition = ecs.register_task_definition(
        family=name, containerDefinitions=[{"name": "it", "image": "it", "memory": 512}]
    )["taskDefinition"]["taskDefinitionArn"]

    def ends() -> None:
        ecs.create_service(cluster="twarc-cloud", serviceName=name, taskDefinition=definition, desiredCount=1)
        try:
            account.client("ecs", "task").delete_service(cluster="twarc-cloud", service=name, force=True)
        finally:
            ecs.delete_service(cluster="twarc-cloud", service=name, force=True)

    account.needs("task", "EndOwnStream", ends)


_SQS = "arn:aws:sqs:us-east-1:123456789012:twarc-cloud-graph"


def _work(account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker reads a depth of which one user is a dead letter, with the role's keys and no others."""
    for name, value in account.as_("task").items():
        monkeypatch.setenv(name, value)
    queue = CrawlQueue(account.settings.graph_queue, Service("sqs", region=account.settings.region))
    send = account.client("sqs").send_message
    send(QueueUrl=f"{account.settings.graph_queue}-dead", MessageBody="libraries@1:0:2")
    marks = Marks(FolderStore(folder), WorkerKeys("collections/libraries/graph/1/", 0), "libraries.1")
    users = ["1", "2", "3"]
    crawl = SharedCrawl(
        crawl="libraries@1",
        depth=0,
        directions=("followers",),
        frontier=lambda: users,
        visits=lambda: [(each, "") for each in users],
        lengths=lambda _: {},
        own=PlayedLists(),
        queue=queue,
        marks=marks,
        clock=SystemClock(),
        stop=Stop(),
        pace=Pace(listen=0),
    )
    for waiting in crawl.waiting():
        crawl.keep_hidden()
        crawl.finished({"user": waiting.user, "direction": "followers", "outcome": "complete"})
        crawl.checkpoint()()
    assert [*marks.done()] == ["1", "2", "3"]


def test_a_worker_may_do_all_that_it_does(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(account.guard.answered)
    _work(account, tmp_path, monkeypatch)
    answered = account.guard.answered[before:]
    assert {len(each.allowed_by) for each in answered} == {1}
    used: dict[str, set[str]] = {}
    for each in answered:
        used.setdefault(each.allowed_by[0], set()).add(each.check.action)
    allowed = {each["Sid"]: {*_listed(each["Action"])} for each in account.guard.policies["task"]}
    assert used == {sid: allowed[sid] for sid in ("ShareCrawl", "NameTheDead")}


@pytest.mark.parametrize("sid", ["ShareCrawl", "NameTheDead"])
def test_a_worker_needs(sid: str, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account.guard.lacks("task", sid), pytest.raises(HarvesterError, match="AccessDenied"):
        _work(account, tmp_path, monkeypatch)


@pytest.mark.parametrize("sid", ["WriteLogs", "FetchImage", "SignInToRegistry"])
def test_fargate_needs_before_a_task(sid: str, account: Account) -> None:
    logs, ecr = account.client("logs", "execution"), account.client("ecr", "execution")
    stream = {"logGroupName": account.settings.log_group, "logStreamName": f"of-a-test/{sid}"}

    def start() -> None:
        ecr.get_authorization_token()
        ecr.batch_get_image(repositoryName="twarc-cloud", imageIds=[{"imageTag": "2.0.0"}])
        logs.create_log_stream(**stream)
        logs.put_log_events(**stream, logEvents=[{"timestamp": 1, "message": "begun"}])
        account.client("logs").delete_log_stream(**stream)

    account.needs("execution", sid, start)


_ECS = "arn:aws:ecs:us-east-1:123456789012"
_IAM = "arn:aws:iam::123456789012:role"
_IN_CLUSTER = {"ecs:cluster": f"{_ECS}:cluster/twarc-cloud"}
_TO_TASKS = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
_HERE, _ELSEWHERE = {"aws:ResourceAccount": "123456789012"}, {"aws:ResourceAccount": "210987654321"}
_FORBIDDEN = (
    # No role empties the bucket for good, opens it, or reaches another one.
    Check("s3:DeleteObjectVersion", f"arn:aws:s3:::{BUCKET}/collections/s/lock.json"),
    Check("s3:GetObjectVersion", f"arn:aws:s3:::{BUCKET}/collections/s/lock.json"),
    Check("s3:PutBucketPolicy", f"arn:aws:s3:::{BUCKET}"),
    Check("s3:DeleteBucket", f"arn:aws:s3:::{BUCKET}"),
    Check("s3:PutLifecycleConfiguration", f"arn:aws:s3:::{BUCKET}"),
    Check("s3:GetObject", f"arn:aws:s3:::{BUCKET}/other/thing", _HERE),
    Check("s3:GetObject", "arn:aws:s3:::another-bucket/collections/s/lock.json", _HERE),
    Check("s3:ListAllMyBuckets", "*"),
    # Nor this one, once it is another account's.
    Check("s3:PutObject", f"arn:aws:s3:::{BUCKET}/collections/s/lock.json", _ELSEWHERE),
    Check("s3:GetObject", f"arn:aws:s3:::{BUCKET}/collections/s/lock.json", _ELSEWHERE),
    Check("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", _ELSEWHERE),
    # No other secret of the account.
    Check("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/other/keys/museum"),
    Check("ssm:GetParametersByPath", "arn:aws:ssm:us-east-1:123456789012:parameter/"),
    Check("secretsmanager:GetSecretValue", "*"),
    # No task of somebody else, or in another cluster, and no role but the two.
    Check("ecs:RunTask", f"{_ECS}:task-definition/other:1", _IN_CLUSTER),
    Check(
        "ecs:RunTask",
        f"{_ECS}:task-definition/twarc-cloud_{BUCKET}_s:1",
        {"ecs:cluster": f"{_ECS}:cluster/other"},
    ),
    Check("ecs:StopTask", f"{_ECS}:task/other/1"),
    Check("ecs:DeleteService", f"{_ECS}:service/twarc-cloud/other"),
    Check("ecs:ListTasks", "*", {"ecs:cluster": f"{_ECS}:cluster/other"}),
    Check("ecs:ExecuteCommand", f"{_ECS}:task/twarc-cloud/1"),
    Check("ecs:TagResource", f"{_ECS}:task/twarc-cloud/1"),
    Check("iam:PassRole", f"{_IAM}/administrator", _TO_TASKS),
    Check("iam:PassRole", f"{_IAM}/twarc-cloud-task", {"iam:PassedToService": "ec2.amazonaws.com"}),
    Check("iam:PassRole", f"{_IAM}/twarc-cloud-scheduler", _TO_TASKS),
    Check("iam:PutRolePolicy", f"{_IAM}/twarc-cloud-task"),
    Check("iam:CreateUser", "*"),
    Check("sts:AssumeRole", f"{_IAM}/administrator"),
    # No worker empties or removes a queue, makes up dead letters, or reads another queue.
    Check("sqs:PurgeQueue", _SQS),
    Check("sqs:DeleteQueue", _SQS),
    Check("sqs:SetQueueAttributes", _SQS),
    Check("sqs:SendMessage", f"{_SQS}-dead"),
    Check("sqs:ReceiveMessage", f"{_SQS}-other"),
    # No schedule, rule or log of somebody else.
    Check("scheduler:CreateSchedule", "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"),
    Check(
        "scheduler:DeleteScheduleGroup", "arn:aws:scheduler:us-east-1:123456789012:schedule-group/twarc-cloud"
    ),
    Check("events:DeleteRule", "arn:aws:events:us-east-1:123456789012:rule/other"),
    Check("logs:GetLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:/other:log-stream:x"),
    Check(
        "logs:DeleteLogGroup",
        "arn:aws:logs:us-east-1:123456789012:log-group:/twarc-cloud/harvests:log-stream:",
    ),
)
# And of what one role may, not what only another needs.
_APART = {
    "task": (
        "ecs:RunTask",
        "ecs:UpdateService",
        "ecs:CreateService",
        "iam:PassRole",
        "ssm:GetParametersByPath",
        "logs:GetLogEvents",
        "logs:PutLogEvents",
    ),
    "execution": ("s3:GetObject", "ssm:GetParameter", "ecs:RunTask", "iam:PassRole"),
    "scheduler": ("s3:GetObject", "ssm:GetParameter", "ecs:RegisterTaskDefinition", "ecs:StopTask"),
    "operator": ("logs:PutLogEvents", "ecr:PutImage", "iam:CreateRole", "kms:Decrypt", "budgets:ViewBudget"),
}


@pytest.mark.parametrize("role", _APART)
def test_it_may_not_do_more(role: str, account: Account) -> None:
    statements = account.guard.policies[role]
    assert [check for check in _FORBIDDEN if allowing(statements, check)] == []
    actions = {action for each in statements for action in _listed(each["Action"])}
    assert actions & {*_APART[role]} == set()
    assert [action for action in actions if "*" in action] == []


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@pytest.mark.parametrize("key", ["tables/v1/posts/x.parquet", "reports/s/index.html"])
def test_only_the_operator_may_write_what_is_made_of_collections(key: str, account: Account) -> None:
    check = Check("s3:PutObject", f"arn:aws:s3:::{BUCKET}/{key}", _HERE)
    allowed = [role for role, each in account.guard.policies.items() if allowing(each, check)]
    assert allowed == ["operator"]
