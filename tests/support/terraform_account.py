"""The account as Terraform makes it, on moto, with a guard before it that judges by the policies it made."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from harvester.settings import Settings, settings
from tests.support.cli_session import Person, a_profile, at_a_terminal
from tests.support.iam_evaluator import Statement
from tests.support.iam_guard import Guard, guard
from tests.support.servers import S3Server
from tests.support.terraform import Terraform, prepared

BUCKET = "tweets-of-a-museum"
# All of the account that has to do with permissions; moto does not keep every rule of a bucket's lifecycle.
_MADE = (
    *("aws_iam_role_policy.task", "aws_iam_role_policy.execution", "aws_iam_role_policy.scheduler"),
    *("aws_iam_role_policy_attachment.operator", "aws_subnet.public", "aws_security_group.tasks"),
)
_VARIABLES = (
    *(f"bucket={BUCKET}", 'operators=["arn:aws:iam::123456789012:user/archivist"]'),
    *("status_cidr=192.0.2.7/32", "task_architecture=X86_64", "graph_workers=true"),
)
COLLECTIONS: tuple[dict[str, Any], ...] = (
    {"id": "s", "type": "search", "search": {"query": "library"}, "keys": {"profile": "museum"}},
    {"id": "crawl", "type": "graph", "users": {"1": {}}, "workers": {"profiles": ["museum"]}},
    {"id": "live", "type": "filter", "filter": {"track": "library"}, "keys": {"profile": "museum"}},
)
DENIED = ("AccessDenied", "UnauthorizedOperation")


@dataclass(frozen=True)
class Account:
    ini: str
    settings: Settings
    server: S3Server
    guard: Guard

    def client(self, service: str, role: str = "test") -> Any:
        """Of the holder of this role; `test` may do everything."""
        return boto3.client(
            service,
            endpoint_url=self.guard.url,
            region_name=self.settings.region,
            aws_access_key_id=role,
            aws_secret_access_key="x",
        )

    def as_(self, role: str) -> dict[str, str]:
        """The environment of a process that has this role."""
        server = self.server.environment
        return {**server, "AWS_ENDPOINT_URL": self.guard.url, "AWS_ACCESS_KEY_ID": role}

    def needs(self, role: str, sid: str, act: Callable[[], None]) -> None:
        """With the whole policy it works; without this statement it is refused."""
        act()
        with self.guard.lacks(role, sid), pytest.raises(ClientError) as caught:
            act()
        code = caught.value.response["Error"]["Code"]
        assert code.startswith(DENIED), code


@contextmanager
def applied(server: S3Server, folder: Path) -> Iterator[Account]:
    """What is on moto goes at the end, all of it."""
    terraform = prepared(folder, server)
    chosen = [f"-var={each}" for each in _VARIABLES]
    terraform("apply", "-auto-approve", "-input=false", *chosen, *(f"-target={each}" for each in _MADE))
    ini = folder / "twarc_cloud.ini"
    ini.write_text(terraform("output", "-raw", "twarc_cloud_ini"))
    with guard(server.endpoint, _policies(terraform)) as standing:
        yield Account(ini.read_text(), settings(environment={}, ini=ini), server, standing)
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()


def _policies(terraform: Terraform) -> dict[str, list[Statement]]:
    made = terraform.resources()
    texts = {
        "task": made["aws_iam_role_policy.task"]["policy"],
        "execution": made["aws_iam_role_policy.execution"]["policy"],
        "scheduler": made["aws_iam_role_policy.scheduler"]["policy"],
        "operator": made["aws_iam_policy.operator"]["policy"],
    }
    # What a managed policy may have, without blanks.
    assert len(texts["operator"].replace(" ", "")) < 6144
    found = {role: json.loads(text)["Statement"] for role, text in texts.items()}
    return {role: each if isinstance(each, list) else [each] for role, each in found.items()}


@contextmanager
def operating(account: Account, desk: Path, home: Path) -> Iterator[Person]:
    """The operator, with two collections and the keys for them; no task answers on a port."""
    (desk / "twarc_cloud.ini").write_text(account.ini.replace("status_port = 8080", "status_port = 0"))
    a_profile(home)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in account.as_("operator").items():
            patch.setenv(name, value)
        patch.setenv("HOME", str(home))
        patch.setenv("TWARC_CLOUD_STOP_POLL_SECONDS", "0.5")
        options = {"users": 2, "posts_per_user": 5, "stream_rate": "50"}
        with at_a_terminal(desk, patch, **options) as (typing, _):
            patch.delenv("BEARER_TOKEN")
            for tree in COLLECTIONS:
                typing.write(tree)
                typing.output("collection-config", "keys", "--profile", "museum", "--yes")
                typing.output("collection", "add")
            yield typing
