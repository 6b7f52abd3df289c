"""`collection-config` commands that add users to collection.json and remove them."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from harvester.collection.kinds import WITH_USERS
from harvester.commands.cli import collection_file, network_client
from harvester.commands.cli.output import announce_dry_run, dry_run_option
from harvester.commands.cli.workspace import Workspace, in_workspace
from harvester.commands.config import user_names
from harvester.commands.config.lines import lines_of
from harvester.documents import HarvestSummary, Tree, text_in
from harvester.errors import Exit, HarvesterError
from harvester.networks import Account
from harvester.networks.registry import network_of
from harvester.networks.validation import problems
from harvester.settings import settings
from harvester.text import counted, plain

_SHOWN = 20


@click.command("screennames", help="Add users by SCREEN_NAMES; each lookup costs $0.010.")
@click.argument("screen_names", nargs=-1)
@collection_file.error_file_option
@dry_run_option
@collection_file.file_option
def screennames(screen_names: Sequence[str], error_file: Path | None, dry_run: bool, path: Path) -> int:
    """Names that are in the file already are asked for, too: they may be another account's now."""
    return _add_names(path, screen_names, again=True, error_file=error_file, dry_run=dry_run)


@click.command("screenname-files", help="Add users by screen names, one per line, from FILES or stdin.")
@click.argument("files", nargs=-1)
@click.option(
    "--look-up-known", is_flag=True, help="Also look up names already in the file: they may have moved."
)
@collection_file.error_file_option
@dry_run_option
@collection_file.file_option
def screenname_files(
    files: Sequence[str], look_up_known: bool, error_file: Path | None, dry_run: bool, path: Path
) -> int:
    return _add_names(path, lines_of(files), again=look_up_known, error_file=error_file, dry_run=dry_run)


@click.command("userids", help="Add users by USER_IDS, without a lookup.")
@click.argument("user_ids", nargs=-1)
@dry_run_option
@collection_file.file_option
def userids(user_ids: Sequence[str], dry_run: bool, path: Path) -> None:
    _add_ids(path, user_ids, dry_run=dry_run)


@click.command("userid-files", help="Add users by ids, one per line, from FILES or stdin; files may be gzip.")
@click.argument("files", nargs=-1)
@dry_run_option
@collection_file.file_option
def userid_files(files: Sequence[str], dry_run: bool, path: Path) -> None:
    _add_ids(path, lines_of(files), dry_run=dry_run)


@click.command("remove-users", help="Remove USERS, given as ids or @names, from the file.")
@click.argument("users", nargs=-1, required=True)
@dry_run_option
@collection_file.file_option
def remove_users(users: Sequence[str], dry_run: bool, path: Path) -> int:
    gone: list[str] = []
    missing: list[str] = []

    def edit(tree: Tree) -> Tree:
        collection_file.require_kind(tree, *WITH_USERS)
        known = collection_file.users_of(tree)
        gone[:], missing[:] = user_names.found_in(known, users, network_of(tree).name_in)
        leaving = set(gone)
        return {**tree, "users": {user_id: known[user_id] for user_id in known if user_id not in leaving}}

    before = collection_file.change(path, edit, dry_run=dry_run)
    if not announce_dry_run(dry_run, f"remove {counted(len(gone), 'user')} from {path}"):
        click.echo(f"Removed {counted(len(gone), 'user')} from {path}.")
        collection_file.advise_to_store(path, before)
    return _print_missing("Following users are not in it:", missing)


