"""`collection-config`: describes a collection in a file, and stores the file's changes."""

from pathlib import Path

import click

from harvester.collection.kinds import KINDS, is_stream
from harvester.collection.secrets import key_names, without_secrets
from harvester.collection.workers import require_no_worker
from harvester.commands import Deferred, Group
from harvester.commands.cli import collection_file
from harvester.commands.cli.each_shard import shard_ids
from harvester.commands.cli.output import (
    advise,
    announce_dry_run,
    confirm,
    dry_run_option,
    yes_option,
)
from harvester.commands.cli.workspace import (
    Workspace,
    in_workspace,
)
from harvester.commands.config import running_stream
from harvester.commands.config.next_crawl import warn_of_next_crawl
from harvester.commands.config.repaid import warn_of_cost
from harvester.documents import Tree
from harvester.errors import HarvesterError
from harvester.networks.registry import name_of, network_of
from harvester.networks.validation import problems
from harvester.text import counted, together

_INTERNAL = "(only internal state, or keys)"

_ALIASES = {
    "credentials": "keys",
    "userid-filenames": "userid-files",
    "userids-files": "userid-files",
    "screenname-filenames": "screenname-files",
    "users-remove": "remove-users",
}


@click.group(
    "collection-config",
    cls=Group,
    aliases=_ALIASES,
    help="Describe a collection in a file, and store the changes.",
)
def collection_config() -> None:
    pass


