"""The outcome of a harvest, as its container prints it."""

import click

from harvester.commands import say_error
from harvester.commands.cli.output import print_line
from harvester.documents import HarvestSummary
from harvester.errors import Exit, HarvesterError
from harvester.harvest.progress import Outcome
from harvester.harvest.summary import amount, bill_words
from harvester.text import printable, size


def print_end(collection_id: str, outcome: Outcome, summary: HarvestSummary, *, err: bool) -> None:
    """What came of it, on stdout or on stderr (`err`); why it failed and what to do always on stderr."""
    if not summary["harvest_timestamp"]:
        raise HarvesterError(
            outcome.reason or outcome.state, hint=outcome.hint, exit_code=Exit(outcome.exit_code)
        )
    failed = bool(outcome.exit_code and outcome.hint)
    reason = f" ({outcome.reason})" if outcome.reason and not failed else ""
    print_line(
        f"{collection_id} => {outcome.state}{reason}. Harvest timestamp: {summary['harvest_timestamp']}. "
        f"{amount(summary)}. Files: {summary['files']:,} ({size(summary['file_bytes'])}). "
        f"{bill_words(summary)}.",
        err=err,
    )
    for gap in summary["gaps"][:5]:
        print_line(f"Gap from {gap['from']} to {gap['to']}: {gap['reason']}.", err=err)
    if len(summary["gaps"]) > 5:
        click.echo(f"... and {len(summary['gaps']) - 5} further gaps, all in harvest.json.", err=err)
    if failed:
        say_error(printable(f"{outcome.reason.rstrip('.')}. {outcome.hint}"))
