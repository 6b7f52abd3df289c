"""Why AWS did not start a task, or stopped it, and what to do about it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NO_ROOM = r"capacity is unavailable|RESOURCE:(FARGATE|CPU|MEMORY)|insufficient capacity|spot capacity"
# The words of AWS, in the order in which they are looked for:
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
_HINTS: tuple[tuple[str, str], ...] = (
    (
        _NO_ROOM,
        "Fargate has no capacity of this kind now: try again later, without `spot` or with `fallback`, "
        "or with another `architecture` or subnets of other zones.",
    ),
    (
        r"spot ?interruption|spot task was interrupted",
        "AWS reclaimed the Spot capacity. What was collected is stored, and the next harvest continues from "
        "there; tasks without `spot` are not reclaimed.",
    ),
    (
        r"platform .*manifest|image manifest does not contain descriptor|exec format error",
        "The image is not for this architecture: set `task_architecture` to that of the image, "
        "or build it for both.",
    ),
    (
        r"toomanyrequests|rate limit",
        "The registry limits how often images are fetched: try again later, or keep the image in ECR.",
    ),
    (
        r"log ?group|logger args|awslogs|CreateLogStream",
        "Check `log_group`: it must be there (`terraform apply`), and the task execution role must be "
        "allowed to write to it.",
    ),
    (
        r"secretsmanager|ssm:GetParameters|pull secrets or registry auth",
        "Check `task_execution_role_arn`, and that the subnets reach the registry (public IP, or endpoints).",
    ),
    (
        r"CannotPullContainer|pull (image|container)|pulling image|manifest|image.* not found",
        "Check `image`: that it is there under this name, that the task execution role may fetch it, "
        "and that the subnets reach the registry.",
    ),
    (
        r"service linked role|service-linked role",
        "The account has never had an ECS cluster: `aws iam create-service-linked-role --aws-service-name "
        "ecs.amazonaws.com`, as its administrator, or `terraform apply` once more.",
    ),
    (
        r"health checks?|UNHEALTHY",
        "Its process hung for two minutes, and AWS ended it. What was collected is stored; "
        "`harvest log` shows the last it said.",
    ),
    (
        r"infrastructure|task retirement|retired|scheduled maintenance|TerminationNotice",
        "AWS renews the machine. That is harmless: the harvest ended as after a stop, "
        "and a stream is started again at once.",
    ),
    (
        r"task ?definition.* inactive|INACTIVE state",
        "Another command has replaced this task definition: try again, and `collection schedule` "
        "again what is scheduled.",
    ),
    (r"not idempotent|different parameters", "Another command is changing it: try again."),
    (
        r"long arn|new arn ",
        "The account still has ECS's short ARNs: as its administrator, `aws ecs put-account-setting-default "
        "--name taskLongArnFormat --value enabled`, and the same of serviceLongArnFormat.",
    ),
    (
        r"assume the role|passrole|role .*(not valid|invalid|not exist)|invalid.* role",
        "Check `task_role_arn` and `task_execution_role_arn`: both must be there, trust "
        "ecs-tasks.amazonaws.com, and the operator may pass them.",
    ),
    (
        r"out ?of ?memory",
        "It needs more memory: set it for this collection (`task.memory`), or for all (`task_memory`).",
    ),
    (r"no space left", "It needs more disk: set `task.disk` in the collection, or `task_disk`."),
    (
        r"network interface|\bENI\b|insufficientfreeaddresses|no free addresses",
        "Check `subnets` and `security_groups`: they must be there, and have free addresses.",
    ),
    (r"subnet", "Check `subnets`."),
    (r"security ?group", "Check `security_groups`."),
    (
        r"capacity provider",
        "The cluster must have the capacity providers FARGATE and FARGATE_SPOT, "
        "which `terraform apply` gives it.",
    ),
    (
        r"no fargate configuration|invalid 'cpu'|'memory'",
        "Fargate has no tasks of this size: see docs/kinds.md.",
    ),
    (
        r"limit on the number|vCPU|service quota|maximum number",
        "Request a larger quota of Fargate vCPUs from AWS.",
    ),
    (r"still draining", "The previous one is still ending: try again in two minutes."),
    (r"essential container", "`harvest log` shows its output."),
)
_LATER = "`doctor` checks everything needed; see docs/when-it-goes-wrong.md."


def hint(words: str) -> str:
    """What to do when AWS says this."""
    return next((advice for known, advice in _HINTS if re.search(known, words, re.IGNORECASE)), _LATER)


def is_for_want_of_room(words: str) -> bool:
    """Whether AWS says that it has no machine free."""
    return re.search(_NO_ROOM, words, re.IGNORECASE) is not None


@dataclass(frozen=True)
class Death:
    """How a task ended: the exit code of its container, if it came so far, and AWS's words."""

    exit_code: int | None
    detail: str

    @property
    def interrupted(self) -> bool:
        return bool(re.search(r"SpotInterruption", self.detail))


def death(task: Mapping[str, Any]) -> Death:
    """From a task as DescribeTasks tells it."""
    containers = task.get("containers") or [{}]
    code = containers[0].get("exitCode")
    reason, said = str(containers[0].get("reason") or ""), str(task.get("stoppedReason") or "")
    parts = [part for part in (said, reason) if part]
    if reason and reason in said:
        parts = [said]
    words = ": ".join(part.rstrip(".") for part in parts)
    if stop := task.get("stopCode"):
        words = f"{words} ({stop})" if words else str(stop)
    return Death(code if isinstance(code, int) else None, words)
