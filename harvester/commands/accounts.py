"""`accounts`: which names and states accounts had, as the stored posts and harvests show them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from harvester.commands import Group
from harvester.commands.cli.indexed_store import IndexedStore, advise_of
from harvester.commands.cli.output import (
    confirm,
    json_option,
    print_json,
    print_line,
    table,
    yes_option,
)
from harvester.commands.cli.workspace import Workspace, in_workspace
from harvester.errors import Exit, HarvesterError
from harvester.text import counted, together, when

if TYPE_CHECKING:
    from harvester.accounts.lookup import Account
    from harvester.ledger.database import Ledger
    from harvester.ledger.spans import Span

_COLUMNS = ("id", "username", "state", "since", "collections")
_MOST = 10_000


@click.group(
    "accounts",
    cls=Group,
    help="Show which names and states accounts had, by what is stored; see docs/accounts.md.",
)
def accounts() -> None:
    pass


@contextmanager
def _ledger(workspace: Workspace, collection: str = "") -> Iterator["Ledger"]:
    """What is known of the store; raises if nothing was read yet, and says what was not."""
    from harvester.ledger.database import Ledger

    place = IndexedStore(workspace, [collection] if collection else [])
    with Ledger.reading(place.cache) as ledger:
        if ledger.is_empty or not ledger.as_of:
            raise HarvesterError(
                f"Nothing of {workspace.store.name} is indexed yet.",
                hint="Run `search index`, which also reads its accounts.",
            )
        yield ledger
    lacking = place.behind()
    advise_of(lacking.files, lacking.collections)


@accounts.command(
    "lookup",
    help="Look up accounts by id, or by a name that they had, also long ago.\n\n"
    "A name that two accounts had at different times gives both. The network is asked only "
    "with --live, which is charged.",
)
@click.argument("asked", nargs=-1, required=True, metavar="ID|@NAME...")
@click.option("--at", default="", metavar="DATE", help="Only accounts that were seen with the name then.")
@click.option("--live", is_flag=True, help="Ask the network for the accounts as they are now.")
@yes_option
@json_option
@in_workspace
def lookup(
    asked: tuple[str, ...], at: str, live: bool, yes: bool, as_json: bool, workspace: Workspace
) -> int:
    from harvester.accounts.lookup import found_by

    if live:
        return _live(workspace, asked, yes=yes, as_json=as_json)
    found: list[Account] = []
    missing: list[str] = []
    with _ledger(workspace) as ledger:
        for text in asked:
            accounts = found_by(ledger, text, at=at)
            found += accounts
            missing += [] if accounts else [text]
    if as_json:
        print_json([account.document() for account in found])
    else:
        for account in found:
            for line in _lines(account):
                print_line(line)
    return _say_missing(missing, at=at)


def _say_missing(missing: Sequence[str], *, at: str) -> int:
    then = f" at {at}" if at else ""
    for text in missing:
        print_line(f"{text} was not seen{then} in what is indexed.", err=True)
    return int(Exit.PARTIAL if missing else Exit.OK)


def _lines(account: "Account") -> Iterator[str]:
    name = f"@{account.username}" if account.username else "no name known"
    about = account.profile.get("name")
    yield f"{account.id}  {name}" + (f"  {about}" if about else "") + f"  {account.state}"
    if account.collections:
        yield f"    in {', '.join(account.collections)}"
    for span in reversed(account.names):
        yield f"    @{span.value}  seen {_between(span)}"
    for span in reversed(account.states):
        yield f"    {span.value}  seen {_between(span)}"


def _between(span: "Span") -> str:
    return when(span.first) if span.first == span.last else f"{when(span.first)} ... {when(span.last)}"


@accounts.command("history", help="Show every name and state of an account, with the file that shows it.")
@click.argument("asked", metavar="ID|@NAME")
@json_option
@in_workspace
def history(asked: str, as_json: bool, workspace: Workspace) -> int:
    from harvester.accounts.lookup import found_by

    with _ledger(workspace) as ledger:
        found = found_by(ledger, asked)
    if not found:
        return _say_missing([asked], at="")
    if len(found) > 1:
        raise HarvesterError(
            f"{asked} was the name of {together([each.id for each in found])}.",
            hint=f"Use one of these ids, e.g. `accounts history {found[0].id}`.",
            exit_code=Exit.USAGE,
        )
    account = found[0]
    if as_json:
        print_json(account.document())
        return int(Exit.OK)
    spans = sorted((*account.names, *account.states), key=lambda span: (span.first, span.last))
    names = {id(span) for span in account.names}
    rows = [
        {
            "first": when(span.first),
            "last": when(span.last),
            "seen": f"@{span.value}" if id(span) in names else span.value,
            "source": workspace.shown(span.source),
        }
        for span in spans
    ]
    for line in table(rows, ("first", "last", "seen", "source")).split("\n"):
        print_line(line)
    return int(Exit.OK)


@accounts.command("list", help="List the accounts whose last known state is --state.")
@click.option(
    "--state",
    required=True,
    type=click.Choice(("active", "protected", "suspended", "not_found", "deleted")),
    help="State to list. Accounts that were only ever active have none noted.",
)
@click.option("--collection", "-c", default="", metavar="ID", help="Only accounts of this collection.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=1000, show_default=True, help="Accounts.")
@json_option
@in_workspace
def list_command(state: str, collection: str, limit: int, as_json: bool, workspace: Workspace) -> None:
    from harvester.accounts.lookup import listed

    with _ledger(workspace, collection) as ledger:
        found = listed(ledger, state=state, collection=collection, limit=limit)
    if as_json:
        print_json([account.document() for account in found])
        return
    rows = [
        {
            "id": account.id,
            "username": f"@{account.username}" if account.username else "",
            "state": account.state,
            "since": when(account.states[-1].first),
            "collections": ", ".join(account.collections),
        }
        for account in found
    ]
    if not rows:
        print_line(f"No account is {state}.")
        return
    for line in table(rows, _COLUMNS).split("\n"):
        print_line(line)


def _live(workspace: Workspace, asked: Sequence[str], *, yes: bool, as_json: bool) -> int:
    """Ask the network who has these ids or names now, once the price is agreed to."""
    from harvester.commands.cli.network_client import client
    from harvester.commands.config.user_names import names_and_ids
    from harvester.networks.registry import usual

    network = usual()
    names, ids = names_and_ids(asked, network)
    number = len(names) + len(ids)
    price = f"${network.look_up_cost(number):,.2f}"
    confirm(f"Look up {counted(number, 'account')} for at most {price}?", yes=yes)
    connected = client(workspace.settings, {})
    by_name = {each.name.lower(): each for each in network.look_up(connected, names)}
    by_id = {each.id: each for each in network.look_up(connected, ids, by_id=True)}
    found = list({each.id: each for each in (*by_name.values(), *by_id.values())}.values())
    if as_json:
        print_json([{"id": each.id, "username": each.name, "posts": each.posts} for each in found])
    else:
        for each in found:
            print_line(f"{each.id}  @{each.name}  now")
    missing = [f"@{name}" for name in names if name.lower() not in by_name]
    missing += [each for each in ids if each not in by_id]
    for text in missing:
        print_line(f"{text} was not found.", err=True)
    return int(Exit.PARTIAL if missing else Exit.OK)
