"""Finds the X API keys of a collection, in one order, here or for a harvest on the cluster."""

import os
from collections.abc import Mapping
from typing import Any

from harvester.documents import text_in
from harvester.errors import Exit, HarvesterError, NotFound
from harvester.networks.x.keys import Keys, in_collection, in_environment, keys_from, keys_of
from harvester.settings import Settings


def keys(settings: Settings, tree: Mapping[str, Any]) -> Keys:
    """Those of a collection of 2019 itself, the environment, the parameter store, ~/.twarc, in this order."""
    kept = tree.get("keys") or {}
    found = in_collection(tree)
    if not found.usable:
        found = in_environment(os.environ)
    if found.usable:
        return found
    profile = text_in(kept, "profile")
    if not settings.parameter_path:
        return keys_from(os.environ, profile=profile)
    return (profile and _stored(settings, profile)) or _on_this_machine(settings, profile)


def _stored(settings: Settings, profile: str) -> Keys | None:
    from harvester.aws.parameters import parameter_store

    try:
        found = keys_of(
            parameter_store(settings).keys(profile), where=f"profile {profile} of the parameter store"
        )
    except NotFound:
        return None
    return found if found.usable else None


def _on_this_machine(settings: Settings, profile: str) -> Keys:
    try:
        return keys_from(os.environ, profile=profile)
    except HarvesterError as error:
        raise (_not_stored(settings, profile) if profile else _no_profile()) from error


def require_for_harvests(settings: Settings, tree: Mapping[str, Any]) -> None:
    """Raise unless a harvest would find keys where it runs: on this machine, or as a task of the cluster."""
    if not settings.cluster:
        keys(settings, tree)
        return
    kept = tree.get("keys") or {}
    if in_collection(tree).usable:
        return
    profile = text_in(kept, "profile")
    if not profile:
        raise _no_profile()
    from harvester.aws.parameters import parameter_store

    if not parameter_store(settings).has_keys(profile):
        raise _not_stored(settings, profile)


def _no_profile() -> HarvesterError:
    return HarvesterError(
        "The collection does not name the profile whose keys to use.",
        hint="Run `collection-config keys --profile NAME`, then `collection-config update`.",
        exit_code=Exit.UNAUTHORIZED,
    )


def _not_stored(settings: Settings, profile: str) -> HarvesterError:
    return HarvesterError(
        f"There are no keys of profile {profile} in the parameter store ({settings.parameter_path}/keys).",
        hint=f"`collection-config keys --profile {profile}` stores them.",
        exit_code=Exit.UNAUTHORIZED,
    )
