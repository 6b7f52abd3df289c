"""Whoever speaks to AWS gets its keys where boto3 looks for them, and last from an ini of 2019."""

from pathlib import Path

import boto3
import botocore.session
from botocore.credentials import CredentialProvider, Credentials

from harvester.settings import INI, aws_keys

# What only the machine is allowed to do comes after what somebody wrote down for this project.
_BEFORE = "iam-role"


def session(region: str = "", *, ini: Path = INI) -> boto3.Session:
    """A session for `region`, or for the one that boto3 finds."""
    found = botocore.session.get_session()
    chain = found.get_component("credential_provider")
    chain.insert_before(_BEFORE, _Ini(ini))
    return boto3.Session(botocore_session=found, region_name=region or None)


class _Ini(CredentialProvider):
    """`access_key` and `secret_key` of twarc_cloud.ini."""

    METHOD = CANONICAL_NAME = "twarc-cloud-ini"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def load(self) -> Credentials | None:
        keys = aws_keys(self._path)
        return Credentials(*keys, method=self.METHOD) if keys else None