@click.command("restore-users", help="Restore USERS, given as ids or @names, that harvests removed.")
@click.argument("users", nargs=-1)
@click.option("--all", "everybody", is_flag=True, help="Restore every user that a harvest removed.")
@dry_run_option
@collection_file.file_option
@in_workspace
def restore_users(
    users: Sequence[str], everybody: bool, dry_run: bool, path: Path, workspace: Workspace
) -> int:
    from harvester.collection import history
    from harvester.harvest import catalog

    if not users and not everybody:
        raise _no_users("Give users, or --all.")
    mine = collection_file.read_valid(path)
    collection_file.require_kind(mine, *WITH_USERS)
    keys = workspace.keys(mine["id"])
    current = history.current(workspace.store, keys)
    collection_file.require(problems(current))
    was = _removed(
        catalog.all_of(workspace.store, keys), lambda summary: catalog.user_changes(workspace.store, summary)
    )
    back, missing = (
        (list(was), []) if everybody else user_names.found_in(was, users, network_of(mine).name_in)
    )
    restored = [user_id for user_id in back if user_id not in current.get("users", {})]
    mine = collection_file.caught_up(workspace.store, keys, mine, current)
    what = f"{counted(len(restored), 'user')} to {path}"
    if not announce_dry_run(dry_run, f"restore {what}"):
        collection_file.write(
            path, {**mine, "users": {**mine["users"], **{user: was[user] for user in restored}}}
        )
        click.echo(f"Restored {what}." + (" `collection-config update` stores it." if restored else ""))
    return _print_missing("Following users were not removed by a harvest:", missing)


def _removed(
    summaries: Iterable[HarvestSummary], changes: Callable[[HarvestSummary], list[Any] | None]
) -> dict[str, Tree]:
    """What was known of each user whom a harvest removed, of the newest one that did."""
    was: dict[str, Tree] = {}
    for summary in summaries:
        for change in changes(summary) or ():
            if change.get("deleted") and isinstance(change.get("was"), dict):
                was.setdefault(str(change.get("user_id")), change["was"])
    # Seen anew they are to be judged anew.
    return {user_id: {k: v for k, v in user.items() if k != "sightings"} for user_id, user in was.items()}


def _add_ids(path: Path, user_ids: Sequence[str], *, dry_run: bool) -> None:
    given = list(dict.fromkeys(filter(None, map(plain, user_ids))))
    new: list[str] = []

    def edit(tree: Tree) -> Tree:
        collection_file.require_kind(tree, *WITH_USERS)
        users = collection_file.users_of(tree)
        new[:] = [user_id for user_id in given if user_id not in users]
        return {**tree, "users": {**users, **{user_id: {} for user_id in new}}}

    before = collection_file.change(path, edit, dry_run=dry_run)
    if not given:
        raise _no_users("Give user ids.")
    if announce_dry_run(dry_run, f"add {counted(len(new), 'user')} to {path}"):
        return
    click.echo(f"Added user ids to {path}.")
    _print_numbers(added=len(new), present=[user_id for user_id in given if user_id not in set(new)])
    collection_file.advise_to_store(path, before)


def _add_names(
    path: Path, texts: Sequence[str], *, again: bool, error_file: Path | None, dry_run: bool
) -> int:
    tree = collection_file.read(path)
    collection_file.require_kind(tree, *WITH_USERS)
    given, others = user_names.read(texts, network_of(tree).name_in)
    if not given and not others:
        raise _no_users("Give screen names.")
    known = _by_name(collection_file.users_of(tree))
    asked = [name for name in given if again or name.lower() not in known]
    price = f"for at most ${network_of(tree).look_up_cost(len(asked)):,.2f}"
    if announce_dry_run(dry_run, f"look up {counted(len(asked), 'name')}, {price}, and add them to {path}"):
        return int(Exit.OK)
    click.echo("Getting users ids for screen names. This may take some time ...")
    found = _looked_up(path, tree, asked)
    added = _write_found(path, found)
    click.echo(f"Added screen names to {path}.")
    missing = [name for name in asked if name.lower() not in found]
    unasked = [name for name in given if name not in set(asked)]
    present = {each.id: each.name for each in found.values() if each.id not in set(added)}
    _print_numbers(
        added=len(added), present=[*present.values(), *unasked], missing=len(missing) + len(others)
    )
    _warn_of_moved(known, found)
    if unasked:
        click.echo("These were not looked up again; use --look-up-known if a name may have moved.", err=True)
    code = _print_not_found(missing, others, error_file, limits=network_of(tree).name_limits)
    collection_file.advise_to_store(path, tree)
    return code


