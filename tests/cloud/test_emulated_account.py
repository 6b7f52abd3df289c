"""The whole of it in an account on AWS, emulated on loopback: made, used as the quick start says, and gone.

`make cloud-test` runs these in their order. tests/cloud/account.py says what of the account is not AWS's.
"""

import gzip
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.errors import Exit
from tests.cloud.parts import Account, account, listening, step
from tests.docs.test_quickstart import PAGE, type_all_of_2019
from tests.support import invariants
from tests.support import terraform as terraform_tests
from tests.support.cli_session import Person, Result, a_profile, at_a_terminal, until
from tests.support.podman import TAG, built, lacking
from tests.support.servers import Bucket
from tests.support.terraform import Terraform, prepared

_BUCKET = "the-museum"
_VARIABLES = ("-input=false", f"-var=bucket={_BUCKET}", "-var=destroy_bucket=true")
_WITHIN = 120.0
_STREAM: dict[str, Any] = {
    "type": "filter",
    "filter": {"track": "library,archives"},
    "keys": {"profile": "museum"},
}

# What a second plan wants to change of what the first one made, for the emulator does not keep it.
_DRIFT: dict[str, list[str]] = {}

_LACKING = lacking() or terraform_tests.lacking()
pytestmark = pytest.mark.skipif(bool(_LACKING), reason=f"no cloud is made here: {_LACKING}")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    engine = built(tmp_path_factory.mktemp("image"))
    with account(engine, tmp_path_factory.mktemp("account")) as one:
        yield one


