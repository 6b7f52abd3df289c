"""`collection-config` commands that put users into the file collection.json, and take them out."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from harvester.changeset import Tree
from harvester.collection import USER_TIMELINE
from harvester.commands import described, network
from harvester.commands.place import Place, in_place
from harvester.commands.telling import dry_run_option, would
from harvester.errors import Exit, HarvesterError
from harvester.settings import settings
from harvester.wording import counted

# How X writes names; what is not one has the whole request refused.
_NAME = re.compile(r"\w{1,15}", re.ASCII)
_AT_ONCE = 100


_error_file_option = click.option(
    "--error-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write those that were not found into this file, one a line.",
)


@click.command("screennames", help="Add users by SCREEN_NAMES; each look-up costs $0.010.")
@click.argument("screen_names", nargs=-1)
@_error_file_option
@dry_run_option
@described.file_option
def screennames(screen_names: Sequence[str], error_file: Path | None, dry_run: bool, path: Path) -> None:
    _add_names(path, screen_names, error_file=error_file, dry_run=dry_run)


@click.command("screenname-files", help="Add users by screen names, one a line, in FILES or standard input.")
@click.argument("files", nargs=-1)
@_error_file_option
@dry_run_option
@described.file_option
def screenname_files(files: Sequence[str], error_file: Path | None, dry_run: bool, path: Path) -> None:
    _add_names(path, _lines(files), error_file=error_file, dry_run=dry_run)


@click.command("userids", help="Add users by USER_IDS.")
@click.argument("user_ids", nargs=-1)
@dry_run_option
@described.file_option
def userids(user_ids: Sequence[str], dry_run: bool, path: Path) -> None:
    _add_ids(path, user_ids, dry_run=dry_run)


@click.command("userid-files", help="Add users by ids, one a line, in FILES or standard input.")
@click.argument("files", nargs=-1)
@dry_run_option
@described.file_option
def userid_files(files: Sequence[str], dry_run: bool, path: Path) -> None:
    _add_ids(path, _lines(files), dry_run=dry_run)


@click.command("remove-users", help="Take USERS, ids or @names, out of the file.")
@click.argument("users", nargs=-1, required=True)
@dry_run_option
@described.file_option
def remove_users(users: Sequence[str], dry_run: bool, path: Path) -> None:
    gone: list[str] = []
    missing: list[str] = []

    def edit(tree: Tree) -> Tree:
        described.require_kind(tree, USER_TIMELINE)
        known = described.users_of(tree)
        by_name = {str(user.get("screen_name", "")).lower(): user_id for user_id, user in known.items()}
        for user in users:
            user_id = user if user in known else by_name.get(user.lstrip("@").lower())
            (gone if user_id in known else missing).append(user_id if user_id in known else user)
        return {**tree, "users": {user_id: known[user_id] for user_id in known if user_id not in gone}}

    described.change(path, edit, dry_run=dry_run)
    if not would(dry_run, f"remove {counted(len(set(gone)), 'user')} from {path}"):
        click.echo(f"Removed {counted(len(set(gone)), 'user')} from {path}.")
    _tell("Following users are not in it:", missing)


@click.command("restore-users", help="Put USERS, ids or @names, whom harvests removed, back into the file.")
@click.argument("users", nargs=-1)
@click.option("--all", "everybody", is_flag=True, help="Everybody whom a harvest removed.")
@dry_run_option
@described.file_option
@in_place
def restore_users(users: Sequence[str], everybody: bool, dry_run: bool, path: Path, place: Place) -> None:
    from harvester import history, records

    if not users and not everybody:
        raise HarvesterError("Nobody is named.", hint="Name users, or give --all.", exit_code=Exit.USAGE)
    mine = described.read_valid(path)
    described.require_kind(mine, USER_TIMELINE)
    keys = place.keys(mine["id"])
    current = described.tree_of(history.read(place.store, keys).data)
    described.require(described.problems(current))
    was = _removed(
        records.all_of(place.store, keys), lambda record: records.user_changes(place.store, record)
    )
    back, missing = _picked(was, users, everybody=everybody)
    restored = [user_id for user_id in back if user_id not in current.get("users", {})]
    mine = described.caught_up(place.store, keys, mine, current)
    if not would(dry_run, f"restore {len(restored)} users to {path}"):
        described.write(path, {**mine, "users": {**mine["users"], **{user: was[user] for user in restored}}})
        click.echo(f"Restored {len(restored)} users to {path}. `collection-config update` stores it.")
    _tell("Following users were not removed by a harvest:", missing)


def _removed(records: Iterable[Tree], changes: Callable[[Tree], list[Any] | None]) -> dict[str, Tree]:
    """What was known of each user whom a harvest removed, of the newest one that did."""
    was: dict[str, Tree] = {}
    for record in records:
        for change in changes(record) or ():
            if change.get("deleted") and isinstance(change.get("was"), dict):
                was.setdefault(str(change.get("user_id")), change["was"])
    # Seen anew they are to be judged anew.
    return {user_id: {k: v for k, v in user.items() if k != "sightings"} for user_id, user in was.items()}


def _picked(was: dict[str, Tree], users: Sequence[str], *, everybody: bool) -> tuple[list[str], list[str]]:
    if everybody:
        return list(was), []
    by_name = {str(user.get("screen_name", "")).lower(): user_id for user_id, user in was.items()}
    found = {user: user if user in was else by_name.get(user.lstrip("@").lower(), "") for user in users}
    return [user_id for user_id in found.values() if user_id], [name for name in found if not found[name]]


def _add_ids(path: Path, user_ids: Iterable[str], *, dry_run: bool) -> None:
    new: list[str] = []

    def edit(tree: Tree) -> Tree:
        described.require_kind(tree, USER_TIMELINE)
        users = dict(described.users_of(tree))
        new.extend(user_id for each in user_ids if (user_id := each.strip()) not in users)
        return {**tree, "users": {**users, **{user_id: {} for user_id in new}}}

    before = described.change(path, edit, dry_run=dry_run)
    if would(dry_run, f"add {len(set(new))} users to {path}"):
        return
    click.echo(f"Added user ids to {path}.")
    _tell_unasked(before)


def _add_names(path: Path, screen_names: Iterable[str], *, error_file: Path | None, dry_run: bool) -> None:
    tree = described.read(path)
    described.require_kind(tree, USER_TIMELINE)
    plain = (name.strip().lstrip("@") for name in screen_names)
    # X bills each name that is asked for, however it is written.
    names = list({name.lower(): name for name in plain if name}.values())
    known = {str(user.get("screen_name", "")).lower() for user in described.users_of(tree).values()}
    asked = [name for name in names if name.lower() not in known]
    if would(
        dry_run, f"look up {len(asked):,} names, for at most ${_price(asked):,.2f}, and add them to {path}"
    ):
        return
    click.echo("Getting users ids for screen names. This may take some time ...")
    found = _looked_up(tree, asked)

    def edit(tree: Tree) -> Tree:
        users = dict(described.users_of(tree))
        for user_id, name in found.values():
            users.setdefault(user_id, {"screen_name": name})
        return {**tree, "users": users}

    described.change(path, edit)
    click.echo(f"Added screen names to {path}.")
    missing = [name for name in asked if name.lower() not in found]
    _tell("Following screen names where not found:", missing)
    if error_file:
        error_file.write_text("".join(f"{name}\n" for name in missing), encoding="utf-8")
    _tell_unasked(tree)


def _price(names: Sequence[str]) -> float:
    from harvester.x.billing import price

    return price("users/by", users=len(names))


def _looked_up(tree: Tree, names: list[str]) -> dict[str, tuple[str, str]]:
    """Id and proper spelling by name in small letters; X refuses a batch for one name that cannot be."""
    possible = [name for name in names if _NAME.fullmatch(name)]
    if not possible:
        return {}
    x = network.client(settings(), tree)
    found: dict[str, tuple[str, str]] = {}
    for start in range(0, len(possible), _AT_ONCE):
        for user in x.users_by_name(possible[start : start + _AT_ONCE]).users:
            found[user["username"].lower()] = (user["id"], user["username"])
    click.echo(f"Billed: ${x.billing.snapshot().get('usd', 0):.2f}.", err=True)
    return found


def _lines(files: Sequence[str]) -> list[str]:
    """The lines of the files, or of standard input; blanks and a byte-order mark are not part of them."""
    found: list[str] = []
    for name in files or ("-",):
        try:
            with click.open_file(name, encoding="utf-8-sig") as file:
                found += [line.strip() for line in file.read().splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            told = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise HarvesterError(f"{name} cannot be read: {told}.", exit_code=Exit.USAGE) from error
    return found


def _tell(head: str, names: Sequence[str]) -> None:
    if names:
        click.echo("\n".join([head, *names]))


def _tell_unasked(before: Tree) -> None:
    if before.get("version"):
        click.echo("`collection-config update` stores the change.", err=True)
