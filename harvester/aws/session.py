"""AWS sessions, with keys from where boto3 looks for them, or else from an ini of 2019."""

import logging
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialProvider, Credentials
from botocore.loaders import Loader, create_loader

from harvester.aws.signature import Keys
from harvester.errors import Exit, HarvesterError
from harvester.settings import INI, aws_keys

if TYPE_CHECKING:
    import boto3

log = logging.getLogger("twarc-cloud")

# The machine's own role comes after keys that were configured for this project.
_BEFORE = "iam-role"


def session(region: str = "", *, ini: Path = INI) -> "boto3.Session":
    """A session for `region`, or for that of AWS_REGION, or for the one that boto3 finds.

    Of the environment boto3 itself reads AWS_DEFAULT_REGION only, unlike AWS's other tools.
    """
    import boto3

    found = _session(ini)
    loader = _loader(found.get_config_variable("data_path"))
    made = boto3.Session(botocore_session=found, region_name=region or os.environ.get("AWS_REGION") or None)
    # boto3 adds its own folder each time.
    loader.search_paths[:] = dict.fromkeys(loader.search_paths)
    return made


def fetched_keys(region: str = "", *, ini: Path = INI) -> Callable[[], Keys | None]:
    """Asks for the keys of such a session, which are renewed in time; None if there are none."""
    found = _session(ini)
    if region := region or os.environ.get("AWS_REGION", ""):
        found.set_config_variable("region", region)

    def keys() -> Keys | None:
        credentials = found.get_credentials()
        if credentials is None:
            return None
        now = credentials.get_frozen_credentials()
        return Keys(now.access_key, now.secret_key, now.token or "")

    return keys


def _session(ini: Path) -> botocore.session.Session:
    found = botocore.session.get_session()
    found.register_component("data_loader", _loader(found.get_config_variable("data_path")))
    found.get_component("credential_provider").insert_before(_BEFORE, _Ini(ini))
    found.register("after-call", _tell)
    return found


def client_for(service: str, *, region: str, config: Config) -> Any:
    """A client of one service; what botocore finds wrong with the settings it raises itself."""
    try:
        return session(region).client(service, config=config)
    except ValueError as error:
        raise HarvesterError(
            f"The AWS settings cannot be used: {error}.",
            hint="Check AWS_PROFILE, AWS_REGION and ~/.aws/config.",
            exit_code=Exit.USAGE,
        ) from error


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
