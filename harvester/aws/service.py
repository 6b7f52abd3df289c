"""The services of AWS that run harvests are asked from here, and refuse in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harvester.aws import stop_reasons
from harvester.aws.advice import CLOUD
from harvester.aws.errors import explained
from harvester.aws.session import client_for
from harvester.errors import Exit, HarvesterError

# Throttling is waited for by botocore: with these, half a minute at most.
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 5},
)


class Refused(HarvesterError):
    """AWS said no; `code` is its name for why, and `said` its words."""

    def __init__(self, message: str, hint: str, *, code: str, said: str, exit_code: Exit) -> None:
        super().__init__(message, hint=hint, exit_code=exit_code)
        self.code, self.said = code, said


class Service:
    """One service of AWS: `service("run_task", cluster=...)` answers, or raises in words."""

    def __init__(self, name: str, *, region: str = "") -> None:
        self.name = name
        with self._translated(name):
            self.client: Any = client_for(name, region=region, config=_CONFIG)

    @property
    def region(self) -> str:
        return str(self.client.meta.region_name)

    def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]:
        with self._translated(self._action(operation)):
            answer: dict[str, Any] = getattr(self.client, operation)(**parameters)
            return answer

    def pages(self, operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All answers to a listing, one after the other."""
        with self._translated(self._action(operation)):
            yield from self.client.get_paginator(operation).paginate(**parameters)

    def _action(self, operation: str) -> str:
        """As IAM names it."""
        return f"{self.name}:{''.join(word.title() for word in operation.split('_'))}"

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            found = explained(error, CLOUD, action=action)
            if isinstance(error, BotoCoreError):
                raise HarvesterError(found.message, hint=found.hint, exit_code=found.exit_code) from error
            raise Refused(
                found.message,
                found.hint or stop_reasons.hint(found.said),
                code=found.code,
                said=found.said,
                exit_code=found.exit_code,
            ) from error


class Aws:
    """The services that harvests need, in one region; each is made when it is first asked."""

    def __init__(self, region: str = "") -> None:
        self._region = region

    @cached_property
    def ecs(self) -> Service:
        return Service("ecs", region=self._region)

    @cached_property
    def ec2(self) -> Service:
        return Service("ec2", region=self._region)

    @cached_property
    def logs(self) -> Service:
        return Service("logs", region=self._region)

    @cached_property
    def iam(self) -> Service:
        return Service("iam", region=self._region)

    @cached_property
    def scheduler(self) -> Service:
        return Service("scheduler", region=self._region)

    @cached_property
    def sqs(self) -> Service:
        return Service("sqs", region=self._region)

    @cached_property
    def quotas(self) -> Service:
        return Service("service-quotas", region=self._region)
