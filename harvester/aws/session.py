"""AWS sessions, with keys from where boto3 looks for them, or else from an ini of 2019."""

import logging
import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialProvider, Credentials
from botocore.loaders import Loader, create_loader

from harvester.errors import Exit, HarvesterError
from harvester.settings import INI, aws_keys

log = logging.getLogger("twarc-cloud")

# What only the machine is allowed to do comes after what somebody wrote down for this project.
_BEFORE = "iam-role"


def session(region: str = "", *, ini: Path = INI) -> boto3.Session:
    """A session for `region`, or for that of AWS_REGION, or for the one that boto3 finds.

    Of the environment boto3 itself reads AWS_DEFAULT_REGION only, unlike AWS's other tools.
    """
    found = botocore.session.get_session()
    loader = _loader(found.get_config_variable("data_path"))
    found.register_component("data_loader", loader)
    chain = found.get_component("credential_provider")
    chain.insert_before(_BEFORE, _Ini(ini))
    found.register("after-call", _tell)
    made = boto3.Session(botocore_session=found, region_name=region or os.environ.get("AWS_REGION") or None)
    # boto3 adds its own folder each time.
    loader.search_paths[:] = dict.fromkeys(loader.search_paths)
    return made


def client_for(service: str, *, region: str, config: Config) -> Any:
    """A client of one service; what botocore finds wrong with the settings it raises itself."""
    try:
        return session(region).client(service, config=config)
    except ValueError as error:
        raise HarvesterError(f"The AWS settings cannot be used: {error}.", exit_code=Exit.USAGE) from error


@cache
def _loader(data_path: str | None) -> Loader:
    """What AWS's services are like, read once for all sessions: to read it takes most of making a client."""
    return create_loader(data_path)


def _tell(model: Any, http_response: Any, **_: Any) -> None:
    """What was asked; never the parameters, for those of some services are the secrets themselves."""
    if log.isEnabledFor(logging.DEBUG):
        service, path = model.service_model.service_name, urlsplit(http_response.url).path
        log.debug("AWS %s %s %s => %s", service, model.name, path, http_response.status_code)


class _Ini(CredentialProvider):  # type: ignore[misc]
    """`access_key` and `secret_key` of twarc_cloud.ini."""

    METHOD = CANONICAL_NAME = "twarc-cloud-ini"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def load(self) -> Credentials | None:
        keys = aws_keys(self._path)
        return Credentials(*keys, method=self.METHOD) if keys else None
