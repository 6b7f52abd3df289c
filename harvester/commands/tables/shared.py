"""What the commands of tables have in common: which collections, and where the tables are."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harvester.commands.cli.workspace import Workspace

if TYPE_CHECKING:
    from harvester.store import Store
    from harvester.store.keys import CollectionKeys

_F = TypeVar("_F", bound=Callable[..., Any])
_TO = "Folder of the tables.  [default: tables/ beside the collections, in the same store]"
ids_argument = click.argument("collection_ids", nargs=-1, metavar="[COLLECTION_ID]...")


def folder_option(name: str) -> Callable[[_F], _F]:
    kind = click.Path(file_okay=False, path_type=Path)
    return click.option(f"--{name}", "folder", type=kind, metavar="FOLDER", help=_TO)


def keys_of(workspace: Workspace, collection_ids: tuple[str, ...]) -> "list[CollectionKeys]":
    return [workspace.keys(each) for each in collection_ids or workspace.collection_ids()]


def target_of(workspace: Workspace, folder: Path | None) -> "Store":
    """The store of the tables."""
    if folder is None:
        return workspace.store
    from harvester.store.folder import FolderStore
    from harvester.store.keys import TABLES

    return FolderStore(folder, prefix=TABLES)
