"""The lines that show a harvest's progress and outcome."""

import click

from harvester.commands.cli.workspace import Place
from harvester.documents import HarvestRecord
from harvester.harvest.summary import dollars
from harvester.text import printable, size


def account_line(place: Place, record: HarvestRecord) -> str:
    """The harvest's progress, in one line."""
    return printable(
        f"{record['collection_id']} => {place.label}. Harvest timestamp: {record['harvest_timestamp']}. "
        f"Tweets: {record['tweets']:,}. Files: {record['files']:,} ({size(record['file_bytes'])})"
    )


def outcome_line(place: Place, record: HarvestRecord) -> str:
    """The outcome of a harvest that ended, with its state unless it is complete."""
    state = record.get("state", "complete")
    reason = f" ({record['reason']})" if record.get("reason") else ""
    hint = f" {record['hint']}" if record.get("hint") else ""
    ended = "" if state == "complete" and not reason else f". State: {state}{reason}.{hint}"
    return account_line(place, record) + printable(ended)


def show_notes(place: Place, record: HarvestRecord) -> None:
    """On standard error: what X billed, where the files are, and how to make one post a line of them."""
    if record.get("billed"):
        click.echo(f"Billed by X: ${dollars(record):.2f}.", err=True)
    if refused := record.get("refused_fields"):
        fields = ", ".join(map(str, refused)) if isinstance(refused, list) else str(refused)
        click.echo(f"X no longer accepts {fields}; the harvest continued without.", err=True)
    folder = record.get("folder")
    if not folder or not record["files"]:
        return
    click.echo(f"Files: {place.shown(folder)}", err=True)
    if not place.bucket and record["tweets"]:
        files = f"{place.shown(folder)}tweets-*.jsonl.gz"
        # Without keys twarc2 takes what it is given on standard input for them, also where it needs none.
        flatten = "BEARER_TOKEN=none twarc2 flatten > posts.jsonl"
        click.echo(f"One post a line: gzip -dc {files} | {flatten}", err=True)
    elif record["tweets"]:
        collection_id = record["collection_id"]
        click.echo(f"`collection download {collection_id}` copies them to this machine.", err=True)
