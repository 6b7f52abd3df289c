"""The lines that show a harvest's progress and outcome."""

import click

from harvester.commands.cli.output import advise
from harvester.commands.cli.printed_commands import complete
from harvester.commands.cli.workspace import Workspace
from harvester.documents import HarvestSummary, text_in
from harvester.harvest.summary import amount, bill_words
from harvester.text import printable, size


def summary_line(workspace: Workspace, summary: HarvestSummary) -> str:
    """The harvest's progress, in one line."""
    return printable(
        f"{summary['collection_id']}{' (repair)' * bool(summary.get('is_repair'))} => {workspace.label}. "
        f"Harvest timestamp: {summary['harvest_timestamp']}. "
        f"{amount(summary)}. Files: {summary['files']:,} ({size(summary['file_bytes'])})"
    )


def outcome_line(workspace: Workspace, summary: HarvestSummary) -> str:
    """The outcome of a harvest that ended, with its state unless it is complete."""
    state = summary.get("state", "complete")
    reason = f" ({said})" if (said := text_in(summary, "reason").rstrip(".")) else ""
    hint = complete(f" {summary['hint']}") if summary.get("hint") else ""
    ended = "" if state == "complete" and not reason else f". State: {state}{reason}.{hint}"
    return summary_line(workspace, summary) + printable(ended)


def show_notes(workspace: Workspace, summary: HarvestSummary) -> None:
    """Print to standard error: the bill, the location of the files, and how to export one post per line."""
    if summary.get("billed"):
        click.echo(f"{bill_words(summary)}.", err=True)
    if refused := summary.get("refused_fields"):
        fields = ", ".join(map(str, refused)) if isinstance(refused, list) else str(refused)
        click.echo(f"The network no longer accepts {fields}; the harvest continued without.", err=True)
    folder = summary.get("folder")
    if not folder or not summary["files"]:
        return
    click.echo(f"Files: {workspace.shown(folder)}", err=True)
    if summary["tweets"]:
        collection_id = summary["collection_id"]
        advise(
            "A stored line may be a page of many posts: "
            f"`export jsonl {collection_id}` writes one post a line, `export csv {collection_id}` a table."
        )
        if workspace.bucket:
            advise(f"`collection download {collection_id}` copies the files to this machine.")