@pytest.fixture(scope="module")
def terraform(made: Account, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    with step("terraform init"):
        return prepared(tmp_path_factory.mktemp("terraform"), made.server)


@pytest.fixture(scope="module")
def ini(made: Account, terraform: Terraform) -> str:
    """The twarc_cloud.ini of an applied account, with the image where its tasks look for it."""
    with step("terraform apply"):
        terraform("apply", "-auto-approve", *_VARIABLES)
    image = terraform("output", "-raw", "image").strip()
    # In the place of `docker push`.
    made.engine("tag", TAG, image)
    return terraform("output", "-raw", "twarc_cloud_ini")


@pytest.fixture
def person(made: Account, ini: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Operator"]:
    """Somebody with the ini, a profile in ~/.twarc, and the network of X on this machine."""
    archive = tmp_path / "archive.jsonl"
    archive.write_text(json.dumps(PAGE) + "\n")
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "twarc_cloud.ini").write_text(ini)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    a_profile(tmp_path / "home")
    for name, text in made.server.environment.items():
        monkeypatch.setenv(name, text)
    # A stop is looked for more often than every five seconds, so that the test is quicker.
    monkeypatch.setenv("TWARC_CLOUD_STOP_POLL_SECONDS", "1")
    options = {"load": (str(archive),), "users": 2, "posts_per_user": 5, "stream_rate": "50"}
    with at_a_terminal(desk, monkeypatch, **options) as (typing, emulated):
        monkeypatch.delenv("BEARER_TOKEN")
        (desk / "userids.txt").write_text("12\n")
        (desk / "screennames.txt").write_text("@justin_littman\n")
        yield Operator(typing, made, emulated.control)
        made.end_all()
        until(lambda: not made.containers(), within=_WITHIN)


class Operator:
    """A person who types, and sees what of it comes to be in the account."""

    def __init__(self, person: Person, made: Account, control: emulator.Control) -> None:
        self.person, self.made, self.control = person, made, control
        self.bucket = Bucket(_BUCKET, made.server)

    def add_stream(self, collection_id: str, **more: Any) -> None:
        self.person.write({"id": collection_id, **_STREAM, **more})
        self.person.output("collection-config", "keys", "--yes")
        self.person.output("collection", "add")

    def start_stream(self, collection_id: str) -> None:
        """Where the one before crashed, once its lock has expired: until then it has the app."""
        told = until(lambda: self._started(collection_id), within=_WITHIN)
        assert told.out.startswith("Started"), told

    def _started(self, collection_id: str) -> Result | None:
        told = self.person("collection", "filter-start", collection_id)
        return None if "already uses the app" in told.err else told

    def sent(self) -> int:
        """How many posts streams were sent so far."""
        return sum(self.control.stream()["written"])

    def services(self) -> list[str]:
        ecs = self.made.client("ecs")
        arns = ecs.list_services(cluster="twarc-cloud")["serviceArns"]
        found = ecs.describe_services(cluster="twarc-cloud", services=arns)["services"] if arns else []
        return [each["serviceName"] for each in found if each["status"] == "ACTIVE"]

    def tasks(self, status: str = "RUNNING", **filters: str) -> list[dict[str, Any]]:
        ecs = self.made.client("ecs")
        arns = ecs.list_tasks(cluster="twarc-cloud", desiredStatus=status, **filters)["taskArns"]
        return list(ecs.describe_tasks(cluster="twarc-cloud", tasks=arns)["tasks"]) if arns else []

    def ended_tasks(self, collection_id: str) -> list[dict[str, Any]]:
        found = self.tasks("STOPPED", family=f"twarc-cloud_{_BUCKET}_{collection_id}")
        return [each for each in found if each["lastStatus"] == "STOPPED"]

    def found(self, collection_id: str, folder: Path) -> invariants.Found:
        shutil.rmtree(folder, ignore_errors=True)
        below = f"collections/{collection_id}/"
        mirror = invariants.mirrored(self.bucket, folder, below=below)
        return invariants.examined(mirror, collection_id, temp=folder / "none")


def test_terraform_finds_its_files_valid_and_their_tests_pass(terraform: Terraform) -> None:
    with step("terraform validate"):
        assert "Success" in terraform("validate", "-no-color")
    with step("terraform test"):
        assert "0 failed" in terraform("test", "-no-color")


def test_a_second_plan_changes_nothing_but_what_the_emulator_forgets(terraform: Terraform, ini: str) -> None:
    with step("terraform plan, again"):
        changes = terraform.changes(*_VARIABLES)
    assert changes == _DRIFT


def test_what_the_documents_of_2019_tell_people_to_type_works_in_the_cloud(
    person: Operator, tmp_path: Path
) -> None:
    with step("the quick start"):
        type_all_of_2019(person.person, _between(person))
    with step("download and verify"):
        person.person.output("collection", "download", "test_collection")
        person.person.output("collection", "verify", "test_collection")
    files = [path.name for path in (person.person.folder / "download").rglob("*") if path.is_file()]
    assert any(re.fullmatch(r"tweets-\d{14}-\d{6}\.jsonl\.gz", name) for name in files)
    found = person.found("test_collection", tmp_path / "found")
    existed = [post["id"] for post in PAGE["data"]]
    assert (found.wrong, found.lost(existed), found.doubled) == ([], [], [])
    assert "test_collection => complete" in person.person.output("harvest", "log", "test_collection")


def _between(operator: Operator) -> dict[str, Callable[[Person], None]]:
    def idle(person: Person) -> None:
        until(lambda: person("harvest", "list").out == "No running harvests.\n", within=_WITHIN)

    def scheduled(person: Person) -> None:
        """The emulator fires no schedule at a cluster; this starts what is stored in it, as AWS would."""
        _start_as_scheduled(operator.made)
        until(lambda: "Tweets: 40." in person("harvest", "last", "test_collection").out, within=_WITHIN)
        idle(person)

    def described(person: Person) -> None:
        person.write({**person.file, "filter": {"track": "library,archives"}, "keys": {"profile": "museum"}})

    def running(person: Person) -> None:
        until(lambda: "RUNNING" in person("harvest", "list").out, within=_WITHIN)

    return {"SCHEDULER": scheduled, "HARVESTED": idle, "FILTER": described, "RUNNING": running}


def _start_as_scheduled(made: Account) -> None:
    scheduler = made.client("scheduler")
    (entry,) = scheduler.list_schedules(GroupName="twarc-cloud")["Schedules"]
    target = scheduler.get_schedule(GroupName="twarc-cloud", Name=entry["Name"])["Target"]
    wanted = _lowered(target["EcsParameters"])
    wanted["count"] = wanted.pop("taskCount", 1)
    wanted["taskDefinition"] = wanted.pop("taskDefinitionArn")
    overrides = {"overrides": json.loads(target["Input"])} if target.get("Input") else {}
    answer = made.client("ecs").run_task(cluster=target["Arn"], **wanted, **overrides)
    assert answer["failures"] == []


def _lowered(tree: Any) -> Any:
    """The scheduler's names of a task's parameters as ECS has them."""
    if isinstance(tree, dict):
        return {key[0].lower() + key[1:]: _lowered(value) for key, value in tree.items()}
    return [_lowered(each) for each in tree] if isinstance(tree, list) else tree


def _healthy(operator: Operator, name: str) -> None:
    """It runs, and at least one post came since: a stop may come as soon as a stream runs, and find none."""
    until(lambda: f"{name} =>" in operator.person("harvest", "running", name).out, within=_WITHIN)
    before = operator.sent()
    until(lambda: operator.sent() > before, within=_WITHIN)


def _stopped_inside(operator: Operator, name: str) -> None:
    _healthy(operator, name)
    where = {"Bucket": _BUCKET, "Key": f"collections/{name}/stop.json"}
    operator.made.client("s3").put_object(**where, Body=b"{}")
    # Its task stays, for ECS would only start it again.
    until(lambda: "the stream is over (stopped)" in operator.person("harvest", "list").out, within=_WITHIN)


def _crash_looping(operator: Operator, name: str) -> None:
    _healthy(operator, name)
    killed: set[str] = set()
    for _ in range(2):
        (new,) = until(lambda: set(operator.made.containers()) - killed, within=_WITHIN)
        killed.add(new)
        operator.made.engine.tried("kill", "--signal=KILL", new)


def _without_a_task(operator: Operator, name: str) -> None:
    _healthy(operator, name)
    operator.made.client("ecs").update_service(
        cluster="twarc-cloud", service=operator.services()[0], desiredCount=0
    )
    until(lambda: not operator.tasks(), within=_WITHIN)


def _deleted(operator: Operator, name: str) -> None:
    _healthy(operator, name)
    operator.made.client("ecs").delete_service(
        cluster="twarc-cloud", service=operator.services()[0], force=True
    )
    until(lambda: not operator.tasks(), within=_WITHIN)


_SERVICES = {
    "healthy": _healthy,
    "stopped inside": _stopped_inside,
    "crash-looping": _crash_looping,
    "without a task": _without_a_task,
    "deleted by somebody": _deleted,
}


def test_a_stream_that_cannot_start_is_told_and_leaves_no_service(
    person: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.add_stream("never")
    with monkeypatch.context() as patch:
        patch.setenv("TWARC_CLOUD_IMAGE", "registry.example/nothing:1")
        with step("a service whose task never starts"):
            told = person.person("collection", "filter-start", "never")
    assert told.code not in (Exit.OK, Exit.USAGE), told
    assert "CannotPullContainerError" in told.err
    assert person.services() == []
    told = person.person("collection", "filter-stop", "never")
    assert "Traceback" not in told.words
    assert person.services() == []


@pytest.mark.parametrize("state", _SERVICES)
def test_filter_stop_leaves_nothing_of_a_service_that_is(
    state: str, person: Operator, tmp_path: Path
) -> None:
    name = re.sub(r"\W", "_", state)
    person.add_stream(name)
    with step(f"a service that is {state}"):
        person.start_stream(name)
        _SERVICES[state](person, name)
    with step("filter-stop"):
        told = person.person("collection", "filter-stop", name)
    assert "Traceback" not in told.words
    assert told.code == Exit.OK or state == "deleted by somebody", told
    assert (person.services(), person.tasks()) == ([], [])
    # ECS may have started another task when the harvest had ended; it is told to end before it began.
    until(lambda: not person.made.containers(), within=_WITHIN)
    if state == "healthy":
        found = person.found(name, tmp_path / "found")
        assert found.wrong == []
        assert found.posts.total() > 0


def test_a_stream_that_is_through_ends_its_own_service_and_no_task_comes_after_it(
    person: Operator, tmp_path: Path
) -> None:
    person.add_stream("through", filter={**_STREAM["filter"], "max_records": 200})
    with step("a stream with max_records"):
        person.start_stream("through")
        until(lambda: not person.services() and person.ended_tasks("through"), within=_WITHIN)
    (only,) = person.ended_tasks("through")
    assert (only["stoppedReason"], only["containers"][0]["exitCode"]) == ("Service deleted", Exit.OK)
    assert person.made.containers() == []
    assert "through => complete" in person.person.output("harvest", "log", "through")
    found = person.found("through", tmp_path / "found")
    assert found.wrong == []
    assert found.posts.total() >= 200


def test_a_stream_that_x_refuses_ends_one_task_with_that_and_waits_in_the_next(
    person: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, refused = "refused", {"on": "GET /2/tweets/search/stream", "do": "usage-cap"}
    # What it waits for is written with the checkpoints.
    monkeypatch.setenv("TWARC_CLOUD_CHECKPOINT_SECONDS", "2")
    person.add_stream(name)
    with step("a stream that X refuses"):
        person.start_stream(name)
        _healthy(person, name)
        person.control.faults([refused])
        # As Spot capacity that is taken back: the service starts another task by itself.
        (container,) = person.made.containers()
        person.made.engine("kill", "--signal=TERM", container)
        until(lambda: "X refuses the stream" in person.person("harvest", "running", name).out, within=_WITHIN)
    codes = [each["containers"][0]["exitCode"] for each in person.ended_tasks(name)]
    assert sorted(codes) == [Exit.RETRY_LATER, Exit.TERMINATED]
    with step("filter-stop"):
        person.person.output("collection", "filter-stop", name)
    assert (person.services(), person.tasks()) == ([], [])


def test_a_stream_that_loses_its_spot_machine_and_finds_no_other_runs_on_demand_once_it_is_started_anew(
    person: Operator,
) -> None:
    name = "spot"
    person.add_stream(name, task={"spot": True, "fallback": True})
    with step("a stream that loses its Spot machine"):
        person.start_stream(name)
        _healthy(person, name)
        assert [each["capacityProviderName"] for each in person.tasks()] == ["FARGATE_SPOT"]
        with person.made.without_capacity("FARGATE_SPOT"):
            (container,) = person.made.containers()
            person.made.engine("kill", "--signal=TERM", container)
            until(lambda: "NO CAPACITY" in person.person("harvest", "list").out, within=_WITHIN)
            assert person.person.output("collection", "filter-start", name).startswith("Started")
            _healthy(person, name)
            assert [each["capacityProviderName"] for each in person.tasks()] == ["FARGATE"]
    person.person.output("collection", "filter-stop", name)
    assert (person.services(), person.tasks()) == ([], [])


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("TWARC_CLOUD_IMAGE=registry.example/nothing:1", "CannotPullContainerError"),
        ("TWARC_CLOUD_TASK_ROLE_ARN=arn:aws:iam::000000000000:role/nobody", "unable to assume the role"),
        ("", "Capacity is unavailable"),
    ],
    ids=["an image that is not there", "a role that is not there", "no capacity"],
)
def test_a_task_that_cannot_start_is_told_by_who_started_it_in_words_of_aws(
    setting: str, words: str, person: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"unable_{len(words)}"
    person.person.write({"id": name, "type": "search", "search": {"query": "library"}})
    person.person.output("collection-config", "keys", "--yes")
    person.person.output("collection", "add")
    if setting:
        monkeypatch.setenv(*setting.split("="))
        told = person.person("collection", "once", name)
    else:
        with person.made.without_capacity():
            told = person.person("collection", "once", name)
    assert told.code not in (Exit.OK, Exit.USAGE), told
    assert words in told.err, told
    assert "Traceback" not in told.err


def test_nothing_listens_because_a_harvest_runs(person: Operator) -> None:
    """Of all processes of the task; its network is this machine's own, so that the emulators do."""
    person.add_stream("quiet")
    person.start_stream("quiet")
    _healthy(person, "quiet")
    assert person.made.containers()
    assert person.made.listening() == set()
    assert listening(os.getpid()), "the emulator of X, which is in this process, must be seen"
    groups = person.made.client("ec2").describe_security_groups()["SecurityGroups"]
    ours = [group for group in groups if group["GroupName"].startswith("twarc-cloud")]
    assert ours
    assert [group["IpPermissions"] for group in ours] == [[]] * len(ours)
    person.person.output("collection", "filter-stop", "quiet")


def test_no_object_log_or_definition_holds_a_key(person: Operator) -> None:
    secret = emulator.CREDENTIALS["bearer_token"]
    everything = [*_objects(person.made), *_logs(person.made), *_definitions(person.made)]
    assert len(everything) > 20
    assert [name for name, text in everything if secret in text] == []


def _objects(made: Account) -> Iterator[tuple[str, str]]:
    """Every version of every object, unpacked."""
    s3 = made.client("s3")
    for entry in made.pages("s3", "list_object_versions", "Versions", Bucket=_BUCKET):
        where = {"Bucket": _BUCKET, "Key": entry["Key"], "VersionId": entry["VersionId"]}
        body = s3.get_object(**where)["Body"].read()
        plain = gzip.decompress(body) if entry["Key"].endswith(".gz") else body
        yield entry["Key"], plain.decode(errors="replace")


def _logs(made: Account) -> Iterator[tuple[str, str]]:
    for group in made.client("logs").describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        events = made.pages("logs", "filter_log_events", "events", logGroupName=name)
        yield name, "\n".join(event["message"] for event in events)


def _definitions(made: Account) -> Iterator[tuple[str, str]]:
    ecs = made.client("ecs")
    for arn in made.pages("ecs", "list_task_definitions", "taskDefinitionArns"):
        yield arn, json.dumps(ecs.describe_task_definition(taskDefinition=arn), default=str)
    for arn in made.pages("ecs", "list_tasks", "taskArns", cluster="twarc-cloud", desiredStatus="STOPPED"):
        yield arn, json.dumps(ecs.describe_tasks(cluster="twarc-cloud", tasks=[arn]), default=str)


def test_destroy_leaves_nothing(terraform: Terraform, made: Account, person: Operator) -> None:
    # The keys were not made by Terraform, which never sees them.
    person.person.output("collection-config", "keys", "--remove", "--profile", "museum", "--yes")
    with step("terraform destroy"):
        terraform("destroy", "-auto-approve", *_VARIABLES)
    assert terraform("state", "list").strip() == ""
    assert _remains(made) == {}


def _remains(made: Account) -> dict[str, list[str]]:
    """What there is in the account of all kinds of things that Terraform makes."""
    vpcs = made.client("ec2").describe_vpcs()["Vpcs"]
    kinds = {
        "buckets": [each["Name"] for each in made.client("s3").list_buckets()["Buckets"]],
        "roles": [each["RoleName"] for each in made.pages("iam", "list_roles", "Roles")],
        "policies": [
            each["PolicyName"] for each in made.pages("iam", "list_policies", "Policies", Scope="Local")
        ],
        "clusters": made.pages("ecs", "list_clusters", "clusterArns"),
        "log groups": [
            each["logGroupName"] for each in made.client("logs").describe_log_groups()["logGroups"]
        ],
        "schedules": [each["Name"] for each in made.pages("scheduler", "list_schedules", "Schedules")],
        "networks": [each["VpcId"] for each in vpcs if not each["IsDefault"]],
        "repositories": made.client("ecr").describe_repositories()["repositories"],
        "alarms": made.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "rules": [each["Name"] for each in made.client("events").list_rules()["Rules"]],
        "topics": made.client("sns").list_topics()["Topics"],
        "groups": [
            each["Name"]
            for each in made.pages("scheduler", "list_schedule_groups", "ScheduleGroups")
            if each["Name"] != "default"
        ],
        "parameters": [each["Name"] for each in made.client("ssm").describe_parameters()["Parameters"]],
    }
    return {kind: found for kind, found in kinds.items() if found}
