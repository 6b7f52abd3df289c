"""Each run of a harvest that answers on a port has a token of its own, and the operator finds it."""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harvester.errors import HarvesterError, NotFound
from harvester.settings import Settings

if TYPE_CHECKING:
    from harvester.parameters import Parameters

log = logging.getLogger("twarc-cloud")


@contextmanager
def token_of_run(settings: Settings, collection_id: str) -> Iterator[str | None]:
    """TWARC_CLOUD_TOKEN; or one that is in the parameter store, below tokens/, for as long as the block runs.

    None when it could not be put there: nobody could ask, so nothing needs to answer. The harvest goes on.
    """
    given = os.environ.get("TWARC_CLOUD_TOKEN", "")
    if given or not settings.parameter_path:
        yield given
        return
    name, token = f"tokens/{collection_id}", secrets.token_urlsafe(32)
    try:
        parameters = _parameters(settings)
        parameters.write(name, token)
    except HarvesterError as error:
        log.warning("No status is served, for its token cannot be kept: %s", " ".join(str(error).split()))
        yield None
        return
    try:
        yield token
    finally:
        _take_back(parameters, name, token)


def _parameters(settings: Settings) -> "Parameters":
    from harvester.credentials import parameter_store

    return parameter_store(settings)


def _take_back(parameters: "Parameters", name: str, token: str) -> None:
    """A token that a later run has put there is left."""
    try:
        if parameters.read(name) == token:
            parameters.remove(name)
    except NotFound:
        return
    except HarvesterError as error:
        log.warning(
            "The token of this run stays in the parameter store, of no use any more: %s", error.message
        )