@collection_config.command("template", help="Write a template of collection.json to fill in.")
@click.argument("kind", type=click.Choice(tuple(KINDS)))
@click.option("--id", "collection_id", callback=collection_file.valid_id, help="Id of the collection.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@dry_run_option
@collection_file.file_option
def template(kind: str, collection_id: str | None, force: bool, dry_run: bool, path: Path) -> None:
    if announce_dry_run(
        dry_run, f"write a template of a {kind} to {path}{', replacing the file' if path.exists() else ''}"
    ):
        return
    if path.exists():
        confirm(f"{path} already exists. Overwrite it?", yes=force, option="--force")
    collection_file.write(path, collection_file.template(kind, collection_id))
    click.echo(f"Template written to {path}.")
    if KINDS[kind].has_users:
        click.echo("Add the collection before adding users to collect.")


collection_config.defer(
    Deferred("download", "config.download:download", "Download the stored collection.json of COLLECTION_ID."),
    Deferred("check", "config.check:check", "Check the file, or the stored COLLECTION_ID, for problems."),
    Deferred("keys", "config.api_keys:keys", "Select a profile's API keys for the file."),
    Deferred(
        "honeybadger",
        "config.honeybadger_key:honeybadger",
        "Store Honeybadger's API key for harvests on the cluster, from a prompt or stdin.",
    ),
    Deferred(
        "forget-keys",
        "config.forget_keys:forget_keys",
        "Remove API keys from the history of COLLECTION_ID, after confirmation.",
    ),
)


@collection_config.command("update", help="Store the file's changes in the collection.")
@dry_run_option
@click.option("--reset-state", is_flag=True, help="Also remove since_ids that the file does not have.")
@yes_option
@collection_file.file_option
@in_workspace
def update(dry_run: bool, reset_state: bool, yes: bool, path: Path, workspace: Workspace) -> None:
    from harvester.collection import history
    from harvester.collection import merge as merging
    from harvester.commands.config import shards

    mine = collection_file.read_valid(path)
    collection_file.require_possible(mine)
    keys = workspace.keys(mine["id"])
    current = history.current(workspace.store, keys)
    shards.require_no_shard(current)
    require_no_worker(current)
    _require_may_become(current, mine)
    base = collection_file.base_of(workspace.store, keys, mine, current)

    def merge(now: Tree) -> Tree:
        # What is stored may be no valid collection, and then this mends it.
        if problems(now):
            return merging.instead(mine, now)
        return merging.merged(base, mine, now, reset=reset_state)

    new = merge(current)
    if merging.plain(new) == merging.plain(current):
        _change_nothing(workspace, path, mine, current, dry_run=dry_run)
        return
    changes = _lines_of(current, new)
    if dry_run:
        click.echo("\n".join(["These changes would be made:", *changes, "Nothing was changed."]))
        warn_of_cost(current, new)
        warn_of_next_crawl(current, new)
        return
    plan = shards.replaced(workspace, new)
    _confirm_losses(base, mine, current, new, changes, yes=yes)
    stored = history.edit(workspace.store, keys, merge)
    collection_file.follow(path, stored, mine)
    click.echo("Collection configuration updated.")
    collection_file.warn_of_inline_keys(stored)
    if key_names(current) and not key_names(stored):
        way = f"`collection-config forget-keys {stored['id']}` removes them."
        advise(f"They are still in its history: {way}")
    if plan:
        shards.store_edit(workspace, stored, plan)
    elif is_stream(stored):
        running_stream.tell(workspace, keys, current, stored)
    warn_of_cost(current, stored)
    warn_of_next_crawl(current, stored)


def _change_nothing(workspace: Workspace, path: Path, mine: Tree, current: Tree, *, dry_run: bool) -> None:
    """Raise, as the file has no changes, unless shards or a stream lack those of a command that died."""
    from harvester.commands.config import shards

    if _lines_of(mine, current) != [_INTERNAL]:
        raise _earlier_version(path, current)
    if not dry_run:
        collection_file.write(path, current)
        late = shards.catch_up(workspace, current)
        if late:
            click.echo(f"{counted(len(late), 'shard')} lacked the last changes: stored in {together(late)}.")
        parts = shard_ids(workspace, mine["id"]) or [mine["id"]]
        told = [running_stream.notify_late(workspace, each) for each in parts if is_stream(current)]
        if late or any(told):
            return
    same = "" if mine.get("changeset") else f"{path} says the same as what is stored. "
    raise HarvesterError("No changes in collection configuration.", hint=f"{same}Edit {path} first.")


def _require_may_become(current: Tree, mine: Tree) -> None:
    if current.get("type") != mine["type"] and not problems(current):
        raise HarvesterError("Collection type may not change.", hint="Add another collection instead.")
    if name_of(current) != name_of(mine):
        raise HarvesterError("The network may not change.", hint="Add another collection instead.")
    new = set(key_names(mine)) - set(key_names(current))
    if new:
        raise collection_file.keys_in_file()


def _lines_of(current: Tree, new: Tree) -> list[str]:
    from harvester.collection.changelog import changes
    from harvester.collection.changeset import diff
    from harvester.collection.merge import plain

    before = plain(without_secrets(current))
    update, delete = diff(before, plain(without_secrets(new)))
    made = list(
        changes([{"update": before, "delete": []}, {"update": update, "delete": delete, "last": True}])
    )
    count = len(list(changes([{"update": before, "delete": []}])))
    lines = [str(change).rpartition(" on ")[0] for change in made[count:]]
    return lines or [_INTERNAL]


def _earlier_version(path: Path, current: Tree) -> HarvesterError:
    """The file has no changes of its own; what it says may be all that its owner has of it."""
    return HarvesterError(
        f"{path} is an earlier version of {current['id']}, without changes of its own. Nothing was changed.",
        hint=f"`collection-config download {current['id']}` gets the stored one. To bring the earlier one "
        'back, download it with --as-of, or remove "changeset" and "timestamp" from the file.',
    )


def _confirm_losses(
    base: Tree | None, mine: Tree, current: Tree, new: Tree, changes: list[str], *, yes: bool
) -> None:
    """Confirm the removal of users, overriding another change, and a file of unknown origin."""
    from harvester.collection.merge import conflicts, removed_users

    reasons = []
    if problems(current):
        reasons.append("The stored collection is invalid, and is replaced completely.")
    elif gone := removed_users(current, new):
        reasons.append(f"{counted(len(gone), 'user')} removed, with their since_ids.")
    elif len(lost := _removed_rules(current, new)) >= collection_file.MANY_RULES:
        reasons.append(f"{counted(len(lost), 'rule')} removed.")
    if base is None:
        reasons.append(
            "The file does not continue the stored version, as one of `download --as-of` or of your own: "
            "what was changed since is replaced."
        )
    elif clashes := conflicts(base, mine, current):
        reasons.append(f"Also changed in the store meanwhile: {', '.join(clashes)}.")
    if reasons and not yes:
        shown = [*changes[:50], *([f"... and {len(changes) - 50} more"] if len(changes) > 50 else [])]
        click.echo("\n".join(["Here are the changes that will be applied:", *shown, *reasons]), err=True)
        confirm("Proceed?", yes=yes)


def _removed_rules(current: Tree, new: Tree) -> set[str]:
    return {*network_of(current).rule_values(current)} - {*network_of(new).rule_values(new)}


collection_config.defer(
    Deferred("changes", "config.changes:changes", "Show what changed in COLLECTION_ID, when and by whom."),
    Deferred("screennames", "config.users:screennames", "Add users by SCREEN_NAMES."),
    Deferred(
        "screenname-files",
        "config.users:screenname_files",
        "Add users by screen names, one per line, from FILES or stdin.",
    ),
    Deferred("userids", "config.users:userids", "Add users by USER_IDS, without a lookup."),
    Deferred(
        "userid-files", "config.users:userid_files", "Add users by ids, one per line, from FILES or stdin."
    ),
    Deferred(
        "remove-users",
        "config.users:remove_users",
        "Remove USERS, given as ids or @names, from the file.",
    ),
    Deferred(
        "restore-users",
        "config.users:restore_users",
        "Restore USERS, given as ids or @names, that harvests removed.",
    ),
    Deferred("rules", "config.rules:rules", "List the rules in the file, or of the stored COLLECTION_ID."),
    Deferred("add-rules", "config.rules:add_rules", "Add a rule for each of VALUES to the file."),
    Deferred("remove-rules", "config.rules:remove_rules", "Remove the rules of these IDS from the file."),
    Deferred(
        "enable-rules",
        "config.rules:enable_rules",
        "Make the rules of these IDS active in the file, so that they are sent to X.",
    ),
    Deferred(
        "disable-rules",
        "config.rules:disable_rules",
        "Make the rules of these IDS inactive in the file: they stay, and are not sent to X.",
    ),
    Deferred(
        "import-rules",
        "config.import_rules:import_rules",
        "Add the rules in FILES (- is stdin), in Redis or in a database.",
    ),
    Deferred(
        "shards",
        "config.shards:shards",
        "Divide the rules of COLLECTION_ID among apps, or show how they are divided.",
    ),
)
