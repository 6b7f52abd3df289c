"""Whatever AWS answers, or does not, is told in words, with what to do and what the process returns."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from harvester.aws.service import Aws, Refused, Service
from harvester.aws.stop_reasons import death, hint
from harvester.errors import Exit, HarvesterError
from tests.support.servers import S3Server, no_server


class _Refusing(BaseHTTPRequestHandler):
    """Answers each request with the error of the server, and counts them."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        server: Refuser = self.server  # type: ignore[assignment]
        server.asked += 1
        status, code, message = server.error
        body = json.dumps({"__type": code, "message": message}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Refuser(ThreadingHTTPServer):
    error = (400, "", "")
    asked = 0


@pytest.fixture
def refuser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Refuser]:
    """An AWS that says no to everything, for the reason that a test sets."""
    with Refuser(("127.0.0.1", 0), _Refusing) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("code", "message", "told", "exit_code"),
    [
        (
            "AccessDeniedException",
            "User: arn:aws:sts::1:assumed-role/reader/me is not authorized to perform: ecs:ListTasks",
            "operator role",
            Exit.UNAUTHORIZED,
        ),
        ("ExpiredTokenException", "The security token is expired", "sign in again", Exit.UNAUTHORIZED),
        ("UnrecognizedClientException", "The security token is invalid", "AWS_PROFILE", Exit.UNAUTHORIZED),
        ("ClusterNotFoundException", "Cluster not found.", "Check `cluster` and `region`", Exit.USAGE),
        ("BlockedException", "Your account is currently blocked", "its support", Exit.ERROR),
        (
            "ClientException",
            "ECS was unable to assume the role 'arn:aws:iam::1:role/x'",
            "task_execution_role_arn",
            Exit.ERROR,
        ),
        ("InvalidParameterException", "The specified capacity provider 'X' was not found", "FARGATE_SPOT", 1),
        ("SomethingNew", "Nobody knows", "`doctor`", Exit.ERROR),
    ],
)
def test_a_refusal_is_told_with_the_action_and_what_to_do(
    refuser: Refuser, code: str, message: str, told: str, exit_code: Exit
) -> None:
    refuser.error = (400, code, message)
    with pytest.raises(Refused) as caught:
        Service("ecs", region="us-east-1")("list_tasks")
    words = str(caught.value)
    assert words.startswith(f"AWS refuses ecs:ListTasks: {code} ({message.rstrip('.')}).")
    assert told in caught.value.hint
    assert caught.value.exit_code == exit_code
    assert (caught.value.code, caught.value.said) == (code, message)
    assert refuser.asked == 1


def test_a_refusal_in_the_middle_of_a_listing_is_told_too(refuser: Refuser) -> None:
    refuser.error = (400, "AccessDeniedException", "no")
    with pytest.raises(Refused, match="ecs:ListServices"):
        list(Service("ecs", region="us-east-1").pages("list_services"))


@pytest.mark.system
def test_an_aws_that_is_too_busy_is_asked_again_and_then_told(refuser: Refuser) -> None:
    refuser.error = (400, "ThrottlingException", "Rate exceeded")
    with pytest.raises(Refused) as caught:
        Service("ecs", region="us-east-1")("list_tasks")
    assert refuser.asked == 5
    assert caught.value.exit_code == Exit.RETRY_LATER


def test_an_aws_that_is_broken_may_be_asked_later(refuser: Refuser) -> None:
    refuser.error = (500, "Strange", "x" * 5000)
    with pytest.raises(Refused) as caught:
        Service("ecs", region="us-east-1")("list_tasks")
    assert caught.value.exit_code == Exit.RETRY_LATER
    assert len(str(caught.value)) < 400


def test_without_a_region_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(HarvesterError, match=r"which AWS region is meant \(ecs\)") as caught:
        Aws().ecs("list_tasks")
    assert caught.value.exit_code == Exit.USAGE
    assert "Set `region`" in caught.value.hint


