"""The collections' location and where harvests run, from options, environment and ini, in this order."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harvester.commands import log_options_in_use
from harvester.commands.cli.printed_commands import typed
from harvester.documents import Collection, unambiguous
from harvester.errors import Exit, HarvesterError
from harvester.errors.files import require_links
from harvester.settings import Settings, settings
from harvester.store.disk import real
from harvester.store.keys import ROOT, CollectionKeys, id_problem

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from harvester.compute import Compute
    from harvester.compute.local.compute import LocalCompute
    from harvester.store import Store

log = logging.getLogger("twarc-cloud")

_DOORS = Path(__file__).resolve().parents[3]
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Workspace:
    """A bucket or a folder of collections, and the files of this machine that belong to it."""

    settings: Settings

    @property
    def bucket(self) -> str:
        return self.settings.bucket

    @property
    def folder(self) -> Path:
        return Path(self.settings.collections_path)

    @property
    def label(self) -> str:
        """How the lines that show harvests name it."""
        return f"Bucket: {self.bucket}" if self.bucket else f"Folder: {self.folder}"

    def shown(self, key: str) -> str:
        """Where a person finds what has this key in the store."""
        if self.bucket:
            return f"s3://{self.bucket}/{key}"
        return f"{self.folder}/{key.removeprefix(ROOT)}"

    @cached_property
    def store(self) -> "Store":
        if not self.bucket:
            return folder_store(self.folder)
        from harvester.store.s3 import S3Store

        store = S3Store(self.bucket, region=self.settings.region, patience=self.settings.store_patience)
        store.require()
        return store

    @cached_property
    def compute(self) -> "Compute":
        return self._cloud() if self.settings.cluster else self.this_machine

    @cached_property
    def this_machine(self) -> "LocalCompute":
        """Who harvests here, whether or not there is a cluster."""
        from harvester.compute.local.compute import LocalCompute

        return LocalCompute(
            self.store, self.runs, harvest=self._harvest_command, supervise=self._supervise_command
        )

    def _cloud(self) -> "Compute":
        if not self.bucket:
            raise HarvesterError(
                f"`cluster` is set ({self.settings.cluster}) but `bucket` is not: tasks cannot "
                "reach a folder.",
                hint="Set `bucket`, or unset `cluster` to run harvests on this machine.",
                exit_code=Exit.USAGE,
            )
        from harvester.commands.cli.wait_notice import Waiting
        from harvester.compute.fargate.compute import FargateCompute

        return FargateCompute(self.store, self.settings, on_wait=Waiting(), collection=self.collection)

    @property
    def runs(self) -> Path:
        """Where logs and notes of what this machine runs are kept: beside the collections, not among them."""
        if self.bucket:
            return Path(f"{self.bucket}-runs").absolute()
        path = real(self.folder)
        return path.with_name(f"{path.name}-runs")

    def work_root(self, keys: CollectionKeys, temp: str | None = None) -> Path:
        """The folder in which harvests started here keep files that are not stored yet."""
        return Path(temp or self.settings.temp) / (self.bucket or "local") / keys.id

    @property
    def pause(self) -> float:
        """Seconds between two looks at what runs; AWS counts them."""
        return 2.0 if self.settings.cluster else 0.2

    def collection(self, keys: CollectionKeys, *kinds: str) -> Collection:
        """The collection, valid and of one of these `kinds`; read and checked once in a command."""
        from harvester.collection import history
        from harvester.commands.cli.collection_file import require_kind
        from harvester.networks.validation import require_valid

        where = self.shown(keys.collection)
        if known := self._collections.get(keys.id):
            require_kind(known, *kinds)
            return known
        tree = unambiguous(history.read(self.store, keys).data, where, hint=history.REPAIR)
        require_kind(tree, *kinds)
        self._collections[keys.id] = require_valid(tree, where)
        return self._collections[keys.id]

    @cached_property
    def _collections(self) -> dict[str, Collection]:
        return {}

    def keys(self, collection_id: str) -> CollectionKeys:
        return CollectionKeys(collection_id)

    def collection_ids(self) -> list[str]:
        """The folders that hold a collection.json."""
        found = []
        for name in self.store.folders(ROOT):
            key = f"{ROOT}{name}/collection.json"
            if not any(entry.key == key for entry in self.store.entries(key)):
                continue
            if id_problem(name):
                log.warning(
                    "Skipping folder %a of %s: the name is not a valid collection id.", name, self.store.name
                )
            else:
                found.append(name)
        return found

    def _harvest_command(self, collection_id: str) -> list[str]:
        command = door("tweet_harvester.py")
        if self.bucket:
            return [*command, "aws", "harvester", self.bucket, collection_id, "--host", "127.0.0.1"]
        path = str(real(self.folder))
        return [*command, "local", "harvester", collection_id, "--collections-path", path]

    def _supervise_command(self, collection_id: str) -> list[str]:
        command = [*door("twarc_cloud.py"), "supervise", collection_id]
        where = ["--bucket", self.bucket] if self.bucket else []
        return [*command, *where, "--collections-path", str(real(self.folder))]


def folder_store(folder: Path) -> "Store":
    """The store in a folder, which is not one of a collection that is stored already."""
    from harvester.store.boundaries import collection_around
    from harvester.store.folder import FolderStore

    # What is written there would be on another disk than the one that is to be mounted.
    require_links(folder)
    if stored := collection_around(folder):
        raise HarvesterError(
            f"{folder} is not a folder of collections: it is inside the stored collection {stored}.",
            hint=f"Use --collections-path {stored.parent}, or another folder.",
            exit_code=Exit.USAGE,
        )
    return FolderStore(folder)


def door(name: str) -> list[str]:
    """How a process of ours is started, which tells as much as this one does."""
    return [sys.executable, str(_DOORS / name), *log_options_in_use()]


def flags(bucket: str | None, collections_path: str | None) -> dict[str, str | None]:
    """The options that say where; a folder that is named goes before a bucket that is only set."""
    wanted = "" if collections_path and not bucket else bucket or None
    # Tasks reach no folder of this machine.
    cluster = "" if wanted == "" else None
    return {"collections_path": collections_path, "bucket": wanted, "cluster": cluster}


def chosen(bucket: str | None, collections_path: str | None) -> Workspace:
    """The place that flags, environment and ini lead to."""
    return Workspace(settings(flags=flags(bucket, collections_path)))


def where_options(command: _F) -> _F:
    """`bucket` and `collections_path`, as they were typed."""
    bucket = click.option(
        "--bucket", callback=typed, help="S3 bucket of the collections; without one, a folder is used."
    )
    folder = click.option(
        "--collections-path", callback=typed, help="Folder of the collections.  [default: collections]"
    )
    return bucket(folder(command))


def in_workspace(command: _F) -> _F:
    """Give a command its `workspace`, from the options that say where the collections are."""

    @where_options
    @wraps(command)
    def placed(*arguments: Any, bucket: str | None, collections_path: str | None, **options: Any) -> Any:
        return command(*arguments, workspace=chosen(bucket, collections_path), **options)

    return placed  # type: ignore[return-value]


def copy_folder_option(words: str, **options: Any) -> Callable[[_F], _F]:
    """`copy_folder`; its first name differed by one letter from the option that says where the store is."""

    def hear(context: click.Context, _: click.Parameter, value: Path | None) -> None:
        if value is not None:
            context.params["copy_folder"] = value

    def decorated(command: _F) -> _F:
        kind = click.Path(file_okay=False, path_type=Path, **options)
        old = click.option("--collection-path", type=kind, hidden=True, expose_value=False, callback=hear)
        new = click.option("--copy-folder", type=kind, metavar="FOLDER", help=words)
        return new(old(command))

    return decorated


def _ids(context: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem

    try:
        workspace = chosen(context.params.get("bucket"), context.params.get("collections_path"))
        return [CompletionItem(name) for name in workspace.collection_ids() if name.startswith(incomplete)]
    except HarvesterError:
        return []


def collection_id_argument(command: _F) -> _F:
    """The id of a collection, which a shell can complete."""
    return click.argument("collection_id", shell_complete=_ids)(command)


def collection_ids_argument(command: _F) -> _F:
    """The ids of one or more collections."""
    argument = click.argument(
        "collection_ids", nargs=-1, required=True, metavar="COLLECTION_ID...", shell_complete=_ids
    )
    return argument(command)


def optional_collection_id_argument(command: _F) -> _F:
    """The same, and None if it is left out."""
    return click.argument("collection_id", required=False, shell_complete=_ids)(command)
