"""Secrets are stored encrypted in AWS's parameter store, read where needed, and never shown."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harvester.aws.advice import LATER, PARAMETER_STORE
from harvester.aws.errors import code_of, explained
from harvester.aws.session import client_for
from harvester.documents.foreign import loaded
from harvester.errors import Exit, HarvesterError, NotFound
from harvester.settings import Settings

KEYS, TOKENS, HONEYBADGER = "keys", "tokens", "honeybadger"

# One call takes half a minute at most, for a harvest that stops or a person may wait for it.
_CONFIG = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})

_MISSING = {"ParameterNotFound", "ParameterVersionNotFound"}

# Bytes that a standard parameter holds; the larger kind costs money.
_MOST_BYTES = 4096


@dataclass(frozen=True)
class Parameter:
    """A parameter without its value: its name below the path, how often it was written, and when last."""

    name: str
    version: int
    modified: datetime


def keys_text(keys: Mapping[str, str]) -> str:
    """Keys as they are stored: one JSON object of those there are, under twarc's names."""
    return json.dumps({name: value for name, value in keys.items() if value})


class Parameters:
    """The SecureStrings below one path.

    Credentials, region and endpoint (AWS_ENDPOINT_URL) are those boto3 finds. `key` is the KMS key that
    encrypts what is written; without one it is AWS's own.
    """

    def __init__(self, path: str, *, region: str = "", key: str = "") -> None:
        self._key = {"KeyId": key} if key else {}
        self.path = "/" + path.strip("/")
        if not re.fullmatch(r"(/[\w.-]+){1,12}", self.path, re.ASCII):
            raise HarvesterError(
                f"parameter_path is {path!r}; use a path such as /twarc-cloud.", exit_code=Exit.USAGE
            )
        with self._translated("use", self.path):
            self._ssm = client_for("ssm", region=region, config=_CONFIG)

    def __repr__(self) -> str:
        return f"Parameters({self.path!r})"

    def read(self, name: str) -> str:
        """A value in plain text; raises NotFound."""
        full = self._full(name)
        with self._translated("read", full):
            return str(self._ssm.get_parameter(Name=full, WithDecryption=True)["Parameter"]["Value"])

    def has(self, name: str) -> bool:
        """Whether there is such a parameter; its value is not asked for in plain text."""
        full = self._full(name)
        try:
            with self._translated("read", full):
                self._ssm.get_parameter(Name=full, WithDecryption=False)
        except NotFound:
            return False
        return True

    def write(self, name: str, value: str) -> int:
        """Store a value, in the place of the one that was there; its number, from 1."""
        full = self._full(name)
        if len(value.encode()) > _MOST_BYTES:
            message = f"The value for {full} is larger than {_MOST_BYTES} bytes."
            raise HarvesterError(message, exit_code=Exit.USAGE)
        with self._translated("write", full):
            answer = self._ssm.put_parameter(
                Name=full, Value=value, Type="SecureString", Overwrite=True, **self._key
            )
            return int(answer["Version"])

    def remove(self, name: str) -> bool:
        """Whether there was one to remove; its earlier values go, too."""
        full = self._full(name)
        try:
            with self._translated("remove", full):
                self._ssm.delete_parameter(Name=full)
        except NotFound:
            return False
        return True

    def entries(self, folder: str) -> list[Parameter]:
        """What is directly below a name, in order; values are not asked for in plain text."""
        full = self._full(folder)
        found = []
        with self._translated("list", full):
            pages = self._ssm.get_paginator("get_parameters_by_path").paginate(
                Path=full, Recursive=False, WithDecryption=False
            )
            for page in pages:
                for each in page["Parameters"]:
                    name = each["Name"].rpartition("/")[2]
                    found.append(Parameter(name, int(each["Version"]), each["LastModifiedDate"]))
        return sorted(found, key=lambda entry: entry.name)

    def keys(self, profile: str) -> dict[str, str]:
        """A profile's keys under twarc's names; raises NotFound."""
        name = f"{KEYS}/{profile}"
        try:
            found = loaded(self.read(name))
        except ValueError:
            # Without the cause: a parser's error holds the text.
            found = None
        if not isinstance(found, dict):
            message = f"{self._full(name)} in the parameter store does not contain valid keys."
            hint = f"`collection-config keys --rotate --profile {profile}` replaces it."
            raise HarvesterError(message, hint=hint, exit_code=Exit.UNAUTHORIZED)
        return {str(key): str(value) for key, value in found.items()}

    def has_keys(self, profile: str) -> bool:
        return self.has(f"{KEYS}/{profile}")

    def _full(self, name: str) -> str:
        if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", name, re.ASCII):
            raise HarvesterError(
                f"{name.rpartition('/')[2]!r} cannot be a name in the parameter store.",
                hint="Use letters, digits, '_', '-' and '.'.",
                exit_code=Exit.USAGE,
            )
        return f"{self.path}/{name}"

    @contextmanager
    def _translated(self, what: str, name: str) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and code_of(error) in _MISSING:
                raise NotFound(
                    f"{name} is not in the parameter store.", exit_code=Exit.UNAUTHORIZED
                ) from None
            found = explained(error, PARAMETER_STORE, action=what, name=name)
            # Without the cause: it may repeat a value that was sent.
            raise HarvesterError(found.message, hint=found.hint or LATER, exit_code=found.exit_code) from None


def parameter_store(settings: Settings) -> Parameters:
    """Where the secrets of the cloud are; raises if no path is set."""
    if not settings.parameter_path:
        raise HarvesterError(
            "parameter_path is not set, so there is no place for the keys of the cluster's harvests.",
            hint="Write the settings again: `terraform output -raw twarc_cloud_ini > twarc_cloud.ini`.",
            exit_code=Exit.USAGE,
        )
    return Parameters(settings.parameter_path, region=settings.region, key=settings.kms_key_arn)
