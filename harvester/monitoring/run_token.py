"""The token of a run whose status is served on a port; the operator finds it in the parameter store."""

import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harvester.errors import HarvesterError, NotFound
from harvester.settings import Settings
from harvester.text import one_line

if TYPE_CHECKING:
    from harvester.aws.parameters import Parameters

log = logging.getLogger("twarc-cloud")


@dataclass(repr=False)
class RunToken:
    """What a request to a run must show. `publish` lets the operator find it; nothing does so before."""

    value: str
    name: str = ""
    parameters: "Callable[[], Parameters] | None" = None
    published: bool = False

    def publish(self) -> None:
        """To be called under the lock, so that a run that is refused writes over no other's."""
        if not self.parameters:
            return
        try:
            self.parameters().write(self.name, self.value)
            self.published = True
        except HarvesterError as error:
            log.warning("The status cannot be requested: cannot store its token: %s", one_line(str(error)))

    def close(self) -> None:
        """Take it back, unless a later run has put its own there."""
        if not self.parameters or not self.published:
            return
        try:
            parameters = self.parameters()
            if parameters.read(self.name) == self.value:
                parameters.remove(self.name)
        except NotFound:
            return
        except HarvesterError as error:
            log.warning(
                "Cannot remove the token of this run from the parameter store; it is no longer valid: %s",
                one_line(str(error)),
            )


def token_of_run(settings: Settings, collection_id: str) -> RunToken:
    """TWARC_CLOUD_TOKEN; or where there is a parameter store a new one, for this run alone."""
    given = os.environ.get("TWARC_CLOUD_TOKEN", "")
    if given or not settings.parameter_path:
        return RunToken(given)
    from harvester.aws.parameters import parameter_store

    return RunToken(secrets.token_urlsafe(32), f"tokens/{collection_id}", lambda: parameter_store(settings))
