"""`collection-config keys`: sets a collection's profile; its keys are in ~/.twarc or the parameter store."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harvester.clock import timestamp
from harvester.collection.secrets import with_profile
from harvester.commands.cli import collection_file
from harvester.commands.cli.output import announce_dry_run, change_options, confirm, print_json, table
from harvester.commands.cli.workspace import Workspace, in_workspace
from harvester.commands.config.typed_keys import ask, save
from harvester.documents import Tree, text_in
from harvester.errors import Exit, HarvesterError, NotFound
from harvester.text import when

if TYPE_CHECKING:
    from harvester.aws.parameters import Parameters
    from harvester.networks.x.keys import Keys


@click.command("keys", help="Select a profile's API keys for the file; with a cluster, also store them.")
@click.option("--profile", default="", help="Name of the profile.  [default: twarc's]")
@click.option(
    "--twarc-config-filepath", type=click.Path(path_type=Path), help="Path of twarc's configuration file."
)
@click.option("--move-to", help="Move keys out of the collection file into this profile.")
@click.option(
    "--rotate", is_flag=True, help="Replace the stored keys of the profile; do not change the file."
)
@click.option("--list", "listed", is_flag=True, help="List the profiles stored for the cluster.")
@click.option("--remove", is_flag=True, help="Remove the stored keys of the profile.")
@change_options
@collection_file.file_option
@in_workspace
def keys(
    profile: str,
    twarc_config_filepath: Path | None,
    move_to: str | None,
    rotate: bool,
    listed: bool,
    remove: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    path: Path,
    workspace: Workspace,
) -> None:
    files = (twarc_config_filepath,) if twarc_config_filepath else _standard()
    if as_json and not listed:
        raise HarvesterError("--json is for --list.", hint="Leave it out.", exit_code=Exit.USAGE)
    if listed:
        _list(workspace, as_json=as_json)
    elif remove:
        _remove(workspace, profile, yes=yes, dry_run=dry_run)
    elif rotate:
        _store(workspace, *_found(profile, files), must=True, yes=yes, dry_run=dry_run)
    elif not (workspace.settings.parameter_path or workspace.settings.cluster):
        _on_this_machine(path, profile, files, move_to, dry_run=dry_run)
    elif move_to:
        name, inline = _inline(path, move_to)
        _store(workspace, name, inline, must=False, yes=yes, dry_run=dry_run)
        _refer(path, name, dry_run=dry_run)
    else:
        name, found = _stored_or_found(workspace, profile, files, dry_run=dry_run)
        if found:
            _store(workspace, name, found, yes=yes, dry_run=dry_run)
        _refer(path, name, dry_run=dry_run)


def _refer(path: Path, name: str, *, dry_run: bool) -> None:
    def edit(tree: Tree) -> Tree:
        return with_profile(tree, name)

    before = collection_file.change(path, edit, dry_run=dry_run)
    if not announce_dry_run(
        dry_run, f"set {f'profile {name}' if name else 'the keys of the environment'} in {path}"
    ):
        click.echo(f"Added keys to {path}.")
        collection_file.advise_to_store(path, before)


def _on_this_machine(
    path: Path, profile: str, files: tuple[Path, ...], move_to: str | None, *, dry_run: bool
) -> None:
    collection_file.read(path)
    if move_to:
        profile, found = _inline(path, move_to)
        save(move_to, found, dry_run=dry_run)
        if dry_run:
            _refer(path, move_to, dry_run=True)
            return
        files = _standard()
    name = _named_or_asked(profile, files, dry_run=dry_run)
    _refer(path, name, dry_run=dry_run)
    if not name:
        click.echo("These are the keys of the environment: every harvest needs them there.", err=True)
    elif not set(files) & set(_standard()):
        message = f"Harvests look for the profile {name} in {_standard()[0]}"
        click.echo(f"{message}, not in {files[0]}.", err=True)


def _named_or_asked(profile: str, files: tuple[Path, ...], *, dry_run: bool) -> str:
    """The profile in the files, or that of keys that are typed; empty for the keys of the environment."""
    from harvester.networks.x.keys import NoKeys, in_environment, profile_named

    try:
        return profile_named(profile, files)
    except HarvesterError as error:
        elsewhere = set(files) - set(_standard())
        if not (profile or elsewhere) and in_environment(os.environ).usable:
            return ""
        if elsewhere or dry_run or not isinstance(error, NoKeys):
            raise
        ask(profile, otherwise=error)
        return profile_named(profile, files)


def _standard() -> tuple[Path, ...]:
    from harvester.networks.x.keys import profile_files

    return profile_files(os.environ)


def _inline(path: Path, name: str) -> "tuple[str, Keys]":
    """The keys that the file itself holds."""
    from harvester.networks.x.keys import in_collection

    found = in_collection(collection_file.read(path))
    if not found.usable:
        raise HarvesterError(
            f"{path} contains no keys to move.",
            hint="`collection-config keys` shows which keys are used, and asks for some if there are none.",
            exit_code=Exit.USAGE,
        )
    return name, found


def _found(profile: str, files: tuple[Path, ...]) -> "tuple[str, Keys]":
    """A profile of ~/.twarc, or the keys of the environment, which are then called so; raises without any."""
    from harvester.networks.x.keys import in_environment, keys_from, profile_named

    outside = in_environment(os.environ)
    try:
        name = profile_named(profile, files)
        found = keys_from({}, profile=name, files=files)
    except HarvesterError:
        if not outside.usable:
            raise
        return profile or "main", outside
    if outside.usable and outside != found:
        raise HarvesterError(
            f"The environment and profile {name} of ~/.twarc have different keys.",
            hint="Remove the ones you do not want to store, e.g. unset BEARER_TOKEN and CONSUMER_KEY.",
            exit_code=Exit.USAGE,
        )
    return name, found


def _stored_or_found(
    workspace: Workspace, profile: str, files: tuple[Path, ...], *, dry_run: bool
) -> "tuple[str, Keys | None]":
    """What this machine has, or is typed; or only the name, where a colleague has stored the profile."""
    from harvester.networks.x.keys import NoKeys

    try:
        return _found(profile, files)
    except HarvesterError as error:
        if profile and _parameters(workspace).has_keys(profile):
            return profile, None
        if dry_run or set(files) - set(_standard()) or not isinstance(error, NoKeys):
            raise
        ask(profile, otherwise=error)
        return _found(profile, files)


def _store(
    workspace: Workspace, name: str, found: "Keys", *, yes: bool, dry_run: bool, must: bool | None = None
) -> None:
    """Write the keys. `must` has it that the profile is there already, or that it is not."""
    from harvester.aws.parameters import keys_text

    parameters = _parameters(workspace)
    text, where = keys_text(found.__dict__), f"{parameters.path}/keys of the parameter store"
    before = parameters.read(f"keys/{name}") if parameters.has_keys(name) else None
    if must is not None and must != (before is not None):
        raise _mistaken(name, where, must=must)
    if before == text:
        click.echo(f"{where} already has these keys of profile {name}.")
        return
    deed = "store" if before is None else "replace"
    if announce_dry_run(dry_run, f"{deed} the keys of profile {name} in {where}"):
        return
    if before is None:
        parameters.write(f"keys/{name}", text)
        click.echo(f"Stored the keys of profile {name} in {where}.")
        return
    using = list(_using(workspace, name))
    confirm(f"{where} has other keys of profile {name}{_used_by(using)}. Replace them?", yes=yes)
    parameters.write(f"keys/{name}", text)
    click.echo(f"Replaced the keys of profile {name} in {where}.")
    if using:
        message = f"The next harvest of {', '.join(using)} uses them"
        click.echo(f"{message}; a running harvest keeps the old ones.")
    click.echo("Revoke the old keys at https://developer.x.com once no harvest uses them.", err=True)


def _mistaken(name: str, where: str, *, must: bool) -> HarvesterError:
    if must:
        hint = f"`collection-config keys --profile {name}` stores it."
        return NotFound(f"There is no profile {name} in {where}.", hint=hint, exit_code=Exit.UNAUTHORIZED)
    message = f"{where} already has a profile {name}."
    return HarvesterError(message, hint="Choose another name.", exit_code=Exit.USAGE)


def _used_by(using: list[str]) -> str:
    return f", used by {', '.join(using)}" if using else ""


def _remove(workspace: Workspace, profile: str, *, yes: bool, dry_run: bool) -> None:
    if not profile:
        hint = "`collection-config keys --list` shows the names."
        raise HarvesterError("--profile NAME is required.", hint=hint, exit_code=Exit.USAGE)
    parameters = _parameters(workspace)
    if not parameters.has_keys(profile):
        raise NotFound(
            f"There is no profile {profile} in {parameters.path}/keys of the parameter store.",
            hint="`collection-config keys --list` shows the names.",
        )
    using = list(_using(workspace, profile))
    message = (
        f"{', '.join(using)} cannot be harvested without them." if using else "No collection here uses them."
    )
    if announce_dry_run(dry_run, f"remove the keys of profile {profile}"):
        return
    confirm(f"{message} Remove the keys of profile {profile} permanently?", yes=yes)
    parameters.remove(f"keys/{profile}")
    click.echo(f"Removed the keys of profile {profile}.")


def _list(workspace: Workspace, *, as_json: bool) -> None:
    found = _parameters(workspace).entries("keys")
    uses: dict[str, list[str]] = {}
    for collection_id, profile in _uses(workspace):
        uses.setdefault(profile, []).append(collection_id)
    rows = [
        {
            "profile": entry.name,
            "stored": timestamp(entry.modified),
            "version": entry.version,
            "collections": uses.get(entry.name, []),
        }
        for entry in found
    ]
    if as_json:
        print_json(rows)
    elif rows:
        shown = [
            {
                **row,
                "stored": when(str(row["stored"])),
                "collections": ", ".join(uses.get(str(row["profile"]), [])),
            }
            for row in rows
        ]
        click.echo(table(shown, ["profile", "stored", "version", "collections"]))
    else:
        click.echo("No keys are stored.")


def _using(workspace: Workspace, name: str) -> Iterator[str]:
    return (collection_id for collection_id, profile in _uses(workspace) if profile == name)


def _uses(workspace: Workspace) -> Iterator[tuple[str, str]]:
    """Each collection of the place with the profile that it names."""
    from harvester.collection import history

    for collection_id in workspace.collection_ids():
        tree: Tree = history.current(workspace.store, workspace.keys(collection_id))
        named = tree.get("keys")
        yield collection_id, text_in(named, "profile") if isinstance(named, dict) else ""


def _parameters(workspace: Workspace) -> "Parameters":
    from harvester.aws.parameters import parameter_store

    return parameter_store(workspace.settings)
