"""A person's collection.json: read, changed as a whole or not at all, and written back."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harvester.collection.kinds import KINDS, kind_of
from harvester.collection.merge import merged
from harvester.collection.secrets import key_names
from harvester.commands.cli.output import advise
from harvester.commands.cli.printed_commands import FILE, typed
from harvester.documents import Tree, unambiguous, written
from harvester.errors import Exit, HarvesterError
from harvester.errors.files import broken_link, in_words, naming
from harvester.networks.registry import network_of
from harvester.networks.validation import problems
from harvester.store.boundaries import collection_around
from harvester.store.disk import whole
from harvester.store.keys import CollectionKeys
from harvester.text import NOT_TEXT, text_of

if TYPE_CHECKING:
    from harvester.store import Store

_F = TypeVar("_F", bound=Callable[..., Any])
_C = TypeVar("_C", bound=Mapping[str, Any])
# From this number on, removing rules requires confirmation.
MANY_RULES = 50
_FILE = Path(FILE)
_NO_FILE = "Write one with `collection-config template`, or get it with `collection-config download`."


def _outside_stores(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """The path of a file that a command may write: not one of a stored collection."""
    if path and (stored := collection_around(path.parent)):
        raise HarvesterError(
            f"{path} is inside the stored collection {stored}.",
            hint="Use a file of your own, outside the collections; `update` stores its changes.",
            exit_code=Exit.USAGE,
        )
    return path


def _writable(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """The path of a file that is written after a look-up is paid for."""
    _outside_stores(context, parameter, path)
    if path is None:
        return None
    if not path.parent.is_dir():
        reason = f"there is no folder {path.parent}"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        reason = "permission denied"
    else:
        return path
    raise HarvesterError(
        f"{path} cannot be written: {reason}.", hint="Use another file.", exit_code=Exit.USAGE
    )


def valid_id(_: click.Context, __: click.Parameter, collection_id: str | None) -> str | None:
    return None if collection_id is None else CollectionKeys(collection_id).id


def _file_option(**options: Any) -> Callable[[_F], _F]:
    return click.option(
        "--collection-config-filepath",
        "path",
        # One that may not be read is reported where it is read, as others are.
        type=click.Path(path_type=Path, readable=False),
        default=_FILE,
        show_default=True,
        help="File that describes the collection.",
        **options,
    )


def _changed_file(context: click.Context, parameter: click.Parameter, path: Path) -> Path | None:
    return _outside_stores(context, parameter, typed(context, parameter, path))


file_option = _file_option(callback=_changed_file)
# Of commands that only read it, wherever it lies.
read_file_option = _file_option(callback=typed)
error_file_option = click.option(
    "--error-file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_writable,
    help="Write names that were not found to this file, one per line.",
)


def template(kind: str, collection_id: str | None) -> Tree:
    identifier = collection_id or "<Identifier for collection. Should not have spaces. Must be unique.>"
    return {"id": identifier, "keys": {"profile": ""}, "type": kind, **KINDS[kind].template}


def read(path: Path) -> Tree:
    """The collection in the file, as it is."""
    try:
        text = text_of(path.read_bytes())
    except IsADirectoryError as error:
        hint = f"Name the file in it, e.g. {path / _FILE}."
        raise HarvesterError(f"{path} is a folder.", hint=hint, exit_code=Exit.USAGE) from error
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not broken_link(path):
            raise HarvesterError(f"There is no {path}.", hint=_NO_FILE, exit_code=Exit.USAGE) from error
        raise in_words(error, path, exit_code=Exit.USAGE) from error
    except UnicodeDecodeError as error:
        raise HarvesterError(f"{path} cannot be read: {NOT_TEXT}.", exit_code=Exit.USAGE) from error
    return unambiguous(text, str(path), hint="Fix it in an editor.", exit_code=Exit.USAGE)


def read_valid(path: Path) -> Tree:
    """The collection in the file, fit to be stored."""
    tree = read(path)
    require([*problems(tree)])
    return tree


def require(reasons: list[str]) -> None:
    if reasons:
        raise HarvesterError(
            "Collection configuration is invalid.", reasons, "Nothing was changed. Correct these problems."
        )


def require_possible(tree: Tree) -> None:
    """Raise if the collection certainly cannot be harvested, without a request; `check` reports the same."""
    if reasons := network_of(tree).impossible(tree):
        raise HarvesterError(
            f"{network_of(tree).title} would refuse this collection.",
            reasons,
            "Nothing was changed. Correct these, or make the rules inactive; "
            "`collection-config check` looks again.",
            exit_code=Exit.USAGE,
        )


def write(path: Path, tree: Tree) -> None:
    data = written(tree)
    try:
        with whole(path) as partial:
            partial.write_bytes(data)
            if key_names(tree):
                partial.chmod(0o600)
    except OSError as error:
        raise in_words(error, path) from error


def write_names(path: Path, names: list[str]) -> None:
    """A file of names, one per line."""
    with naming(path):
        path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def change(path: Path, edit: Callable[[Tree], Tree], *, dry_run: bool = False) -> Tree:
    """Write the file as `edit` makes it, unless that brings new problems; what it was is returned."""
    with _alone(path):
        before = read(path)
        after = edit(before)
        old = set(problems(before))
        require([problem for problem in problems(after) if problem not in old])
        if not dry_run:
            write(path, after)
    return before


def follow(path: Path, stored: Tree, mine: Tree) -> None:
    """Write what is stored now, unless the file is no longer `mine`, as another command has changed it."""
    with _alone(path):
        if read(path) == mine:
            write(path, stored)
            return
    advise(f"{path} was changed meanwhile and is kept; `collection-config update` stores that change, too.")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One command at a time, of several terminals; where the file system has locks."""
    with ExitStack() as stack:
        with suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY)
            stack.callback(os.close, folder)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield


