"""AWS is asked from here, and answers in words: its errors are in a table, with what to do about each."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from harvester.compute import reasons
from harvester.errors import Exit, HarvesterError
from harvester.session import session

# Throttling is waited for by botocore: with these, half a minute at most.
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 5},
)

_SIGN_IN = "The AWS session is over: sign in again."
_WHOSE = "The AWS keys are not accepted: check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
_LATER = "Try again in a minute."
_NOT_ALLOWED = (
    "Use the operator role that Terraform makes, or have its policy given to the user or role in use."
)
_TOLD: dict[str, tuple[str, Exit]] = {
    **dict.fromkeys(
        ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"), (_NOT_ALLOWED, Exit.UNAUTHORIZED)
    ),
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired"), (_SIGN_IN, Exit.UNAUTHORIZED)
    ),
    **dict.fromkeys(
        (
            *("AuthFailure", "IncompleteSignature", "InvalidClientTokenId", "InvalidSignatureException"),
            *("MissingAuthenticationToken", "SignatureDoesNotMatch", "UnrecognizedClientException"),
        ),
        (_WHOSE, Exit.UNAUTHORIZED),
    ),
    **dict.fromkeys(
        (
            *("InternalServerError", "RequestLimitExceeded", "ServerException", "ServiceUnavailable"),
            *("ServiceUnavailableException", "Throttling", "ThrottlingException", "TooManyRequestsException"),
        ),
        (_LATER, Exit.RETRY_LATER),
    ),
    "ClusterNotFoundException": (
        "Check `cluster` and `region`, and that `terraform apply` made the cluster.",
        Exit.USAGE,
    ),
    "BlockedException": ("AWS has blocked the account: its support tells why.", Exit.ERROR),
    "LimitExceededException": ("Ask AWS for a larger quota, or remove what is not used.", Exit.ERROR),
    "OptInRequired": ("The account does not have this region or service: enable it.", Exit.USAGE),
}
# Errors that are made on this machine, the more special ones first.
_HERE: tuple[tuple[type[BotoCoreError], str, str, Exit], ...] = (
    (NoRegionError, "It is not known which AWS region is meant", "Set `region`, or AWS_REGION.", Exit.USAGE),
    (
        NoCredentialsError,
        "There are no AWS keys",
        "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        Exit.UNAUTHORIZED,
    ),
    (PartialCredentialsError, "The AWS keys are not complete", _WHOSE, Exit.UNAUTHORIZED),
    (ProfileNotFound, "There is no such AWS profile", "Check AWS_PROFILE and ~/.aws/config.", Exit.USAGE),
    (SSOError, "AWS does not know who asks", _SIGN_IN, Exit.UNAUTHORIZED),
    (TokenRetrievalError, "AWS does not know who asks", _SIGN_IN, Exit.UNAUTHORIZED),
    (ConnectionError, "AWS cannot be reached", "Check the network and `region`.", Exit.RETRY_LATER),
    (HTTPClientError, "AWS cannot be reached", "Check the network and `region`.", Exit.RETRY_LATER),
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
        with self._told("is used"):
            try:
                self.client: Any = session(region).client(name, config=_CONFIG)
            except ValueError as error:
                raise HarvesterError(
                    f"The AWS settings cannot be used: {error}.", exit_code=Exit.USAGE
                ) from error

    @property
    def region(self) -> str:
        return str(self.client.meta.region_name)

    def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]:
        with self._told(operation):
            answer: dict[str, Any] = getattr(self.client, operation)(**parameters)
            return answer

    def pages(self, operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All answers to a listing, one after the other."""
        with self._told(operation):
            yield from self.client.get_paginator(operation).paginate(**parameters)

    @contextmanager
    def _told(self, operation: str) -> Iterator[None]:
        action = f"{self.name}:{''.join(word.title() for word in operation.split('_'))}"
        try:
            yield
        except ClientError as error:
            raise _refused(error, action) from error
        except BotoCoreError as error:
            message, hint, exit_code = next(
                ((said, what, code) for kind, said, what, code in _HERE if isinstance(error, kind)),
                ("AWS cannot be asked", "Check the AWS settings.", Exit.ERROR),
            )
            raise HarvesterError(f"{message} ({action}): {error}", hint=hint, exit_code=exit_code) from error


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
    def quotas(self) -> Service:
        return Service("service-quotas", region=self._region)


def _refused(error: ClientError, action: str) -> Refused:
    answer = error.response.get("Error", {})
    code, said = str(answer.get("Code", "")), " ".join(str(answer.get("Message", "")).split())
    hint, exit_code = _TOLD.get(code, (reasons.hint(said), Exit.ERROR))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code not in _TOLD and (status >= 500 or re.fullmatch(r"5\d\d", code)):
        said, hint, exit_code = said[:200], _LATER, Exit.RETRY_LATER
    told = f" ({said.rstrip('.')})" if said else ""
    return Refused(f"AWS refuses {action}: {code}{told}.", hint, code=code, said=said, exit_code=exit_code)