def test_without_keys_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with pytest.raises(HarvesterError, match="There are no AWS keys") as caught:
        Aws("us-east-1").ecs("list_tasks")
    assert caught.value.exit_code == Exit.UNAUTHORIZED


def test_a_profile_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(HarvesterError, match="The AWS profile does not exist"):
        Aws("us-east-1").ecs("list_tasks")


def test_an_endpoint_that_is_no_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nowhere")
    with pytest.raises(HarvesterError, match="The AWS settings cannot be used") as caught:
        Aws("us-east-1").ecs("list_tasks")
    assert caught.value.exit_code == Exit.USAGE


def test_an_aws_out_of_reach_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with no_server() as url, pytest.raises(HarvesterError, match="AWS cannot be reached") as caught:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        Aws("us-east-1").ecs("list_tasks")
    assert caught.value.exit_code == Exit.RETRY_LATER


def test_all_pages_of_a_listing_are_read(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto gives a hundred streams of logs at most fifty at a time, as AWS does."""
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    logs = Aws("us-east-1").logs
    logs("create_log_group", logGroupName="many")
    for number in range(120):
        logs("create_log_stream", logGroupName="many", logStreamName=f"{number:03d}")
    pages = list(logs.pages("describe_log_streams", logGroupName="many"))
    assert len(pages) == 3
    assert sum(len(page["logStreams"]) for page in pages) == 120


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("Capacity is unavailable at this time. Please try again later", "without `spot`"),
        ("RESOURCE:FARGATE", "without `spot`"),
        ("CannotPullContainerError: pull image has been retried 7 time(s): not found", "Check `image`"),
        ("CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/arm'",
         "`task_architecture`"),
        ("CannotPullContainerError: toomanyrequests: You have reached your pull rate limit", "in ECR"),
        ("ResourceInitializationError: unable to pull secrets or registry auth", "`task_execution_role_arn`"),
        ("ResourceInitializationError: failed to validate logger args: create stream has been "
         "retried 1 times: The specified log group does not exist.", "Check `log_group`"),
        ("ECS was unable to assume the role 'arn:aws:iam::1:role/none'", "ecs-tasks.amazonaws.com"),
        ("OutOfMemoryError: Container killed due to memory usage", "`task.memory`"),
        ("Your Spot Task was interrupted.", "the next harvest continues"),
        ("Timeout waiting for network interface provisioning to complete.", "Check `subnets`"),
        ("You've reached the limit on the number of vCPUs you can run concurrently", "larger quota"),
        ("Essential container in task exited", "`harvest log`"),
        ("Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
         "create-service-linked-role"),
        ("Task failed container health checks", "hung for two minutes"),
        ("(service it) (task 1) is unhealthy due to (reason failed container health checks)", "hung for two"),
        ("ECS is performing maintenance on the underlying infrastructure hosting the task", "harmless"),
        ("Your task is scheduled for task retirement", "harmless"),
        ("TaskDefinition is inactive", "Another command has replaced"),
        ("Creation of service was not idempotent.", "try again"),
        ("The new ARN and resource ID format must be enabled to add tags.", "taskLongArnFormat"),
        ("Long arn format must be enabled for tagging.", "taskLongArnFormat"),
        ("something else", "`doctor`"),
    ],
)  # fmt: skip
def test_what_aws_says_of_a_task_comes_with_what_to_do(words: str, told: str) -> None:
    assert told in hint(words)


def test_how_a_task_ended_is_put_together_of_all_that_aws_says() -> None:
    task = {
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "containers": [{"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}],
    }
    end = death(task)
    assert end.exit_code == 137
    assert end.detail == (
        "Essential container in task exited: OutOfMemoryError: Container killed due to memory usage "
        "(EssentialContainerExited)"
    )
    assert "task.memory" in hint(end.detail)
    assert not end.interrupted
    assert death(
        {"stopCode": "SpotInterruption", "stoppedReason": "Your Spot Task was interrupted."}
    ).interrupted
    assert death({}) == death({"containers": []})
