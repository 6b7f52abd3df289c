"""`edges`: the followers of one or a few named accounts, without a collection written by hand."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from harvester.commands.cli import network_client
from harvester.commands.cli.amounts import Dollars
from harvester.commands.cli.output import (
    advise,
    announce_dry_run,
    change_options,
    confirm,
    print_json,
    print_line,
)
from harvester.commands.cli.progress_meter import progress_option
from harvester.commands.cli.workspace import Workspace, in_workspace
from harvester.commands.collection.approved import ends
from harvester.commands.collection.follow import start_and_follow
from harvester.commands.collection.ready import require_idle
from harvester.commands.config import user_names
from harvester.errors import Exit, HarvesterError, NotFound
from harvester.networks.registry import usual
from harvester.text import counted, in_dollars, together

if TYPE_CHECKING:
    from harvester.documents import Tree
    from harvester.graph.crawls import Crawl
    from harvester.graph.named_accounts import NamedAccounts
    from harvester.networks import Account
    from harvester.store.keys import CollectionKeys


@click.command("edges")
@click.argument("accounts", nargs=-1, required=True, metavar="@NAME|ID...")
@click.option(
    "--direction",
    type=click.Choice(("followers", "following")),
    default="followers",
    show_default=True,
    help="Which list of each account.",
)
@click.option("--limit", "most", type=click.IntRange(min=1), help="Read at most N of each list.", metavar="N")
@click.option(
    "--usd", type=Dollars(), help="Dollars that its harvest may cost.  [default: the price that is asked]"
)
@click.option(
    "-e",
    "--expr",
    "members",
    default="id",
    show_default=True,
    metavar="NAMES",
    help="What to print of each account, by commas and separated by tabs, e.g. id,username,followers.",
)
@click.option(
    "-o", "to", metavar="FILE|-", default="-", help="File to write; packed if its name ends in .gz."
)
@click.option("--replace", is_flag=True, help="Overwrite an existing file.")
@click.option("--profile", default="", metavar="NAME", help="Profile of the API keys.")
@change_options
@progress_option
@in_workspace
def edges(
    accounts: tuple[str, ...],
    direction: str,
    most: int | None,
    usd: float | None,
    members: str,
    to: str,
    replace: bool,
    profile: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    form: str,
    workspace: Workspace,
) -> int:
    """Read who follows the accounts, or whom they follow, and print them.

    It looks the accounts up, which costs $0.010 each, says what the lists cost at most, and asks. Then it
    makes a graph collection of them, and harvests it once; docs/graph.md.
    """
    from harvester.exports.output import require_free
    from harvester.graph.named_accounts import NamedAccounts

    columns = _columns(members)
    require_free(to, replace=replace)
    network, tree = usual(), {"keys": {"profile": profile}}
    names, ids = user_names.names_and_ids(accounts, network)
    look_up = f"look up {counted(len(names) + len(ids), 'account')}"
    price = f"for at most {in_dollars(network.look_up_cost(len(names) + len(ids)))}"
    if announce_dry_run(dry_run, f"{look_up}, {price}, and ask what their {direction} may cost"):
        return int(Exit.OK)
    network.require_keys(tree, workspace.settings)
    found, missing, own = _look_up(workspace, tree, names, ids)
    named = NamedAccounts(found, direction, most or 0, own)
    named.require_lengths()
    keys, dollars = workspace.keys(named.collection_id), named.at_most(network)
    allowed = dollars if usd is None else min(usd, dollars)
    _say_stored(workspace, keys)
    _ask(named, dollars, allowed, yes=yes)
    require_idle(workspace, keys)
    named.store(workspace.store, keys, allowed, profile=profile)
    before = _ended_crawl(workspace, keys)
    code = _harvest(workspace, keys, form=form)
    if (crawl := _latest(workspace, keys)) and crawl.started != before:
        _print(crawl, columns, to, at_most=allowed, as_json=as_json)
    if code == Exit.RETRY_LATER:
        replacing = "" if to == "-" or replace else ", with --replace,"
        advise(f"The same command{replacing} continues where this one has stopped.")
    return code or int(Exit.PARTIAL if missing else Exit.OK)


def _columns(members: str) -> list[str]:
    from harvester.networks.profiles import Profile

    columns, known = members.split(","), Profile.__struct_fields__
    if wrong := [each for each in columns if each not in known]:
        raise HarvesterError(
            f"An account has no {', '.join(map(repr, wrong))}.",
            hint=f"-e takes {', '.join(known)}.",
            exit_code=Exit.USAGE,
        )
    return columns


def _look_up(
    workspace: Workspace, tree: "Tree", names: list[str], ids: list[str]
) -> "tuple[list[Account], list[str], str]":
    """The accounts, each once; what there is not, which is said; and the account whose keys are used."""
    network, client = usual(), network_client.client(workspace.settings, tree)
    by_name: Mapping[str, Account]
    by_id: Mapping[str, Account]
    try:
        by_name = {each.name.lower(): each for each in network.look_up(client, names)}
        by_id = {each.id: each for each in network.look_up(client, ids, by_id=True)}
    finally:
        client.close()
        click.echo(f"Looked up: ${client.billing.snapshot().get('usd', 0):.2f}.", err=True)
    missing = [f"@{each}" for each in names if each.lower() not in by_name]
    missing += [each for each in ids if each not in by_id]
    if missing:
        print_line(f"Not found, or suspended: {', '.join(missing)}.", err=True)
    found = {each.id: each for each in (*by_name.values(), *by_id.values())}
    if not found:
        raise HarvesterError("None of the accounts was found.", hint="Check the names.")
    return list(found.values()), missing, client.account


def _ask(named: "NamedAccounts", dollars: float, allowed: float, *, yes: bool) -> None:
    whose = together([f"@{each.name}" for each in named.accounts])
    print_line(
        f"{whose}: {counted(named.edges, 'account')} on {counted(len(named.accounts), 'list')} of "
        f"{named.direction}. Reading them costs at most {in_dollars(dollars)}, with a look-up and 1% for "
        "lists that grow meanwhile.",
        err=True,
    )
    confirm(f"Read them for at most {in_dollars(allowed)}?", yes=yes)


def _latest(workspace: Workspace, keys: "CollectionKeys") -> "Crawl | None":
    from harvester.collection import history
    from harvester.graph import crawls

    return crawls.latest(workspace.store, keys, history.current(workspace.store, keys))


def _ended_crawl(workspace: Workspace, keys: "CollectionKeys") -> str:
    """When the last crawl began, if it is over: what it has read is not printed in place of a new one."""
    found = _latest(workspace, keys)
    return found.started if found and not found.state else ""


def _say_stored(workspace: Workspace, keys: "CollectionKeys") -> None:
    """Say where lists can be had that are paid for already."""
    with suppress(NotFound):
        if ended := _ended_crawl(workspace, keys):
            stored = f"Those of {ended[:19]} are stored: `export edges {keys.id}` exports them at no cost."
            advise(f"{stored} Now they are read again.")


def _harvest(workspace: Workspace, keys: "CollectionKeys", *, form: str) -> int:
    """Harvest it; the exit code. What was read to its end before a crash is not paid for again."""
    tree = workspace.collection(keys)
    if ends(workspace, keys, tree, dry_run=False, as_json=False):
        return int(Exit.OK)
    return start_and_follow(workspace, keys, form=form, err=True)


def _print(crawl: "Crawl", columns: Sequence[str], to: str, *, at_most: float, as_json: bool) -> None:
    """Print what is stored of the lists, also where the harvest has ended early."""
    from harvester.exports.output import STANDARD_OUTPUT, output
    from harvester.graph.pages import accounts

    rows = ([getattr(each, name) for name in columns] for each in accounts(crawl, 0))
    about = {"id": crawl.keys.id, "usd_at_most": at_most}
    if as_json and to == STANDARD_OUTPUT:
        print_json({**about, "accounts": [dict(zip(columns, row, strict=True)) for row in rows]})
        return
    number = 0
    with output(to) as file:
        for number, row in enumerate(rows, 1):  # noqa: B007
            file.write("\t".join(map(_cell, row)).encode("utf-8", "replace") + b"\n")
    if as_json:
        print_json({**about, "accounts": number, "file": to})
    else:
        advise(f"`export edges {crawl.keys.id}` exports them again, at no cost.")


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else " ".join(str(value).split())