def _print_not_found(missing: list[str], others: list[str], error_file: Path | None, *, limits: str) -> int:
    """The exit code; `others` were not looked up, because they cannot be names."""
    if error_file:
        collection_file.write_names(error_file, [*missing, *others])
    code = _print_missing("Following screen names where not found:", [*missing, *others])
    if others:
        kind, were = ("screen names", "were") if len(others) > 1 else ("a screen name", "was")
        of = f" ({limits})" if limits else ""
        click.echo(f"{len(others):,} of these cannot be {kind}{of} and {were} not looked up.", err=True)
    return code


def _looked_up(path: Path, tree: Tree, asked: list[str]) -> dict[str, Account]:
    """The accounts by name in small letters; what was found before an error is paid for, so written."""
    found: dict[str, Account] = {}
    try:
        _look_up(tree, asked, found)
    except (HarvesterError, KeyboardInterrupt):
        if found:
            first = counted(len(_write_found(path, found)), "user")
            click.echo(f"Added {first} found before the error.", err=True)
        raise
    return found


def _by_name(users: Tree) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for user_id, user in users.items():
        found.setdefault(text_in(user, "screen_name").lower(), []).append(user_id)
    return found


def _look_up(tree: Tree, asked: list[str], found: dict[str, Account]) -> None:
    """Put id and proper spelling into `found`, by name in small letters, as the network answers."""
    if not asked:
        return
    client = network_client.client(settings(), tree)
    try:
        for account in network_of(tree).look_up(client, asked):
            found[account.name.lower()] = account
    finally:
        click.echo(f"Billed: ${client.billing.snapshot().get('usd', 0):.2f}.", err=True)


def _write_found(path: Path, found: dict[str, Account]) -> list[str]:
    """Add who is not in the file yet; their ids."""
    added: list[str] = []

    def edit(tree: Tree) -> Tree:
        users = dict(collection_file.users_of(tree))
        for account in found.values():
            user_id, posts = account.id, account.posts
            if user_id not in users:
                users[user_id] = {"screen_name": account.name}
                added.append(user_id)
            if posts is not None and not users[user_id].get("since_id"):
                # The look-up is paid for; with this the cost of the first harvest is known.
                users[user_id] = {**users[user_id], "tweet_count": posts}
        return {**tree, "users": users}

    collection_file.change(path, edit)
    return added


def _no_users(hint: str) -> HarvesterError:
    return HarvesterError("No users given.", hint=hint, exit_code=Exit.USAGE)


def _print_numbers(*, added: int, present: Sequence[str], missing: int = 0) -> None:
    """How many were added; who was there before; how many are missing."""
    parts = [f"{counted(added, 'user')} added"]
    if present:
        more = f" and {len(present) - _SHOWN:,} more" if len(present) > _SHOWN else ""
        parts.append(f"{len(present):,} already in the file ({', '.join(present[:_SHOWN])}{more})")
    parts += [f"{missing:,} not found"] if missing else []
    click.echo(f"{', '.join(parts)}.", err=True)


def _warn_of_moved(known: dict[str, list[str]], found: dict[str, Account]) -> None:
    """Tell of names on file that belong to another account today."""
    for name, account in found.items():
        user_id, spelling = account.id, account.name
        others = [other for other in known.get(name, ()) if other != user_id]
        if others:
            message = f"{spelling} is now the name of account {user_id}"
            stays = f"{', '.join(others)}, here under that name, stays in the file under its id"
            click.echo(f"{message}; {stays}.", err=True)


def _print_missing(head: str, missing: Sequence[str]) -> int:
    """Print who is missing; the exit code."""
    if not missing:
        return int(Exit.OK)
    click.echo("\n".join([head, *map(user_names.shown, missing)]))
    return int(Exit.PARTIAL)
