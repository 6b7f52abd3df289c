"""Checks of everything that harvests need on this machine and its accounts, each with what to do."""

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from harvester import __version__
from harvester.checks.collection import Check, keys_of
from harvester.errors import HarvesterError
from harvester.errors.files import explained, naming
from harvester.networks.registry import usual
from harvester.settings import INI, Settings, ini_secrets
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
    *,
    invalid: HarvesterError | None = None,
    runs: Path | None = None,
) -> Iterator[Check]:
    """All checks, one after the other; `store` opens the store, which may be what is wrong.

    With a `client` X is asked, free of charge, whether it accepts the fields that harvests ask for. `invalid`
    is what is wrong with the settings, `runs` the folder of what this machine runs.
    """
    yield _versions()
    yield from _each("settings", lambda: [_ini(INI, invalid)])
    keys = list(_each("keys", lambda: [_keys(settings)]))
    network = list(_each("X API", lambda: _network(settings)))
    yield from (*keys, *network)
    if client and keys[0].ok and network[0].ok:
        yield from _each("fields", lambda: usual().accepted_fields(client))
    yield from _each("work folder", lambda: [_disk(Path(settings.temp), "work folder")])
    yield from _each("cloud", lambda: _cloud(settings))
    if runs:
        yield from _each("runs folder", lambda: [_runs(runs)])
    opened: list[Store] = []
    yield from _each("store", lambda: _store(store, opened))
    if opened and schedules and (not settings.cluster or settings.schedule_group):
        yield from _each("schedules", lambda: [_due(opened[0], schedules)])


def _each(check: str, found: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """The checks that are found; what keeps them from being made is a check that is not passed."""
    try:
        yield from found()
    except HarvesterError as error:
        detail = " ".join([error.message, *error.problems])
        yield Check(check, False, detail, error.hint)
    except OSError as error:
        words = explained(error)
        yield Check(check, False, words.message, words.hint)


def _due(store: Store, schedules: "Callable[[], list[Scheduled]]") -> Check:
    """Whether a harvest came of each schedule when it was due last."""
    from harvester.compute.schedules.due import missed

    found = schedules()
    if late := missed(store, found, datetime.now(UTC)):
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


def _ini(path: Path, invalid: HarvesterError | None) -> Check:
    if invalid:
        detail = " ".join(invalid.problems or [invalid.message])
        hint = invalid.hint or "Correct or remove it (docs/settings.md)."
        return Check("settings", False, detail, f"{hint} The other checks are made without it.")
    secret = ini_secrets(path)
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

    stored = [entry.name for entry in parameter_store(settings).entries("keys")]
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
        hint = (
            "Set the clock, e.g. by NTP: AWS, and X with an access token, refuse signatures of another time."
        )
        return Check(what, False, detail, hint)
    return Check(what, True, f"within {_SKEW:.0f} s of that of {whose}.")


def _disk(folder: Path, what: str) -> Check:
    folder = _tried(folder)
    usage = shutil.disk_usage(folder)
    detail = f"{usage.free / (1 << 30):.1f} GB free at {folder}."
    if usage.free < _ROOM:
        return Check(what, False, detail, "Free some space, or set `temp` to another disk.")
    return Check(what, True, detail)


def _tried(folder: Path) -> Path:
    """Where a file can be written: the folder, or that in which it would be made."""
    while not os.path.lexists(folder):
        folder = folder.absolute().parent
    with naming(folder), tempfile.TemporaryFile(dir=folder) as file:
        # A full disk has room for a file, but not for what is in it.
        file.write(bytes(4096))
        file.flush()
    return folder


def _runs(folder: Path) -> Check:
    """Whether what this machine noted of its harvests, streams and schedules can be read and written."""
    if not os.path.lexists(folder):
        return Check("runs folder", True, f"no {folder} yet.")
    for notes in (folder, *(path for path in folder.iterdir() if path.is_dir())):
        _tried(notes)
        for path in notes.glob("*.json"):
            path.read_bytes()
    return Check("runs folder", True, f"{folder} can be read and written.")


def _store(open_store: Callable[[], Store], opened: list[Store]) -> Iterator[Check]:
    """Try on objects of our own whether conditions on writes are really kept."""
    store = open_store()
    opened.append(store)
    yield _clock("store's clock", store.now(), store.name)
    removes = store.probe()
    detail = f"{store.name} can be written, and rejects the second of two writers."
    if not removes:
        detail += " It ignores conditions on deletes: locks are replaced instead of deleted."
    yield Check("store", True, detail)
