"""Checks of everything that harvests need on this machine and its accounts, each with what to do."""

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from harvester import __version__
from harvester.checks.collection import Check, keys_of
from harvester.errors import HarvesterError
from harvester.networks.registry import usual
from harvester.settings import INI, Settings, ini_secrets, unknown
from harvester.store import Store
from harvester.text import counted

if TYPE_CHECKING:
    from harvester.compute import Scheduled
    from harvester.networks import Client

_ROOM = 1 << 30
_SKEW = 60.0
_PACKAGES = ("twarc", "boto3", "click", "flask")


def examine(
    settings: Settings,
    store: Callable[[], Store],
    client: Callable[[], "Client"] | None = None,
    schedules: "Callable[[], list[Scheduled]] | None" = None,
) -> Iterator[Check]:
    """All checks, one after the other; `store` opens the store, which may be what is wrong.

    With a `client` X is asked, free of charge, whether it accepts the fields that harvests ask for.
    """
    yield _versions()
    yield _ini(INI)
    yield (keys := _keys(settings))
    network = list(_network(settings))
    yield from network
    if client and keys.ok and network[0].ok:
        yield from usual().accepted_fields(client)
    yield _disk(Path(settings.temp), "work folder")
    yield from _cloud(settings)
    try:
        opened = store()
    except HarvesterError as error:
        yield Check("store", False, error.message, error.hint)
        return
    yield from _store(opened)
    if schedules and (not settings.cluster or settings.schedule_group):
        yield _due(opened, schedules)


def _due(store: Store, schedules: "Callable[[], list[Scheduled]]") -> Check:
    """Whether a harvest came of each schedule when it was due last."""
    from harvester.compute.schedules.due import missed

    try:
        found = schedules()
        late = missed(store, found, datetime.now(UTC))
    except HarvesterError as error:
        return Check("schedules", False, error.message, error.hint)
    if late:
        detail = "; ".join(f"{each.collection_id} {each.text}" for each in late)
        hint = (
            "Run `collection once` to make up for it. AWS had no capacity, or the scheduler was off: "
            "docs/schedules.md."
        )
        return Check("schedules", False, f"{detail}.", hint)
    return Check("schedules", True, _none_missed(len(found)))


def _none_missed(schedules: int) -> str:
    if not schedules:
        return "no schedules."
    return f"{counted(schedules, 'schedule')}, {'not' if schedules == 1 else 'none'} missed."


def _cloud(settings: Settings) -> Iterator[Check]:
    if settings.cluster:
        from harvester.aws.service import Aws
        from harvester.checks.aws_account import of_cloud

        yield from of_cloud(settings, Aws(settings.region))


def libraries() -> tuple[list[str], list[str]]:
    """Python and the packages that matter with their versions, and the names of those that are not there."""
    found, missing = [f"Python {platform.python_version()}"], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    return found, missing


def _versions() -> Check:
    found, missing = libraries()
    if missing:
        return Check("versions", False, f"missing: {', '.join(missing)}.", "pip install -r requirements.txt")
    return Check("versions", True, ", ".join([f"twarc-cloud {__version__}", *found]) + ".")


def _ini(path: Path) -> Check:
    try:
        wrong, secret = unknown(ini=path), ini_secrets(path)
    except HarvesterError as error:
        return Check("settings", False, error.message, error.hint)
    if wrong:
        return Check("settings", False, " ".join(wrong), "Remove it, or correct its name (docs/settings.md).")
    if not path.exists():
        return Check("settings", True, f"no {path} here; using the environment and defaults.")
    if secret:
        detail = f"{path} contains secrets: {', '.join(secret)}."
        return Check("settings", False, detail, "Move AWS keys to ~/.aws/credentials and remove these lines.")
    return Check("settings", True, f"{path} is valid.")


def _keys(settings: Settings) -> Check:
    """Of no collection: there is a profile at all, where the harvests look."""
    if not settings.cluster:
        return keys_of({}, settings)
    from harvester.aws.parameters import parameter_store

    try:
        stored = [entry.name for entry in parameter_store(settings).entries("keys")]
    except HarvesterError as error:
        return Check("keys", False, error.message, error.hint)
    if not stored:
        hint = "`collection-config keys --profile NAME` stores them."
        return Check("keys", False, f"there are none in {settings.parameter_path}/keys.", hint)
    return Check("keys", True, f"in the parameter store: {', '.join(stored)}.")


def _network(settings: Settings) -> Iterator[Check]:
    network, url = usual(), settings.x_api_url
    try:
        theirs = network.reach(settings)
    except HarvesterError as error:
        yield Check("X API", False, error.message, error.hint)
        return
    yield Check("X API", True, f"{url} answers.")
    if theirs:
        yield _clock("clock", theirs, url)


def _clock(what: str, theirs: datetime, whose: str) -> Check:
    skew = (datetime.now(UTC) - theirs).total_seconds()
    if abs(skew) > _SKEW:
        detail = (
            f"this machine's is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} that of {whose}."
        )
        return Check(
            what, False, detail, "Set the clock, e.g. by NTP: X and AWS reject requests with a wrong time."
        )
    return Check(what, True, f"within {_SKEW:.0f} s of that of {whose}.")


def _disk(folder: Path, what: str) -> Check:
    while not folder.exists():
        folder = folder.absolute().parent
    usage = shutil.disk_usage(folder)
    detail = f"{usage.free / (1 << 30):.1f} GB free at {folder}."
    if not os.access(folder, os.W_OK):
        return Check(what, False, f"{folder} is not writable.", "Change its permissions, or set `temp`.")
    if usage.free < _ROOM:
        return Check(what, False, detail, "Free some space, or set `temp` to another disk.")
    return Check(what, True, detail)


def _store(store: Store) -> Iterator[Check]:
    """Try on objects of our own whether conditions on writes are really kept."""
    try:
        yield _clock("store's clock", store.now(), store.name)
        removes = store.probe()
    except HarvesterError as error:
        yield Check("store", False, error.message, error.hint)
        return
    detail = f"{store.name} can be written, and rejects the second of two writers."
    if not removes:
        detail += " It ignores conditions on deletes: locks are replaced instead of deleted."
    yield Check("store", True, detail)
