"""A command about a collection that has shards or workers is carried out for each, as for one collection."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

import click

from harvester.collection.shards import Shards
from harvester.collection.workers import worker_ids
from harvester.commands.cli.output import print_line
from harvester.commands.cli.workspace import Workspace
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError

_F = TypeVar("_F", bound=Callable[..., Any])


def shard_ids(workspace: Workspace, collection_id: str) -> list[str]:
    """The shards or workers of a collection, in their order; empty if it has none, or is not there."""
    from harvester.collection import history

    try:
        tree: Tree = history.current(workspace.store, workspace.keys(collection_id))
        shards, workers = Shards.of(tree), worker_ids(tree)
    except (HarvesterError, KeyError, TypeError):
        # Without it, or where it is damaged, the command itself says what is wrong.
        return []
    return shards.ids(collection_id) if shards else workers


def each_shard(*, itself: bool = False) -> Callable[[_F], _F]:
    """Have a command with a `collection_id` and a `workspace` carried out for each shard.

    With `itself` it first runs for the collection, too. An error of one is reported, and the others follow.
    """

    def decorated(command: _F) -> _F:
        @wraps(command)
        def carried_out(*, collection_id: str | None, workspace: Workspace, **options: Any) -> Any:
            ids = shard_ids(workspace, collection_id) if collection_id else []
            if not ids:
                return command(collection_id=collection_id, workspace=workspace, **options)
            ids = [*([collection_id] if itself and collection_id else []), *ids]
            return _all(
                lambda each: command(collection_id=each, workspace=workspace, **_of(each, options)), ids
            )

        return carried_out  # type: ignore[return-value]

    return decorated


def _of(collection_id: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options for one of several, each with its own folder below the named one."""
    folder = options.get("copy_folder")
    return {**options, "copy_folder": folder / collection_id} if folder else options


def _all(run: Callable[[str], Any], ids: list[str]) -> int:
    """The highest exit code; if all failed, raises the error of the first one."""
    codes: list[int] = []
    errors: list[HarvesterError] = []
    for each in ids:
        try:
            codes.append(int(run(each) or Exit.OK))
        except HarvesterError as error:
            errors.append(error)
            if len(errors) < len(ids):
                print_line(f"{each}: {error}", err=True)
        except click.exceptions.Exit as ended:
            codes.append(int(ended.exit_code))
    if len(errors) == len(ids):
        raise errors[0]
    return max([*codes, *(int(error.exit_code) for error in errors)])
