"""The status of a task that has a port, requested with the token of its run."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from harvester.aws.service import Aws, Refused
from harvester.compute.status_client import asked
from harvester.documents import Tree
from harvester.errors import NotFound
from harvester.settings import Settings


class Port:
    """`status_port` of the tasks of one cluster."""

    def __init__(self, settings: Settings, aws: Aws) -> None:
        self._settings, self._aws = settings, aws

    @property
    def is_open(self) -> bool:
        return bool(self._settings.status_port and self._settings.parameter_path)

    def asked(self, collection_id: str, task: Mapping[str, Any], method: str, path: str) -> Tree | None:
        """What the harvest answers; None when it does not, or has no address or token (yet)."""
        from harvester.aws.parameters import TOKENS, Parameters

        address = self.address(task)
        if not address:
            return None
        parameters = Parameters(self._settings.parameter_path, region=self._settings.region)
        with suppress(NotFound):
            token = parameters.read(f"{TOKENS}/{collection_id}")
            return asked(f"http://{address}:{self._settings.status_port}", token, method, path)
        return None

    def address(self, task: Mapping[str, Any]) -> str:
        """The public address of a task, empty if it has none (yet, or any more)."""
        found = list(_interfaces(task))
        if not found:
            return ""
        try:
            answer = self._aws.ec2("describe_network_interfaces", NetworkInterfaceIds=found[:1])
        except Refused as refused:
            # It goes with its task, which has ended since it was listed.
            if refused.code != "InvalidNetworkInterfaceID.NotFound":
                raise
            return ""
        interfaces = answer.get("NetworkInterfaces") or [{}]
        return str((interfaces[0].get("Association") or {}).get("PublicIp") or "")


def _interfaces(task: Mapping[str, Any]) -> Iterator[str]:
    for attachment in task.get("attachments") or ():
        for detail in attachment.get("details") or ():
            if detail.get("name") == "networkInterfaceId":
                yield str(detail.get("value"))