def advise_to_store(path: Path, before: Tree) -> None:
    """Say how the change of a file, if it was changed, gets into the collection that it was made from."""
    if before.get("version") and read(path) != before:
        advise("`collection-config update` stores the change.")


def warn_of_inline_keys(tree: Tree) -> None:
    if key_names(tree):
        message = "The collection contains API keys; everyone who can read it sees them."
        advise(f"{message} `collection-config keys --move-to PROFILE` moves them out.")


def require_kind(tree: Mapping[str, Any], *kinds: str) -> None:
    """Raise, in the words people know, unless the collection is of one of these kinds."""
    if kinds and tree.get("type") not in kinds:
        raise HarvesterError(f"Collection is not a {' or '.join(kinds)}.", hint=_instead(tree, kinds))


def _instead(tree: Mapping[str, Any], kinds: Sequence[str]) -> str:
    """What may be done with a collection that is of none of these kinds."""
    kind, collection_id = kind_of(tree), tree.get("id")
    if kind is None:
        return "`collection-config check` shows what to correct in its `type`."
    if kind.is_stream and not any(KINDS[name].is_stream for name in kinds):
        way = f"`collection filter-start {collection_id}` starts it"
    elif all(KINDS[name].is_stream for name in kinds):
        way = f"`collection once {collection_id}` harvests it"
    else:
        way = "it has no users"
    return f"{collection_id} is a {kind.name}: {way}."


def require_new(store: "Store", keys: CollectionKeys) -> None:
    if any(entry.key == keys.collection for entry in store.entries(keys.collection)):
        raise HarvesterError(
            f"Collection {keys.id} already exists in {store.name}.", hint="Choose another id, or update it."
        )


def keys_in_file() -> HarvesterError:
    return HarvesterError(
        "The file contains API keys; everyone who can read the collection would see them.",
        hint="`collection-config keys --move-to PROFILE` moves them to ~/.twarc.",
        exit_code=Exit.USAGE,
    )


def users_of(tree: Tree) -> dict[str, Tree]:
    """The users of a collection that may be anything."""
    users = tree.get("users") or {}
    if not isinstance(users, dict) or not all(isinstance(user, dict) for user in users.values()):
        example = '{"12": {}, "13": {}}'
        raise HarvesterError(
            "Users is not properly structured.",
            hint=f"Correct `users` in the file: an object with user ids as keys, e.g. {example}.",
        )
    return users


def base_of(store: "Store", keys: CollectionKeys, mine: Tree, current: _C) -> _C | Tree | None:
    """The stored version that the file was made from; None if unknown or no valid one."""
    from harvester.collection.replay import tree_at

    if problems(current):
        return None
    if not mine.get("changeset"):
        # Files of 2019 say it by their time.
        return current if mine.get("timestamp") and mine["timestamp"] == current.get("timestamp") else None
    if mine["changeset"] == current.get("changeset"):
        return current
    base = tree_at(store, keys, str(mine["changeset"]))
    return None if base is None or problems(base) else base


def holds_changes(path: Path, store: "Store") -> bool:
    """Whether something would be lost with the file, which may be any collection's."""
    from harvester.collection import history

    try:
        mine = read(path)
        keys = CollectionKeys(str(mine.get("id")))
        return base_of(store, keys, mine, history.current(store, keys)) != mine
    except HarvesterError:
        # Then it may be all there is of it.
        return True


def warn_of_changes(store: "Store", keys: CollectionKeys, stored: Mapping[str, Any]) -> None:
    """Say so where the file here is this collection's and holds what is not stored."""
    try:
        mine = read(_FILE)
        base = base_of(store, keys, mine, stored) if mine.get("id") == keys.id else mine
    except HarvesterError:
        return
    if base is not None and base != mine:
        message = f"{_FILE} has changes that are not stored, so they are not harvested"
        advise(f"{message}: `collection-config update` stores them.")


def caught_up(store: "Store", keys: CollectionKeys, mine: Tree, current: Tree) -> Tree:
    """The file as if it had been made from the current version."""
    return merged(base_of(store, keys, mine, current), mine, current)
